import { Button, Group, Stack, Table, Text, TextInput } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { restKeys, type NewRestKey } from '../api/index.js';
import { useConfirm } from '../parts/confirm.js';
import { NewSecret } from '../parts/copy.js';
import { Card, Loaded } from '../parts/states-of-page.js';
import { Ago, Day } from '../parts/time.js';
import { WorkButton } from '../parts/work.js';

/** Keys with which a Flashphoner client in a page calls /rest-api/push of this project. */
export function RestKeys({ appid }: { appid: string }) {
  const client = useQueryClient();
  const confirm = useConfirm();
  const [label, setLabel] = useState('');
  const [made, setMade] = useState<NewRestKey | null>(null);
  const key = ['rest-keys', appid];
  const query = useQuery({ queryKey: key, queryFn: ({ signal }) => restKeys.list(appid, signal) });
  const refresh = (): Promise<void> => client.invalidateQueries({ queryKey: key });
  const create = useMutation({
    mutationFn: () => restKeys.create(appid, { label }),
    onSuccess: (created) => {
      setMade(created);
      setLabel('');
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
        {made && (
          <div style={{ padding: '0 16px' }}>
            <NewSecret
              title={made.label ? `The key “${made.label}”` : 'The key'}
              lines={[['Base URL', made.baseUrl]]}
            />
          </div>
        )}
        <Loaded query={query} rows={1}>
          {({ restKeys: found }) =>
            found.length === 0 ? (
              <Text size="sm" c="dimmed" px="md">
                No key was made yet.
              </Text>
            ) : (
              <Table.ScrollContainer minWidth={480}>
                <Table aria-label="REST keys">
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
                        <Table.Td style={{ textAlign: 'right' }}>
                          <Button
                            size="compact-xs"
                            variant="subtle"
                            color="red"
                            onClick={() =>
                              confirm({
                                title: 'Revoke this key?',
                                text: 'Pages that use it are refused from now on.',
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
            )
          }
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
              label="New REST key"
              placeholder="Which page has it"
              maxLength={100}
              value={label}
              onChange={(event) => setLabel(event.currentTarget.value)}
            />
            <WorkButton type="submit" variant="light" busy={create.isPending}>
              Make key
            </WorkButton>
          </Group>
        </form>
      </Stack>
    </Card>
  );
}
