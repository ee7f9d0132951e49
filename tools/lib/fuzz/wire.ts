// A publisher's end of a real connection over loopback: ICE, DTLS and SRTP by which changed packets pass the authentication, and datagrams that do not.
import { createHash, randomUUID, X509Certificate } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { networkInterfaces } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { Element, Pipeline } from '#libs/gst';
import { check, type Credentials, flipped, oddDatagram, oddRtcp } from './datagrams.ts';
import type { Random } from './random.ts';
import { SrtpSender } from './srtp.ts';

type Transport = import('../../../apps/pipeline/src/input/transport/webrtc-transport.js').WebrtcTransport;
type TransportClass = typeof import('../../../apps/pipeline/src/input/transport/webrtc-transport.js').WebrtcTransport;

/** What comes through the connection. */
export interface WireEvents {
  batch: (packets: Buffer, now: number, clock: number) => void;
  onClosed: () => void;
}

interface WireOptions {
  WebrtcTransport: TransportClass;
  random: Random;
  events: WireEvents;
  /** Odd datagrams come before and during the handshake. */
  isRude: boolean;
}

/** A handshake over loopback takes some milliseconds; under sanitizers on a busy machine much longer. */
const HANDSHAKE_MS = 20_000;
/** Checks are lost among the other datagrams, too. */
const CHECK_EVERY_MS = 100;
const MAX_RECORDS = 16;
/** GstDtlsSrtpAuth: HMAC-SHA1 with 80 bits. */
const SHA1_80 = 2;

const hasIpv6 = () =>
  Object.values(networkInterfaces()).some((addresses) => addresses?.some(({ address }) => address === '::1'));

async function bound(address: string): Promise<Socket> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  // Whoever is written to may have closed its socket.
  socket.on('error', () => undefined);
  await new Promise<void>((resolve) => socket.bind(0, address, () => resolve()));
  return socket;
}

type Role = 'active' | 'passive';

export class Wire {
  // What `open` sets before anybody has the object.
  transport: Transport;
  #socket: Socket;
  #stranger: Socket;
  #credentials: Credentials;
  #to = { host: '', port: 0 };
  readonly #random: Random;
  readonly #events: WireEvents;
  readonly #input: Element;
  readonly #decoder: Element;
  readonly #encoder: Element;
  readonly #pipeline = new Pipeline();
  #records: Buffer[] = [];
  #isOver = false;
  #isClosed = false;
  #isAnswered = false;
  #keys = 0;
  #srtp: SrtpSender | null = null;

  /** Opens a WebrtcTransport and connects to it. `isSecured` of the result is false when the handshake did not get that far. */
  static async open({ WebrtcTransport, random, events, isRude }: WireOptions): Promise<Wire> {
    const address = random(4) === 0 && hasIpv6() ? '::1' : '127.0.0.1';
    const role: Role = random(4) === 0 ? 'passive' : 'active';
    const wire = new Wire(random, events, role);
    const remote = { fingerprints: [{ hash: 'sha-256', value: wire.fingerprint }], role };
    const settings = { mediaAddresses: [address], mediaPortMin: 0, mediaPortMax: 65_535, stunServer: null };
    const { transport, half } = await WebrtcTransport.open(remote, settings, {
      ...events,
      onWarning: () => undefined,
      onClosed: () => wire.#over(),
    });
    wire.transport = transport;
    wire.#credentials = half;
    const [, , , , host = '', port] = String(half.candidates[0]).split(' ');
    wire.#to = { host, port: Number(port) };
    [wire.#socket, wire.#stranger] = await Promise.all([bound(address), bound(address)]);
    await wire.#connect(isRude);
    return wire;
  }

  private constructor(random: Random, events: WireEvents, role: Role) {
    this.#random = random;
    this.#events = events;
    const id = { 'connection-id': randomUUID() };
    this.#input = Element.make('appsrc', { 'is-live': true, format: 'bytes', caps: 'application/x-dtls' });
    this.#decoder = Element.make('dtlsdec', id);
    this.#encoder = Element.make('dtlsenc', { ...id, 'is-client': role === 'passive' });
  }

  get isSecured(): boolean {
    return this.#srtp !== null && !this.#isOver;
  }

  /** All connections of a process have the same certificate. */
  get fingerprint(): string {
    const { raw } = new X509Certificate(String(this.#decoder.get('pem')));
    return createHash('sha256').update(raw).digest('hex').toUpperCase().match(/../g)?.join(':') ?? '';
  }

  #over(): void {
    this.#isOver = true;
    this.#events.onClosed();
  }

  async #connect(isRude: boolean): Promise<void> {
    const output = Element.make('appsink', { sync: false, async: false, 'enable-last-sample': false });
    this.#pipeline.add(this.#input, this.#decoder, this.#encoder, output);
    this.#input.link(this.#decoder);
    this.#encoder.link(output);
    output.onSample(({ data }) => {
      this.#remember(data);
      this.#send(data);
    });
    // What DTLS makes of the noise is its answer.
    this.#pipeline.onMessage(({ type }) => type === 'error' && (this.#isOver = true));
    for (const element of [this.#decoder, this.#encoder])
      element.on('on-key-received', () => ++this.#keys === 2 && this.#keysMade());
    this.#socket.on('message', (data) => {
      const first = data[0] ?? 0;
      if (first > 3) {
        this.#remember(data);
        if (first < 64 && !this.#isClosed) this.#input.push(data);
      } else this.#isAnswered = true;
    });
    const until = performance.now() + HANDSHAKE_MS;
    let isPlaying = false;
    while (this.#srtp === null && !this.#isOver && performance.now() < until) {
      this.#send(check(this.#random, this.#credentials));
      if (isRude) for (let i = 0; i < 8; i += 1) this.odd();
      await sleep(isPlaying ? CHECK_EVERY_MS : 5);
      if (!this.#isAnswered || isPlaying) continue;
      isPlaying = true;
      await this.#pipeline.play();
    }
    // The transport has its keys a little after us, or before.
    while (this.#srtp !== null && !this.#isOver && this.transport.stage !== 'secured' && performance.now() < until)
      await sleep(5);
  }

  #keysMade(): void {
    if (this.#decoder.get('srtp-auth') !== SHA1_80) return;
    this.#srtp = new SrtpSender(Buffer.from(String(this.#encoder.get('encoder-key')), 'hex'));
  }

  #remember(record: Buffer): void {
    const first = record[0] ?? 0;
    if (first >= 20 && first <= 63) this.#records = [...this.#records.slice(1 - MAX_RECORDS), Buffer.from(record)];
  }

  #send(data: Buffer, socket = this.#socket) {
    if (!this.#isClosed) socket.send(data, this.#to.port, this.#to.host, () => undefined);
  }

  /** As it is, but encrypted and signed where it has a header. */
  rtp(packet: Buffer): void {
    this.#send(packet.length >= 12 && this.#srtp ? this.#srtp.rtp(packet) : packet);
  }

  /** RTCP that is signed; some of it is changed after that. */
  rtcp(): void {
    if (this.#srtp === null) return;
    const packet = this.#srtp.rtcp(oddRtcp(this.#random));
    this.#send(this.#random(8) === 0 ? flipped(this.#random, packet) : packet);
  }

  /** Something that belongs to no connection, from the publisher's socket or a stranger's. */
  odd(): void {
    this.#send(
      oddDatagram(this.#random, this.#credentials, this.#records),
      this.#random(4) === 0 ? this.#stranger : this.#socket,
    );
  }

  /** ICE restart; what follows uses the new credentials, now and then. */
  restart(): void {
    this.#credentials = this.transport.restart();
    if (this.#random(2) === 0) this.#send(check(this.#random, this.#credentials));
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.transport.close();
    await this.#pipeline.close();
    this.#socket.close();
    this.#stranger.close();
  }
}
