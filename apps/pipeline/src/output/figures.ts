import type { TransferFigures } from '#libs/protocol';

/** What one connection has done so far. */
export interface ConnectionFigures {
  bytesSent: number;
  /** Null where the platform does not say it. */
  bytesAcked: number | null;
  videoFrames: number;
  audioFrames: number;
  /** Video frames that were dropped. */
  droppedFrames: number;
  /** Video frames that wait. */
  waitingFrames: number;
  queuedBytes: number;
  queuedMs: number;
}

/** Unknown as soon as one part is. */
const plus = (total: number | null, more: number | null): number | null => (more === null ? null : (total ?? 0) + more);

/** The figures of a transfer over all of its connections. */
export class OutputFigures {
  private totals = {
    bytesSent: 0,
    bytesAcked: null as number | null,
    videoFrames: 0,
    audioFrames: 0,
    droppedFrames: 0,
    reconnects: 0,
    liveMs: 0,
  };
  private liveSince: number | null = null;
  private window = { bytes: 0, frames: 0, at: performance.now() };

  reconnected(): void {
    this.totals.reconnects += 1;
  }

  becameLive(): void {
    this.liveSince = performance.now();
  }

  /** How long the present connection has been live, ms; null when it is not. */
  get liveForMs(): number | null {
    return this.liveSince === null ? null : performance.now() - this.liveSince;
  }

  /** Adds those of a connection that ends. At an end that was wished for (`clean`), what still waited is not missed. */
  add(ended: ConnectionFigures, clean: boolean): void {
    const { totals } = this;
    totals.liveMs += this.liveForMs ?? 0;
    this.liveSince = null;
    totals.bytesSent += ended.bytesSent;
    totals.bytesAcked = plus(totals.bytesAcked, ended.bytesAcked) ?? totals.bytesAcked;
    totals.videoFrames += ended.videoFrames;
    totals.audioFrames += ended.audioFrames;
    totals.droppedFrames += ended.droppedFrames + (clean ? 0 : ended.waitingFrames);
  }

  /** Totals since the start; rates since the last call. @param present of the connection that is there. */
  report(present: ConnectionFigures | undefined, soundIsOver: boolean): TransferFigures {
    const now = performance.now();
    const seconds = Math.max(0.001, (now - this.window.at) / 1000);
    const bytesSent = this.totals.bytesSent + (present?.bytesSent ?? 0);
    const videoFrames = this.totals.videoFrames + (present?.videoFrames ?? 0);
    const figures: TransferFigures = {
      ...this.totals,
      bytesSent,
      bytesAcked: present ? plus(this.totals.bytesAcked, present.bytesAcked) : this.totals.bytesAcked,
      videoFrames,
      audioFrames: this.totals.audioFrames + (present?.audioFrames ?? 0),
      droppedFrames: this.totals.droppedFrames + (present?.droppedFrames ?? 0),
      bitrate: Math.round(((bytesSent - this.window.bytes) * 8) / seconds),
      fps: Math.round(((videoFrames - this.window.frames) / seconds) * 10) / 10,
      queuedBytes: present?.queuedBytes ?? 0,
      queuedMs: Math.round(present?.queuedMs ?? 0),
      soundIsOver,
      liveMs: Math.round(this.totals.liveMs + (this.liveForMs ?? 0)),
    };
    this.window = { bytes: bytesSent, frames: videoFrames, at: now };
    return figures;
  }
}
