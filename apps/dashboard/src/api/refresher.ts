import type { QueryClient } from '@tanstack/react-query';
import { inBackground } from './in-background.js';

/** Events come in bursts; what they changed is asked for once per burst. */
const GATHER_MS = 300;
/** And where bursts follow each other (a thousand streams), so long after the answer to the last one. */
const REST_MS = 1000;

/** What an event has changed is asked for anew: soon, but never faster than it is answered. */
export interface Refresher {
  /** Something happened to a stream, or to a project as a whole (null). */
  stream(id: string | null): void;
  /** Anything may have happened. */
  all(): void;
  stop(): void;
}

export function refresher(client: QueryClient): Refresher {
  const changed = new Set<string>();
  let isAll = false;
  let isAsking = false;
  let isStopped = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const keys = (): string[][] => [['streams'], ...(isAll ? [['stream']] : [...changed].map((id) => ['stream', id]))];
  const askIn = (ms: number): void => {
    if (!isStopped && !isAsking) timer ??= setTimeout(() => inBackground(ask()), ms);
  };
  const ask = async (): Promise<void> => {
    timer = undefined;
    const asked = keys();
    // An answer that is under way may be older than the event: it is waited for, not cut off, and then asked for again.
    if (asked.some((queryKey) => client.isFetching({ queryKey }) > 0)) return askIn(GATHER_MS);
    changed.clear();
    isAll = false;
    isAsking = true;
    try {
      await Promise.all(asked.map((queryKey) => client.invalidateQueries({ queryKey }, { cancelRefetch: false })));
    } finally {
      isAsking = false;
    }
    if (changed.size > 0 || isAll) askIn(REST_MS);
  };
  return {
    stream: (id) => {
      changed.add(id ?? '');
      askIn(GATHER_MS);
    },
    all: () => {
      isAll = true;
      askIn(GATHER_MS);
    },
    stop: () => {
      isStopped = true;
      clearTimeout(timer);
    },
  };
}
