import { Anchor, Button, Group, PasswordInput, Stack, Table, Text, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { IconPlus, IconTrash } from '@tabler/icons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useLocation } from 'wouter';
import { entryPoints, projects, type Project } from '../api/index.js';
import { useConfirm } from '../parts/confirm.js';
import { CopyLine } from '../parts/copy.js';
import { useProjects } from '../parts/scope.js';
import { Pill } from '../parts/state.js';
import { Card, Loaded, PageHead } from '../parts/states-of-page.js';
import { useTitle } from '../session-context.js';

/** One project: its entry points, and what its publishers sign with. */
export default function ProjectPage({ appid }: { appid: string }) {
  const query = useProjects();
  const project = query.data?.projects.find((found) => found.appid === appid);
  useTitle(project?.name ?? 'Project');
  return (
    <>
      <Text size="sm" mb={4}>
        <Anchor component={Link} href="/projects" inherit underline="always">
          Projects
        </Anchor>
      </Text>
      <PageHead title={project?.name ?? 'Project'}>
        <Button component={Link} href={`/live?appid=${appid}`} variant="default">
          Its streams
        </Button>
      </PageHead>
      <EntryPoints appid={appid} />
      <Card title="App ID" note="What API requests and publish addresses name this project by.">
        <CopyLine label="App ID" value={appid} />
      </Card>
      {project && <Keys project={project} />}
    </>
  );
}

function EntryPoints({ appid }: { appid: string }) {
  const client = useQueryClient();
  const query = useQuery({ queryKey: ['entry-points', appid], queryFn: () => entryPoints.list(appid) });
  const form = useForm({ initialValues: { name: '' }, validate: { name: (value) => (/^[A-Za-z0-9_-]{1,64}$/.test(value) ? null : 'Up to 64 letters, digits, underscores and hyphens') } });
  const create = useMutation({
    mutationFn: ({ name }: { name: string }) => entryPoints.create(appid, name),
    meta: { done: 'The entry point was made.' },
    onSuccess: () => {
      form.reset();
      void client.invalidateQueries({ queryKey: ['entry-points', appid] });
    },
  });
  return (
    <Card title="Entry points" note="Where streams arrive; each has its own transfer settings." flush>
      <Loaded query={query} rows={2}>
        {({ entryPointList }) => (
          <Table.ScrollContainer minWidth={420}>
            <Table aria-label="Entry points">
              <Table.Thead>
                <Table.Tr>
                  <Table.Th>Name</Table.Th>
                  <Table.Th>Forwarding</Table.Th>
                  <Table.Th>Callback URL</Table.Th>
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
          <Button type="submit" variant="light" leftSection={<IconPlus size={15} aria-hidden />} loading={create.isPending}>
            Add
          </Button>
        </Group>
      </form>
    </Card>
  );
}

function Keys({ project: { appid, name, hasAuthKey } }: { project: Project }) {
  const client = useQueryClient();
  const confirm = useConfirm();
  const [, go] = useLocation();
  const form = useForm({ initialValues: { authKey: '' }, validate: { authKey: (value) => (value.length >= 8 && value.length <= 128 ? null : '8 to 128 characters') } });
  const refresh = (): void => void client.invalidateQueries({ queryKey: ['projects'] });
  const rotate = useMutation({ mutationFn: () => projects.rotateSigningKey(appid), meta: { done: 'All publish tokens of before are worthless now.' } });
  const setKey = useMutation({
    mutationFn: (authKey: string | null) => projects.change(appid, { authKey }),
    meta: { done: 'The key was changed.' },
    onSuccess: () => {
      form.reset();
      refresh();
    },
  });
  const remove = useMutation({
    mutationFn: () => projects.remove(appid),
    meta: { done: 'The project was deleted.' },
    onSuccess: () => {
      refresh();
      go('/projects');
    },
  });
  return (
    <Card title="Keys" note="What publishers prove themselves with.">
      <Stack gap="md" align="flex-start">
        <div>
          <Text size="sm" mb={6}>
            Publish tokens are signed with a key of this project. Change it when a token got into wrong hands: all of them end at once.
          </Text>
          <Button
            variant="default"
            loading={rotate.isPending}
            onClick={() => confirm({ title: 'Change the signing key?', text: 'Every publish token of this project becomes worthless. Streams that run go on.', action: 'Change the key', onConfirm: () => rotate.mutate() })}
          >
            Change the signing key
          </Button>
        </div>
        <form onSubmit={form.onSubmit(({ authKey }) => setKey.mutate(authKey))} style={{ width: '100%', maxWidth: 520 }}>
          <Text size="sm" mb={6}>
            Signed publish URLs (<code>?ts=&amp;sign=</code>) are {hasAuthKey ? 'accepted.' : 'refused until a key is set.'}
          </Text>
          <Group align="flex-end" gap="xs">
            <PasswordInput label="Key of signed publish URLs" autoComplete="off" style={{ flex: 1 }} visibilityToggleButtonProps={{ 'aria-label': 'Show the key' }} {...form.getInputProps('authKey')} />
            <Button type="submit" variant="default" loading={setKey.isPending}>
              Set
            </Button>
            {hasAuthKey && (
              <Button variant="default" onClick={() => setKey.mutate(null)}>
                Refuse them
              </Button>
            )}
          </Group>
        </form>
        <Button
          color="red"
          variant="light"
          leftSection={<IconTrash size={15} aria-hidden />}
          loading={remove.isPending}
          onClick={() => confirm({ title: 'Delete this project?', text: <>“{name}” goes with its entry points, settings, history of streams and callbacks. This cannot be undone.</>, action: 'Delete the project', onConfirm: () => remove.mutate() })}
        >
          Delete project
        </Button>
      </Stack>
    </Card>
  );
}
