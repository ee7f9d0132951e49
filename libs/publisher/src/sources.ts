// The tracks that a stream sends: where they come from, whose they are, and what replaces what.
import { isKept, openDevice, openMedia, openScreen, show, stopTracks } from './media.js';

export type Kind = 'audio' | 'video';

export interface SourceOptions {
  /** A `<video>`, or an element to put one into: shows what is sent, without sound. */
  display?: HTMLElement | null;
  /** Default: camera and microphone. `{ audio: true, video: false }` is audio only. */
  constraints?: MediaStreamConstraints;
  /** Publish this instead of camera and microphone. It stays yours: `stop()` does not end its tracks. */
  customStream?: MediaStream;
  /** Keep camera and microphone open after `stop()` for the next stream into the same `display`. */
  cacheLocalResources?: boolean;
}

export class Sources {
  /** What is sent now. */
  private readonly current = new Map<Kind, MediaStreamTrack>();
  /** What `restore` comes back to: what the stream began with, or devices chosen since. */
  private readonly home = new Map<Kind, MediaStreamTrack>();
  private readonly muted = new Set<Kind>();
  /** Opened by us, so ours to stop. */
  private readonly owned = new Set<MediaStreamTrack>();
  private source: MediaStream | undefined;
  private released = false;
  private readonly display: HTMLElement | undefined;
  private readonly constraints: MediaStreamConstraints;

  constructor(
    private readonly options: SourceOptions,
    /** Puts a track in place of the one of its kind on the running connection. */
    private readonly replace: (track: MediaStreamTrack) => Promise<void>,
    /** Camera or microphone was unplugged or taken away. */
    private readonly onEnded: (kind: Kind) => void,
  ) {
    this.display = options.display ?? undefined;
    this.constraints = options.constraints ?? { audio: true, video: true };
  }

  /** Opens what the stream begins with. */
  async open(): Promise<void> {
    const { customStream, cacheLocalResources = false } = this.options;
    this.source = customStream ?? (await openMedia(this.constraints, this.display, cacheLocalResources));
    for (const track of this.source.getTracks()) {
      if (!customStream) this.owned.add(track);
      this.makeHome(track);
      track.enabled = !this.muted.has(kindOf(track));
      this.current.set(kindOf(track), track);
    }
    // Stopped while the user was still being asked.
    if (this.released) return this.release();
    if (this.current.size === 0) throw new Error('There is neither sound nor picture to publish.');
    this.preview();
  }

  tracks(): MediaStreamTrack[] {
    return [...this.current.values()];
  }

  isMuted(kind: Kind): boolean {
    return this.muted.has(kind);
  }

  /** A muted track sends silence or black pictures; the device stays open. */
  setMuted(kind: Kind, muted: boolean): void {
    if (muted) this.muted.add(kind);
    else this.muted.delete(kind);
    const track = this.current.get(kind);
    if (track) track.enabled = !muted;
  }

  async useScreen(): Promise<void> {
    this.require('video');
    const screen = await openScreen();
    // The browser has a button of its own that ends the sharing.
    screen.addEventListener('ended', () => {
      this.restore('video').catch((error: unknown) => console.warn('manycast: the camera did not come back', error));
    });
    await this.adopt(screen);
  }

  async useDevice(kind: Kind, deviceId: string): Promise<void> {
    this.require(kind);
    const track = await openDevice(kind, deviceId, this.constraints);
    const before = this.home.get(kind);
    this.makeHome(track);
    await this.adopt(track);
    if (before && this.owned.delete(before)) before.stop();
  }

  /** Sends the caller's tracks, of those kinds that the stream has. */
  async use(stream: MediaStream): Promise<void> {
    for (const track of stream.getTracks()) if (this.current.has(kindOf(track))) await this.send(track);
  }

  /** Back to camera and microphone, or to one of them. */
  async restore(only?: Kind): Promise<void> {
    for (const [kind, track] of this.home) if (only === undefined || kind === only) await this.send(track);
  }

  /** Stops what is ours, unless it is kept for the next stream. */
  release(): void {
    this.released = true;
    const kept = this.source && isKept(this.source, this.display) ? this.source : undefined;
    // Whoever uses a track next does not want it mute.
    for (const track of this.current.values()) track.enabled = true;
    for (const track of this.owned) if (!kept?.getTracks().includes(track)) track.stop();
    if (!this.options.customStream && !kept) stopTracks(this.source);
    show(kept ?? null, this.display);
  }

  /** Sends a track that we have opened. */
  private async adopt(track: MediaStreamTrack): Promise<void> {
    this.owned.add(track);
    if (this.released) track.stop();
    else await this.send(track);
  }

  private async send(track: MediaStreamTrack): Promise<void> {
    const kind = kindOf(track);
    const before = this.current.get(kind);
    if (before === track || this.released) return;
    track.enabled = !this.muted.has(kind);
    await this.replace(track);
    this.current.set(kind, track);
    this.preview();
    if (before && before !== this.home.get(kind) && this.owned.delete(before)) before.stop();
  }

  private makeHome(track: MediaStreamTrack): void {
    const kind = kindOf(track);
    this.home.set(kind, track);
    track.addEventListener('ended', () => {
      if (this.home.get(kind) === track && !this.released) this.onEnded(kind);
    });
  }

  private require(kind: Kind): void {
    if (this.released || !this.current.has(kind))
      throw new Error(`There is no ${kind} to replace: it must be part of the stream from its start.`);
  }

  private preview(): void {
    show(new MediaStream(this.tracks()), this.display);
  }
}

const kindOf = ({ kind }: MediaStreamTrack): Kind => (kind === 'audio' ? 'audio' : 'video');
