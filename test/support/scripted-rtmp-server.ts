import { createServer, type Server, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { type AmfValue, decodeAmf, encodeAmf } from '../../apps/pipeline/src/output/rtmp/amf0.js';
import { ChunkReader, MESSAGE, type Message, toChunks } from '../../apps/pipeline/src/output/rtmp/chunks.js';

/** What to do at a step: go on, say nothing, hang up, or refuse with a description (at publish: with a status code), or with another server's URL. */
export type Behaviour = 'accept' | 'ignore' | 'close' | { refuse: string; description?: string; redirect?: string };

export interface Script {
  /** Instead of the handshake: bytes to say, or nothing at all. */
  handshake?: 'accept' | 'ignore' | 'close' | { say: string };
  connect?: (command: Record<string, AmfValue>, turn: number) => Behaviour;
  createStream?: Behaviour;
  publish?: Behaviour;
  tls?: { key: string; cert: string };
  /** Messages sent right after the publish was accepted. */
  afterwards?: Message[];
  /** For each connection: what to acknowledge, asked after everything that was read; null says nothing. */
  acknowledge?: () => (read: Read) => number | null;
}

/** What a connection has brought so far, bytes. */
export interface Read {
  /** All of it, as the socket counts. */
  total: number;
  /** Messages without the headers of their chunks, and without the handshake. */
  bodies: number;
}

export interface ScriptedRtmpServer {
  port: number;
  /** `connect` command objects, one for each connection. */
  connects: Record<string, AmfValue>[];
  /** Names and arguments of all other commands. */
  commands: AmfValue[][];
  /** Audio, video and data messages. */
  media: Message[];
  /** When each of these arrived (performance.now()), ms. */
  arrivals: number[];
  /** Everything else the client said (acknowledgements, pongs). */
  control: Message[];
  sockets: Socket[];
  /** SNI of TLS connections. */
  serverNames: (string | false | null | undefined)[];
  stop(): Promise<void>;
}

/** An RTMP server that refuses, stalls or hangs up at any step: what real servers cannot be made to do on demand. */
export async function startScriptedRtmpServer(script: Script = {}, port = 0): Promise<ScriptedRtmpServer> {
  const state: Omit<ScriptedRtmpServer, 'port' | 'stop'> = {
    connects: [],
    commands: [],
    media: [],
    arrivals: [],
    control: [],
    sockets: [],
    serverNames: [],
  };
  const onSocket = (socket: Socket): void => {
    state.sockets.push(socket);
    socket.on('error', () => socket.destroy());
    converse(socket, script, state);
  };
  const server: Server = script.tls
    ? createTlsServer({ ...script.tls }, (socket) => {
        state.serverNames.push(socket.servername);
        onSocket(socket);
      }).on('tlsClientError', () => undefined)
    : createServer(onSocket);
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  return {
    ...state,
    port: (server.address() as AddressInfo).port,
    stop: () =>
      new Promise((resolve) => {
        for (const socket of state.sockets) socket.destroy();
        server.close(() => resolve());
      }),
  };
}

function converse(socket: Socket, script: Script, state: Omit<ScriptedRtmpServer, 'port' | 'stop'>): void {
  const { handshake = 'accept' } = script;
  const reader = new ChunkReader();
  let shaken = Buffer.alloc(0);
  let isShaken = false;
  const read: Read = { total: 0, bodies: 0 };
  const acknowledgement = script.acknowledge?.();
  if (handshake === 'close') socket.end();
  if (typeof handshake === 'object') socket.write(handshake.say);
  socket.on('data', (data: Buffer) => {
    if (handshake !== 'accept') return;
    read.total += data.length;
    if (isShaken) return take(data);
    const had = shaken.length;
    shaken = Buffer.concat([shaken, data]);
    if (had < 1537 && shaken.length >= 1537)
      socket.write(Buffer.concat([Buffer.from([3]), Buffer.alloc(1536, 7), shaken.subarray(1, 1537)]));
    if (shaken.length < 3073) return;
    isShaken = true;
    take(shaken.subarray(3073));
  });

  function take(data: Buffer): void {
    for (const message of reader.push(data)) {
      read.bodies += message.body.length;
      handle(message);
    }
    const value = acknowledgement?.(read) ?? null;
    if (value === null) return;
    const body = Buffer.alloc(4);
    body.writeUInt32BE(value);
    send({ type: MESSAGE.acknowledgement, streamId: 0, timestamp: 0, body });
  }

  const send = (message: Message): void => toChunks(3, message, 128).forEach((piece) => socket.write(piece));
  const reply = (streamId: number, ...values: AmfValue[]): void =>
    send({ type: MESSAGE.command, streamId, timestamp: 0, body: encodeAmf(...values) });

  function act(
    behaviour: Behaviour,
    accept: () => void,
    refuse: (status: { code: string; description: string; ex?: { code: number; redirect: string } }) => void,
  ): void {
    if (behaviour === 'accept') accept();
    else if (behaviour === 'close') socket.end();
    else if (behaviour !== 'ignore') {
      const { refuse: code, description = '', redirect } = behaviour;
      refuse({ code, description, ...(redirect === undefined ? {} : { ex: { code: 302, redirect } }) });
    }
  }

  function handle(message: Message): void {
    if (message.type !== MESSAGE.command) {
      const isMedia = message.type === MESSAGE.audio || message.type === MESSAGE.video || message.type === MESSAGE.data;
      (isMedia ? state.media : state.control).push(message);
      if (isMedia) state.arrivals.push(performance.now());
      return;
    }
    const [name, transaction, ...values] = decodeAmf(message.body);
    const number = transaction as number;
    if (name === 'connect') {
      const command = values[0] as Record<string, AmfValue>;
      state.connects.push(command);
      act(
        script.connect?.(command, state.connects.length) ?? 'accept',
        () =>
          reply(
            0,
            '_result',
            number,
            { fmsVer: 'FMS/3,0' },
            { level: 'status', code: 'NetConnection.Connect.Success', description: '' },
          ),
        (status) => reply(0, '_error', number, null, { level: 'error', ...status }),
      );
      return;
    }
    state.commands.push([name, ...values]);
    if (name === 'createStream') {
      act(
        script.createStream ?? 'accept',
        () => reply(0, '_result', number, null, 1),
        (status) => reply(0, '_error', number, null, { level: 'error', ...status }),
      );
    } else if (name === 'publish') {
      const status = (level: string, code: string, description: string): void =>
        reply(1, 'onStatus', 0, null, { level, code, description });
      act(
        script.publish ?? 'accept',
        () => {
          status('status', 'NetStream.Publish.Start', '');
          script.afterwards?.forEach(send);
        },
        (refusal) => reply(1, 'onStatus', 0, null, { level: 'error', ...refusal }),
      );
    }
  }
}
