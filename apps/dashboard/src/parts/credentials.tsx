import { Button, Group, Stack, Table, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { credentials, type NewCredential } from '../api/index.js';
import { inBackground } from '../api/in-background.js';
import { useConfirm } from './confirm.js';
import { NewSecret } from './copy.js';
import { Card, Loaded } from './states-of-page.js';
import { Ago, Day } from './time.js';
import { WorkButton } from './work.js';

/** A customer's secrets: several at once, each shown when it is made. */
export function Credentials({ customerId }: { customerId: string }) {
  const client = useQueryClient();
  const confirm = useConfirm();
  const [label, setLabel] = useState('');
  const [made, setMade] = useState<NewCredential | null>(null);
  const key = ['credentials', customerId];
  const query = useQuery({ queryKey: key, queryFn: ({ signal }) => credentials.list(customerId, signal) });
  const shown = (credential: NewCredential): void => {
    setMade(credential);
    setLabel('');
    inBackground(client.invalidateQueries({ queryKey: key }));
  };
  const create = useMutation({ mutationFn: () => credentials.create(customerId, { label }), onSuccess: shown });
  const rotate = useMutation({ mutationFn: (id: string) => credentials.rotate(customerId, id, {}), onSuccess: shown });
  const revoke = useMutation({
    mutationFn: (id: string) => credentials.revoke(customerId, id),
    meta: { done: 'The secret was revoked.' },
    onSettled: () => client.invalidateQueries({ queryKey: key }),
  });
  return (
    <Card title="Secrets" note="For HTTP Basic, HTTP HMAC and for signing in here." flush>
      <Stack gap="sm">
        {made && (
          <div style={{ padding: '0 16px' }}>
            <NewSecret
              title={made.label ? `The secret “${made.label}”` : 'The secret'}
              lines={[
                ['Customer ID', customerId],
                ['Customer secret', made.secret],
              ]}
            />
          </div>
        )}
        <Loaded query={query} rows={1}>
          {({ credentials: found }) => (
            <Table.ScrollContainer minWidth={520}>
              <Table aria-label="Secrets">
                <Table.Thead>
                  <Table.Tr>
                    <Table.Th>Label</Table.Th>
                    <Table.Th>Made</Table.Th>
                    <Table.Th>Last used</Table.Th>
                    <Table.Th>Good until</Table.Th>
                    <Table.Th aria-label="Actions" />
                  </Table.Tr>
                </Table.Thead>
                <Table.Tbody>
                  {found.map(({ id, label: name, createdAt, lastUsedAt, expiresAt }) => (
                    <Table.Tr key={id}>
                      <Table.Td>{name || '–'}</Table.Td>
                      <Table.Td>
                        <Day at={createdAt} />
                      </Table.Td>
                      <Table.Td>{lastUsedAt === null ? 'never' : <Ago at={lastUsedAt} />}</Table.Td>
                      <Table.Td>{expiresAt === null ? 'no end' : <Day at={expiresAt} />}</Table.Td>
                      <Table.Td style={{ textAlign: 'right', whiteSpace: 'nowrap' }}>
                        <Button
                          size="compact-xs"
                          variant="subtle"
                          onClick={() =>
                            confirm({
                              title: 'Replace this secret?',
                              text: 'A new one is made; this one stays good for an hour.',
                              action: 'Replace it',
                              onConfirm: () => rotate.mutate(id),
                            })
                          }
                        >
                          Replace
                        </Button>
                        <Button
                          size="compact-xs"
                          variant="subtle"
                          color="red"
                          onClick={() =>
                            confirm({
                              title: 'Revoke this secret?',
                              text: 'Whatever uses it is refused from now on.',
                              action: 'Revoke it',
                              onConfirm: () => revoke.mutate(id),
                            })
                          }
                        >
                          Revoke
                        </Button>
                      </Table.Td>
                    </Table.Tr>
                  ))}
                </Table.Tbody>
              </Table>
            </Table.ScrollContainer>
          )}
        </Loaded>
        <form
          style={{ padding: '0 16px 16px' }}
          onSubmit={(event) => {
            event.preventDefault();
            create.mutate();
          }}
        >
          <Group align="flex-end" gap="xs">
            <TextInput
              label="New secret"
              placeholder="What it is for"
              maxLength={100}
              value={label}
              onChange={(event) => setLabel(event.currentTarget.value)}
            />
            <WorkButton type="submit" variant="light" busy={create.isPending}>
              Make secret
            </WorkButton>
          </Group>
        </form>
      </Stack>
    </Card>
  );
}
