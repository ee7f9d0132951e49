import { Stack, Text } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { entryPoints } from '../api/index.js';
import { useConfirm } from '../parts/confirm.js';
import { NewSecret } from '../parts/copy.js';
import { Card, Loaded } from '../parts/states-of-page.js';
import { Day } from '../parts/time.js';
import { WorkButton } from '../parts/work.js';
import type { EntryPointPath } from './entry-point-page.js';

/** What callbacks are signed with. */
export function CallbackSecrets({ appid, entryPoint }: EntryPointPath) {
  const client = useQueryClient();
  const confirm = useConfirm();
  const query = useQuery({
    queryKey: ['secrets', appid, entryPoint],
    queryFn: ({ signal }) => entryPoints.secrets(appid, entryPoint, signal),
  });
  const rotate = useMutation({
    mutationFn: () => entryPoints.rotateSecret(appid, entryPoint, {}),
    onSuccess: () => client.invalidateQueries({ queryKey: ['secrets', appid, entryPoint] }),
  });
  const ask = (): void =>
    confirm({
      title: 'Create a new signing secret?',
      text: 'For a day, callbacks are signed with the old secret as well, so that your server can change over.',
      action: 'Create secret',
      onConfirm: () => rotate.mutate(),
    });
  return (
    <Card
      title="Callback signing secret"
      note="Standard Webhooks: your server can verify that a callback comes from manycast."
      actions={
        <WorkButton size="xs" variant="light" onClick={ask} busy={rotate.isPending}>
          New secret
        </WorkButton>
      }
    >
      <Stack gap="sm">
        {rotate.data && <NewSecret title="The signing secret" lines={[['Secret', rotate.data.secret]]} />}
        <Loaded query={query} rows={1}>
          {({ secrets }) => (
            <Text size="sm" c="dimmed">
              {secrets.length === 0 && 'No secret yet; create one to check signatures.'}
              {secrets.map(({ id, createdAt, expiresAt }) => (
                <span key={id} style={{ display: 'block' }}>
                  Created <Day at={createdAt} />
                  {expiresAt === null ? (
                    ' · active'
                  ) : (
                    <>
                      {' · '}expires <Day at={expiresAt} />
                    </>
                  )}
                </span>
              ))}
            </Text>
          )}
        </Loaded>
      </Stack>
    </Card>
  );
}
