import { createParamDecorator, SetMetadata, type CustomDecorator, type ExecutionContext } from '@nestjs/common';
import type { Request } from 'express';
import type { Role } from '#libs/db';

/** Who asks, as the credential said. */
export interface Caller {
  customerId: string;
  /** The only project that the credential is for; all of the customer's when absent. */
  projectId?: string;
  role: Role;
  /** The credential, or the one that the dashboard session was begun with. */
  credentialId: string;
  /** What the rate limit counts by: a credential, or a dashboard session. */
  limitKey: string;
  /** Signed in at the dashboard: a browser sends the cookie by itself, so unsafe requests must prove their origin. */
  bySession: boolean;
  /** The session, which may end before its credential does. */
  sessionId?: string;
}

/** A request that has passed the guard. */
export type AuthenticatedRequest = Request & { user: Caller };

/** The authenticated caller, as a handler's parameter. */
export const CurrentCaller = createParamDecorator(
  (_data: unknown, context: ExecutionContext): Caller => context.switchToHttp().getRequest<AuthenticatedRequest>().user,
);

/** The projects the caller may see, for every `where`: its own, or all for an operator; and none that was deleted. */
export function ownedBy({ role, customerId, projectId }: Caller): {
  customerId?: string;
  deletedAt: null;
  AND?: { id: string };
} {
  if (role === 'operator') return { deletedAt: null };
  // Not as `id`, which whoever asks for one project by its id would overwrite.
  return { customerId, deletedAt: null, ...(projectId === undefined ? {} : { AND: { id: projectId } }) };
}

export const PUBLIC = 'manycast:public';
export const OPERATOR_ONLY = 'manycast:operator';

/** No customer ID and secret needed (the route has its own rule, or no secret to guard). */
export const Public = (): CustomDecorator => SetMetadata(PUBLIC, true);

/** For everybody but operators, the route does not exist. */
export const OperatorOnly = (): CustomDecorator => SetMetadata(OPERATOR_ONLY, true);
