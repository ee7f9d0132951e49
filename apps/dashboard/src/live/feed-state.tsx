import { useLostSince } from '../api/connection.js';
import { useIsLive } from '../api/feed.js';
import { Pill } from '../parts/state.js';

/** Whether what is shown changes by itself at once: quiet while it does, as it should. */
export function FeedState() {
  const isLive = useIsLive();
  const isLost = useLostSince() !== null;
  if (isLive) return <span className="label">Live updates</span>;
  return <Pill tone="wait">{isLost ? 'Live updates paused' : 'Live updates paused; refreshing every 3 s'}</Pill>;
}
