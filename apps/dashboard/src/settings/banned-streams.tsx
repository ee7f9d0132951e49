import { Button, Group, Table, Text, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { ApiError, bans } from '../api/index.js';
import { BanTime, resumeTimeAfter, type BanSpan } from '../parts/ban-time.js';
import { Card, Loaded } from '../parts/states-of-page.js';
import { Clock } from '../parts/time.js';
import { WorkButton } from '../parts/work.js';
import type { EntryPointPath } from './entry-point-page.js';

/** The names that nobody may publish under at this entry point. */
export function BannedStreams({ appid, entryPoint }: EntryPointPath) {
  const client = useQueryClient();
  const [span, setSpan] = useState<BanSpan>('week');
  const form = useForm({
    initialValues: { name: '' },
    validate: { name: (value) => (value.trim() === '' ? 'Which name?' : null) },
  });
  const key = ['bans', appid, entryPoint];
  const query = useQuery({ queryKey: key, queryFn: ({ signal }) => bans.list(appid, entryPoint, signal) });
  const refresh = (): Promise<void> => client.invalidateQueries({ queryKey: key });
  const add = useMutation({
    mutationFn: (name: string) => bans.add(appid, entryPoint, name, { resumeTime: resumeTimeAfter(span, Date.now()) }),
    meta: { ownError: true, done: 'The name is banned.' },
    onSuccess: () => form.reset(),
    onError: (error) =>
      form.setFieldError('name', (error instanceof ApiError && error.fields.streamName) || error.message),
    onSettled: refresh,
  });
  const remove = useMutation({
    mutationFn: (name: string) => bans.remove(appid, entryPoint, name),
    meta: { done: 'The name is free again.' },
    onSettled: refresh,
  });
  return (
    <Card
      title="Banned names"
      note="Nobody can publish under them here until the ban is over. A stream of the name that runs is ended."
      flush
    >
      <Loaded query={query} rows={1}>
        {({ bannedStreamList }) =>
          bannedStreamList.length === 0 ? (
            <Text size="sm" c="dimmed" p="md">
              No name is banned.
            </Text>
          ) : (
            <Table aria-label="Banned names">
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>Name</Table.Th>
                  <Table.Th>Banned until</Table.Th>
                  <Table.Th aria-label="Actions" />
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {bannedStreamList.map(({ name, resumeTime }) => (
                  <Table.Tr key={name}>
                    <Table.Td className="mono" style={{ overflowWrap: 'anywhere' }}>
                      {name}
                    </Table.Td>
                    <Table.Td>
                      <Clock at={resumeTime} />
                    </Table.Td>
                    <Table.Td style={{ textAlign: 'right' }}>
                      <Button
                        size="compact-xs"
                        variant="subtle"
                        aria-label={`Unban ${name}`}
                        onClick={() => remove.mutate(name)}
                      >
                        Unban
                      </Button>
                    </Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          )
        }
      </Loaded>
      <form style={{ padding: 16 }} onSubmit={form.onSubmit(({ name }) => add.mutate(name.trim()))}>
        <Group align="flex-start" gap="xs">
          <TextInput label="Name to ban" maxLength={64} {...form.getInputProps('name')} />
          <BanTime value={span} onChange={setSpan} />
          <WorkButton type="submit" variant="light" busy={add.isPending} style={{ marginTop: 24 }}>
            Ban
          </WorkButton>
        </Group>
      </form>
    </Card>
  );
}
