import { createParamDecorator, SetMetadata, type CustomDecorator, type ExecutionContext } from '@nestjs/common';
import type { Request } from 'express';
import type { Role } from '#libs/db';

/** Who asks, as the credential said. */
export interface Caller {
  customerId: string;
  role: Role;
}

/** The authenticated caller, as a handler's parameter. */
export const CurrentCaller = createParamDecorator(
  (_data: unknown, context: ExecutionContext): Caller => context.switchToHttp().getRequest<Request & { user: Caller }>().user,
);

/** The projects the caller may see, for every `where`: its own, or all for an operator. */
export function ownedBy(caller: Caller): { customerId?: string } {
  return caller.role === 'operator' ? {} : { customerId: caller.customerId };
}

export const PUBLIC = 'manycast:public';
export const OPERATOR_ONLY = 'manycast:operator';

/** No customer ID and secret needed (the route has its own rule, or no secret to guard). */
export const Public = (): CustomDecorator => SetMetadata(PUBLIC, true);

/** For everybody but operators, the route does not exist. */
export const OperatorOnly = (): CustomDecorator => SetMetadata(OPERATOR_ONLY, true);
