import { healthOf, type InputProblem, problemOf, type TrackHealth } from './input-health.js';
import type { MediaChain } from './media-chain.js';
import type { Track as TrackFormat } from '#libs/sdp';

type Kind = TrackFormat['kind'];

/** Knows what has come of the tracks that were announced, and what of them does not come or cannot be decoded. */
export class HealthWatch {
  private readonly openedAt = performance.now();
  /** Formats of which a packet has come. */
  private readonly received = new Set<TrackFormat>();
  private readonly last: Record<
    Kind,
    { packetAt: number | null; sampleAt: number | null; format: TrackFormat | null }
  > = {
    video: { packetAt: null, sampleAt: null, format: null },
    audio: { packetAt: null, sampleAt: null, format: null },
  };
  /** When the first packet of any track had come. */
  private connectedAt: number | null = null;
  private told: InputProblem | null = null;

  constructor(
    private readonly formats: TrackFormat[],
    private readonly chainOf: (format: TrackFormat) => MediaChain | undefined,
  ) {}

  packet(format: TrackFormat, hasPayload: boolean): void {
    this.received.add(format);
    if (hasPayload) Object.assign(this.last[format.kind], { packetAt: performance.now(), format });
  }

  sample(kind: Kind): void {
    this.last[kind].sampleAt = performance.now();
  }

  get hasPackets(): boolean {
    return this.received.size > 0;
  }

  /** Null while no packet of that kind has come. */
  codec(kind: Kind): string | null {
    const format = this.formats.find((track) => track.kind === kind);
    return format && this.received.has(format) ? format.codec : null;
  }

  /** What does not come of what was announced, or cannot be decoded, by the last check. */
  get problem(): InputProblem | null {
    return this.told;
  }

  /** Looks again; true when the problem is another than before. @param isConnected packets have come. */
  check(now: number, isConnected: boolean): boolean {
    if (isConnected) this.connectedAt ??= now;
    const problem = problemOf(this.health('video', now), this.health('audio', now), this.last.audio.sampleAt !== null);
    if (problem === this.told) return false;
    this.told = problem;
    return true;
  }

  private health(kind: Kind, now: number): TrackHealth {
    if (!this.formats.some((format) => format.kind === kind)) return 'absent';
    const { packetAt, sampleAt, format } = this.last[kind];
    const chain = format && this.chainOf(format);
    if (chain?.isBehind?.()) return 'flowing';
    // A track that begins late is given its time, too.
    const since = Math.max(this.openedAt, packetAt === null ? (this.connectedAt ?? now) : -Infinity);
    return healthOf(
      {
        since,
        lastPacketAt: packetAt,
        lastSampleAt: sampleAt,
        needsKeyframe: chain?.needsKeyframe() ?? false,
        hasParameterSets: chain?.hasParameterSets?.() ?? true,
      },
      now,
    );
  }
}
