import { Injectable, Logger } from '@nestjs/common';
import { addressRules, Env, VERSION } from '#libs/config';
import { PrismaService, SecretBox } from '#libs/db';
import { type NodeOps, Registry, Wire, WireError } from '#libs/queue';
import { AllowList } from '#libs/transfer';
import { PipelineError } from '../supervisor/control-connection.js';
import { CpuLoad } from './cpu-load.js';
import { probe } from './probe.js';
import { Runners } from '../streams/runners.js';
import type { StreamRunner } from '../streams/stream-runner.js';

const ANNOUNCE_MS = 2000;

/** This node towards the API: says that it is there, and serves requests about its streams. */
@Injectable()
export class NodeService {
  private readonly logger = new Logger(NodeService.name);
  private readonly startedAt = new Date().toISOString();
  private timer: NodeJS.Timeout | null = null;
  private readonly allowList: AllowList;
  private readonly load = new CpuLoad();

  constructor(
    private readonly env: Env,
    private readonly prisma: PrismaService,
    private readonly wire: Wire,
    private readonly registry: Registry,
    private readonly runners: Runners,
    private readonly box: SecretBox,
  ) {
    this.allowList = AllowList.parse(addressRules(env));
  }

  async start(): Promise<void> {
    await this.wire.serve(this.env.NODE_ID, this.handlers());
    await this.announce();
    this.timer = setInterval(() => void this.announce(), ANNOUNCE_MS);
  }

  /** Says at once what changed (draining, say). */
  async announce(): Promise<void> {
    const { NODE_ID: nodeId, NODE_SLOTS: slots } = this.env;
    const { used, draining } = this.runners;
    await this.registry.announce({ nodeId, slots, used, draining, cpu: this.load.read(), version: VERSION, startedAt: this.startedAt }).catch((error: unknown) => {
      this.logger.warn(`not announced: ${String(error)}`);
    });
  }

  /** What was announced last is believed until it is too old. */
  stopAnnouncing(): void {
    if (this.timer) clearInterval(this.timer);
  }

  async withdraw(): Promise<void> {
    this.stopAnnouncing();
    await this.registry.withdraw(this.env.NODE_ID).catch((error: unknown) => this.logger.warn(`not withdrawn: ${String(error)}`));
  }

  private handlers(): { [Op in keyof NodeOps]: (body: NodeOps[Op]['in']) => Promise<NodeOps[Op]['out']> } {
    return {
      publish: async ({ streamId, sessionId }) => {
        const runner = this.runner(streamId);
        const session = await this.prisma.session.findFirst({ where: { id: sessionId, streamId }, select: { offer: true } });
        if (!session?.offer) throw new WireError('unknown_session', 'this session has no offer');
        const sdp = await passCode(runner.offer(sessionId, session.offer, this.env.ANSWER_TIMEOUT_MS));
        await this.prisma.session.updateMany({ where: { id: sessionId }, data: { offer: null } });
        return { sdp };
      },
      candidates: async ({ sessionId, fragment }) => {
        await passCode((await this.runnerOf(sessionId)).candidates(sessionId, fragment));
        return {};
      },
      restartIce: async ({ sessionId, fragment }) => ({
        fragment: await passCode((await this.runnerOf(sessionId)).restartIce(sessionId, fragment)),
      }),
      endSession: async ({ sessionId, reason }) => {
        await passCode((await this.runnerOf(sessionId)).endSession(sessionId, reason));
        return {};
      },
      endStream: async ({ streamId, reason }) => {
        await this.runner(streamId).stop(reason);
        return {};
      },
      syncTransfers: async ({ streamId }) => {
        await this.runner(streamId).syncTransfers();
        return {};
      },
      thumbnail: async ({ streamId }) => ({ jpeg: await this.runner(streamId).thumbnail() }),
      probeTransfer: async ({ url, options }) => probe(this.box.open(url, 'probe'), options, this.allowList),
      retryTransfer: async ({ streamId, transferId }) => {
        await passCode(this.runner(streamId).retryTransfer(transferId));
        return {};
      },
    };
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
    if (error instanceof PipelineError) throw new WireError(error.code === 'not_found' ? 'unknown_session' : error.code, error.message);
    throw error;
  }
}
