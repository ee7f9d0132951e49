import { Button, Group, Modal, Stack, Text } from '@mantine/core';
import { IconBan } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { bans, type Stream } from '../api/index.js';
import { BanTime, resumeTimeAfter, type BanSpan } from '../parts/ban-time.js';
import { WorkButton } from '../parts/work.js';
import type { StreamPath } from './use-transfers.js';

/** Ends the stream and keeps its name out for a while. */
export function BanStream({
  path: { appid, streamId },
  stream: { name, entryPoint },
}: {
  path: StreamPath;
  stream: Stream;
}) {
  const client = useQueryClient();
  const [opened, setOpened] = useState(false);
  const [span, setSpan] = useState<BanSpan>('week');
  const ban = useMutation({
    mutationFn: () => bans.add(appid, entryPoint, name, { resumeTime: resumeTimeAfter(span, Date.now()) }),
    meta: { done: 'The name is banned.' },
    onSuccess: () => setOpened(false),
    onSettled: () =>
      Promise.all([
        client.invalidateQueries({ queryKey: ['stream', streamId] }),
        client.invalidateQueries({ queryKey: ['bans', appid, entryPoint] }),
      ]),
  });
  return (
    <>
      <Button
        size="xs"
        color="red"
        variant="light"
        leftSection={<IconBan size={15} aria-hidden />}
        onClick={() => setOpened(true)}
      >
        Ban this name
      </Button>
      <Modal opened={opened} onClose={() => setOpened(false)} title="Ban this name?" size="sm">
        <Stack gap="md">
          <Text size="sm">
            Nobody can publish “{name}” at the entry point {entryPoint} until the ban is over; a stream of this name
            ends at once. The entry point's page lists the banned names and ends a ban.
          </Text>
          <BanTime value={span} onChange={setSpan} />
          <Group justify="flex-end" gap="xs">
            <Button variant="default" onClick={() => setOpened(false)}>
              Cancel
            </Button>
            <WorkButton color="red" busy={ban.isPending} onClick={() => ban.mutate()}>
              Ban the name
            </WorkButton>
          </Group>
        </Stack>
      </Modal>
    </>
  );
}
