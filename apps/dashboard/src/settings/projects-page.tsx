import { Anchor, Button, Group, Modal, Table, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { IconFolderPlus, IconFolders } from '@tabler/icons-react';
import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Link, useLocation } from 'wouter';
import { projects, type Project } from '../api/index.js';
import { inBackground } from '../api/in-background.js';
import { Card, Empty, Loaded, PageHead } from '../parts/states-of-page.js';
import { Day } from '../parts/time.js';
import { WorkButton } from '../parts/work.js';
import { useTitle } from '../session-context.js';

const PAGE = 100;

/** All projects that the signed-in customer may see. */
export default function ProjectsPage() {
  useTitle('Projects');
  const [making, setMaking] = useState(false);
  const query = useInfiniteQuery({
    queryKey: ['projects', 'pages'],
    queryFn: ({ pageParam, signal }) => projects.list({ limit: PAGE, cursor: pageParam ?? undefined }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: ({ nextCursor }) => nextCursor,
    select: ({ pages }) => pages.flatMap((page) => page.projects),
  });
  return (
    <>
      <PageHead
        title="Projects"
        note="A project has entry points where streams arrive, and settings that say where they go."
      >
        <Button leftSection={<IconFolderPlus size={16} aria-hidden />} onClick={() => setMaking(true)}>
          New project
        </Button>
      </PageHead>
      <Card title="All projects" flush>
        <Loaded query={query}>
          {(found) =>
            found.length === 0 ? (
              <Empty icon={IconFolders} title="No project yet">
                Create one: it gets the entry point “live”, and you can publish to it right away.
              </Empty>
            ) : (
              <ProjectTable projects={found} />
            )
          }
        </Loaded>
        {query.hasNextPage && (
          <WorkButton
            m="sm"
            size="xs"
            variant="default"
            onClick={() => inBackground(query.fetchNextPage())}
            busy={query.isFetchingNextPage}
          >
            More
          </WorkButton>
        )}
      </Card>
      <Modal opened={making} onClose={() => setMaking(false)} title="New project">
        <NewProject onClose={() => setMaking(false)} />
      </Modal>
    </>
  );
}

function ProjectTable({ projects: found }: { projects: Project[] }) {
  return (
    <Table.ScrollContainer minWidth={480}>
      <Table aria-label="Projects">
        <Table.Thead>
          <Table.Tr>
            <Table.Th>Name</Table.Th>
            <Table.Th>App ID</Table.Th>
            <Table.Th>Created</Table.Th>
          </Table.Tr>
        </Table.Thead>
        <Table.Tbody>
          {found.map(({ appid, name, createdAt }) => (
            <Table.Tr key={appid}>
              <Table.Td>
                <Anchor component={Link} href={`/projects/${appid}`} inherit>
                  {name}
                </Anchor>
              </Table.Td>
              <Table.Td className="mono">{appid}</Table.Td>
              <Table.Td>
                <Day at={createdAt} />
              </Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Table.ScrollContainer>
  );
}

function NewProject({ onClose }: { onClose: () => void }) {
  const client = useQueryClient();
  const [, go] = useLocation();
  const form = useForm({
    initialValues: { name: '' },
    validate: { name: (value) => (value.trim() === '' ? 'Give it a name' : null) },
  });
  const create = useMutation({
    mutationFn: ({ name }: { name: string }) => projects.create({ name: name.trim() }),
    meta: { done: 'The project was created.' },
    onSuccess: ({ appid }) => {
      inBackground(client.invalidateQueries({ queryKey: ['projects'] }));
      onClose();
      go(`/projects/${appid}`);
    },
  });
  return (
    <form onSubmit={form.onSubmit((values) => create.mutate(values))}>
      <TextInput label="Name" maxLength={100} data-autofocus mb="md" {...form.getInputProps('name')} />
      <Group justify="flex-end" gap="xs">
        <Button variant="default" onClick={onClose}>
          Cancel
        </Button>
        <WorkButton type="submit" busy={create.isPending}>
          Create project
        </WorkButton>
      </Group>
    </form>
  );
}
