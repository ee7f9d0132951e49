/** Why a session brings no media, or not all of it: only what is known of it. */
import type { ReasonCode } from '#libs/transfer';
import type { TransportStage } from './webrtc-transport.js';

/** A publisher that is there asks within a second of its answer; who only holds a place is given up. */
const FIRST_CHECK_MS = 5000;
/** RFC 8445 checks and DTLS take a few seconds at most, a camera's question for permission some more. */
const FIRST_MEDIA_MS = 15_000;
/** A track that was negotiated comes with the first media, or some moments later. */
const TRACK_PATIENCE_MS = { video: 2000, audio: 5000 };

export interface Why {
  reason: ReasonCode;
  detail: string | null;
}

/** What is known of a session that has brought no media yet. */
export interface Unheard {
  sinceAnswerMs: number;
  stage: TransportStage;
  /** Connectivity checks that came with other credentials than ours. */
  strangers: number;
  /** Packets came, of which nothing could be made. */
  hasPackets: boolean;
  /** What the media itself says about that. */
  fault: string | null;
}

/** Why such a session is given up now; null: it is waited for. */
export function giveUpReason({ sinceAnswerMs, stage, strangers, hasPackets, fault }: Unheard): Why | null {
  if (stage === 'unreached') {
    if (sinceAnswerMs < FIRST_CHECK_MS) return null;
    return { reason: 'ice_timeout', detail: strangers > 0 ? 'Its connectivity checks came with other credentials than those of the answer.' : null };
  }
  if (sinceAnswerMs < FIRST_MEDIA_MS) return null;
  if (stage === 'reached') return { reason: 'dtls_failed', detail: null };
  return hasPackets ? { reason: 'media_undecodable', detail: fault } : { reason: 'no_media', detail: null };
}

/** One track that was negotiated, of a session that is live. */
export interface TrackState {
  kind: 'video' | 'audio';
  hasPackets: boolean;
  /** Pictures or sound were made of them. */
  hasMedia: boolean;
  fault: string | null;
}

const MISSING = { video: 'video_missing', audio: 'audio_missing' } as const;
const UNDECODABLE = { video: 'video_undecodable', audio: 'audio_undecodable' } as const;

/** Which of its tracks a live session does without; null: none, or it is too early to say. The picture first: it is missed most. */
export function trackTrouble(tracks: TrackState[], sinceLiveMs: number): Why | null {
  const late = tracks.filter(({ kind, hasMedia }) => !hasMedia && sinceLiveMs >= TRACK_PATIENCE_MS[kind]);
  const worst = late.find(({ kind }) => kind === 'video') ?? late[0];
  if (!worst) return null;
  return worst.hasPackets ? { reason: UNDECODABLE[worst.kind], detail: worst.fault } : { reason: MISSING[worst.kind], detail: null };
}
