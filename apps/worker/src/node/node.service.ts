import { Injectable } from '@nestjs/common';
import { Env } from '#libs/config';
import { PrismaService, SecretBox } from '#libs/db';
import type { Handler, In, NodeOp, PipelineOp } from '#libs/protocol';
import { Wire, WireError } from '#libs/queue';
import { TransferUrl } from '#libs/transfer';
import { PipelineError } from '../supervisor/control-connection.js';
import { Prober } from './prober.js';
import { Runners } from '../streams/runners.js';
import type { StreamRunner } from '../streams/stream-runner.js';

/** What a pipeline does not serve, and what this node answers for it. */
type OwnOp = Exclude<NodeOp, PipelineOp> | 'thumbnail';

/** Serves what the API asks of this node and its streams. */
@Injectable()
export class NodeService {
  constructor(
    private readonly env: Env,
    private readonly prisma: PrismaService,
    private readonly wire: Wire,
    private readonly runners: Runners,
    private readonly box: SecretBox,
    private readonly prober: Prober,
  ) {}

  async start(): Promise<void> {
    await this.wire.serve(this.env.NODE_ID, (op, body) => this.serve(op, body));
  }

  /** Ends the probes that are under way. */
  stop(): void {
    this.prober.abort();
  }

  /** What this node does itself; everything else is passed on to the pipeline that it is about. */
  private readonly own: { [Op in OwnOp]: Handler<Op> } = {
    ping: () => undefined,
    publish: async ({ streamId, sessionId }) => {
      const runner = this.runner(streamId);
      const session = await this.prisma.session.findFirst({
        where: { id: sessionId, streamId },
        select: { offer: true, stream: { select: { entryPoint: { select: { endsOnClose: true } } } } },
      });
      if (!session?.offer) throw new WireError('unknown_session', 'this session has no offer');
      const sdp = await passCode(
        runner.offer(
          sessionId,
          { sdp: session.offer, endsOnClose: session.stream.entryPoint.endsOnClose },
          this.env.ANSWER_TIMEOUT_MS,
        ),
      );
      await this.prisma.session.updateMany({ where: { id: sessionId }, data: { offer: null } });
      return { sdp };
    },
    endStream: ({ streamId, reason }) => this.runner(streamId).stop(reason),
    syncTransfers: ({ streamId }) => this.runner(streamId).syncTransfers(),
    probeTransfer: ({ url, options }) => this.prober.probe(TransferUrl.revive(this.box.open(url, 'probe')), options),
    // However many ask, it is made once in a few seconds.
    thumbnail: async ({ streamId }) => ({ jpeg: await this.runner(streamId).thumbnail() }),
  };

  private async serve<Op extends NodeOp>(op: Op, body: In<Op>): Promise<unknown> {
    if (this.isOwn(op)) return (this.own[op] as Handler<OwnOp>)(body as In<OwnOp>);
    const passed = op as Exclude<NodeOp, OwnOp>;
    const to = body as In<typeof passed>;
    const runner = 'sessionId' in to ? await this.runnerOf(to.sessionId) : this.runner(to.streamId);
    return passCode(runner.call(passed, to));
  }

  private isOwn(op: NodeOp): op is OwnOp {
    return op in this.own;
  }

  private runner(streamId: string): StreamRunner {
    const runner = this.runners.get(streamId);
    if (!runner) throw new WireError('unknown_stream', 'this node does not run this stream');
    return runner;
  }

  private async runnerOf(sessionId: string): Promise<StreamRunner> {
    const runner = await this.runners.ofSession(sessionId);
    if (!runner) throw new WireError('unknown_session', 'this node does not run this session');
    return runner;
  }
}

/** A pipeline's refusal in the words of the wire. */
async function passCode<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof PipelineError)
      throw new WireError(error.code === 'not_found' ? 'unknown_session' : error.code, error.message);
    throw error;
  }
}
