import { Anchor, Button, Group, Modal, Text, TextInput } from '@mantine/core';
import { useForm } from '@mantine/form';
import { IconPencil } from '@tabler/icons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'wouter';
import { projects, type Project } from '../api/index.js';
import { inBackground } from '../api/in-background.js';
import { CopyLine } from '../parts/copy.js';
import { Card, Loaded, PageHead } from '../parts/states-of-page.js';
import { WorkButton } from '../parts/work.js';
import { useTitle } from '../session-context.js';
import { EntryPoints } from './entry-points.js';
import { Keys } from './keys.js';
import { RestKeys } from './rest-keys.js';

/** One project: its entry points, and what its publishers sign with. */
export default function ProjectPage({ appid }: { appid: string }) {
  const query = useQuery({ queryKey: ['projects', appid], queryFn: ({ signal }) => projects.get(appid, signal) });
  useTitle(query.data?.name ?? 'Project');
  return (
    <>
      <Text size="sm" mb={4}>
        <Anchor component={Link} href="/projects" inherit underline="always">
          Projects
        </Anchor>
      </Text>
      <Loaded query={query}>
        {(project) => (
          <>
            <PageHead title={project.name}>
              <Rename project={project} />
              <Button component={Link} href={`/live?appid=${appid}`} variant="default">
                View streams
              </Button>
            </PageHead>
            <EntryPoints appid={appid} />
            <Card title="App ID" note="What API requests and publish addresses name this project by.">
              <CopyLine label="App ID" value={appid} />
            </Card>
            <RestKeys appid={appid} />
            <Keys project={project} />
          </>
        )}
      </Loaded>
    </>
  );
}

function Rename({ project }: { project: Project }) {
  const [opened, setOpened] = useState(false);
  return (
    <>
      <Button variant="default" leftSection={<IconPencil size={15} aria-hidden />} onClick={() => setOpened(true)}>
        Rename
      </Button>
      <Modal opened={opened} onClose={() => setOpened(false)} title="Rename the project">
        <NameForm project={project} onDone={() => setOpened(false)} />
      </Modal>
    </>
  );
}

function NameForm({ project: { appid, name }, onDone }: { project: Project; onDone: () => void }) {
  const client = useQueryClient();
  const form = useForm({
    initialValues: { name },
    validate: { name: (value) => (value.trim() === '' ? 'Give it a name' : null) },
  });
  const rename = useMutation({
    mutationFn: (wanted: { name: string }) => projects.change(appid, { name: wanted.name.trim() }),
    meta: { done: 'The project was renamed.' },
    onSuccess: (project) => {
      client.setQueryData(['projects', appid], project);
      inBackground(client.invalidateQueries({ queryKey: ['projects'] }));
      onDone();
    },
  });
  return (
    <form onSubmit={form.onSubmit((values) => rename.mutate(values))}>
      <TextInput
        label="Name"
        description="The App ID stays as it is."
        maxLength={100}
        data-autofocus
        mb="md"
        {...form.getInputProps('name')}
      />
      <Group justify="flex-end" gap="xs">
        <Button variant="default" onClick={onDone}>
          Cancel
        </Button>
        <WorkButton type="submit" busy={rename.isPending}>
          Rename
        </WorkButton>
      </Group>
    </form>
  );
}
