import { Group, PasswordInput, Stack, Switch, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { ApiError, projects, type StreamAuth } from '../api/index.js';
import { Card, Loaded } from '../parts/states-of-page.js';
import { WorkButton } from '../parts/work.js';

/** Whom the project asks before a publisher is let in. */
export function StreamAuthCard({ appid }: { appid: string }) {
  const query = useQuery({
    queryKey: ['stream-auth', appid],
    queryFn: ({ signal }) => projects.streamAuth(appid, signal),
  });
  return (
    <Card
      title="Who may publish"
      note="In addition to the publish token, your server can decide about each publisher: 200 lets it in, 401 does not. Applies to all entry points of the project."
    >
      <Loaded query={query} rows={2}>
        {(settings) => <Form key={JSON.stringify(settings)} appid={appid} settings={settings} />}
      </Loaded>
    </Card>
  );
}

function Form({ appid, settings }: { appid: string; settings: StreamAuth }) {
  const client = useQueryClient();
  const form = useForm({
    initialValues: { enabled: settings.enabled, url: settings.url ?? '', secret: '' },
    validate: { url: (value, { enabled }) => (value.trim() === '' && enabled ? 'Whom to ask?' : null) },
  });
  const save = useMutation({
    mutationFn: ({ enabled, url, secret }: typeof form.values) =>
      projects.changeStreamAuth(appid, { enabled, url: url.trim() || null, ...(secret === '' ? {} : { secret }) }),
    meta: { ownError: true, done: 'Saved.' },
    onSuccess: (saved) => {
      form.reset();
      client.setQueryData(['stream-auth', appid], saved);
    },
    onError: (error) => form.setFieldError('url', (error instanceof ApiError && error.fields.url) || error.message),
  });
  return (
    <form onSubmit={form.onSubmit((values) => save.mutate(values))}>
      <Stack gap="md">
        <Switch
          label="Ask before a publisher is let in"
          description="While your server cannot be asked, nobody is let in."
          {...form.getInputProps('enabled', { type: 'checkbox' })}
        />
        <TextInput
          label="URL to ask"
          placeholder="https://your.server/auth"
          description="POST of JSON: entryPoint, streamName, clientIp, token …"
          className="mono"
          {...form.getInputProps('url')}
        />
        <PasswordInput
          label="Secret that signs the questions"
          placeholder={settings.hasSecret ? 'One is set; type to replace it' : 'None: not signed'}
          autoComplete="off"
          visibilityToggleButtonProps={{ 'aria-label': 'Show the secret' }}
          style={{ maxWidth: 520 }}
          {...form.getInputProps('secret')}
        />
        <Group gap="xs">
          <WorkButton type="submit" busy={save.isPending} disabled={!form.isDirty()}>
            Apply
          </WorkButton>
        </Group>
      </Stack>
    </form>
  );
}
