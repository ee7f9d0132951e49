import type { InputFigures, TransferFigures, TransferState } from './types.js';

/** What the feed says of one stream, every two seconds. */
export interface LiveFigures {
  figures: InputFigures | null;
  /** By transfer: bare figures, or wrapped with its state. */
  transfers: Record<string, TransferFigures | { state: TransferState; figures: TransferFigures | null }>;
}

/** Points of a sparkline: two minutes. */
const KEPT = 60;
/** A stream that the feed no longer names is forgotten after so many messages. */
const FORGOTTEN_AFTER = 5;

interface Entry {
  live: LiveFigures;
  history: Record<string, number[]>;
  missed: number;
}

/** The key of the input in `history`; transfers go by their id. */
export const INPUT = 'input';
const NONE: number[] = [];

/** Live figures outside of React: thousands of streams change at once, but only the rows in view care. */
class FiguresStore {
  private readonly entries = new Map<string, Entry>();
  private readonly listeners = new Set<() => void>();

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  put(streams: Record<string, LiveFigures>): void {
    for (const [id, entry] of this.entries) {
      if (!(id in streams) && ++entry.missed >= FORGOTTEN_AFTER) this.entries.delete(id);
    }
    for (const [id, live] of Object.entries(streams)) {
      const history = { ...this.entries.get(id)?.history };
      history[INPUT] = [...(history[INPUT] ?? NONE), live.figures?.bitrate ?? 0].slice(-KEPT);
      for (const transferId of Object.keys(live.transfers)) {
        history[transferId] = [...(history[transferId] ?? NONE), transferFigures(live, transferId)?.bitrate ?? 0].slice(
          -KEPT,
        );
      }
      this.entries.set(id, { live, history, missed: 0 });
    }
    for (const listener of this.listeners) listener();
  }

  live(streamId: string): LiveFigures | undefined {
    return this.entries.get(streamId)?.live;
  }

  /** Bitrates of the last minutes, oldest first. */
  history(streamId: string, key: string): number[] {
    return this.entries.get(streamId)?.history[key] ?? NONE;
  }
}

export const figuresStore = new FiguresStore();

export function transferFigures(live: LiveFigures | undefined, transferId: string): TransferFigures | null {
  const found = live?.transfers[transferId];
  if (found === undefined) return null;
  return 'figures' in found ? found.figures : found;
}
