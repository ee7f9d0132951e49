import { Button, Code, Table, Text, Tooltip } from '@mantine/core';
import { IconRefresh, IconSend } from '@tabler/icons-react';
import { useInfiniteQuery, useMutation, useQueryClient } from '@tanstack/react-query';
import { Fragment, useState } from 'react';
import { entryPoints, type Delivery } from '../api/index.js';
import { inBackground } from '../api/in-background.js';
import { Pill } from '../parts/state.js';
import { Bones, Card, Empty, FailureOf } from '../parts/states-of-page.js';
import { Ago } from '../parts/time.js';
import { WorkButton, WorkIcon } from '../parts/work.js';
import type { EntryPointPath } from './entry-point-page.js';
import { TimingsBar } from './timings-bar.js';

/** The log of callbacks, with what was answered; each may be asked again while its stream runs. */
export function Deliveries(path: EntryPointPath) {
  const { appid, entryPoint } = path;
  const query = useInfiniteQuery({
    queryKey: ['deliveries', appid, entryPoint],
    queryFn: ({ pageParam, signal }) =>
      entryPoints.deliveries(appid, entryPoint, { limit: 20, cursor: pageParam ?? undefined }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: ({ nextCursor }) => nextCursor,
    refetchInterval: 10_000,
  });
  const rows = query.data?.pages.flatMap(({ deliveries }) => deliveries) ?? [];
  return (
    <Card title="Callbacks" note="What your server answered, attempt by attempt; kept for 30 days." flush>
      {query.isPending && <Bones rows={3} />}
      <FailureOf query={query} />
      {query.isSuccess && rows.length === 0 && (
        <Empty icon={IconSend} title="Nothing was sent yet">
          A callback is sent when a stream begins, and when you test the settings above.
        </Empty>
      )}
      {rows.length > 0 && (
        <Table.ScrollContainer minWidth={620}>
          <Table aria-label="Callbacks">
            <Table.Thead>
              <Table.Tr>
                <Table.Th>When</Table.Th>
                <Table.Th>Outcome</Table.Th>
                <Table.Th>Status</Table.Th>
                <Table.Th>Took</Table.Th>
                <Table.Th>Attempt</Table.Th>
                <Table.Th aria-label="Actions" />
              </Table.Tr>
            </Table.Thead>
            <Table.Tbody>
              {rows.map((delivery) => (
                <Row key={delivery.id} path={path} delivery={delivery} />
              ))}
            </Table.Tbody>
          </Table>
        </Table.ScrollContainer>
      )}
      {query.hasNextPage && (
        <div style={{ padding: 12 }}>
          <WorkButton
            size="xs"
            variant="default"
            onClick={() => inBackground(query.fetchNextPage())}
            busy={query.isFetchingNextPage}
          >
            Load older
          </WorkButton>
        </div>
      )}
    </Card>
  );
}

function Row({ path: { appid, entryPoint }, delivery }: { path: EntryPointPath; delivery: Delivery }) {
  const client = useQueryClient();
  const [open, setOpen] = useState(false);
  const replay = useMutation({
    mutationFn: () => entryPoints.replay(appid, entryPoint, delivery.id),
    meta: { done: 'Your server is asked again.' },
    onSuccess: () => client.invalidateQueries({ queryKey: ['deliveries', appid, entryPoint] }),
  });
  const {
    createdAt,
    outcome,
    outcomeText,
    status,
    durationMs,
    attempt,
    kind,
    streamId,
    url,
    webhookId,
    streamName,
    detail,
    answerHead,
    timings,
  } = delivery;
  return (
    <Fragment>
      <Table.Tr>
        <Table.Td>
          <Ago at={createdAt} />
        </Table.Td>
        <Table.Td>
          <Pill tone={outcome === 'ok' ? 'good' : 'bad'}>{outcomeWord(outcome, status)}</Pill>
        </Table.Td>
        <Table.Td>{status ?? '–'}</Table.Td>
        <Table.Td>{durationMs} ms</Table.Td>
        <Table.Td>
          {attempt}
          {kind && kind !== 'stream' ? ` (${kind})` : ''}
        </Table.Td>
        <Table.Td style={{ textAlign: 'right', whiteSpace: 'nowrap' }}>
          <Button size="compact-xs" variant="subtle" color="gray" aria-expanded={open} onClick={() => setOpen(!open)}>
            Details
          </Button>
          {streamId !== null && (
            <Tooltip label="Ask again">
              <WorkIcon
                variant="subtle"
                color="gray"
                size="sm"
                aria-label="Ask again"
                onClick={() => replay.mutate()}
                busy={replay.isPending}
              >
                <IconRefresh size={15} />
              </WorkIcon>
            </Tooltip>
          )}
        </Table.Td>
      </Table.Tr>
      {open && (
        <Table.Tr>
          <Table.Td colSpan={6}>
            <Text size="xs" className="mono" style={{ overflowWrap: 'anywhere' }}>
              POST {url}
              {streamName !== null && ` · stream_name ${streamName}`}
              {webhookId !== null && ` · webhook-id ${webhookId}`}
            </Text>
            {(outcomeText ?? detail) && <Text size="sm">{[outcomeText, detail].filter(Boolean).join(' · ')}</Text>}
            <TimingsBar timings={timings ?? {}} />
            {answerHead !== null && <Code block>{answerHead}</Code>}
          </Table.Td>
        </Table.Tr>
      )}
    </Fragment>
  );
}

/** What came of an attempt, in two or three words; the details have the sentence. */
function outcomeWord(outcome: string, status: number | null): string {
  if (outcome === 'ok') return 'Delivered';
  if (outcome === 'callback_status' && status !== null) return `HTTP ${status}`;
  const words = outcome.replace(/^callback_/, '').replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}
