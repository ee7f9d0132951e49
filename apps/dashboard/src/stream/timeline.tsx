import { Text } from '@mantine/core';
import { IconArrowRight, IconBell, IconBroadcast, IconHistory, IconWebhook, type Icon } from '@tabler/icons-react';
import { useInfiniteQuery } from '@tanstack/react-query';
import { usePolling } from '../api/feed.js';
import { events, type StreamEvent, type Transfer } from '../api/index.js';
import { inBackground } from '../api/in-background.js';
import { Empty, Loaded } from '../parts/states-of-page.js';
import { Clock } from '../parts/time.js';
import { WorkButton } from '../parts/work.js';
import type { StreamPath } from './use-transfers.js';

const PAGE = 100;

/** What happened to this stream, newest first. */
export function Timeline({ path, transfers }: { path: StreamPath; transfers: Transfer[] }) {
  const { appid, streamId } = path;
  const query = useInfiniteQuery({
    queryKey: ['stream', streamId, 'events'],
    queryFn: ({ pageParam, signal }) =>
      events.list(appid, { streamId, limit: PAGE, cursor: pageParam ?? undefined }, signal),
    initialPageParam: null as string | null,
    getNextPageParam: ({ nextCursor }) => nextCursor,
    select: ({ pages }) => pages.flatMap((page) => page.events),
    refetchInterval: usePolling(),
  });
  return (
    <Loaded query={query} rows={3}>
      {(found) =>
        found.length === 0 ? (
          <Empty icon={IconHistory} title="Nothing happened yet" />
        ) : (
          <ol
            className="timeline"
            style={{ maxHeight: 420, overflow: 'auto' }}
            tabIndex={0}
            aria-label="Events, newest first"
          >
            {found.map((event) => (
              <Line key={event.id} event={event} transfer={transfers.find(({ id }) => id === event.transferId)} />
            ))}
            {query.hasNextPage && (
              <li>
                <WorkButton
                  size="xs"
                  variant="default"
                  onClick={() => inBackground(query.fetchNextPage())}
                  busy={query.isFetchingNextPage}
                  style={{ gridColumn: '1 / -1', justifySelf: 'start' }}
                >
                  Load older
                </WorkButton>
              </li>
            )}
          </ol>
        )
      }
    </Loaded>
  );
}

function Line({ event, transfer }: { event: StreamEvent; transfer: Transfer | undefined }) {
  const Symbol = signOf(event.type);
  return (
    <li>
      <Text size="sm" c="dimmed" component="span">
        <Clock at={event.at} />
      </Text>
      <Symbol size={16} stroke={1.7} color="var(--mantine-color-dimmed)" aria-hidden />
      <div style={{ minWidth: 0 }}>
        {wordsOf(event)}
        {(transfer?.url ?? event.data.url) && <div className="mono label">{transfer?.url ?? event.data.url}</div>}
        {event.data.detail && <div className="label">{event.data.detail}</div>}
      </div>
    </li>
  );
}

function signOf(type: string): Icon {
  if (type.startsWith('stream.')) return IconBroadcast;
  if (type.startsWith('transfer.')) return IconArrowRight;
  return type.startsWith('callback.') ? IconWebhook : IconBell;
}

const WORDS: Record<string, string> = {
  'stream.starting': 'Publisher connecting',
  'stream.live': 'Stream is live',
  'stream.reconnecting': 'Waiting for the publisher; the platforms stay connected',
  'stream.problem': 'Some of the publisher’s media does not arrive',
  'stream.recovered': 'All of the publisher’s media arrives',
  'stream.ended': 'The stream ended',
  'stream.banned': 'The name of the stream was banned',
  'transfer.added': 'Transfer added',
  'transfer.removed': 'Transfer removed',
  'callback.answered': 'Your server answered the callback',
  'callback.failed': 'The callback failed',
  'callback.last_answer_used': 'The last good answer was used in place of the callback',
};

const STATES: Record<string, string> = {
  connecting: 'Connecting to the platform',
  live: 'Live on the platform',
  reconnecting: 'Retrying',
  failed: 'Failed',
  paused: 'Transfer paused',
  ended: 'Transfer ended',
};

function wordsOf({ type, data }: StreamEvent): string {
  if (type === 'transfer.state')
    return `${STATES[data.state ?? ''] ?? `Transfer ${data.state ?? ''}`}${data.reason ? `: ${data.reasonText ?? plain(data.reason)}` : ''}`;
  const words = WORDS[type] ?? type;
  if (type === 'callback.answered' && data.urls !== undefined)
    return `${words}: ${data.urls} ${data.urls === 1 ? 'URL' : 'URLs'}`;
  return data.reason ? `${words}: ${data.reasonText ?? plain(data.reason)}` : words;
}

const plain = (code: string): string => code.replaceAll('_', ' ');
