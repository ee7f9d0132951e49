import { isDoneWithin } from '#libs/process';
import type { Claim, Figures, Handler, In, Out, PipelineOp, PipelineSettings, Snapshot } from '#libs/protocol';
import { thumbnail } from '../encode/thumbnail.js';
import type { Send } from './events.js';
import { Hub } from './hub.js';
import { KeyframeThrottle } from './keyframe-throttle.js';
import { Outputs } from './outputs.js';
import { PipelineError } from './pipeline-error.js';
import { type OnEnded, Sessions } from './sessions.js';

const FIGURES_MS = 2000;
/** Each platform has 2 s for its goodbye. What takes longer than this hangs, and the process's end closes it. */
const FINISH_MS = 3000;

/** A method for each operation of a pipeline. */
type Served = { [Op in PipelineOp]: Handler<Op> };

/** The stream of this process: its sessions in, its hub, its outputs. Knows nothing of sockets or signals. */
export class StreamPipeline implements Served {
  private claimed: (Claim & { settings: PipelineSettings }) | null = null;
  private readonly hub = new Hub((reorders) => this.outputs.orderChanged(reorders));
  private readonly sessions: Sessions;
  private readonly keyframes = new KeyframeThrottle(() => this.sessions.requestKeyframe());
  private readonly outputs: Outputs;
  private readonly timers: NodeJS.Timeout[] = [];
  private finishing: Promise<Figures> | null = null;

  constructor(
    private readonly send: Send,
    onEnded: OnEnded,
  ) {
    this.sessions = new Sessions(this.hub, send, onEnded);
    this.outputs = new Outputs(this.hub, {
      send,
      requestKeyframe: () => this.keyframes.request(),
      hasVideo: () => this.sessions.hasVideo,
      mediaDir: () => this.requireClaim().mediaDir,
    });
  }

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

  async offer(offer: In<'offer'>): Promise<Out<'offer'>> {
    return this.sessions.offer(offer, this.requireClaim());
  }

  restartIce({ sessionId, fragment }: In<'restartIce'>): Out<'restartIce'> {
    return { fragment: this.sessions.restartIce(sessionId, fragment) };
  }

  endSession({ sessionId, reason }: In<'endSession'>): void {
    this.sessions.end(sessionId, reason);
  }

  setTransfers({ transfers }: In<'setTransfers'>): void {
    this.outputs.set(transfers, this.requireClaim());
  }

  retryTransfer({ transferId }: In<'retryTransfer'>): void {
    this.outputs.retry(transferId);
  }

  /** The latest key frame as a JPEG; null while there is none. */
  async thumbnail(): Promise<Out<'thumbnail'>> {
    const { keyFrame } = this.hub;
    const jpeg = keyFrame && (await thumbnail(keyFrame));
    return { jpeg: jpeg?.toString('base64') ?? null };
  }

  snapshot(): Snapshot {
    const claim = this.claimed && { streamId: this.claimed.streamId, epoch: this.claimed.epoch };
    return { pid: process.pid, claim, ...this.sessions.snapshot(), transfers: this.outputs.statuses() };
  }

  /** Closes every output properly and the sessions; resolves with the final figures, after `FINISH_MS` also when something hangs. */
  stop(): Promise<Figures> {
    this.finishing ??= this.doFinish();
    return this.finishing;
  }

  private async doFinish(): Promise<Figures> {
    for (const timer of this.timers) clearInterval(timer);
    this.sessions.stopWaiting();
    const final = this.figures();
    if (!(await isDoneWithin(this.closeAll(), FINISH_MS)))
      this.send('log', { level: 'warn', message: `not everything could be closed within ${FINISH_MS} ms` });
    return final;
  }

  /** Publishers first: they may come back, elsewhere, while platforms are still told. */
  private async closeAll(): Promise<void> {
    this.hub.close();
    this.sessions.closeGracefully();
    await this.outputs.close();
    await this.sessions.close();
  }

  private keepKeyframesComing(intervalMs: number): void {
    if (this.sessions.isKeyframeDue(intervalMs)) this.keyframes.request();
  }

  private figures(): Figures {
    const transfers = this.outputs.figures();
    return { input: this.sessions.figures(), transfers };
  }

  private reportFigures(): void {
    this.sessions.clearRatesIfLost();
    this.send('figures', this.figures());
  }

  private requireClaim(): PipelineSettings {
    if (!this.claimed) throw new PipelineError('internal', 'this pipeline has no stream yet');
    return this.claimed.settings;
  }
}
