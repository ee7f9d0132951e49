import { IconPlugConnectedX } from '@tabler/icons-react';
import { useLostSince, useRetries } from '../api/connection.js';
import { Clock } from '../parts/time.js';

/** Says that what the page shows is old, for as long as it is. */
export function ConnectionBanner() {
  const since = useLostSince();
  useRetries(since !== null);
  // Always there: a screen reader only tells of what changes inside a region that it knows.
  return (
    <div role="status" className={since === null ? undefined : 'banner'} aria-label="Connection">
      {since !== null && (
        <>
          <IconPlugConnectedX size={18} stroke={1.7} aria-hidden />
          <span>
            Connection lost, trying again. Showing data from <Clock at={new Date(since).toISOString()} />.
          </span>
        </>
      )}
    </div>
  );
}
