import { useQueryClient, type Query, type QueryClient } from '@tanstack/react-query';
import { useCallback, useEffect, useSyncExternalStore } from 'react';
import { ApiError } from './client.js';
import { inBackground } from './in-background.js';

/** Between two tries, ms, of what does not ask by itself. */
const RETRY_MS = 3000;
const LOST = new Set([0, 502, 503, 504]);

/** No answer at all, or a proxy's in place of the API's, or the API is without its database. */
export const isLost = (error: unknown): boolean => error instanceof ApiError && LOST.has(error.status);

/** What is on the page is older than it looks: it was asked for anew, and no answer came. */
const isStale = ({ state: { data, error, fetchFailureReason } }: Query): boolean =>
  data !== undefined && (isLost(error) || isLost(fetchFailureReason));

const stale = (client: QueryClient): Query[] => client.getQueryCache().findAll({ type: 'active', predicate: isStale });

/** Since when the page shows what may no longer be true because the service does not answer (ms); null: it does. */
export function useLostSince(): number | null {
  const client = useQueryClient();
  const subscribe = useCallback((listener: () => void) => client.getQueryCache().subscribe(listener), [client]);
  return useSyncExternalStore(subscribe, () => {
    const times = stale(client).map(({ state }) => state.dataUpdatedAt);
    return times.length === 0 ? null : Math.min(...times);
  });
}

/** While the service does not answer: asks again for what does not ask by itself. */
export function useRetries(isLostNow: boolean): void {
  const client = useQueryClient();
  useEffect(() => {
    if (!isLostNow) return;
    const timer = setInterval(() => {
      for (const { queryKey, state } of stale(client))
        if (state.fetchStatus === 'idle') inBackground(client.refetchQueries({ queryKey, exact: true }));
    }, RETRY_MS);
    return () => clearInterval(timer);
  }, [client, isLostNow]);
}
