import { REASONS } from '#libs/transfer';
import { refuse } from '../../http/problem.js';

/** 403 for a publisher whose stream's name is banned until then. */
export const banned = (until: Date): Error =>
  refuse(403, REASONS.banned.text, {
    code: 'banned',
    detail: `Until ${until.toISOString()}, unless it is unbanned before.`,
  });
