import { Injectable } from '@nestjs/common';
import type { Request } from 'express';
import type { Strategy } from 'passport';
import type { Caller } from './caller.js';

type Recall = (request: Request) => Caller | undefined;
const nobody: Recall = () => undefined;

interface Scheme {
  strategy: Strategy;
  recall: Recall;
}

/**
 * The Passport strategies of this application, by name. Passport's own register is one for the whole process: the strategies of a second
 * application there would answer for the first one's requests, with the second one's database and memory.
 */
@Injectable()
export class Schemes {
  private readonly schemes = new Map<string, Scheme>();

  /** @param recall who the request's sender was a moment ago, if that is known without asking anybody */
  add(name: string, strategy: Strategy, recall: Recall = nobody): void {
    this.schemes.set(name, { strategy, recall });
  }

  /** Who sends the request, by the first of the named schemes that knows; undefined: none does. Rejects with what a strategy throws. */
  async callerOf(request: Request, names: readonly string[]): Promise<Caller | undefined> {
    for (const name of names) {
      const scheme = this.schemes.get(name);
      if (scheme === undefined) throw new Error(`There is no scheme ${name}.`);
      const caller = scheme.recall(request) ?? (await run(scheme.strategy, request));
      if (caller !== undefined) return caller;
    }
    return undefined;
  }
}

/** A strategy tells its result by functions that Passport puts on a copy of it, one for each request. */
interface Attempt {
  success(caller: Caller): void;
  fail(): void;
  pass(): void;
  error(error: unknown): void;
  authenticate(request: Request): void;
}

function run(strategy: Strategy, request: Request): Promise<Caller | undefined> {
  return new Promise((resolve, reject) => {
    const attempt = Object.create(strategy) as Attempt;
    attempt.success = resolve;
    attempt.fail = () => resolve(undefined);
    attempt.pass = () => resolve(undefined);
    attempt.error = reject;
    attempt.authenticate(request);
  });
}
