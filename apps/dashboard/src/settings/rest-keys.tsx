import { Stack, Text } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { restKeys, type NewRestKey } from '../api/index.js';
import { NewSecret } from '../parts/copy.js';
import { IssuedTable, IssueForm, RowAction } from '../parts/issued.js';
import { Card, Loaded } from '../parts/states-of-page.js';

/** Keys with which a Flashphoner client in a page calls /rest-api/push of this project. */
export function RestKeys({ appid }: { appid: string }) {
  const client = useQueryClient();
  const [created, setCreated] = useState<NewRestKey | null>(null);
  const key = ['rest-keys', appid];
  const query = useQuery({ queryKey: key, queryFn: ({ signal }) => restKeys.list(appid, signal) });
  const refresh = (): Promise<void> => client.invalidateQueries({ queryKey: key });
  const create = useMutation({
    mutationFn: (label: string) => restKeys.create(appid, { label }),
    onSuccess: (newKey) => {
      setCreated(newKey);
      return refresh();
    },
  });
  const revoke = useMutation({
    mutationFn: (id: string) => restKeys.revoke(appid, id),
    meta: { done: 'The key was revoked.' },
    onSettled: refresh,
  });
  return (
    <Card
      title="REST keys"
      note="For Flashphoner clients in a page, which send no password: the key is a part of their base URL. It opens /rest-api/push of this project and nothing else."
      flush
    >
      <Stack gap="sm">
        {created && (
          <div style={{ padding: '0 16px' }}>
            <NewSecret
              title={created.label ? `The key “${created.label}”` : 'The key'}
              lines={[['Base URL', created.baseUrl]]}
            />
          </div>
        )}
        <Loaded query={query} rows={1}>
          {({ restKeys: found }) =>
            found.length === 0 ? (
              <Text size="sm" c="dimmed" px="md">
                No keys yet.
              </Text>
            ) : (
              <IssuedTable
                name="REST keys"
                rows={found}
                actions={({ id }) => (
                  <RowAction
                    name="Revoke"
                    question="Revoke this key?"
                    text="Pages that use it are refused from now on."
                    color="red"
                    run={() => revoke.mutate(id)}
                  />
                )}
              />
            )
          }
        </Loaded>
        <IssueForm
          label="New REST key"
          placeholder="Which page has it"
          action="Create key"
          busy={create.isPending}
          create={(label, done) => create.mutate(label, { onSuccess: done })}
        />
      </Stack>
    </Card>
  );
}
