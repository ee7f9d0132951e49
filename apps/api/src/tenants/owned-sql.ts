import type { Caller } from '../auth/caller.js';

/** A condition, and what kind of caller it is for: a part of the name of a prepared statement. */
export interface Owned {
  condition: string;
  kind: 'any' | 'own' | 'one';
}

/** The projects that the caller may see, as `ownedBy` says it for Prisma; for statements in SQL. Adds its parameters to `values`. */
export function ownedProjects({ role, customerId, projectId }: Caller, values: unknown[]): Owned {
  if (role === 'operator') return { condition: 'projects.deleted_at IS NULL', kind: 'any' };
  const ofCustomer = `projects.deleted_at IS NULL AND projects.customer_id = $${values.push(customerId)}::text`;
  if (projectId === undefined) return { condition: ofCustomer, kind: 'own' };
  return { condition: `${ofCustomer} AND projects.id = $${values.push(projectId)}::text`, kind: 'one' };
}

/**
 * The streams of these projects, of `streams JOIN projects`. By the stream's own customer: the projects of a customer lead Postgres through every
 * stream that each of them ever had.
 */
export function ownedStreams({ role, customerId, projectId }: Caller, values: unknown[]): Owned {
  if (role === 'operator') return { condition: 'projects.deleted_at IS NULL', kind: 'any' };
  const ofCustomer = `projects.deleted_at IS NULL AND streams.customer = $${values.push(customerId)}::text`;
  if (projectId === undefined) return { condition: ofCustomer, kind: 'own' };
  return { condition: `${ofCustomer} AND streams.project_id = $${values.push(projectId)}::text`, kind: 'one' };
}
