import { Worker } from 'bullmq';
import type { In, NodeOp, Out } from '#libs/protocol';
import { Registry, STREAMS_QUEUE, type StreamJob, Wire } from '../../libs/queue/src/index.js';
import type { TestApp } from './app.js';

export const ANSWER = 'v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n';
export const RESTART_FRAGMENT = 'a=ice-ufrag:node\r\na=ice-pwd:node-password-node-password\r\n';

/** What a node does with a stream that it takes: answers, never answers, or refuses with a code. */
export type NodeScript = 'answer' | 'silence' | { refuse: string; message: string };

export interface ScriptedNode {
  /** For jobs. */
  script: NodeScript;
  /** For new sessions of streams that it runs. */
  publishScript: NodeScript;
  /** For ICE restarts; they are answered once `restartsWait` is over. */
  restartScript: NodeScript;
  restartsWait: Promise<void>;
  /** For requests to end a stream; `answer` ends it. */
  endScript: NodeScript;
  /** Requests that came over the wire, in order. */
  requests: [NodeOp, unknown][];
  stop(): Promise<void>;
}

/**
 * A worker node without media: claims streams in the database as a real one does, and answers by a script. For what the
 * API does with nodes that answer, refuse, or fall silent.
 */
export async function startScriptedNode(
  { app, prisma }: TestApp,
  { nodeId = 'node-1', slots = 10 } = {},
): Promise<ScriptedNode> {
  const wire = app.get(Wire);
  const registry = app.get(Registry);
  const node: ScriptedNode = {
    script: 'answer',
    publishScript: 'answer',
    restartScript: 'answer',
    restartsWait: Promise.resolve(),
    endScript: 'answer',
    requests: [],
    stop: async () => undefined,
  };
  const act = async (script: NodeScript): Promise<string> => {
    if (script === 'silence') return new Promise(() => undefined);
    if (script !== 'answer') throw Object.assign(new Error(script.message), { code: script.refuse });
    return ANSWER;
  };
  /** What more is to be done than to answer with nothing. */
  const scripted: { [Op in NodeOp]?: (body: In<Op>) => Promise<Out<Op>> } = {
    publish: async () => ({ sdp: await act(node.publishScript) }),
    restartIce: async () => {
      await node.restartsWait;
      await act(node.restartScript);
      return { fragment: RESTART_FRAGMENT };
    },
    endSession: async ({ sessionId }) => {
      const { streamId } = await prisma.session.findUniqueOrThrow({ where: { id: sessionId } });
      await prisma.stream.update({ where: { id: streamId }, data: { state: 'ended', endedAt: new Date() } });
    },
    endStream: async ({ streamId, reason }) => {
      await act(node.endScript);
      await prisma.stream.update({ where: { id: streamId }, data: { state: 'ended', reason, endedAt: new Date() } });
    },
    probeTransfer: async () => ({ code: null, detail: null, ms: 1 }),
    thumbnail: async () => ({ jpeg: '/9j/2Q==' }),
  };
  await wire.serve(nodeId, async (op, body) => {
    node.requests.push([op, body]);
    return (scripted[op] as ((body: unknown) => Promise<unknown>) | undefined)?.(body);
  });
  const announce = () =>
    registry.announce({
      nodeId,
      slots,
      used: 0,
      draining: false,
      cpu: 0,
      version: 'test',
      startedAt: new Date().toISOString(),
    });
  await announce();
  const timer = setInterval(() => void announce().catch(() => undefined), 1000);
  const { REDIS_URL, REDIS_PREFIX } = process.env as { REDIS_URL: string; REDIS_PREFIX: string };
  const worker = new Worker<StreamJob>(
    STREAMS_QUEUE,
    async ({ data: { streamId, sessionId, replyTo } }) => {
      const { count } = await prisma.stream.updateMany({
        where: { id: streamId, state: 'starting', ownerNode: null },
        data: { ownerNode: nodeId, epoch: { increment: 1 }, leaseUntil: new Date(Date.now() + 60_000) },
      });
      if (count === 0) return;
      await act(node.script).then(
        async (sdp) => {
          await prisma.stream.updateMany({ where: { id: streamId, state: 'starting' }, data: { state: 'connecting' } });
          await wire.reply(replyTo, sessionId, { sdp });
        },
        ({ code, message }: { code: string; message: string }) => wire.refuse(replyTo, sessionId, { code, message }),
      );
    },
    { connection: { url: REDIS_URL, maxRetriesPerRequest: null }, prefix: `${REDIS_PREFIX}:bull`, concurrency: 10 },
  );
  await worker.waitUntilReady();
  node.stop = async () => {
    clearInterval(timer);
    await registry.withdraw(nodeId);
    await worker.close(true);
  };
  return node;
}
