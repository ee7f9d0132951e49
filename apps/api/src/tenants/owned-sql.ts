import type { Caller } from '../auth/caller.js';

/** A condition on `projects`, and what kind of caller it is for: a part of the name of a prepared statement. */
export interface OwnedProjects {
  condition: string;
  kind: 'any' | 'own' | 'one';
}

/** The projects that the caller may see, as `ownedBy` says it for Prisma; for statements in SQL. Adds its parameters to `values`. */
export function ownedProjects({ role, customerId, projectId }: Caller, values: unknown[]): OwnedProjects {
  if (role === 'operator') return { condition: 'projects.deleted_at IS NULL', kind: 'any' };
  const ofCustomer = `projects.deleted_at IS NULL AND projects.customer_id = $${values.push(customerId)}::text`;
  if (projectId === undefined) return { condition: ofCustomer, kind: 'own' };
  return { condition: `${ofCustomer} AND projects.id = $${values.push(projectId)}::text`, kind: 'one' };
}
