// Whether what a publisher sends becomes pictures and sound, and why not.

/** Nothing is judged sooner, ms: a key frame that was asked for comes in less, and a picture of a still screen once a second. */
const PATIENCE_MS = 3000;

export type TrackHealth =
  /** Not negotiated. */
  | 'absent'
  /** Too early to say. */
  | 'starting'
  /** Negotiated, but no packets come. */
  | 'nothing'
  /** H.264 without sequence and picture parameter sets: nothing of it can be decoded. */
  | 'no_parameter_sets'
  /** Packets come, but no key frame (or the last one was lost): nothing of it can be decoded. */
  | 'no_key_frame'
  /** Packets and key frames come, but nothing comes out of the decoder. */
  | 'undecodable'
  | 'flowing';

/** What is known of one kind of track; times in ms on one clock. */
export interface TrackFacts {
  /** When packets could have come first. */
  since: number;
  /** Null before the first. */
  lastPacketAt: number | null;
  /** Of the last video frame or piece of sound that was whole; null before the first. */
  lastSampleAt: number | null;
  needsKeyframe: boolean;
  hasParameterSets: boolean;
}

/** @param facts null for a kind that was not negotiated. */
export function healthOf(facts: TrackFacts | null, now: number): TrackHealth {
  if (facts === null) return 'absent';
  const { since, lastPacketAt, lastSampleAt, needsKeyframe, hasParameterSets } = facts;
  if (now - Math.max(since, lastSampleAt ?? -Infinity) < PATIENCE_MS)
    return lastSampleAt === null ? 'starting' : 'flowing';
  if (lastPacketAt === null || now - lastPacketAt >= PATIENCE_MS) return 'nothing';
  if (!hasParameterSets) return 'no_parameter_sets';
  return needsKeyframe ? 'no_key_frame' : 'undecodable';
}

/** Reason codes of libs/transfer that a stream carries while it is live. */
export type InputProblem = 'no_video' | 'no_parameter_sets' | 'no_key_frame' | 'media_invalid' | 'no_audio';

/**
 * What a stream should say; null: nothing. The picture comes first. Sound that was there and stopped is no problem: a microphone was
 * switched off. @param hadAudio some sound has come.
 */
export function problemOf(video: TrackHealth, audio: TrackHealth, hadAudio: boolean): InputProblem | null {
  // Where both send nothing, the publisher is away: that is another's business.
  if (video === 'nothing') return audio === 'nothing' || audio === 'absent' ? null : 'no_video';
  if (video === 'no_parameter_sets' || video === 'no_key_frame') return video;
  if (video === 'undecodable' || audio === 'undecodable') return 'media_invalid';
  return audio === 'nothing' && !hadAudio && video !== 'absent' ? 'no_audio' : null;
}
