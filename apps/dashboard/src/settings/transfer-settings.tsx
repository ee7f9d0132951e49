import { Alert, Button, Group, Stack, Switch, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { ApiError, entryPoints, type TransferSettings } from '../api/index.js';
import { Card, Loaded } from '../parts/states-of-page.js';
import type { EntryPointPath } from './entry-point-page.js';
import { TestResult } from './test-result.js';

/** Whether and where streams are forwarded to. */
export function TransferSettingsCard(path: EntryPointPath) {
  const query = useQuery({ queryKey: ['settings', path.appid, path.entryPoint], queryFn: () => entryPoints.settings(path.appid, path.entryPoint) });
  return (
    <Card title="Transfer" note="When a stream begins, your server is asked where it goes.">
      <Loaded query={query} rows={2}>
        {(settings) => <SettingsForm key={JSON.stringify(settings)} path={path} settings={settings} />}
      </Loaded>
    </Card>
  );
}

function SettingsForm({ path: { appid, entryPoint }, settings }: { path: EntryPointPath; settings: TransferSettings }) {
  const client = useQueryClient();
  const form = useForm({
    initialValues: { enabled: settings.enabled, callbackUrl: settings.callbackUrl ?? '', useLastAnswer: settings.useLastAnswer ?? false },
    validate: { callbackUrl: (value) => (value === '' || /^https?:\/\/[^\s/]+/i.test(value) ? null : 'Begins with https:// or http://') },
  });
  const save = useMutation({
    mutationFn: (values: { enabled: boolean; callbackUrl: string; useLastAnswer: boolean }) =>
      entryPoints.changeSettings(appid, entryPoint, { ...values, callbackUrl: values.callbackUrl.trim() || null }),
    meta: { ownError: true, done: 'Saved.' },
    onSuccess: () => client.invalidateQueries({ queryKey: ['settings', appid, entryPoint] }),
    onError: (error) => {
      if (error instanceof ApiError && error.fields.callbackUrl) form.setFieldError('callbackUrl', error.fields.callbackUrl);
      else form.setFieldError('callbackUrl', error.message);
    },
  });
  const test = useMutation({
    mutationFn: () => entryPoints.testCallback(appid, entryPoint, { callbackUrl: form.values.callbackUrl.trim() || undefined, probe: true }),
    meta: { ownError: true },
  });
  return (
    <form onSubmit={form.onSubmit((values) => save.mutate(values))}>
      <Stack gap="md">
        <Switch label="Forward streams of this entry point" {...form.getInputProps('enabled', { type: 'checkbox' })} />
        <TextInput label="Callback URL" placeholder="https://your.server/targets" description="POST {url}?entry_point=…&stream_name=… answers {&quot;transferUrls&quot;: […]}" className="mono" {...form.getInputProps('callbackUrl')} />
        <Switch label="Use the last good answer while the callback fails" description="For the same stream name; replaced as soon as your server answers again." {...form.getInputProps('useLastAnswer', { type: 'checkbox' })} />
        <Group gap="xs">
          <Button type="submit" loading={save.isPending} disabled={!form.isDirty()}>
            Save
          </Button>
          <Button variant="default" loading={test.isPending} disabled={form.values.callbackUrl.trim() === ''} onClick={() => test.mutate()}>
            Send test callback
          </Button>
        </Group>
        {test.isError && (
          <Alert color="red" role="alert">
            {test.error.message}
          </Alert>
        )}
        {test.data && <TestResult result={test.data} />}
      </Stack>
    </form>
  );
}
