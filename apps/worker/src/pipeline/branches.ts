import type { VideoProfile } from '#libs/transfer';
import type { FrameSink, Hub } from './hub.js';
import type { Output } from './output.js';
import { Transcoder } from './transcoder.js';

interface BranchEvents {
  /** Asks the publisher for a key frame. */
  requestKeyframe: () => void;
  onWarning: (message: string) => void;
}

/** Which frames an output gets: the stream's own, or those of an encoder that it shares with all who want the same picture. */
export class Branches {
  private readonly transcoders = new Map<string, Transcoder>();
  private readonly places = new Map<Output, string | null>();
  private readonly wishes = new Map<Output, VideoProfile | null>();
  private fallback: VideoProfile | null = null;

  constructor(
    private readonly hub: Hub,
    private readonly events: BranchEvents,
  ) {}

  /** Puts an output where its profile belongs; null is passthrough, or the fallback while there is one. */
  attach(output: Output, wish: VideoProfile | null): void {
    this.wishes.set(output, wish);
    this.place(output);
  }

  /** What outputs without a profile get while the stream's own pictures are nothing for platforms; null: they are. */
  setFallback(profile: VideoProfile | null): void {
    this.fallback = profile;
    for (const output of this.wishes.keys()) this.place(output);
  }

  private place(output: Output): void {
    const profile = this.wishes.get(output) ?? this.fallback;
    const key = profile === null ? null : JSON.stringify(profile);
    if (this.places.get(output) === key) return;
    this.leave(output);
    this.places.set(output, key);
    this.join(output, profile, key);
    output.branchChanged();
  }

  private join(output: Output, profile: VideoProfile | null, key: string | null): void {
    if (profile === null || key === null) return this.hub.attach(output);
    let transcoder = this.transcoders.get(key);
    if (!transcoder) {
      transcoder = new Transcoder(profile, this.events);
      this.transcoders.set(key, transcoder);
      this.hub.attach(transcoder);
    }
    transcoder.attach(output);
  }

  detach(output: Output): void {
    this.wishes.delete(output);
    this.leave(output);
  }

  /** An encoder that nobody wants any more ends. */
  private leave(output: Output): void {
    const key = this.places.get(output);
    if (key === undefined) return;
    this.places.delete(output);
    if (key === null) return this.hub.detach(output);
    const transcoder = this.transcoders.get(key) as Transcoder;
    transcoder.detach(output);
    if (transcoder.isUsed) return;
    this.transcoders.delete(key);
    this.hub.detach(transcoder);
    void transcoder.close();
  }

  /** A key frame for this output, from whoever makes its pictures. */
  requestKeyframe(output: FrameSink): void {
    const key = this.places.get(output as Output);
    const transcoder = key == null ? undefined : this.transcoders.get(key);
    if (transcoder) transcoder.requestKeyframe();
    else this.events.requestKeyframe();
  }

  async close(): Promise<void> {
    await Promise.all([...this.transcoders.values()].map((transcoder) => transcoder.close()));
  }
}
