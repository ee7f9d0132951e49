// Figures of what is being sent, out of the browser's many counters. Pure: reports in, figures out.

/** What is sent, over the interval since the figures before. */
export interface StreamStats {
  /** Milliseconds of the interval that the rates are of. */
  intervalMs: number;
  video: {
    kbps: number;
    fps: number;
    width: number;
    height: number;
    /** As `h264`, `vp8`. */ codec: string;
    keyFrames: number;
    limitedBy: 'none' | 'cpu' | 'bandwidth' | 'other';
  } | null;
  audio: { kbps: number; codec: string; /** 0 (silence) to 1. */ level: number } | null;
  kbps: number;
  /** Share of packets that did not arrive, 0 to 1, as the server reports it. */
  loss: number;
  /** Round trip to the server; null until measured. */
  rttMs: number | null;
  /** What the congestion control believes the uplink can take; null where the browser does not say. */
  availableKbps: number | null;
  /** The media path: `udp host`, `tcp relay`... */
  route: string | null;
}

type Stat = Readonly<Record<string, unknown>>;

const number = (stat: Stat | undefined, name: string): number => (typeof stat?.[name] === 'number' ? stat[name] : 0);
const text = (stat: Stat | undefined, name: string): string => (typeof stat?.[name] === 'string' ? stat[name] : '');

/** Turns successive reports into figures: most of the browser's counters only grow. */
export class StatsMeter {
  private previous = new Map<string, Stat>();

  read(report: Iterable<Stat>): StreamStats {
    const stats = new Map([...report].map((stat) => [text(stat, 'id'), stat]));
    const all = [...stats.values()];
    const outbound = (kind: string): Stat | undefined =>
      all.find((stat) => stat['type'] === 'outbound-rtp' && stat['kind'] === kind);
    const [video, audio] = [outbound('video'), outbound('audio')];
    const intervalMs = Math.max(this.grown(video, 'timestamp'), this.grown(audio, 'timestamp'));
    const rate = (stat: Stat | undefined, name: string): number =>
      intervalMs > 0 ? this.grown(stat, name) / (intervalMs / 1000) : 0;
    const codec = (stat: Stat): string =>
      text(stats.get(text(stat, 'codecId')), 'mimeType')
        .replace(/^.*\//, '')
        .toLowerCase();
    const kbps = (stat: Stat): number => Math.round((rate(stat, 'bytesSent') * 8) / 1000);
    const figures: StreamStats = {
      intervalMs: Math.round(intervalMs),
      video: video
        ? {
            kbps: kbps(video),
            fps: Math.round(rate(video, 'framesEncoded') * 10) / 10,
            width: number(video, 'frameWidth'),
            height: number(video, 'frameHeight'),
            codec: codec(video),
            keyFrames: number(video, 'keyFramesEncoded'),
            limitedBy: limit(text(video, 'qualityLimitationReason')),
          }
        : null,
      audio: audio
        ? {
            kbps: kbps(audio),
            codec: codec(audio),
            level: number(stats.get(text(audio, 'mediaSourceId')), 'audioLevel'),
          }
        : null,
      kbps: (video ? kbps(video) : 0) + (audio ? kbps(audio) : 0),
      ...path(all, stats),
    };
    this.previous = stats;
    return figures;
  }

  /** How much a counter has grown. It begins anew on a new connection: nothing has grown then. */
  private grown(stat: Stat | undefined, name: string): number {
    const before = this.previous.get(text(stat, 'id'));
    return before === undefined ? 0 : Math.max(0, number(stat, name) - number(before, name));
  }
}

function path(all: Stat[], stats: Map<string, Stat>): Pick<StreamStats, 'loss' | 'rttMs' | 'availableKbps' | 'route'> {
  const chosen = text(
    all.find((stat) => stat['type'] === 'transport' && text(stat, 'selectedCandidatePairId') !== ''),
    'selectedCandidatePairId',
  );
  // Firefox names no pair in the transport.
  const pair =
    stats.get(chosen) ??
    all.find(
      (stat) => stat['type'] === 'candidate-pair' && stat['nominated'] === true && stat['state'] === 'succeeded',
    );
  const local = stats.get(text(pair, 'localCandidateId'));
  const remote = all.filter((stat) => stat['type'] === 'remote-inbound-rtp');
  const seconds = [number(pair, 'currentRoundTripTime'), ...remote.map((stat) => number(stat, 'roundTripTime'))].find(
    (value) => value > 0,
  );
  const available = number(pair, 'availableOutgoingBitrate');
  return {
    loss: Math.max(0, ...remote.map((stat) => number(stat, 'fractionLost'))),
    rttMs: seconds === undefined ? null : Math.round(seconds * 1000),
    availableKbps: available > 0 ? Math.round(available / 1000) : null,
    route: local ? `${text(local, 'protocol')} ${text(local, 'candidateType')}`.trim() : null,
  };
}

function limit(reason: string): 'none' | 'cpu' | 'bandwidth' | 'other' {
  return reason === 'cpu' || reason === 'bandwidth' || reason === 'other' ? reason : 'none';
}
