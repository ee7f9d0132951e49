import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { usePolling } from '../api/feed.js';
import { transfers, type Transfer, type TransferChange } from '../api/index.js';

export interface StreamPath {
  appid: string;
  streamId: string;
}

type Listed = Awaited<ReturnType<typeof transfers.list>>;
type Switches = Pick<TransferChange, 'muted' | 'paused'>;

export const transfersKey = (streamId: string): string[] => ['stream', streamId, 'transfers'];

/** Attempt after attempt with the same outcome is no event: while one is retried, it is looked at. */
const RETRYING_MS = 2500;

export function useTransfers({ appid, streamId }: StreamPath) {
  const polling = usePolling();
  return useQuery({
    queryKey: transfersKey(streamId),
    queryFn: ({ signal }) => transfers.list(appid, streamId, signal),
    refetchInterval: ({ state }) =>
      state.data?.transfers.some(({ nextRetryAt, state: now }) => nextRetryAt !== null || now === 'reconnecting')
        ? RETRYING_MS
        : polling,
  });
}

/** What can be done with one transfer. Switches show their new place at once and go back if the API refuses. */
export function useTransferActions({ appid, streamId }: StreamPath, transferId: string) {
  const client = useQueryClient();
  const key = transfersKey(streamId);
  const settle = (): Promise<void> => client.invalidateQueries({ queryKey: key });
  const options = useMutation({
    mutationFn: (change: Switches) => transfers.change(appid, streamId, transferId, change),
    onMutate: async (change) => {
      await client.cancelQueries({ queryKey: key });
      const before = client.getQueryData<Listed>(key);
      client.setQueryData<Listed>(
        key,
        (now) =>
          now && {
            ...now,
            transfers: now.transfers.map((row) => (row.id === transferId ? withOptions(row, change) : row)),
          },
      );
      return { before };
    },
    onError: (_error, _change, saved) => client.setQueryData(key, saved?.before),
    onSettled: settle,
  });
  const retry = useMutation({
    mutationFn: () => transfers.retry(appid, streamId, transferId),
    onSettled: settle,
    meta: { done: 'Trying again now.' },
  });
  const remove = useMutation({
    mutationFn: () => transfers.remove(appid, streamId, transferId),
    onSettled: settle,
    meta: { done: 'The transfer was removed.' },
  });
  return { options, retry, remove };
}

const withOptions = (
  row: Transfer,
  { muted = row.options.muted, paused = row.options.paused }: Switches,
): Transfer => ({
  ...row,
  options: { ...row.options, muted: muted ?? false, paused: paused ?? false },
});
