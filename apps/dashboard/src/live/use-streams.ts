import { useInfiniteQuery } from '@tanstack/react-query';
import { usePolling } from '../api/feed.js';
import { streams, type Stream, type StreamState } from '../api/index.js';

/** `now`: everything that has not ended. */
export type Shown = 'now' | StreamState;

const PAGE = 100;
const FEW = 200;

/** Streams of a project (or of all), newest first, page after page. */
export function useStreams(appid: string | null | undefined, shown: Shown, entryPoint: string) {
  return useInfiniteQuery({
    queryKey: ['streams', appid, shown, entryPoint],
    enabled: appid !== undefined,
    refetchInterval: usePolling(),
    initialPageParam: '',
    queryFn: async ({ pageParam, signal }) => {
      const list = (state: StreamState, limit: number, cursor = '') => {
        const query = { state, limit, cursor: cursor || undefined };
        return appid == null
          ? streams.listAll(query, signal)
          : streams.list(appid, { ...query, entry_point: entryPoint || undefined }, signal);
      };
      if (shown !== 'now') return list(shown, PAGE, pageParam);
      // The API filters by one state at a time; those that begin or wait are few and stand above the live ones.
      const [page, ...others] = await Promise.all([
        list('live', PAGE, pageParam),
        ...(pageParam === '' ? [list('reconnecting', FEW), list('connecting', FEW), list('starting', FEW)] : []),
      ]);
      return { streams: [...others.flatMap((other) => other.streams), ...page.streams], nextCursor: page.nextCursor };
    },
    getNextPageParam: ({ nextCursor }) => nextCursor ?? undefined,
    select: ({ pages }) => unique(pages.flatMap((page) => page.streams)),
    placeholderData: (before) => before,
  });
}

/** A stream may change its state between two of the lists. */
function unique(rows: Stream[]): Stream[] {
  return [...new Map(rows.map((row) => [row.id, row])).values()];
}
