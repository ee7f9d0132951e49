import { Button, Group, PasswordInput, Stack, Text } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { projects, type Project } from '../api/index.js';
import { inBackground } from '../api/in-background.js';
import { useConfirm } from '../parts/confirm.js';
import { DeleteButton } from '../parts/delete-button.js';
import { Card } from '../parts/states-of-page.js';
import { WorkButton } from '../parts/work.js';

/** What publishers of a project prove themselves with, and its end. */
export function Keys({ project: { appid, name, hasAuthKey } }: { project: Project }) {
  const client = useQueryClient();
  const confirm = useConfirm();
  const form = useForm({
    initialValues: { authKey: '' },
    validate: { authKey: (value) => (value.length >= 8 && value.length <= 128 ? null : '8 to 128 characters') },
  });
  const refresh = (): void => inBackground(client.invalidateQueries({ queryKey: ['projects'] }));
  const rotate = useMutation({
    mutationFn: () => projects.rotateSigningKey(appid),
    meta: { done: 'All publish tokens created before are revoked.' },
  });
  const setKey = useMutation({
    mutationFn: (authKey: string | null) => projects.change(appid, { authKey }),
    meta: { done: 'The key was changed.' },
    onSuccess: () => {
      form.reset();
      refresh();
    },
  });
  return (
    <Card title="Keys" note="What publishers prove themselves with.">
      <Stack gap="md" align="flex-start">
        <div>
          <Text size="sm" mb={6}>
            Publish tokens are signed with a key of this project. Rotate the key when one has leaked: that revokes all
            of them.
          </Text>
          <WorkButton
            variant="default"
            busy={rotate.isPending}
            onClick={() =>
              confirm({
                title: 'Rotate the signing key?',
                text: 'This revokes every publish token of this project. Streams that are live go on.',
                action: 'Rotate the key',
                onConfirm: () => rotate.mutate(),
              })
            }
          >
            Rotate signing key
          </WorkButton>
        </div>
        <form
          onSubmit={form.onSubmit(({ authKey }) => setKey.mutate(authKey))}
          style={{ width: '100%', maxWidth: 520 }}
        >
          <Text size="sm" mb={6}>
            Signed publish URLs (<code>?ts=&amp;sign=</code>) are{' '}
            {hasAuthKey ? 'accepted.' : 'refused until a key is set.'}
          </Text>
          <Group align="flex-end" gap="xs">
            <PasswordInput
              label="Signed-URL key"
              autoComplete="off"
              style={{ flex: 1 }}
              visibilityToggleButtonProps={{ 'aria-label': 'Show the key' }}
              {...form.getInputProps('authKey')}
            />
            <WorkButton type="submit" variant="default" busy={setKey.isPending}>
              Save
            </WorkButton>
            {hasAuthKey && (
              <Button variant="default" onClick={() => setKey.mutate(null)}>
                Refuse them
              </Button>
            )}
          </Group>
        </form>
        <DeleteButton
          kind="project"
          id={appid}
          goes={`“${name}” is deleted with its entry points, settings, history of streams and callbacks.`}
          remove={() => projects.remove(appid)}
        />
      </Stack>
    </Card>
  );
}
