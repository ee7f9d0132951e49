// A scripted RTMP server that may do anything at any step, and publishers that meet it.
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { expect } from 'vitest';
import { AllowList } from '#libs/net';
import { TransferUrl, type TransferError } from '#libs/transfer';
import { type AmfValue, decodeAmf, encodeAmf } from '../../apps/pipeline/src/output/rtmp/amf0.js';
import { ChunkReader, MESSAGE, type Message, toChunks } from '../../apps/pipeline/src/output/rtmp/chunks.js';
import { type PublisherOptions, RtmpPublisher } from '../../apps/pipeline/src/output/rtmp/rtmp-publisher.js';

export const KEY = 'k3y-SECRET';
export const loopback = AllowList.parse('127.0.0.0/8');
export const closers: (() => unknown)[] = [];

/** For afterEach. */
export async function closeAll(): Promise<void> {
  await Promise.all(closers.splice(0).map((close) => close()));
}

/** One connection as the server sees it. */
export interface Peer {
  socket: Socket;
  /** All that the client said. */
  messages: Message[];
  send: (type: number, body: Buffer) => void;
  command: (name: string, transaction: number, ...values: AmfValue[]) => void;
  status: (code: string, level?: string, description?: string) => void;
}

export type Act = (peer: Peer, transaction: number) => void;
/** What to do at a command; without a script it is done properly, or ignored. */
export type Script = Partial<
  Record<'shaken' | 'connect' | 'FCPublish' | 'createStream' | 'publish' | 'FCUnpublish', Act>
>;

export const proper: Script = {
  connect: (peer, transaction) =>
    peer.command('_result', transaction, {}, { level: 'status', code: 'NetConnection.Connect.Success' }),
  createStream: (peer, transaction) => peer.command('_result', transaction, null, 1),
  publish: (peer) => peer.status('NetStream.Publish.Start', 'status'),
};

export async function serve(script: Script = {}): Promise<{ port: number; peers: Peer[] }> {
  const peers: Peer[] = [];
  const server = createServer({ allowHalfOpen: true }, (socket) =>
    peers.push(converse(socket, { ...proper, ...script })),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    for (const { socket } of peers) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return { port: (server.address() as AddressInfo).port, peers };
}

export function converse(socket: Socket, script: Script): Peer {
  const reader = new ChunkReader();
  const send = (type: number, body: Buffer): void =>
    void socket.write(Buffer.concat(toChunks(3, { type, streamId: 0, timestamp: 0, body }, 128)));
  const command = (name: string, ...values: AmfValue[]): void => send(MESSAGE.command, encodeAmf(name, ...values));
  const status = (code: string, level = 'error', description = ''): void =>
    command('onStatus', 0, null, { level, code, description });
  const peer: Peer = { socket, messages: [], send, command, status };
  let hello: Buffer | null = Buffer.alloc(0);
  socket.on('error', () => socket.destroy());
  socket.on('data', (data: Buffer) => {
    if (hello) {
      if (hello.length === 0) socket.write(Buffer.alloc(1 + 2 * 1536, 3));
      hello = Buffer.concat([hello, data]);
      if (hello.length < 1 + 2 * 1536) return;
      data = hello.subarray(1 + 2 * 1536);
      hello = null;
      script.shaken?.(peer, 0);
    }
    for (const message of reader.push(data)) {
      peer.messages.push(message);
      if (message.type !== MESSAGE.command) continue;
      const [name, transaction] = decodeAmf(message.body);
      script[name as keyof Script]?.(peer, transaction as number);
    }
  });
  return peer;
}

export const target = (port: number) => TransferUrl.parse(`rtmp://127.0.0.1:${port}/live/${KEY}`).target;

export async function connect(port: number, options: Partial<PublisherOptions> = {}): Promise<RtmpPublisher> {
  const publisher = await RtmpPublisher.connect(
    target(port),
    { allowList: loopback, ...options },
    new AbortController().signal,
  );
  closers.push(() => publisher.close({ clean: false, deadlineMs: 0 }));
  return publisher;
}

export const failure = (port: number, options: Partial<PublisherOptions> = {}): Promise<TransferError> =>
  connect(port, options).then(
    () => expect.unreachable('connected'),
    (error: TransferError) => error,
  );

export const end = (publisher: RtmpPublisher): Promise<TransferError | null> =>
  new Promise((resolve) => publisher.onClose(resolve));
/** In four bytes, big-endian. */
export const uint32 = (value: number): Buffer =>
  Buffer.from([value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255]);
