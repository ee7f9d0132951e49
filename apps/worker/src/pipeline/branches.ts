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

  constructor(
    private readonly hub: Hub,
    private readonly events: BranchEvents,
  ) {}

  /** Puts an output where its profile belongs; null is passthrough. */
  attach(output: Output, profile: VideoProfile | null): void {
    const key = profile === null ? null : JSON.stringify(profile);
    if (this.places.get(output) === key) return;
    this.detach(output);
    this.places.set(output, key);
    if (profile === null || key === null) return this.hub.attach(output);
    let transcoder = this.transcoders.get(key);
    if (!transcoder) {
      transcoder = new Transcoder(profile, this.events);
      this.transcoders.set(key, transcoder);
      this.hub.attach(transcoder);
    }
    transcoder.attach(output);
  }

  /** An encoder that nobody wants any more ends. */
  detach(output: Output): void {
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
