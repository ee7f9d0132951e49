import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { usePolling } from '../api/feed.js';
import { transfers, type Transfer, type TransferOptions } from '../api/index.js';

export interface StreamPath {
  appid: string;
  streamId: string;
}

type Listed = { transfers: Transfer[] };

export const transfersKey = (streamId: string): string[] => ['stream', streamId, 'transfers'];

/** Attempt after attempt with the same outcome is no event: while one is retried, it is looked at. */
const RETRYING_MS = 2500;

export function useTransfers({ appid, streamId }: StreamPath) {
  const polling = usePolling();
  return useQuery({
    queryKey: transfersKey(streamId),
    queryFn: () => transfers.list(appid, streamId),
    refetchInterval: ({ state }) => (state.data?.transfers.some(({ nextRetryAt, state: now }) => nextRetryAt !== null || now === 'reconnecting') ? RETRYING_MS : polling),
  });
}

/** What can be done with one transfer. Switches show their new place at once and go back if the API refuses. */
export function useTransferActions({ appid, streamId }: StreamPath, transferId: string) {
  const client = useQueryClient();
  const key = transfersKey(streamId);
  const settle = (): Promise<void> => client.invalidateQueries({ queryKey: key });
  const options = useMutation({
    mutationFn: (change: TransferOptions) => transfers.change(appid, streamId, transferId, change),
    onMutate: async (change) => {
      await client.cancelQueries({ queryKey: key });
      const before = client.getQueryData<Listed>(key);
      client.setQueryData<Listed>(key, (now) => now && { transfers: now.transfers.map((row) => (row.id === transferId ? { ...row, options: { ...row.options, ...change } } : row)) });
      return { before };
    },
    onError: (_error, _change, saved) => client.setQueryData(key, saved?.before),
    onSettled: settle,
  });
  const retry = useMutation({ mutationFn: () => transfers.retry(appid, streamId, transferId), onSettled: settle, meta: { done: 'Trying again now.' } });
  const remove = useMutation({ mutationFn: () => transfers.remove(appid, streamId, transferId), onSettled: settle, meta: { done: 'The transfer was removed.' } });
  return { options, retry, remove };
}
