import { setTimeout as sleep } from 'node:timers/promises';
import { Pipeline } from '#libs/gst';
import { RtpReceiver } from '#libs/rtp';
import { packetsOf } from '#libs/webrtc';
import { built } from '../built.ts';
import { changed, type Codec, CODECS, realPackets } from './packets.ts';
import { type Random, randomOf } from './random.ts';
import { Wire, type WireEvents } from './wire.ts';

export interface FuzzReport {
  seed: number;
  seconds: number;
  sessions: number;
  packets: number;
  samples: number;
  tooLarge: number;
  errors: number;
  /** Sessions over a connection that got as far as media, and those whose handshake ended before. */
  connected: number;
  notConnected: number;
  /** Sent beside the media of those. */
  datagrams: number;
  /** What passed the authentication. */
  rtpArrived: number;
  rtcpArrived: number;
  maxRssMb: number;
}

interface FuzzOptions {
  seconds: number;
  seed: number;
  /** Null: all in turn. */
  codec?: string | null;
  onProgress?: (line: string) => void;
}

/** Then the decoders are made again, as for the next session. */
const PACKETS_PER_SESSION = 1500;
/** How far a changed sequence number is from the right one; SRTP refuses what is far behind, so that over a connection nothing more would come. */
const ANYWHERE = 32_768;
const NEAR = 1500;

/**
 * Pushes changed packets for so long: one session into the receiver, the next over a connection of loopback, and so on. Rejects with what the
 * code threw, and which seed made it.
 */
export async function fuzzMedia(options: FuzzOptions): Promise<FuzzReport> {
  const { seconds, seed, codec: only = null, onProgress = () => undefined } = options;
  const parts = await loadParts();
  const codecs = only === null ? CODECS : CODECS.filter((codec) => codec === only);
  if (codecs.length === 0) throw new Error(`unknown codec ${only}: ${CODECS.join(', ')}`);
  const seeds = new Map<Codec, Buffer[]>();
  for (const codec of codecs) seeds.set(codec, await realPackets(codec));
  const until = performance.now() + seconds * 1000;
  const report: FuzzReport = {
    seed,
    seconds: 0,
    sessions: 0,
    packets: 0,
    samples: 0,
    tooLarge: 0,
    errors: 0,
    connected: 0,
    notConnected: 0,
    datagrams: 0,
    rtpArrived: 0,
    rtcpArrived: 0,
    maxRssMb: 0,
  };
  const began = performance.now();
  for (let session = 0; performance.now() < until; session += 1) {
    const codec = codecs[Math.floor(session / 2) % codecs.length] as Codec;
    const random = randomOf(seed + session);
    try {
      await runSession({
        codec,
        packets: seeds.get(codec) ?? [],
        random,
        report,
        parts,
        until,
        isWired: session % 2 === 1,
      });
    } catch (error) {
      if (error instanceof Error) error.message += ` (${codec}, --seed ${seed + session})`;
      throw error;
    }
    report.sessions += 1;
    report.seconds = Math.round((performance.now() - began) / 1000);
    report.maxRssMb = Math.max(report.maxRssMb, Math.round(process.memoryUsage.rss() / 1e6));
    if (session % 50 === 49) onProgress(JSON.stringify(report));
  }
  return report;
}

type Parts = Awaited<ReturnType<typeof loadParts>>;

/** The built pipeline's own code. */
async function loadParts() {
  const at = 'apps/pipeline/src';
  const { openTrack } = await built<typeof import('../../../apps/pipeline/src/input/media-chain.js')>(
    `${at}/input/media-chain`,
  );
  const { TooLarge } = await built<typeof import('../../../apps/pipeline/src/input/codecs/frame-size.js')>(
    `${at}/input/codecs/frame-size`,
  );
  const { Hub } = await built<typeof import('../../../apps/pipeline/src/stream/hub.js')>(`${at}/stream/hub`);
  const { WebrtcTransport } = await built<
    typeof import('../../../apps/pipeline/src/input/transport/webrtc-transport.js')
  >(`${at}/input/transport/webrtc-transport`);
  return { openTrack, TooLarge, Hub, WebrtcTransport };
}

interface Session {
  codec: Codec;
  packets: Buffer[];
  random: Random;
  report: FuzzReport;
  parts: Parts;
  /** performance.now() at which all ends. */
  until: number;
  isWired: boolean;
}

interface State {
  isOver: boolean;
  thrown: Error | null;
  /** RTCP for the publisher. */
  send?: (rtcp: Buffer) => void;
}

type Receiver = Awaited<ReturnType<typeof openReceiver>>;

/** What takes the packets of a session: depayloader, decoder and encoder as a publisher's. `over` says why no more is taken. */
async function openReceiver({ codec, random, report, parts }: Session) {
  const { openTrack, TooLarge, Hub } = parts;
  const kind: 'audio' | 'video' = codec === 'OPUS' ? 'audio' : 'video';
  const format = {
    kind,
    codec,
    payloadType: 96,
    rtxPayloadType: null,
    clockRate: codec === 'OPUS' ? 48_000 : 90_000,
    mid: '0',
    nack: random(2) === 0,
    fmtp: '',
  };
  const pipeline = new Pipeline();
  const hub = new Hub();
  const feed = hub.openFeed(kind === 'video');
  const state: State = { isOver: false, thrown: null };
  // What a decoder makes of the media is its answer; the session ends.
  pipeline.onMessage(({ type }) => {
    if (type !== 'error') return;
    state.isOver = true;
    report.errors += 1;
  });
  const track = openTrack(pipeline, format, (sample) => {
    if (state.isOver) return;
    report.samples += 1;
    if (sample.config) feed.setVideoConfig(sample.config.record, sample.config.width, sample.config.height);
    if (kind === 'video') feed.video(sample);
    else feed.audio(sample);
  });
  await pipeline.play();
  const receiver = new RtpReceiver(
    [format],
    { midExtension: null, transportCcExtension: null, reducedSize: true },
    {
      onPacket: (_, packet) => track.push(packet),
      onLost: (_, count) => track.lost?.(count),
      send: (rtcp) => state.send?.(rtcp),
    },
  );
  /** Nothing that comes over a connection has a caller who could catch. */
  const guarded = (work: () => void) => {
    if (state.isOver) return;
    try {
      work();
    } catch (error) {
      state.isOver = true;
      if (error instanceof TooLarge) report.tooLarge += 1;
      else state.thrown = error as Error;
    }
  };
  return {
    state,
    rtp: (packet: Buffer, arrival: number) => guarded(() => receiver.rtp(packet, arrival, performance.now())),
    batch: (packets: Buffer, now: number, clock: number) => guarded(() => receiver.batch(packets, now, clock)),
    work: () => guarded(() => receiver.work(performance.now())),
    close: async () => {
      state.isOver = true;
      feed.close();
      hub.close();
      await pipeline.close();
    },
  };
}

async function runSession(session: Session): Promise<void> {
  const { packets, random, report, until, isWired } = session;
  const receiver = await openReceiver(session);
  const { state } = receiver;
  const wire = isWired ? await openWire(session, receiver) : null;
  const cleanFor = random(200);
  for (let i = 0; i < PACKETS_PER_SESSION && !state.isOver && performance.now() < until; i += 1) {
    const original = Buffer.from(packets[i % packets.length] as Buffer);
    // The same again, as if it went on.
    original.writeUInt16BE(((packets[0] as Buffer).readUInt16BE(2) + i) & 0xffff, 2);
    for (const packet of i < cleanFor ? [original] : changed(original, random, wire ? NEAR : ANYWHERE)) {
      if (wire) wire.rtp(packet);
      else receiver.rtp(packet, performance.now());
    }
    report.packets += 1;
    if (wire) bother(wire, random, report);
    else receiver.work();
    if (i % 16 === 15) await sleep(4);
  }
  await wire?.close();
  await receiver.close();
  const { thrown } = state;
  if (thrown instanceof Error) throw thrown;
}

async function openWire({ random, report, parts }: Session, receiver: Receiver): Promise<Wire> {
  const { WebrtcTransport } = parts;
  const events: WireEvents = {
    batch: (packets, now, clock) => {
      for (const { isRtcp } of packetsOf(packets, now, clock)) {
        if (isRtcp) report.rtcpArrived += 1;
        else report.rtpArrived += 1;
      }
      receiver.batch(packets, now, clock);
    },
    onClosed: () => {
      receiver.state.isOver = true;
    },
  };
  const wire = await Wire.open({ WebrtcTransport, random, events, isRude: random(3) === 0 });
  if (wire.isSecured) report.connected += 1;
  else {
    report.notConnected += 1;
    receiver.state.isOver = true;
  }
  receiver.state.send = (rtcp) => wire.transport.sendRtcp(rtcp);
  return wire;
}

/** What comes beside the media. */
function bother(wire: Wire, random: Random, report: FuzzReport): void {
  const kind = random(8);
  if (kind > 2) return;
  report.datagrams += 1;
  if (kind < 2) wire.odd();
  else wire.rtcp();
  if (random(400) === 0) wire.restart();
}
