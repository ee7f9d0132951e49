import { Anchor, Group, Table, TextInput, Tooltip } from '@mantine/core';
import { useForm } from '@mantine/form';
import { IconPlus, IconTrash } from '@tabler/icons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from 'wouter';
import { entryPoints } from '../api/index.js';
import { inBackground } from '../api/in-background.js';
import { useConfirm } from '../parts/confirm.js';
import { Pill } from '../parts/state.js';
import { Card, Loaded } from '../parts/states-of-page.js';
import { WorkButton, WorkIcon } from '../parts/work.js';

/** The entry point that every project has for ever. */
const FIXED = 'live';

/** A project's entry points: to choose, add and delete. */
export function EntryPoints({ appid }: { appid: string }) {
  const client = useQueryClient();
  const query = useQuery({
    queryKey: ['entry-points', appid],
    queryFn: ({ signal }) => entryPoints.list(appid, signal),
  });
  const form = useForm({
    initialValues: { name: '' },
    validate: {
      name: (value) =>
        /^[A-Za-z0-9_-]{1,64}$/.test(value) ? null : 'Up to 64 letters, digits, underscores and hyphens',
    },
  });
  const create = useMutation({
    mutationFn: ({ name }: { name: string }) => entryPoints.create(appid, name),
    meta: { done: 'The entry point was created.' },
    onSuccess: () => {
      form.reset();
      inBackground(client.invalidateQueries({ queryKey: ['entry-points', appid] }));
    },
  });
  return (
    <Card title="Entry points" note="Where streams arrive; each has its own transfer settings." flush>
      <Loaded query={query} rows={2}>
        {({ entryPointList }) => (
          <Table.ScrollContainer minWidth={480}>
            <Table aria-label="Entry points">
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>Name</Table.Th>
                  <Table.Th>Forwarding</Table.Th>
                  <Table.Th>Callback URL</Table.Th>
                  <Table.Th aria-label="Actions" />
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {entryPointList.map(({ name, transfer }) => (
                  <Table.Tr key={name}>
                    <Table.Td>
                      <Anchor component={Link} href={`/projects/${appid}/entry-points/${name}`} inherit>
                        {name}
                      </Anchor>
                    </Table.Td>
                    <Table.Td>
                      <Pill tone={transfer.enabled ? 'good' : 'calm'}>{transfer.enabled ? 'On' : 'Off'}</Pill>
                    </Table.Td>
                    <Table.Td className="mono" style={{ overflowWrap: 'anywhere' }}>
                      {transfer.callbackUrl ?? '–'}
                    </Table.Td>
                    <Table.Td style={{ textAlign: 'right' }}>
                      {name !== FIXED && <Remove appid={appid} name={name} />}
                    </Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </Table.ScrollContainer>
        )}
      </Loaded>
      <form onSubmit={form.onSubmit((values) => create.mutate(values))} style={{ padding: '8px 16px 16px' }}>
        <Group align="flex-end" gap="xs">
          <TextInput label="New entry point" placeholder="stage" {...form.getInputProps('name')} />
          <WorkButton
            type="submit"
            variant="light"
            leftSection={<IconPlus size={15} aria-hidden />}
            busy={create.isPending}
          >
            Add
          </WorkButton>
        </Group>
      </form>
    </Card>
  );
}

function Remove({ appid, name }: { appid: string; name: string }) {
  const client = useQueryClient();
  const confirm = useConfirm();
  const remove = useMutation({
    mutationFn: () => entryPoints.remove(appid, name),
    meta: { done: 'The entry point was deleted.' },
    onSuccess: () => client.invalidateQueries({ queryKey: ['entry-points', appid] }),
  });
  const ask = (): void =>
    confirm({
      title: 'Delete this entry point?',
      text: (
        <>
          “{name}” goes with its settings, its secrets and the history of its streams and callbacks. This cannot be
          undone.
        </>
      ),
      action: 'Delete the entry point',
      onConfirm: () => remove.mutate(),
    });
  return (
    <Tooltip label="Delete">
      <WorkIcon variant="subtle" color="gray" aria-label={`Delete ${name}`} onClick={ask} busy={remove.isPending}>
        <IconTrash size={16} stroke={1.7} />
      </WorkIcon>
    </Tooltip>
  );
}
