/** Why a session brings no media: only what is known of it. */
import { FIRST_CHECK_MS, FIRST_MEDIA_MS } from '#libs/protocol';
import type { ReasonCode } from '#libs/transfer';
import type { TransportStage } from './transport/webrtc-transport.js';

export interface Why {
  reason: ReasonCode;
  detail: string | null;
}

/** What is known of a session that has brought no media yet. */
export interface WithoutMedia {
  sinceAnswerMs: number;
  stage: TransportStage;
  /** Connectivity checks that came with other credentials than ours. */
  strangers: number;
  /** Packets came, of which nothing could be made. */
  hasPackets: boolean;
  /** What the media itself says about that. */
  problem: ReasonCode | null;
}

/** Why such a session is given up now; null: it is waited for. */
export function giveUpReason({ sinceAnswerMs, stage, strangers, hasPackets, problem }: WithoutMedia): Why | null {
  if (stage === 'unreached') {
    if (sinceAnswerMs < FIRST_CHECK_MS) return null;
    return {
      reason: 'ice_timeout',
      detail: strangers > 0 ? 'Its connectivity checks came with other credentials than those of the answer.' : null,
    };
  }
  if (sinceAnswerMs < FIRST_MEDIA_MS) return null;
  if (stage === 'reached') return { reason: 'dtls_failed', detail: null };
  return { reason: hasPackets ? (problem ?? 'media_invalid') : 'no_media', detail: null };
}
