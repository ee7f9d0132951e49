import { useIsLive } from '../api/feed.js';
import { Pill } from '../parts/state.js';

/** Whether what is shown changes by itself at once: quiet while it does, as it should. */
export function FeedState() {
  return useIsLive() ? <span className="label">Updates by itself</span> : <Pill tone="wait">No live feed, updating every 3 s</Pill>;
}
