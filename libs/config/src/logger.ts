import { pino, type Logger } from 'pino';

export type { Logger };

/** A JSON logger for one process (`api`, `worker`, `pipeline`). Secrets are kept out by their types; the paths here are the last gate. */
export function createLogger(name: string, level: string): Logger {
  return pino({
    name,
    level,
    base: { name },
    redact: {
      paths: ['req.headers.authorization', 'req.headers.cookie', '*.password', '*.secret', '*.token', '*.url'],
      censor: '[redacted]',
    },
  });
}
