import type { VideoProfile } from '#libs/transfer';
import { inBackground } from '../process/in-background.js';
import type { FrameSink, Hub } from '../stream/hub.js';
import { Transcoder } from './transcoder.js';

/** An encoder that fails is made again after so long, and twice as long after each time that it fails again. */
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 30_000;
/** The first failures pass with a short hole in the picture; then whoever waits for frames is told. */
const SILENT_FAILURES = 2;
/** An encoder that worked for so long has failed for another reason than the one before. */
const STABLE_MS = 60_000;

interface BranchEvents<T> {
  /** Asks the publisher for a key frame. */
  requestKeyframe: () => void;
  onWarning: (message: string) => void;
  /** The encoder of this output has failed several times in a row. It is still tried, in growing pauses. */
  onGivenUp: (output: T, message: string) => void;
}

/** An output, as far as it matters which frames it gets. */
export interface BranchSink extends FrameSink {
  /** The frames that follow come from another encoder. */
  branchChanged(): void;
}

const pauseMs = (failures: number): number => Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (failures - 1));

/** Which frames an output gets: the stream's own, or those of an encoder that it shares with all that want the same picture. */
export class Branches<T extends BranchSink> {
  private readonly transcoders = new Map<string, { transcoder: Transcoder; since: number }>();
  private readonly places = new Map<T, string | null>();
  private readonly profiles = new Map<T, VideoProfile | null>();
  /** Video frames that were left out on the way to an output, where a machine is too slow for its profile. */
  private readonly missed = new Map<T, number>();
  /** How often in a row an encoder of this profile has failed. */
  private readonly failures = new Map<string, number>();
  private readonly pauses = new Set<NodeJS.Timeout>();
  private fallback: VideoProfile | null = null;

  constructor(
    private readonly hub: Hub,
    private readonly events: BranchEvents<T>,
    /** How long to wait after so many failures in a row, ms. */
    private readonly pause = pauseMs,
  ) {}

  /** Puts an output where its profile belongs; null is passthrough, or the fallback while there is one. Throws for a profile that no encoder takes. */
  attach(output: T, profile: VideoProfile | null): void {
    this.profiles.set(output, profile);
    this.place(output);
  }

  /** What outputs without a profile get while the stream's own video frames are nothing for platforms; null: they are. */
  setFallback(profile: VideoProfile | null): void {
    this.fallback = profile;
    for (const output of this.profiles.keys()) this.place(output);
  }

  /** Video frames that an output never got, for want of time to encode them. */
  missedBy(output: T): number {
    return this.missed.get(output) ?? 0;
  }

  private place(output: T): void {
    const profile = this.profiles.get(output) ?? this.fallback;
    const key = profile === null ? null : JSON.stringify(profile);
    if (this.places.get(output) === key) return;
    this.leave(output);
    this.join(output, profile, key);
    this.places.set(output, key);
    output.branchChanged();
  }

  private join(output: T, profile: VideoProfile | null, key: string | null): void {
    if (profile === null || key === null) return this.hub.attach(output);
    const { transcoder } = this.transcoders.get(key) ?? this.open(profile, key);
    transcoder.attach(output);
  }

  private open(profile: VideoProfile, key: string): { transcoder: Transcoder; since: number } {
    const transcoder: Transcoder = new Transcoder(profile, {
      requestKeyframe: this.events.requestKeyframe,
      onWarning: this.events.onWarning,
      onFailed: (message) => this.failed(key, transcoder, message),
      onDropped: () => {
        for (const output of this.outputsAt(key)) this.missed.set(output, this.missedBy(output) + 1);
      },
    });
    const opened = { transcoder, since: performance.now() };
    this.transcoders.set(key, opened);
    this.hub.attach(transcoder);
    return opened;
  }

  private outputsAt(key: string): T[] {
    return [...this.places].flatMap(([output, place]) => (place === key ? [output] : []));
  }

  /** Its outputs get another encoder, after a pause in which they get nothing. */
  private failed(key: string, transcoder: Transcoder, message: string): void {
    const entry = this.transcoders.get(key);
    // One error brings others after it.
    if (entry?.transcoder !== transcoder) return;
    const failures = performance.now() - entry.since > STABLE_MS ? 1 : (this.failures.get(key) ?? 0) + 1;
    this.failures.set(key, failures);
    this.events.onWarning(`transcoder: ${message}; it is made anew`);
    const outputs = this.outputsAt(key);
    for (const output of outputs) this.places.delete(output);
    this.closeTranscoder(key, transcoder);
    if (failures > SILENT_FAILURES) for (const output of outputs) this.events.onGivenUp(output, message);
    const timer = setTimeout(() => {
      this.pauses.delete(timer);
      // Some may have left meanwhile, or have a place already.
      for (const output of outputs) if (this.profiles.has(output)) this.place(output);
    }, this.pause(failures));
    this.pauses.add(timer);
  }

  private closeTranscoder(key: string, transcoder: Transcoder): void {
    this.transcoders.delete(key);
    this.hub.detach(transcoder);
    inBackground('an encoder was not closed', transcoder.close());
  }

  detach(output: T): void {
    this.profiles.delete(output);
    this.missed.delete(output);
    this.leave(output);
  }

  /** An encoder that nobody wants any more ends. */
  private leave(output: T): void {
    const key = this.places.get(output);
    if (key === undefined) return;
    this.places.delete(output);
    if (key === null) return this.hub.detach(output);
    const { transcoder } = this.transcoders.get(key) as { transcoder: Transcoder };
    transcoder.detach(output);
    if (!transcoder.isUsed) this.closeTranscoder(key, transcoder);
  }

  /** A key frame for this output, from whoever makes its video. */
  requestKeyframe(output: T): void {
    const key = this.places.get(output);
    const transcoder = key == null ? undefined : this.transcoders.get(key)?.transcoder;
    if (transcoder) transcoder.requestKeyframe();
    else this.events.requestKeyframe();
  }

  async close(): Promise<void> {
    for (const timer of this.pauses) clearTimeout(timer);
    await Promise.all([...this.transcoders.values()].map(({ transcoder }) => transcoder.close()));
  }
}
