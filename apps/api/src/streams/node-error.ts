// What a publisher is told when a node, or the pipeline behind it, fails.
import { HttpException, NotFoundException } from '@nestjs/common';
import { NodeAbsent, WireError, WireTimeout } from '#libs/queue';
import { refuse } from '../http/problem.js';

export const noFreeSlot = (): HttpException =>
  refuse(503, 'No node has room for another stream right now.', {
    code: 'no_free_slot',
    headers: { 'Retry-After': '5' },
  });

/** To a publisher whose session could not begin; `claimed`: a node has taken its stream. Errors that are neither ours nor the worker's pass unchanged. */
export function publishError(error: unknown, claimed: boolean): unknown {
  if (error instanceof WireTimeout && !(error instanceof NodeAbsent) && !claimed) return noFreeSlot();
  if (error instanceof WireError && error.code === 'no_free_slot') return noFreeSlot();
  return nodeError(error, { of: 'stream', failed: 'start this session' });
}

/** To a publisher that changes its session. */
export function sessionError(error: unknown): unknown {
  if (error instanceof WireError && error.code === 'unknown_session')
    return new NotFoundException('This session does not exist, or has ended.');
  return nodeError(error, { of: 'session', failed: 'do this' });
}

function nodeError(error: unknown, { of, failed }: { of: 'stream' | 'session'; failed: string }): unknown {
  if (error instanceof NodeAbsent)
    return refuse(503, `The media node of this ${of} is unavailable at the moment.`, {
      code: 'node_away',
      headers: { 'Retry-After': '3' },
    });
  if (error instanceof WireTimeout || (error instanceof WireError && error.code === 'no_answer'))
    return refuse(504, 'The media node did not answer in time.', { code: 'no_answer' });
  if (!(error instanceof WireError)) return error;
  if (error.code === 'negotiation_failed') return refuse(422, error.message, { code: error.code });
  return refuse(500, `The media node could not ${failed}.`, { code: error.code });
}
