import type { TransferOptions } from '#libs/transfer';
import { Sound } from './sounds.js';

/** The sound that a transfer wishes for: read, played in place of the stream's audio, or known why not. */
export class SoundPlayer {
  /** A sound that was to be played once has been. */
  isOver = false;
  /** Why the sound that is wished for cannot be played. */
  fault: string | null = null;
  private wanted: TransferOptions['sound'] = null;
  private sound: Sound | null = null;
  /** How many different ones have been wished for. */
  private wishes = 0;

  constructor(
    private readonly open: (file: string, loop: boolean) => Promise<Buffer[]>,
    /** There is a fault, or no longer one. */
    private readonly onFault: () => void,
  ) {}

  /** The same wish again changes nothing: the sound goes on. */
  wish(wanted: TransferOptions['sound']): void {
    if (wanted?.file === this.wanted?.file && wanted?.loop === this.wanted?.loop) return;
    this.wanted = wanted;
    this.wishes += 1;
    this.sound = null;
    this.isOver = false;
    this.setFault(null);
    if (wanted == null) return;
    const { file, loop } = wanted;
    const wish = this.wishes;
    // Another wish may have come before this one is read.
    const unlessOutdated = (action: () => void): void => {
      if (wish === this.wishes) action();
    };
    this.open(file, loop).then(
      (frames) => unlessOutdated(() => (this.sound = new Sound(frames, loop))),
      (error: unknown) => unlessOutdated(() => this.setFault(`${file}: ${(error as Error).message}`)),
    );
  }

  /** The next frame in place of the stream's own; null where that is to be heard. */
  next(): Buffer | null {
    const played = this.sound?.next();
    if (played === null) this.isOver = true;
    return played ?? null;
  }

  private setFault(fault: string | null): void {
    if (fault === this.fault) return;
    this.fault = fault;
    this.onFault();
  }
}
