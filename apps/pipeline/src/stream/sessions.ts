import { inBackground } from '../process/in-background.js';
import type { In, InputFigures, InputState, Out, PipelineSettings, Snapshot } from '#libs/protocol';
import { Ingest } from '../input/ingest.js';
import type { InputProblem } from '../input/input-health.js';
import type { Send } from './events.js';
import type { Hub } from './hub.js';
import { PipelineError } from './pipeline-error.js';

/** The stream is over by our own decision. */
export type OnEnded = (reason: string, detail?: string | null) => void;

/** The publishers' sessions of a stream: which of them feeds it, and how long it waits when none does. */
export class Sessions {
  private readonly sessions = new Map<string, Ingest>();
  /** The session that feeds the stream now. */
  private activeId: string | null = null;
  private input: InputState = 'waiting';
  /** Kept after the last session, for the final figures. */
  private lastInput: InputFigures = Ingest.noFigures();
  private windowTimer: NodeJS.Timeout | null = null;
  private reconnectWindowMs = 0;

  constructor(
    private readonly hub: Hub,
    private readonly send: Send,
    private readonly onEnded: OnEnded,
  ) {}

  /** Answers a publisher. The session that feeds the stream now goes on until the new one brings media. */
  async offer({ sessionId, sdp, endsOnClose = false }: In<'offer'>, settings: PipelineSettings): Promise<Out<'offer'>> {
    this.reconnectWindowMs = settings.reconnectWindowMs;
    const { ingest, answer } = await Ingest.open(
      sdp,
      { ...settings, endsOnClose },
      (hasVideo) => this.hub.openFeed(hasVideo),
      {
        onMedia: () => this.sessionLive(sessionId),
        onSilence: () => this.sessionSilent(sessionId),
        onClosed: (reason, detail) => this.sessionClosed(sessionId, reason, detail),
        onLeft: () => this.sessions.has(sessionId) && this.end(sessionId, 'publisher_left'),
        onWarning: (message) => this.send('log', { level: 'warn', message, fields: { sessionId } }),
        onProblem: () => this.tellProblem(sessionId),
      },
    );
    this.sessions.set(sessionId, ingest);
    if (this.activeId === null) this.setInput(sessionId, 'connecting', null);
    return { sdp: answer };
  }

  /** ICE restart: the publisher's credentials in, ours out, as SDP fragments. */
  restartIce(sessionId: string, fragment: string): string {
    return this.session(sessionId).restart(fragment);
  }

  /** The publisher left on purpose. Ends the stream, unless another session already feeds it. */
  end(sessionId: string, reason: string): void {
    this.session(sessionId);
    this.letGo(sessionId);
    if (this.activeId === sessionId) this.activeId = null;
    if (this.activeId === null && this.sessions.size === 0) this.onEnded(reason);
  }

  /** A session has announced a video track. */
  get hasVideo(): boolean {
    return [...this.sessions.values()].some((session) => session.hasVideo);
  }

  /** What of the stream's state is the sessions'. */
  snapshot(): Pick<Snapshot, 'sessionId' | 'input' | 'problem'> {
    return { sessionId: this.activeId, input: this.input, problem: this.problem };
  }

  /** Of the session that feeds the stream, or of the one that did last. */
  figures(): InputFigures {
    const { active } = this;
    if (active) this.lastInput = { ...active.figures(), avSkewMs: this.hub.avSkewMs };
    if (this.hub.reorders) this.lastInput = { ...this.lastInput, transcoded: 'b_frames' };
    return this.lastInput;
  }

  /** A stream that nobody feeds has no rates. */
  clearRatesIfLost(): void {
    if (this.input === 'lost') this.lastInput = { ...this.lastInput, bitrate: 0, fps: 0 };
  }

  requestKeyframe(): void {
    for (const session of this.sessions.values()) session.requestKeyframe();
  }

  /** Whether the session that feeds the stream has brought no key frame for `intervalMs`. */
  isKeyframeDue(intervalMs: number): boolean {
    const { active } = this;
    return active !== undefined && active.sinceKeyframeMs >= intervalMs;
  }

  /** The stream ends: its end is not to be decided again. */
  stopWaiting(): void {
    if (this.windowTimer) clearTimeout(this.windowTimer);
  }

  closeGracefully(): void {
    for (const session of this.sessions.values()) session.closeGracefully();
  }

  async close(): Promise<void> {
    await Promise.all([...this.sessions.keys()].map((id) => this.closeSession(id)));
  }

  private sessionLive(sessionId: string): void {
    if (this.windowTimer) clearTimeout(this.windowTimer);
    this.windowTimer = null;
    const previous = this.activeId;
    this.activeId = sessionId;
    this.setInput(sessionId, 'live', null);
    if (this.problem !== null) this.tellProblem(sessionId);
    if (previous !== null && previous !== sessionId) this.letGo(previous);
  }

  private get active(): Ingest | undefined {
    return this.activeId === null ? undefined : this.sessions.get(this.activeId);
  }

  private get problem(): InputProblem | null {
    return (this.input === 'live' && this.active?.problem) || null;
  }

  private tellProblem(sessionId: string): void {
    if (this.activeId === sessionId && this.input === 'live') this.send('problem', { sessionId, reason: this.problem });
  }

  /** No media for a while: the session is kept, an ICE restart may bring it back. */
  private sessionSilent(sessionId: string): void {
    if (this.activeId !== sessionId) return;
    this.setInput(sessionId, 'lost', 'publisher_lost');
    this.startWindow('publisher_lost');
  }

  /** The session's connection is gone for good. */
  private sessionClosed(sessionId: string, reason: string, detail: string | null): void {
    if (!this.sessions.has(sessionId)) return;
    this.letGo(sessionId);
    // A stream that never had media has nothing to hold open.
    if (this.activeId === null && this.sessions.size === 0 && this.windowTimer === null)
      return this.onEnded(reason, detail);
    this.send('sessionOver', { sessionId, reason });
    if (this.activeId !== sessionId) return;
    this.activeId = null;
    this.setInput(sessionId, 'lost', reason);
    this.startWindow(reason);
  }

  private startWindow(reason: string): void {
    this.windowTimer ??= setTimeout(() => this.onEnded(reason), this.reconnectWindowMs);
  }

  /** Closes a session that nobody waits for. */
  private letGo(sessionId: string): void {
    inBackground(`session ${sessionId} was not closed`, this.closeSession(sessionId));
  }

  private async closeSession(sessionId: string): Promise<void> {
    const ingest = this.sessions.get(sessionId);
    this.sessions.delete(sessionId);
    await ingest?.close();
  }

  private setInput(sessionId: string, state: InputState, reason: string | null): void {
    this.input = state;
    this.send('input', { sessionId, state, reason });
  }

  private session(sessionId: string): Ingest {
    const ingest = this.sessions.get(sessionId);
    if (!ingest) throw new PipelineError('not_found', 'this session is not, or no longer, here');
    return ingest;
  }
}
