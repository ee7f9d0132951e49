import { Alert, Anchor, Button, Text } from '@mantine/core';
import { IconInfoCircle, IconPlayerStop, IconPlus, IconRoute } from '@tabler/icons-react';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'wouter';
import { useFeed, usePolling } from '../api/feed.js';
import { streams, type Stream } from '../api/index.js';
import { FeedState } from '../live/feed-state.js';
import { Thumbnail } from '../live/thumbnail.js';
import { useConfirm } from '../parts/confirm.js';
import { ReasonText } from '../parts/reason.js';
import { State } from '../parts/state.js';
import { Card, Empty, Loaded, PageHead } from '../parts/states-of-page.js';
import { WorkButton } from '../parts/work.js';
import { useTitle } from '../session-context.js';
import { AddTransfer } from './add-transfer.js';
import { BanStream } from './ban-stream.js';
import { Input } from './input-figures.js';
import { StreamCallback } from './stream-callback.js';
import { Timeline } from './timeline.js';
import { TransferRow } from './transfer-row.js';
import { useTransfers, type StreamPath } from './use-transfers.js';

/** One stream: what comes in, where it goes, what happened. */
export default function StreamPage(path: StreamPath) {
  const { appid, streamId } = path;
  useFeed(appid, [streamId]);
  const query = useQuery({
    queryKey: ['stream', streamId],
    queryFn: ({ signal }) => streams.get(appid, streamId, signal),
    refetchInterval: usePolling(),
  });
  useTitle(query.data?.name ?? 'Stream');
  return (
    <>
      <Text size="sm" mb={4}>
        <Anchor component={Link} href={`/live?appid=${appid}`} inherit underline="always">
          Live
        </Anchor>{' '}
        / <span className="label">{query.data?.entryPoint ?? '…'}</span>
      </Text>
      <Loaded query={query}>{(stream) => <Details path={path} stream={stream} />}</Loaded>
    </>
  );
}

function Details({ path, stream }: { path: StreamPath; stream: Stream }) {
  const [adding, setAdding] = useState(false);
  const transfers = useTransfers(path);
  const isOver = stream.state === 'ended';
  return (
    <>
      <PageHead title={stream.name} note={isOver ? null : <FeedState />}>
        <State of="stream" is={stream.state} />
        <BanStream path={path} stream={stream} />
        {!isOver && <Kick path={path} name={stream.name} />}
      </PageHead>
      {stream.reason !== null && (
        <Alert
          icon={<IconInfoCircle aria-hidden />}
          color={stream.reason.blame === 'service' ? 'red' : 'gray'}
          mb="md"
          p="sm"
        >
          <ReasonText reason={stream.reason} />
        </Alert>
      )}
      <section className="card stream-top" aria-label="Input" style={{ marginBottom: 16, overflow: 'hidden' }}>
        <Thumbnail appid={path.appid} streamId={stream.id} running={!isOver} large />
        <div className="pad">
          <Input stream={stream} />
        </div>
      </section>
      <Card
        title="Transfers"
        flush
        actions={
          !isOver && (
            <Button
              size="xs"
              variant="light"
              leftSection={<IconPlus size={15} aria-hidden />}
              onClick={() => setAdding(true)}
            >
              Add a URL
            </Button>
          )
        }
      >
        <Loaded query={transfers} rows={2}>
          {(data) =>
            data.transfers.length === 0 ? (
              <Empty icon={IconRoute} title="No destinations yet">
                {isOver
                  ? 'It had no transfers.'
                  : 'Your server names the destinations when a stream begins; you can also add one here.'}
              </Empty>
            ) : (
              <div role="list">
                {data.transfers.map((transfer) => (
                  <TransferRow key={transfer.id} path={path} transfer={transfer} streamEnded={isOver} />
                ))}
              </div>
            )
          }
        </Loaded>
      </Card>
      <AddTransfer path={path} opened={adding} onClose={() => setAdding(false)} />
      <div className="two">
        <Card title="Events">
          <Timeline path={path} transfers={transfers.data?.transfers ?? []} />
        </Card>
        <Card title="Callback">
          <StreamCallback appid={path.appid} stream={stream} />
        </Card>
      </div>
    </>
  );
}

function Kick({ path, name }: { path: StreamPath; name: string }) {
  const client = useQueryClient();
  const confirm = useConfirm();
  const kick = useMutation({
    mutationFn: () => streams.kick(path.appid, path.streamId),
    onSettled: () => client.invalidateQueries({ queryKey: ['stream', path.streamId] }),
    meta: { done: 'The stream was ended.' },
  });
  const ask = (): void =>
    confirm({
      title: 'End this stream?',
      text: (
        <>“{name}” ends everywhere at once, for the publisher and on every platform. The publisher may begin anew.</>
      ),
      action: 'End the stream',
      onConfirm: () => kick.mutate(),
    });
  return (
    <WorkButton
      size="xs"
      color="red"
      variant="light"
      leftSection={<IconPlayerStop size={15} aria-hidden />}
      onClick={ask}
      busy={kick.isPending}
    >
      End stream
    </WorkButton>
  );
}
