import { useIsLive } from '../api/feed.js';
import { Pill } from '../parts/state.js';

/** Whether what is shown changes by itself. */
export function FeedState() {
  return useIsLive() ? <Pill tone="good">Updating live</Pill> : <Pill tone="wait">Updating every 3 s</Pill>;
}
