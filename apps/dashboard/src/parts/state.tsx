import {
  IconAlertTriangle,
  IconCheck,
  IconCircleFilled,
  IconClock,
  IconLoader2,
  IconMinus,
  IconPlayerPause,
  IconRefresh,
  IconSquareFilled,
  IconX,
  type Icon,
} from '@tabler/icons-react';
import type { CallbackState, StreamState, TransferState } from '../api/index.js';

type Tone = 'good' | 'wait' | 'bad' | 'calm';
type Look = [tone: Tone, icon: Icon, word: string];

const LOOKS: Record<`stream.${StreamState}` | `transfer.${TransferState}` | `callback.${CallbackState}`, Look> = {
  'stream.starting': ['wait', IconLoader2, 'Starting'],
  'stream.connecting': ['wait', IconLoader2, 'Connecting'],
  'stream.live': ['good', IconCircleFilled, 'Live'],
  'stream.reconnecting': ['wait', IconRefresh, 'Waiting for the publisher'],
  'stream.ended': ['calm', IconSquareFilled, 'Ended'],
  'transfer.pending': ['calm', IconClock, 'Waiting'],
  'transfer.connecting': ['wait', IconLoader2, 'Connecting'],
  'transfer.live': ['good', IconCircleFilled, 'Live'],
  'transfer.reconnecting': ['wait', IconRefresh, 'Retrying'],
  'transfer.paused': ['calm', IconPlayerPause, 'Paused'],
  'transfer.ended': ['calm', IconSquareFilled, 'Ended'],
  'transfer.failed': ['bad', IconX, 'Failed'],
  'callback.none': ['calm', IconMinus, 'Not asked'],
  'callback.pending': ['wait', IconClock, 'Asking'],
  'callback.answered': ['good', IconCheck, 'Answered'],
  'callback.retrying': ['wait', IconRefresh, 'Asking again'],
  'callback.failed': ['bad', IconX, 'Failed'],
};

export function Pill({
  tone,
  icon: Symbol = IconCircleFilled,
  children,
  spins,
}: {
  tone: Tone;
  icon?: Icon;
  children: React.ReactNode;
  spins?: boolean;
}) {
  return (
    <span className="state" data-tone={tone}>
      <Symbol
        size={Symbol === IconCircleFilled || Symbol === IconSquareFilled ? 9 : 13}
        stroke={2.4}
        aria-hidden
        className={spins ? 'spin' : undefined}
      />
      {children}
    </span>
  );
}

/** The state of a stream, transfer or callback: colour, sign and word. */
export function State({
  of,
  is,
}: { of: 'stream'; is: StreamState } | { of: 'transfer'; is: TransferState } | { of: 'callback'; is: CallbackState }) {
  // A newer API may know states that this page does not.
  const [tone, icon, word] = (LOOKS as Partial<Record<string, Look>>)[`${of}.${is}`] ?? ['calm', IconAlertTriangle, is];
  return (
    <Pill tone={tone} icon={icon} spins={icon === IconLoader2}>
      {word}
    </Pill>
  );
}
