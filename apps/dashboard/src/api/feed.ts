import { useQueryClient, type QueryClient } from '@tanstack/react-query';
import { useEffect, useRef, useSyncExternalStore } from 'react';
import { figuresStore, INPUT, transferFigures, type LiveFigures } from './figures-store.js';
import { events } from './index.js';
import { refresher } from './refresher.js';
import type { InputFigures, StreamEvent, TransferFigures } from './types.js';

/** The browser gives up for good after a refusal (the API restarts, a proxy says 502); we do not. */
const REOPEN_MS = 4000;
/** Somebody who scrolls has not chosen yet. */
const CHOOSING_MS = 600;

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

/**
 * Listens to a project's events, or to all (operators) when `appid` is null; undefined: to nothing. Figures come for the newest streams
 * that run, or for those in `figuresOf`.
 */
export function useFeed(appid: string | null | undefined, figuresOf: readonly string[] = []): void {
  const client = useQueryClient();
  const feed = useRef<Feed | null>(null);
  const wanted = figuresOf.toSorted().join(',');
  useEffect(() => {
    if (appid === undefined) return;
    const opened = new Feed(appid, client);
    feed.current = opened;
    return () => opened.close();
  }, [appid, client]);
  useEffect(() => feed.current?.want(wanted), [appid, client, wanted]);
}

/** One connection after the other to the event feed; each begins where the one before has ended. */
class Feed {
  private source: EventSource | null = null;
  /** Where we are; empty: nowhere yet. */
  private lastEventId = '';
  /** Ids of streams, separated by commas; null: nobody has said yet. */
  private figuresOf: string | null = null;
  private opening: ReturnType<typeof setTimeout> | undefined;
  private readonly refresh;

  constructor(
    private readonly appid: string | null,
    client: QueryClient,
  ) {
    this.refresh = refresher(client);
    document.addEventListener('visibilitychange', this.onVisibility);
  }

  /** The first call opens the feed. */
  want(figuresOf: string): void {
    if (figuresOf === this.figuresOf) return;
    const isFirst = this.figuresOf === null;
    this.figuresOf = figuresOf;
    if (isFirst) this.open();
    else this.openIn(CHOOSING_MS);
  }

  close(): void {
    document.removeEventListener('visibilitychange', this.onVisibility);
    clearTimeout(this.opening);
    this.source?.close();
    this.refresh.stop();
    setConnected(false);
  }

  /** A browser has six connections to a server for all of its tabs (HTTP/1.1): one that nobody looks at needs none. */
  private readonly onVisibility = (): void => {
    if (document.visibilityState === 'visible') this.open();
    else this.source?.close();
  };

  private openIn(ms: number): void {
    clearTimeout(this.opening);
    this.opening = setTimeout(() => this.open(), ms);
  }

  private open(): void {
    clearTimeout(this.opening);
    this.source?.close();
    if (document.visibilityState === 'hidden') return;
    const source = new EventSource(
      events.feedUrl(this.appid, { lastEventId: this.lastEventId, figuresOf: this.figuresOf ?? '' }),
    );
    this.source = source;
    const isResumed = this.lastEventId !== '';
    source.addEventListener('open', () => {
      setConnected(true);
      // What happened while nobody listened, unless the API tells.
      if (!isResumed) this.refresh.all();
    });
    source.addEventListener('error', () => {
      setConnected(false);
      if (source.readyState === EventSource.CLOSED) this.openIn(REOPEN_MS);
    });
    source.addEventListener('event', (message) => {
      this.lastEventId = message.lastEventId;
      this.refresh.stream((JSON.parse(message.data as string) as StreamEvent).streamId);
    });
    source.addEventListener('reset', () => this.refresh.all());
    source.addEventListener('figures', (message) => {
      this.lastEventId = message.lastEventId;
      figuresStore.put((JSON.parse(message.data as string) as { streams: Record<string, LiveFigures> }).streams);
    });
  }
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
