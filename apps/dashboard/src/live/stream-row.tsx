import { Text } from '@mantine/core';
import { IconAlertTriangle } from '@tabler/icons-react';
import { Link } from 'wouter';
import { useInputFigures } from '../api/feed.js';
import type { Stream } from '../api/index.js';
import { bitrate, picture } from '../parts/format.js';
import { Pill, State } from '../parts/state.js';
import { Running } from '../parts/time.js';
import { Thumbnail } from './thumbnail.js';

/** One stream in the list; the whole row leads to its page. `whose`: what operators see of it besides, empty for others. */
export function StreamRow({ stream, appid, whose }: { stream: Stream; appid: string; whose: string }) {
  const live = useInputFigures(stream.id);
  const figures = stream.state === 'ended' ? stream.figures : (live ?? stream.figures);
  const isRunning = stream.state !== 'ended';
  const duration = stream.startedAt === null ? '–' : <Running since={stream.startedAt} until={stream.endedAt} />;
  return (
    <Link href={`/streams/${appid}/${stream.id}`} className="live-row" data-stream={stream.name}>
      <Thumbnail appid={appid} streamId={stream.id} running={isRunning} />
      <div style={{ minWidth: 0 }}>
        <Text fw={600} className="cut" title={stream.name}>
          {stream.name}
        </Text>
        <div style={{ display: 'flex', gap: 8, alignItems: 'center', minWidth: 0 }}>
          <State of="stream" is={stream.state} />
          {whose !== '' && (
            <Text size="xs" c="dimmed" className="cut" title={whose}>
              {whose}
            </Text>
          )}
        </div>
        <div className="live-phone" style={{ gap: 8, marginTop: 4, alignItems: 'center' }}>
          <Text size="xs" c="dimmed">
            {duration}
          </Text>
          <TransferCounts stream={stream} short />
        </div>
      </div>
      <Text size="sm" className="desk cut">
        {stream.entryPoint}
      </Text>
      <Text size="sm" className="desk">
        {duration}
      </Text>
      <div className="desk">
        <Text size="sm">{bitrate(figures?.bitrate)}</Text>
        <Text size="xs" c="dimmed">
          {picture(figures)}
        </Text>
      </div>
      <div className="desk">
        <TransferCounts stream={stream} />
      </div>
    </Link>
  );
}

/** How the transfers are: what needs somebody's attention first. */
export function TransferCounts({ stream, short }: { stream: Stream; short?: boolean }) {
  const { live = 0, failed = 0, reconnecting = 0, connecting = 0, pending = 0, paused = 0 } = stream.transfers;
  const running = live + failed + reconnecting + connecting + pending + paused;
  if (stream.callback.state === 'failed' || stream.callback.state === 'retrying') {
    return (
      <Pill tone="bad" icon={IconAlertTriangle}>
        {stream.state === 'ended' ? 'Callback failed' : 'Callback failing'}
      </Pill>
    );
  }
  if (running === 0) return <span className="label">{stream.state === 'ended' ? '' : 'no transfers'}</span>;
  return (
    <div style={{ display: 'flex', flexWrap: short ? 'nowrap' : 'wrap', gap: 4 }}>
      {live > 0 && <Pill tone="good">{live} live</Pill>}
      {failed > 0 && (
        <Pill tone="bad" icon={IconAlertTriangle}>
          {failed} failed
        </Pill>
      )}
      {reconnecting > 0 && <Pill tone="wait">{reconnecting} retrying</Pill>}
      {connecting + pending > 0 && <Pill tone="wait">{connecting + pending} connecting</Pill>}
      {paused > 0 && !short && <Pill tone="calm">{paused} paused</Pill>}
    </div>
  );
}
