/** From the RTP times of a session's tracks to our clock: smooth, and the same for what was sampled at the same time. */

/** Where RTP time is further off than this from where arrivals say it should be, the sender set its clock to another time. */
const JUMP_MS = 1000;
/** Packets that are so late were held up by the network if they now come closer: then they catch up. Otherwise RTP time stood still. */
const CATCHING_UP_MS = 100;
/** The least delay of so many seconds is what the network always takes; more would follow a drifting clock too late. */
const WINDOW_S = 5;
/** An error halves in 7 s: 200 ppm of drift are followed 2 ms behind, and what is left of the network's jitter does not show. */
const FOLLOW_S = 10;
/** Faster than this (ms per s) is no drift, and would be heard. */
const MAX_FOLLOW = 5;
const STEP_MS = 20;
/** No network and no drift: the sender's RTP clock runs at another speed than it says. What is beyond this is followed within FAST_S, so that no track runs away from the others. */
const FAST_BEYOND_MS = 200;
const FAST_S = 1;
/** Sender reports are not exact: within this, two tracks are together. */
const TOLERATED_MS = 2;
/** What they are further apart is mended within seconds, slower than audio can be moved unheard. */
const MEND_S = 3;
const MAX_MEND = 40;
/** The share of a new report that is taken over: reports are not exact. */
const REPORT_SHARE = 1 / 4;
/** A report that differs by more than this from the one before says that the sender's wall clock was set, or is wrong. */
const STEADY_MS = 50;
/** An encoder that looks ahead is behind its source by so much at most: a report of another time is wrong. */
const MAX_REPORTED_MS = 3000;
/** Tracks are not further apart than this on their way to us, as far as one report of each is to be believed; and as far as two are that agree. */
const APART_AT_ONCE_MS = 200;
const MAX_APART_MS = 1000;
/** A time that is so far back is wrong; the network may hold packets up for seconds. */
const MAX_LATE_MS = 10_000;
/** One that is so far ahead as well: nothing comes before it was sampled, but for what one track was moved to be with the other. */
const MAX_EARLY_MS = 1500;

/** The clock of one track. */
export class TrackClock {
  /** The sender's wall clock (NTP) minus its media time, ms; null before a sender report that is believed. */
  ntp: number | null = null;
  /** The same, as the last report had it. */
  reported: number | null = null;
  /** The time is what the sender reports of both tracks say, else what the arrivals of this one say. */
  isAligned = false;
  /** When it was aligned last, it was moved by so much, ms: that stays until it is again. */
  private alignmentShift = 0;
  /** Our clock minus media time, ms: what times are mapped by. */
  offset = 0;
  /** The least that arrival minus media time was of late, ms: which `offset` follows. */
  leastDelay = 0;
  lastArrival = -Infinity;
  /** Of the latest RTP time; null before the first packet. Media time is counted from the packet at which the clock began. */
  private latest: { timestamp: number; ticks: number } | null = null;
  private clockRate = 1;
  /** The least of each second. */
  private readonly leastOfSecond = new Float64Array(WINDOW_S + 1);
  private second = 0;
  private isOver = false;
  private late: { since: number; delay: number } | null = null;

  constructor(private readonly sync: LipSync) {}

  get hasBegun(): boolean {
    return this.latest !== null;
  }

  /** A packet came that is the first in its place: none that was overtaken or sent again. Must be told of a packet before its time is asked for. */
  observe(timestamp: number, clockRate: number, now: number): void {
    this.lastArrival = now;
    if (this.latest === null || this.isOver || clockRate !== this.clockRate)
      return this.begin(timestamp, clockRate, now);
    const ticksAhead = (timestamp - this.latest.timestamp) | 0;
    const ticks = this.latest.ticks + ticksAhead;
    const delay = now - (ticks * 1000) / clockRate;
    if (delay < this.leastDelay - JUMP_MS) return this.begin(timestamp, clockRate, now);
    if (delay > this.leastDelay + JUMP_MS) {
      // Packets whose RTP time goes back so far do not come late: they are sent with another clock.
      if ((-ticksAhead * 1000) / clockRate > JUMP_MS || this.isLateForGood(delay, now))
        return this.begin(timestamp, clockRate, now);
    } else {
      this.late = null;
      this.measure(delay, now);
    }
    // B-frames are sent after frames that are shown later.
    if (ticksAhead > 0) {
      this.latest.timestamp = timestamp;
      this.latest.ticks = ticks;
    }
    this.sync.follow(now);
  }

  /** When it was sampled, on our clock, ms. */
  map(timestamp: number, now: number): number {
    const time = this.mediaMs(timestamp) + this.offset;
    return Math.max(now - MAX_LATE_MS, Math.min(now + MAX_EARLY_MS, time));
  }

  /** Since the clock began. */
  mediaMs(timestamp: number): number {
    if (this.latest === null) return 0;
    return ((this.latest.ticks + ((timestamp - this.latest.timestamp) | 0)) * 1000) / this.clockRate;
  }

  /** Another source sends this track from now on: its times have nothing to do with those before. */
  reset(): void {
    this.isOver = true;
  }

  /** @param wallClockOffset our clock minus the sender's wall clock, and by how much that changed, ms. */
  adjust(wallClockOffset: number | null, change: number, seconds: number): void {
    if (!this.isAligned || wallClockOffset === null || this.ntp === null) {
      this.offset += followed(this.leastDelay + this.alignmentShift - this.offset, seconds);
      return;
    }
    const error = this.ntp + wallClockOffset - change - this.offset;
    const excess = Math.sign(error) * Math.max(0, Math.abs(error) - TOLERATED_MS);
    this.offset += change + limited(excess, MEND_S, MAX_MEND) * seconds;
  }

  /** What the reports said is not valid any more. */
  unalign(): void {
    if (this.isAligned)
      this.alignmentShift = Math.max(-MAX_APART_MS, Math.min(MAX_APART_MS, this.offset - this.leastDelay));
    this.isAligned = false;
    this.ntp = null;
  }

  private begin(timestamp: number, clockRate: number, now: number): void {
    this.unalign();
    this.reported = null;
    this.latest = { timestamp, ticks: 0 };
    this.clockRate = clockRate;
    this.leastDelay = now;
    this.offset = now + this.alignmentShift;
    this.leastOfSecond.fill(Infinity);
    this.late = null;
    this.isOver = false;
    this.measure(now, now);
  }

  private measure(delay: number, now: number): void {
    const second = Math.floor(now / 1000);
    const size = this.leastOfSecond.length;
    const passed = Math.min(size, second - this.second);
    this.second = second;
    for (let i = 0; i < passed; i += 1) this.leastOfSecond[(second - i) % size] = Infinity;
    this.leastOfSecond[second % size] = Math.min(this.leastOfSecond[second % size] as number, delay);
    if (delay < this.leastDelay) this.leastDelay = delay;
    else if (passed > 0) this.leastDelay = Math.min(...this.leastOfSecond);
  }

  /** Late by more than a jump for a second, and coming no closer. */
  private isLateForGood(delay: number, now: number): boolean {
    if (this.late === null || delay < this.late.delay - CATCHING_UP_MS) this.late = { since: now, delay };
    return now - this.late.since > JUMP_MS;
  }
}

/** What the clocks of a session have in common: by the sender reports, the sender's wall clock, as it is on ours (RFC 3550, 6.4.1). */
export class LipSync {
  private readonly clocks: TrackClock[] = [];
  /** Our clock minus the sender's, ms; null until the tracks have been put together. */
  private wallClockOffset: number | null = null;
  private followedAt = -Infinity;

  addTrack(): TrackClock {
    const clock = new TrackClock(this);
    this.clocks.push(clock);
    return clock;
  }

  /**
   * A sender report says what a track's RTP clock showed at a time of the sender's wall clock. Not all are right: those of GStreamer 1.22
   * may run at twice the time. What differs from the report before is believed when the next one agrees.
   * @param ntpMs 0 if it has none.
   */
  report(clock: TrackClock, ntpMs: number, timestamp: number, now: number): void {
    if (!clock.hasBegun || ntpMs === 0) return;
    const media = clock.mediaMs(timestamp);
    if (Math.abs(media + clock.offset - now) > MAX_REPORTED_MS) return;
    const before = clock.reported;
    const ntp = ntpMs - media;
    clock.reported = ntp;
    const isSteady = before !== null && Math.abs(ntp - before) <= STEADY_MS;
    if (before !== null && !isSteady) return this.forget();
    clock.ntp = clock.ntp === null ? ntp : clock.ntp + (ntp - clock.ntp) * REPORT_SHARE;
    if (!clock.isAligned) this.align(isSteady ? MAX_APART_MS : APART_AT_ONCE_MS);
  }

  /** Lets the times follow the arrivals a little; the tracks that are together move together. */
  follow(now: number): void {
    const passed = now - this.followedAt;
    if (passed < STEP_MS) return;
    this.followedAt = now;
    const seconds = Math.min(passed, 1000) / 1000;
    let change = 0;
    if (this.wallClockOffset !== null) {
      let latest = -Infinity;
      for (const { isAligned, lastArrival, leastDelay, ntp } of this.clocks) {
        if (isAligned && ntp !== null && now - lastArrival < WINDOW_S * 1000)
          latest = Math.max(latest, leastDelay - ntp);
      }
      if (latest !== -Infinity) change = followed(latest - this.wallClockOffset, seconds);
      this.wallClockOffset += change;
    }
    for (const clock of this.clocks) if (clock.hasBegun) clock.adjust(this.wallClockOffset, change, seconds);
  }

  /**
   * Puts the tracks together that have had a report, at the time of the one that takes longest to us: so each moves forward only, once.
   * (A gap in the audio is filled with silence; going back would throw some away.)
   */
  private align(mostApart: number): void {
    const known = this.clocks.filter((clock) => clock.ntp !== null);
    if (known.length < 2) return;
    const before = this.wallClockOffset;
    const together = known.some((clock) => clock.isAligned) && before !== null ? before : -Infinity;
    const wallClockOffset = known.reduce(
      (most, clock) => (clock.isAligned ? most : Math.max(most, clock.offset - (clock.ntp as number))),
      together,
    );
    const isPlausible = known.every(
      (clock) => Math.abs((clock.ntp as number) + wallClockOffset - clock.leastDelay) <= mostApart,
    );
    if (!isPlausible) return;
    for (const clock of known) {
      clock.offset = clock.isAligned
        ? clock.offset + wallClockOffset - together
        : (clock.ntp as number) + wallClockOffset;
      clock.isAligned = true;
    }
    this.wallClockOffset = wallClockOffset;
  }

  /** The sender's wall clock is another: the times stay until all tracks have been reported by that one. */
  private forget(): void {
    for (const clock of this.clocks) clock.unalign();
    this.wallClockOffset = null;
  }
}

/** How fast an error is to be mended, ms per s. */
const limited = (error: number, seconds: number, most: number): number =>
  Math.max(-most, Math.min(most, error / seconds));

/** How much of an error is mended in so many seconds, ms: what may be a drift slowly, so that it is not heard, what cannot be a drift immediately. */
function followed(error: number, seconds: number): number {
  const excess = Math.sign(error) * Math.max(0, Math.abs(error) - FAST_BEYOND_MS);
  return limited(error, FOLLOW_S, MAX_FOLLOW) * seconds + excess * Math.min(1, seconds / FAST_S);
}
