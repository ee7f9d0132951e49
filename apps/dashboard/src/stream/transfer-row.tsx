import { Group, Text, Tooltip } from '@mantine/core';
import {
  IconPlayerPause,
  IconPlayerPlay,
  IconRefresh,
  IconTrash,
  IconVolume,
  IconVolumeOff,
  type Icon,
} from '@tabler/icons-react';
import { useBitrates, useTransferFigures } from '../api/feed.js';
import type { Transfer } from '../api/index.js';
import { useConfirm } from '../parts/confirm.js';
import { bitrate, size } from '../parts/format.js';
import { ReasonText } from '../parts/reason.js';
import { Spark } from '../parts/spark.js';
import { State } from '../parts/state.js';
import { Countdown, Running } from '../parts/time.js';
import { WorkIcon } from '../parts/work.js';
import { platformOf } from './platforms.js';
import { useTransferActions, type StreamPath } from './use-transfers.js';

const MAY_RETRY = new Set(['reconnecting', 'failed', 'connecting']);

/** One destination: its state and why, its figures, and what can be done. */
export function TransferRow({
  path,
  transfer,
  streamEnded,
}: {
  path: StreamPath;
  transfer: Transfer;
  streamEnded: boolean;
}) {
  const platform = platformOf(transfer.url);
  return (
    <div className="transfer" role="listitem" data-transfer={transfer.id} aria-label={`Transfer to ${transfer.url}`}>
      <div>
        <State of="transfer" is={transfer.state} />
      </div>
      <div className="url" style={{ minWidth: 0 }}>
        {platform && <Text fw={600}>{platform}</Text>}
        <Text className="mono">{transfer.url}</Text>
        {transfer.state === 'live' && transfer.liveAt !== null && (
          <Text size="xs" c="dimmed">
            live for <Running since={transfer.liveAt} until={transfer.endedAt} />
            {transfer.options.muted === true && ' · muted'}
          </Text>
        )}
        {/* A live one has one too where its sound cannot be played. */}
        <ReasonText reason={transfer.reason} />
        {transfer.nextRetryAt !== null && transfer.state !== 'ended' && (
          <Text size="xs" fw={600}>
            <Countdown to={transfer.nextRetryAt} />, attempt {transfer.attempts + 1}
          </Text>
        )}
      </div>
      <Bitrate path={path} transfer={transfer} />
      <Figures path={path} transfer={transfer} />
      {streamEnded || transfer.state === 'ended' ? <span /> : <Actions path={path} transfer={transfer} />}
    </div>
  );
}

function Bitrate({ path, transfer }: { path: StreamPath; transfer: Transfer }) {
  const values = useBitrates(path.streamId, transfer.id);
  const now = useTransferFigures(path.streamId, transfer.id)?.bitrate ?? transfer.figures?.bitrate;
  const isSending = transfer.state === 'live';
  return (
    <div className="wide" style={{ maxWidth: 220 }}>
      <Spark values={values} label={`Bitrate of the last two minutes, now ${bitrate(now)}`} />
      <Text size="xs" c="dimmed">
        {isSending ? bitrate(now) : '–'}
      </Text>
    </div>
  );
}

function Figures({ path, transfer }: { path: StreamPath; transfer: Transfer }) {
  const figures = useTransferFigures(path.streamId, transfer.id) ?? transfer.figures;
  const cells: [label: string, value: string, title: string][] = [
    ['Data sent', size(figures?.bytesSent), 'Sent to the platform in all'],
    [
      'Dropped frames',
      String(figures?.droppedFrames ?? '–'),
      'Frames dropped because the platform, or the encoder of this node, was too slow',
    ],
    ['Reconnects', String(figures?.reconnects ?? '–'), 'How often the connection was made again'],
    [
      'Buffer',
      figures?.queuedMs === undefined ? '–' : `${Math.round(figures.queuedMs)} ms`,
      'Stream time that waits to be sent',
    ],
  ];
  return (
    <dl className="wide" style={{ display: 'grid', gridTemplateColumns: '1.1fr 1fr 1.4fr 0.9fr', gap: 12, margin: 0 }}>
      {cells.map(([label, value, title]) => (
        <div key={label} title={title} style={{ minWidth: 0 }}>
          <dt className="label cut">{label}</dt>
          <dd style={{ margin: 0, fontSize: '0.8125rem', whiteSpace: 'nowrap' }}>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Actions({ path, transfer }: { path: StreamPath; transfer: Transfer }) {
  const { options, retry, remove } = useTransferActions(path, transfer.id);
  const confirm = useConfirm();
  const { muted = false, paused = false } = transfer.options;
  const ask = (): void =>
    confirm({
      title: 'Remove this transfer?',
      text: (
        <>
          Forwarding to <span className="mono">{transfer.url}</span> ends at once. The stream and its other transfers go
          on.
        </>
      ),
      action: 'Remove',
      onConfirm: () => remove.mutate(),
    });
  return (
    <Group gap={2} wrap="nowrap" justify="flex-end">
      {MAY_RETRY.has(transfer.state) && (
        <Action icon={IconRefresh} label="Retry now" onClick={() => retry.mutate()} busy={retry.isPending} />
      )}
      <Action
        icon={muted ? IconVolumeOff : IconVolume}
        label={muted ? 'Unmute' : 'Mute'}
        pressed={muted}
        onClick={() => options.mutate({ muted: !muted })}
        busy={options.isPending && options.variables?.muted !== undefined}
      />
      <Action
        icon={paused ? IconPlayerPlay : IconPlayerPause}
        label={paused ? 'Resume' : 'Pause'}
        pressed={paused}
        onClick={() => options.mutate({ paused: !paused })}
        busy={options.isPending && options.variables?.paused !== undefined}
      />
      <Action icon={IconTrash} label="Remove" onClick={ask} busy={remove.isPending} />
    </Group>
  );
}

function Action({
  icon: Symbol,
  label,
  onClick,
  busy,
  pressed,
}: {
  icon: Icon;
  label: string;
  onClick: () => void;
  busy: boolean;
  pressed?: boolean;
}) {
  return (
    <Tooltip label={label}>
      <WorkIcon
        variant={pressed ? 'light' : 'subtle'}
        color={pressed ? 'tide' : 'gray'}
        size="lg"
        aria-label={label}
        onClick={onClick}
        busy={busy}
      >
        <Symbol size={18} stroke={1.7} />
      </WorkIcon>
    </Tooltip>
  );
}
