import { transportWide } from './rtcp.js';

/** What a sender's bandwidth estimate needs to follow the network; with what lies between two batches of packets, some 100 ms, as browsers do. */
const INTERVAL_MS = 90;
/** Reported together, however fast they come. */
const MAX_PACKETS = 250;
/** Packets further back than this are forgotten, and a larger step in either direction is a new beginning. */
const HISTORY = 1024;
/** In one feedback packet, so that it fits the network's packets. */
const MAX_SYMBOLS = 500;
const NOT_RECEIVED = -1;
const CYCLE = 0x1_0000;
/** Arrival times are told in quarters of a millisecond, the first relative to a multiple of 64 ms. */
const TICKS_PER_MS = 4;
const TICKS_PER_REFERENCE = 256;
/** What a packet's status says of it (3.1.1). */
const [ABSENT, SMALL_DELTA, LARGE_DELTA] = [0, 1, 2];
const [MAX_SMALL_DELTA, MAX_LARGE_DELTA] = [0xff, 0x7fff];
/** Kinds of chunks (3.1.3 and 3.1.4), and how many packets one tells of. */
const VECTOR_OF_BITS = 0x8000;
const VECTOR_OF_PAIRS = 0xc000;
const [BITS, PAIRS] = [14, 7];

/**
 * Tells a sender when each of its packets came, over all tracks, from which it knows how much the network carries
 * (draft-holmer-rmcat-transport-wide-cc-extensions-01).
 */
export class TransportFeedback {
  /** Arrival of the last HISTORY packets, ticks. */
  private readonly arrivals = new Float64Array(HISTORY).fill(NOT_RECEIVED);
  /** A number that does not wrap, and is never less than a cycle: what came before the first packet has one too. */
  private highest: number | null = null;
  /** The first packet that the next feedback tells of. */
  private next = 0;
  private pending = 0;
  private sentAt = -Infinity;
  /** Of the feedback packets, 8 bits. */
  private count = 0;
  private reference = 0;

  /** @param sequence of the whole transport, 16 bits. @param now ms. */
  record(sequence: number, now: number): void {
    let highest = this.highest ?? this.begin(sequence);
    let number = highest + (((sequence - highest) << 16) >> 16);
    if (Math.abs(number - highest) >= HISTORY) number = highest = this.begin(sequence);
    for (let i = highest + 1; i <= number; i += 1) this.arrivals[i % HISTORY] = NOT_RECEIVED;
    this.highest = Math.max(highest, number);
    if (this.arrivals[number % HISTORY] !== NOT_RECEIVED) return;
    this.arrivals[number % HISTORY] = Math.round(now * TICKS_PER_MS);
    // One that was told to be absent: what follows it is told again.
    if (number < this.next) this.next = number;
    this.pending += 1;
  }

  /** RTCP packets that tell what came since the last ones; none while it is too early, or nothing came. */
  work(sender: number, media: number, now: number): Buffer[] {
    if (this.pending === 0 || (now - this.sentAt < INTERVAL_MS && this.pending < MAX_PACKETS)) return [];
    this.sentAt = now;
    this.pending = 0;
    this.next = Math.max(this.next, (this.highest as number) - HISTORY + 1);
    const packets: Buffer[] = [];
    while (this.next <= (this.highest as number)) packets.push(transportWide(sender, media, this.write()));
    return packets;
  }

  private begin(sequence: number): number {
    this.arrivals.fill(NOT_RECEIVED);
    this.highest = CYCLE + sequence;
    this.next = this.highest;
    return this.highest;
  }

  /** Of the packets from `next` on, as many as one feedback can tell of: times further apart than 8 s need another. */
  private write(): Buffer {
    const base = this.next;
    const symbols: number[] = [];
    const deltas: number[] = [];
    let before: number | null = null;
    for (; this.next <= (this.highest as number) && symbols.length < MAX_SYMBOLS; this.next += 1) {
      const arrival = this.arrivals[this.next % HISTORY] as number;
      if (arrival === NOT_RECEIVED) {
        symbols.push(ABSENT);
        continue;
      }
      if (before === null) {
        this.reference = Math.floor(arrival / TICKS_PER_REFERENCE);
        before = this.reference * TICKS_PER_REFERENCE;
      }
      const delta = arrival - before;
      if (Math.abs(delta) > MAX_LARGE_DELTA) break;
      symbols.push(isSmall(delta) ? SMALL_DELTA : LARGE_DELTA);
      deltas.push(delta);
      before = arrival;
    }
    const bytes = content(base & 0xffff, this.reference, this.count, symbols, deltas);
    this.count = (this.count + 1) & 0xff;
    return bytes;
  }
}

const isSmall = (delta: number): boolean => delta >= 0 && delta <= MAX_SMALL_DELTA;

function content(base: number, reference: number, count: number, symbols: number[], deltas: number[]): Buffer {
  const chunks = chunksOf(symbols);
  const deltaBytes = deltas.reduce((sum, delta) => sum + (isSmall(delta) ? 1 : 2), 0);
  const bytes = Buffer.alloc(4 * Math.ceil((8 + 2 * chunks.length + deltaBytes) / 4));
  bytes.writeUInt16BE(base, 0);
  bytes.writeUInt16BE(symbols.length, 2);
  bytes.writeUIntBE(reference & 0xff_ffff, 4, 3);
  bytes.writeUInt8(count, 7);
  let at = 8;
  for (const chunk of chunks) at = bytes.writeUInt16BE(chunk, at);
  for (const delta of deltas) at = isSmall(delta) ? bytes.writeUInt8(delta, at) : bytes.writeInt16BE(delta, at);
  return bytes;
}

/** The statuses as runs of equal ones, or as vectors of single ones where these tell more. */
function chunksOf(symbols: number[]): number[] {
  const chunks: number[] = [];
  let at = 0;
  while (at < symbols.length) {
    const symbol = symbols[at] as number;
    let run = at + 1;
    while (run < symbols.length && symbols[run] === symbol) run += 1;
    const bits = symbols.slice(at, at + BITS);
    const fitBits = !bits.includes(LARGE_DELTA);
    if (run === symbols.length || run - at >= (fitBits ? BITS : PAIRS)) {
      chunks.push((symbol << 13) | (run - at));
      at = run;
    } else if (fitBits) {
      chunks.push(VECTOR_OF_BITS | bits.reduce((sum, bit, i) => sum | (bit << (BITS - 1 - i)), 0));
      at += BITS;
    } else {
      const pairs = symbols.slice(at, at + PAIRS);
      chunks.push(VECTOR_OF_PAIRS | pairs.reduce((sum, pair, i) => sum | (pair << (2 * (PAIRS - 1 - i))), 0));
      at += PAIRS;
    }
  }
  return chunks;
}
