import type { Request } from 'express';
import { Strategy } from 'passport';

/** Passport's frame for schemes of our own: `applies` tells which requests are the scheme's, `verify` (Nest's `validate`) who asks. */
export class RequestScheme extends Strategy {
  constructor(
    private readonly applies: (request: Request) => boolean,
    private readonly verify: (request: Request, done: (error: unknown, user?: object | false) => void) => void,
  ) {
    super();
  }

  override authenticate(request: Request): void {
    if (!this.applies(request)) return this.fail();
    this.verify(request, (error, user) => {
      if (error) this.error(error);
      else if (user) this.success(user);
      else this.fail();
    });
  }
}
