import { useQueryClient, type QueryClient } from '@tanstack/react-query';
import { useEffect, useSyncExternalStore } from 'react';
import { figuresStore, INPUT, transferFigures, type LiveFigures } from './figures-store.js';
import { events } from './index.js';
import type { InputFigures, StreamEvent, TransferFigures } from './types.js';

/** The browser gives up for good after a refusal (the API restarts, a proxy says 502); we do not. */
const REOPEN_MS = 4000;
/** Events come in bursts; the lists are asked once per burst. */
const GATHER_MS = 300;

let connected = false;
const listeners = new Set<() => void>();

function setConnected(value: boolean): void {
  if (connected === value) return;
  connected = value;
  for (const listener of listeners) listener();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Whether changes arrive by themselves; while they do not, queries poll. */
export const useIsLive = (): boolean => useSyncExternalStore(subscribe, () => connected);

/** How often a query that the feed keeps fresh asks by itself. */
export const usePolling = (): number => (useIsLive() ? 20_000 : 3000);

/** Listens to a project's events, or to all (operators) when `appid` is null; undefined: to nothing. */
export function useFeed(appid: string | null | undefined): void {
  const client = useQueryClient();
  useEffect(() => (appid === undefined ? undefined : listen(events.feedUrl(appid), client)), [appid, client]);
}

function listen(url: string, client: QueryClient): () => void {
  let source: EventSource;
  let reopening: ReturnType<typeof setTimeout> | undefined;
  const gathered = new Set<string>();
  let gathering: ReturnType<typeof setTimeout> | undefined;

  const refresh = (): void => {
    gathering = undefined;
    void client.invalidateQueries({ queryKey: ['streams'] });
    for (const id of gathered) void client.invalidateQueries({ queryKey: ['stream', id] });
    gathered.clear();
  };
  const open = (): void => {
    source = new EventSource(url);
    source.addEventListener('open', () => {
      setConnected(true);
      // What happened while nobody listened.
      void client.invalidateQueries({ queryKey: ['streams'] });
      void client.invalidateQueries({ queryKey: ['stream'] });
    });
    source.addEventListener('error', () => {
      setConnected(false);
      if (source.readyState === EventSource.CLOSED) reopening = setTimeout(open, REOPEN_MS);
    });
    source.addEventListener('event', ({ data }) => {
      const { streamId } = JSON.parse(data as string) as StreamEvent;
      if (streamId !== null) gathered.add(streamId);
      gathering ??= setTimeout(refresh, GATHER_MS);
    });
    source.addEventListener('figures', ({ data }) => figuresStore.put((JSON.parse(data as string) as { streams: Record<string, LiveFigures> }).streams));
  };
  open();
  return () => {
    source.close();
    clearTimeout(reopening);
    clearTimeout(gathering);
    setConnected(false);
  };
}

export function useInputFigures(streamId: string): InputFigures | null {
  return useSyncExternalStore(figuresStore.subscribe, () => figuresStore.live(streamId)?.figures ?? null);
}

export function useTransferFigures(streamId: string, transferId: string): TransferFigures | null {
  return useSyncExternalStore(figuresStore.subscribe, () => transferFigures(figuresStore.live(streamId), transferId));
}

/** Bitrates for a sparkline; of the input when no transfer is named. */
export function useBitrates(streamId: string, transferId: string = INPUT): number[] {
  return useSyncExternalStore(figuresStore.subscribe, () => figuresStore.history(streamId, transferId));
}
