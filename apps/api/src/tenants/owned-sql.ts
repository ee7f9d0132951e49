// `ownedBy`, for statements of the hot path.
import type { Caller } from '../auth/caller.js';

/**
 * The condition on `projects` that the caller may see them.
 *
 * @param first the number of the first of two parameters, which `ownerOf` gives
 */
export const isOwned = (first: number): string =>
  `projects.deleted_at IS NULL AND ($${first}::text IS NULL OR projects.customer_id = $${first}::text)
    AND ($${first + 1}::text IS NULL OR projects.id = $${first + 1}::text)`;

/** The customer, and the only project, that the caller may see; null for any. */
export const ownerOf = ({ role, customerId, projectId }: Caller): [string | null, string | null] =>
  role === 'operator' ? [null, null] : [customerId, projectId ?? null];
