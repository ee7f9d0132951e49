import type { LoggerService } from '@nestjs/common';
import { pino, type Logger } from 'pino';
import { logFields } from './log-fields.js';

export type { Logger };

/** A JSON logger for one process (`api`, `worker`, `pipeline`). Secrets are kept out by their types; the paths here are the last gate. */
export function createLogger(name: string, level: string): Logger {
  return pino({
    name,
    level,
    base: { name },
    mixin: () => ({ ...logFields() }),
    redact: {
      paths: ['req.headers.authorization', 'req.headers.cookie', '*.password', '*.secret', '*.token', '*.url'],
      censor: '[redacted]',
    },
  });
}

/** Contexts in which Nest itself tells of every module and route: nothing an operator reads. */
const NEST = new Set([
  'InstanceLoader',
  'NestApplication',
  'NestApplicationContext',
  'NestFactory',
  'RouterExplorer',
  'RoutesResolver',
]);

/** Messages of Nest's Logger, ours and its own, in our log's format. */
export function nestLogger(logger: Logger): LoggerService {
  const write =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (message: unknown, ...rest: unknown[]): void => {
      const last = rest.at(-1);
      const context = typeof last === 'string' ? last : undefined;
      const own = level === 'info' && context !== undefined && NEST.has(context) ? 'debug' : level;
      logger[own]({ context, ...(message instanceof Error ? { err: message } : {}) }, String(message));
    };
  return {
    log: write('info'),
    error: write('error'),
    warn: write('warn'),
    debug: write('debug'),
    verbose: write('debug'),
  };
}
