import { Alert, Group, Stack, Switch, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { ApiError, entryPoints, type TransferSettings } from '../api/index.js';
import { Card, Loaded } from '../parts/states-of-page.js';
import { WorkButton } from '../parts/work.js';
import type { EntryPointPath } from './entry-point-page.js';
import { TestResult } from './test-result.js';

/** Whether and where streams are forwarded to. */
export function TransferSettingsCard(path: EntryPointPath) {
  const { appid, entryPoint } = path;
  const query = useQuery({
    queryKey: ['settings', appid, entryPoint],
    queryFn: ({ signal }) => entryPoints.settings(appid, entryPoint, signal),
  });
  // Not the form's: that begins anew with what was saved, and the verdict is still true.
  const test = useMutation({
    mutationFn: (callbackUrl: string) => entryPoints.testCallback(appid, entryPoint, { callbackUrl, probe: true }),
    meta: { ownError: true },
  });
  return (
    <Card title="Transfer" note="When a stream begins, your server is asked where it goes.">
      <Loaded query={query} rows={2}>
        {(settings) => (
          <SettingsForm
            key={JSON.stringify(settings)}
            path={path}
            settings={settings}
            test={{ isPending: test.isPending, of: (callbackUrl) => test.mutate(callbackUrl) }}
          />
        )}
      </Loaded>
      {test.isError && (
        <Alert color="red" role="alert" mt="md">
          {test.error.message}
        </Alert>
      )}
      {test.data && (
        <div style={{ marginTop: 16 }}>
          <TestResult result={test.data} />
        </div>
      )}
    </Card>
  );
}

interface FormProps {
  path: EntryPointPath;
  settings: TransferSettings;
  /** Sends a test callback to a URL. */
  test: { isPending: boolean; of: (callbackUrl: string) => void };
}

function SettingsForm({ path: { appid, entryPoint }, settings, test }: FormProps) {
  const client = useQueryClient();
  const form = useForm({
    initialValues: {
      enabled: settings.enabled,
      callbackUrl: settings.callbackUrl ?? '',
      useLastAnswer: settings.useLastAnswer,
      endsOnClose: settings.endsOnClose,
    },
    validate: {
      callbackUrl: (value) =>
        value === '' || /^https?:\/\/[^\s/]+/i.test(value) ? null : 'Begins with https:// or http://',
    },
  });
  const save = useMutation({
    mutationFn: (values: typeof form.values) =>
      entryPoints.changeSettings(appid, entryPoint, { ...values, callbackUrl: values.callbackUrl.trim() || null }),
    meta: { ownError: true, done: 'Saved.' },
    onSuccess: (saved) => client.setQueryData(['settings', appid, entryPoint], saved),
    onError: (error) =>
      form.setFieldError('callbackUrl', (error instanceof ApiError && error.fields.callbackUrl) || error.message),
  });
  return (
    <form onSubmit={form.onSubmit((values) => save.mutate(values))}>
      <Stack gap="md">
        <Switch label="Forward streams of this entry point" {...form.getInputProps('enabled', { type: 'checkbox' })} />
        <TextInput
          label="Callback URL"
          placeholder="https://your.server/targets"
          description='POST {url}?entry_point=…&stream_name=… answers {"transferUrls": […]}'
          className="mono"
          {...form.getInputProps('callbackUrl')}
        />
        <Switch
          label="Use the last good answer while the callback fails"
          description="For the same stream name; replaced as soon as your server answers again."
          {...form.getInputProps('useLastAnswer', { type: 'checkbox' })}
        />
        <Switch
          label="End a stream when its publisher closes the connection"
          description="Without this, a page that is closed or loaded again has some seconds to come back."
          {...form.getInputProps('endsOnClose', { type: 'checkbox' })}
        />
        <Group gap="xs">
          <WorkButton type="submit" busy={save.isPending} disabled={!form.isDirty()}>
            Save
          </WorkButton>
          <WorkButton
            variant="default"
            busy={test.isPending}
            disabled={form.values.callbackUrl.trim() === ''}
            onClick={() => test.of(form.values.callbackUrl.trim())}
          >
            Send test callback
          </WorkButton>
        </Group>
      </Stack>
    </form>
  );
}
