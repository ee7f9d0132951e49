import { MAX_JUMP } from './source.js';
import type { OrderedPacket, TrackFormat } from './types.js';

/** How long a lost packet may take to be sent again: time for three requests at a round trip of 100 ms. */
const JITTER_MS = 400;
/** Where nothing can be sent again, only for those that were overtaken. */
const REORDER_MS = 100;
/** A packet that was merely overtaken comes within this, as a rule, and need not be sent again. */
const PATIENCE_MS = 15;
/** Between requests for the same packet: what the answer needs, and a little (at a round trip of 170 ms there is time for two); while it is unknown, that of a far publisher. */
const ASK_AGAIN_ROUND_TRIPS = 1.1;
const ASK_AGAIN_BEYOND_MS = 10;
const MIN_ASK_AGAIN_MS = 40;
const UNKNOWN_ASK_AGAIN_MS = 100;
const MAX_REQUESTS = 10;
/** More than this is an outage that no publisher mends in time (1.6 s of a usual stream), and not worth the load of asking. */
const MAX_MISSING = 512;
/** A hostile publisher must not fill the memory: seconds of any usual stream. */
const MAX_HELD = 2048;
const MAX_HELD_BYTES = 4_000_000;
/** The first packets of a stream may have overtaken each other: before nothing is known to be missing, so many are awaited, or for so long. */
const FIRST_PACKETS = 3;
const FIRST_PACKETS_MS = 20;
/** That the round trip is taken from: those that a lost request delayed, or the network, must not stand for it. */
const ANSWERS = 5;
const NONE = -1;

interface Held {
  format: TrackFormat;
  packet: OrderedPacket;
}

interface Missing {
  noticedAt: number;
  /** Of the first request; null before. */
  askedAt: number | null;
  askAt: number;
  requests: number;
}

/** What becomes of a track's packets. */
export interface BufferEvents {
  onPacket: (format: TrackFormat, packet: OrderedPacket) => void;
  /** So many were given up, between the packets before and after. */
  onLost: (count: number) => void;
}

/**
 * Puts the packets of one track in order. What comes in order goes out immediately; only what a later packet overtook is missing, and holds
 * up what follows until it comes or is given up. Packets are known by numbers that do not wrap (`Source.take`).
 */
export class JitterBuffer {
  /** Lost packets may be asked for. */
  nack = false;
  /** How long the publisher took from the first request for a packet until it came, ms: the shortest of the last few; null before the first. */
  roundTripMs: number | null = null;
  /** The number that goes out next: the oldest missing one, or the one after the highest. Null before the first packets are in order. */
  private next: number | null = null;
  private highest = NONE;
  private startedAt: number | null = null;
  /** Oldest first, as they were noticed. */
  private readonly missing = new Map<number, Missing>();
  private readonly held = new Map<number, Held>();
  private heldBytes = 0;
  /** When something must be asked for or given up. */
  private due: number | null = null;
  private readonly answers: number[] = [];

  constructor(private readonly events: BufferEvents) {}

  /** When `work` has something to do; null while nothing is missing. */
  get deadline(): number | null {
    return this.due;
  }

  /** False for what came before or comes too late. */
  wants(number: number): boolean {
    if (this.next === null || number > this.highest) return !this.held.has(number);
    return this.missing.has(number);
  }

  isMissing(number: number): boolean {
    return this.missing.has(number);
  }

  /** @param number one that the buffer wants. @param isAnswer the packet, if it was asked for, came for that. */
  push(number: number, format: TrackFormat, packet: OrderedPacket, now: number, isAnswer: boolean): void {
    if (number === this.next && number > this.highest) {
      this.highest = number;
      this.next = number + 1;
      this.events.onPacket(format, packet);
      return;
    }
    if (this.highest !== NONE && number - this.highest > MAX_JUMP) this.flush();
    if (this.next === null) this.pushFirst(number, format, packet, now);
    else this.place(number, format, packet, now, isAnswer);
  }

  /** Gives up what has waited long enough. What must be asked for now, 16 bits each, oldest first. */
  work(now: number, roundTripMs: number | null): number[] {
    if (this.due === null || now < this.due) return [];
    if (this.next === null) this.begin(now);
    const patience = this.nack ? JITTER_MS : REORDER_MS;
    this.giveUpWhile((missing) => now - missing.noticedAt >= patience);
    return this.ask(now, roundTripMs, patience);
  }

  /** Gives everything out that is held, and begins again with the next packet. */
  flush(): void {
    if (this.next === null) this.begin(this.startedAt ?? 0);
    this.giveUpWhile(() => true);
    this.next = null;
    this.highest = NONE;
    this.startedAt = null;
    this.due = null;
  }

  private pushFirst(number: number, format: TrackFormat, packet: OrderedPacket, now: number): void {
    this.startedAt ??= now;
    this.due = this.startedAt + FIRST_PACKETS_MS;
    this.hold(number, format, packet);
    if (this.highest < number) this.highest = number;
    if (this.held.size >= FIRST_PACKETS || now >= this.due) this.begin(now);
  }

  private begin(now: number): void {
    const first = [...this.held].toSorted(([a], [b]) => a - b);
    this.held.clear();
    this.heldBytes = 0;
    this.due = null;
    this.next = first[0]?.[0] ?? this.highest + 1;
    this.highest = this.next - 1;
    for (const [number, { format, packet }] of first) this.place(number, format, packet, now, false);
  }

  private place(number: number, format: TrackFormat, packet: OrderedPacket, now: number, isAnswer: boolean): void {
    if (number > this.highest) {
      this.notice(number, now);
      this.highest = number;
    } else {
      const missing = this.missing.get(number);
      if (!missing) return;
      if (isAnswer && missing.askedAt !== null) this.answered(now - missing.askedAt);
      this.missing.delete(number);
    }
    this.hold(number, format, packet);
    this.release();
    if (this.isFull) this.giveUpWhile(() => this.isFull);
    if (this.missing.size === 0) this.due = null;
  }

  private get isFull(): boolean {
    return this.missing.size > MAX_MISSING || this.held.size > MAX_HELD || this.heldBytes > MAX_HELD_BYTES;
  }

  /** What lies before this packet, which is the latest, is missing. */
  private notice(number: number, now: number): void {
    const count = number - this.highest - 1;
    if (count === 0) return;
    if (count > MAX_MISSING) {
      this.giveUpWhile(() => true);
      this.next = number;
      this.events.onLost(count);
      return;
    }
    const askAt = now + PATIENCE_MS;
    for (let i = this.highest + 1; i < number; i += 1)
      this.missing.set(i, { noticedAt: now, askedAt: null, askAt, requests: 0 });
    this.due = Math.min(this.due ?? Infinity, this.nack ? askAt : now + REORDER_MS);
  }

  private hold(number: number, format: TrackFormat, packet: OrderedPacket): void {
    this.held.set(number, { format, packet });
    this.heldBytes += packet.payload.length;
  }

  /** Lets go of what waits for nothing any more. */
  private release(): void {
    for (let held = this.held.get(this.next as number); held; held = this.held.get(this.next as number)) {
      this.held.delete(this.next as number);
      this.heldBytes -= held.packet.payload.length;
      this.next = (this.next as number) + 1;
      this.events.onPacket(held.format, held.packet);
    }
  }

  /** Gives up missing packets, the oldest first; what they held up goes out. */
  private giveUpWhile(isOver: (oldest: Missing) => boolean): void {
    let lost = 0;
    for (const [number, missing] of this.missing) {
      if (!isOver(missing)) break;
      this.missing.delete(number);
      lost += 1;
      this.next = number + 1;
      if (!this.held.has(this.next)) continue;
      this.events.onLost(lost);
      lost = 0;
      this.release();
    }
    if (lost > 0) this.events.onLost(lost);
  }

  private ask(now: number, roundTripMs: number | null, patience: number): number[] {
    const sequences: number[] = [];
    const again =
      roundTripMs === null
        ? UNKNOWN_ASK_AGAIN_MS
        : Math.max(MIN_ASK_AGAIN_MS, ASK_AGAIN_ROUND_TRIPS * roundTripMs + ASK_AGAIN_BEYOND_MS);
    this.due = null;
    for (const [number, missing] of this.missing) {
      if (this.nack && missing.requests < MAX_REQUESTS && now >= missing.askAt) {
        missing.requests += 1;
        missing.askedAt ??= now;
        missing.askAt = now + again;
        sequences.push(number & 0xffff);
      }
      const giveUpAt = missing.noticedAt + patience;
      const due = this.nack && missing.requests < MAX_REQUESTS ? Math.min(missing.askAt, giveUpAt) : giveUpAt;
      if (this.due === null || due < this.due) this.due = due;
    }
    return sequences;
  }

  private answered(ms: number): void {
    this.answers.push(ms);
    if (this.answers.length > ANSWERS) this.answers.shift();
    this.roundTripMs = Math.min(...this.answers);
  }
}
