import { setTimeout as sleep } from 'node:timers/promises';
import { AllowList } from '#libs/net';
import { videoProfile } from '#libs/transfer';
import { Branches } from '../encode/branches.js';
import { Hub } from './hub.js';
import { Ingest } from '../input/ingest.js';
import type { InputProblem } from '../input/input-health.js';
import { Output } from '../output/output.js';
import { Sounds } from '../encode/sounds.js';
import { thumbnail } from '../encode/thumbnail.js';
import type {
  Claim,
  Figures,
  Handler,
  In,
  InputFigures,
  InputState,
  Out,
  PipelineEvents,
  PipelineOp,
  PipelineSettings,
  Snapshot,
  TransferFigures,
  TransferStatus,
  WantedTransfer,
} from '#libs/protocol';

const FIGURES_MS = 2000;
/** Each platform has 2 s for its goodbye. What takes longer than this hangs, and the process's end closes it. */
const FINISH_MS = 3000;
/** A key frame is asked for at most this often, however many outputs want one: each costs the publisher bandwidth. */
const KEYFRAME_THROTTLE_MS = 300;

class PipelineError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** A method for each operation of a pipeline. */
type Served = { [Op in PipelineOp]: Handler<Op> };

type Send = <E extends keyof PipelineEvents>(event: E, body: PipelineEvents[E]) => void;

/** The stream of this process: its sessions in, its hub, its outputs. Knows nothing of sockets or signals. */
export class StreamPipeline implements Served {
  private claimed: (Claim & { settings: PipelineSettings }) | null = null;
  private readonly hub = new Hub((reorders) => this.orderChanged(reorders));
  private readonly branches = new Branches<Output>(this.hub, {
    requestKeyframe: () => this.requestKeyframe(),
    onWarning: (message) => this.send('log', { level: 'warn', message }),
    onGivenUp: (output, message) => output.starve(`its encoder failed: ${message}`),
  });
  private readonly sounds = new Sounds(() => this.requireClaim().mediaDir);
  private readonly sessions = new Map<string, Ingest>();
  private readonly outputs = new Map<string, Output>();
  /** Removed transfers that still say goodbye, and sessions that are being closed: the end waits for them. */
  private readonly leaving = new Set<Promise<void>>();
  /** The session that is heard now. */
  private activeId: string | null = null;
  private input: InputState = 'waiting';
  /** Kept after the last session, for the final figures. */
  private lastInput: InputFigures = Ingest.noFigures();
  private windowTimer: NodeJS.Timeout | null = null;
  private readonly timers: NodeJS.Timeout[] = [];
  private lastKeyframeRequest = -Infinity;
  private keyframeTimer: NodeJS.Timeout | null = null;
  private finishing: Promise<Figures> | null = null;

  constructor(
    private readonly send: Send,
    /** The stream is over by our own decision. */
    private readonly onEnded: (reason: string, detail?: string | null) => void,
  ) {}

  get settings(): PipelineSettings | null {
    return this.claimed?.settings ?? null;
  }

  /** Serves an operation by the method of its name. */
  serve<Op extends PipelineOp>(op: Op, body: In<Op>): Out<Op> | Promise<Out<Op>> {
    return (this[op] as Handler<Op>).call(this, body);
  }

  claim(claim: In<'claim'>): void {
    if (this.claimed) throw new PipelineError('internal', 'this pipeline already has a stream');
    this.claimed = claim;
    this.timers.push(setInterval(() => this.reportFigures(), FIGURES_MS));
    const interval = claim.settings.keyFrameIntervalMs;
    if (interval > 0) this.timers.push(setInterval(() => this.keepKeyframesComing(interval), Math.min(interval, 500)));
  }

  /** Answers a publisher. The session that feeds the stream now goes on until the new one brings media. */
  async offer({ sessionId, sdp, endsOnClose = false }: In<'offer'>): Promise<Out<'offer'>> {
    const settings = { ...this.requireClaim(), endsOnClose };
    const { ingest, answer } = await Ingest.open(sdp, settings, (hasVideo) => this.hub.openFeed(hasVideo), {
      onMedia: () => this.sessionLive(sessionId),
      onSilence: () => this.sessionSilent(sessionId),
      onClosed: (reason, detail) => this.sessionClosed(sessionId, reason, detail),
      onLeft: () => this.sessions.has(sessionId) && this.endSession({ sessionId, reason: 'publisher_left' }),
      onWarning: (message) => this.send('log', { level: 'warn', message, fields: { sessionId } }),
      onProblem: () => this.tellProblem(sessionId),
    });
    this.sessions.set(sessionId, ingest);
    if (this.activeId === null) this.setInput(sessionId, 'connecting', null);
    return { sdp: answer };
  }

  restartIce({ sessionId, fragment }: In<'restartIce'>): Out<'restartIce'> {
    return { fragment: this.session(sessionId).restart(fragment) };
  }

  /** The publisher left on purpose. Ends the stream, unless another session already feeds it. */
  endSession({ sessionId, reason }: In<'endSession'>): void {
    this.session(sessionId);
    this.letGo(`session ${sessionId}`, this.closeSession(sessionId));
    if (this.activeId === sessionId) this.activeId = null;
    if (this.activeId === null && this.sessions.size === 0) this.onEnded(reason);
  }

  setTransfers({ transfers: wanted }: In<'setTransfers'>): void {
    const { allowedPrivateHosts } = this.requireClaim();
    const ids = new Set(wanted.map(({ id }) => id));
    for (const [id, output] of this.outputs) if (!ids.has(id)) this.removeTransfer(id, output);
    const allowList = AllowList.parse(allowedPrivateHosts);
    for (const transfer of wanted) {
      try {
        this.setTransfer(transfer, allowList);
      } catch (error) {
        this.failTransfer(transfer.id, (error as Error).message);
      }
    }
  }

  private setTransfer(transfer: WantedTransfer, allowList: AllowList): void {
    const profile = videoProfile(transfer.options);
    const known = this.outputs.get(transfer.id);
    if (known) {
      known.update(transfer);
      return this.branches.attach(known, profile);
    }
    const output: Output = new Output(transfer, {
      allowList,
      requestKeyframe: () => this.branches.requestKeyframe(output),
      // What a removed one says comes with its last figures.
      onStatus: (status) => this.outputs.get(transfer.id) === output && this.send('transfer', status),
      hasVideo: () => [...this.sessions.values()].some((session) => session.hasVideo),
      orderIsKnown: () => this.hub.orderIsKnown,
      openSound: (file, loop) => this.sounds.open(file, loop),
    });
    this.outputs.set(transfer.id, output);
    this.branches.attach(output, profile);
    output.start();
  }

  private removeTransfer(id: string, output: Output): void {
    this.outputs.delete(id);
    const missed = this.branches.missedBy(output);
    this.branches.detach(output);
    const closed = output.close('removed').then(() => {
      const figures = output.figures();
      this.send('transfer', { ...output.snapshot, figures: { ...figures, droppedFrames: figures.droppedFrames + missed } });
    });
    this.letGo(`transfer ${id}`, closed);
  }

  private letGo(what: string, closing: Promise<void>): void {
    const gone = closing.catch((error: unknown) => this.notClosed(what, error)).finally(() => this.leaving.delete(gone));
    this.leaving.add(gone);
  }

  private notClosed(what: string, error: unknown): void {
    this.send('log', { level: 'error', message: `${what} was not closed: ${(error as Error).message}` });
  }

  /** One transfer that cannot be made must not cost the others; with the next change of any it is tried again. */
  private failTransfer(id: string, message: string): void {
    this.send('log', { level: 'error', message: `transfer ${id}: ${message}` });
    const output = this.outputs.get(id);
    this.outputs.delete(id);
    if (output) {
      this.branches.detach(output);
      this.letGo(`transfer ${id}`, output.close('removed'));
    }
    const nothing = { attempts: 0, liveAt: null };
    this.send('transfer', { ...nothing, ...output?.snapshot, id, state: 'failed', reason: 'service_error', detail: message, nextRetryAt: null });
  }

  /** Ends a transfer's wait for its next attempt. */
  retryTransfer({ transferId }: In<'retryTransfer'>): void {
    const output = this.outputs.get(transferId);
    if (!output) throw new PipelineError('not_found', 'this transfer is not, or no longer, here');
    output.retryNow();
  }

  /** The latest key picture as a JPEG; null while there is none. */
  async thumbnail(): Promise<Out<'thumbnail'>> {
    const { keyPicture } = this.hub;
    const jpeg = keyPicture && (await thumbnail(keyPicture));
    return { jpeg: jpeg?.toString('base64') ?? null };
  }

  snapshot(): Snapshot {
    const claim = this.claimed && { streamId: this.claimed.streamId, epoch: this.claimed.epoch };
    return { pid: process.pid, claim, sessionId: this.activeId, input: this.input, transfers: this.statuses(), problem: this.problem };
  }

  /** Closes every output properly and the sessions; resolves with the final figures, after `FINISH_MS` also when something hangs. */
  stop(): Promise<Figures> {
    this.finishing ??= this.doFinish();
    return this.finishing;
  }

  private async doFinish(): Promise<Figures> {
    for (const timer of this.timers) clearInterval(timer);
    if (this.windowTimer) clearTimeout(this.windowTimer);
    const final = this.figures();
    const closed = this.closeAll().then(
      () => true,
      (error: unknown) => {
        this.notClosed('the stream', error);
        return true;
      },
    );
    if (!(await Promise.race([closed, sleep(FINISH_MS, false, { ref: false })]))) this.send('log', { level: 'warn', message: `not everything could be closed within ${FINISH_MS} ms` });
    return final;
  }

  /** Publishers first: they may come back, elsewhere, while platforms are still told. */
  private async closeAll(): Promise<void> {
    this.hub.close();
    const told = Promise.all([...this.sessions.values()].map((session) => session.sayGoodbye()));
    await this.branches.close();
    await Promise.all([...this.outputs.values()].map((output) => output.close('stream_ended')));
    await Promise.all(this.leaving);
    await told;
    await Promise.all([...this.sessions.keys()].map((id) => this.closeSession(id)));
  }

  private sessionLive(sessionId: string): void {
    if (this.windowTimer) clearTimeout(this.windowTimer);
    this.windowTimer = null;
    const previous = this.activeId;
    this.activeId = sessionId;
    this.setInput(sessionId, 'live', null);
    if (this.problem !== null) this.tellProblem(sessionId);
    if (previous !== null && previous !== sessionId) this.letGo(`session ${previous}`, this.closeSession(previous));
  }

  private get problem(): InputProblem | null {
    return (this.activeId !== null && this.input === 'live' && this.sessions.get(this.activeId)?.problem) || null;
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
    this.letGo(`session ${sessionId}`, this.closeSession(sessionId));
    // A stream that never had media has nothing to hold open.
    if (this.activeId === null && this.sessions.size === 0 && this.windowTimer === null) return this.onEnded(reason, detail);
    this.send('sessionOver', { sessionId, reason });
    if (this.activeId !== sessionId) return;
    this.activeId = null;
    this.setInput(sessionId, 'lost', reason);
    this.startWindow(reason);
  }

  private startWindow(reason: string): void {
    this.windowTimer ??= setTimeout(() => this.onEnded(reason), this.settings?.reconnectWindowMs ?? 0);
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

  /** Asks at most a few times a second; a request that comes too early is made up for when it may. */
  private requestKeyframe(): void {
    const wait = this.lastKeyframeRequest + KEYFRAME_THROTTLE_MS - performance.now();
    if (wait <= 0) {
      this.lastKeyframeRequest = performance.now();
      for (const session of this.sessions.values()) session.requestKeyframe();
    } else {
      this.keyframeTimer ??= setTimeout(() => {
        this.keyframeTimer = null;
        this.requestKeyframe();
      }, wait);
    }
  }

  private keepKeyframesComing(interval: number): void {
    const session = this.activeId === null ? undefined : this.sessions.get(this.activeId);
    if (session && session.sinceKeyframeMs >= interval) this.requestKeyframe();
  }

  /** Platforms refuse B-frames in a live stream or show them in the wrong order: all who pass the pictures on get them encoded again, once. */
  private orderChanged(reorders: boolean): void {
    const { width, height } = this.hub.keyPicture?.config ?? {};
    const { bitrate } = videoProfile({ height: Math.min(width ?? 1280, height ?? 720) }) ?? {};
    this.branches.setFallback(reorders ? videoProfile({ bitrate }) : null);
    this.send('log', { level: 'info', message: reorders ? 'B-frames: the video is encoded again' : 'no B-frames: the video is passed through' });
  }

  private statuses(): TransferStatus[] {
    return [...this.outputs.values()].map((output) => output.snapshot);
  }

  private figures(): Figures {
    const active = this.activeId === null ? undefined : this.sessions.get(this.activeId);
    const transfers: Record<string, TransferFigures> = {};
    for (const output of this.outputs.values()) transfers[output.id] = this.figuresOf(output);
    if (active) this.lastInput = { ...active.figures(), avSkewMs: this.hub.avSkewMs };
    if (this.hub.reorders) this.lastInput = { ...this.lastInput, transcoded: 'b_frames' };
    return { input: this.lastInput, transfers };
  }

  private figuresOf(output: Output): TransferFigures {
    const figures = output.figures();
    return { ...figures, droppedFrames: figures.droppedFrames + this.branches.missedBy(output) };
  }

  private reportFigures(): void {
    if (this.input === 'lost') this.lastInput = { ...this.lastInput, bitrate: 0, fps: 0 };
    this.send('figures', this.figures());
  }

  private session(sessionId: string): Ingest {
    const ingest = this.sessions.get(sessionId);
    if (!ingest) throw new PipelineError('not_found', 'this session is not, or no longer, here');
    return ingest;
  }

  private requireClaim(): PipelineSettings {
    if (!this.claimed) throw new PipelineError('internal', 'this pipeline has no stream yet');
    return this.claimed.settings;
  }
}
