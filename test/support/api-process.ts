// An API as a process of its own, from dist/, on the database and Redis of the test's own API: for what may end a process.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { vi } from 'vitest';
import { freePort } from './ports.js';

const ROOT = join(import.meta.dirname, '../..');

export interface ApiProcess {
  url: string;
  /** Of the API, of /rest-api alone, and of the Web SDK's WebSocket. */
  ports: { api: number; rest: number; ws: number };
  child: ChildProcess;
  /** Lines of its log. */
  log: string[];
  /** Of Prometheus's format: the lines of one metric, by an operator's credentials. */
  metric(name: string, authorization: string): Promise<string[]>;
  stop(): Promise<void>;
}

/** After `startApp`, whose environment it takes; `settings` win. */
export async function startApiProcess(settings: Record<string, string> = {}): Promise<ApiProcess> {
  const [api, rest, ws] = [await freePort(), await freePort(), await freePort()];
  const env = {
    ...process.env,
    LOG_LEVEL: 'info',
    LISTEN_ADDRESS: '127.0.0.1',
    PORT: String(api),
    FLASHPHONER_PORT: String(rest),
    FLASHPHONER_WS_PORT: String(ws),
    ...settings,
  };
  const child = spawn(process.execPath, ['dist/apps/api/src/main.js'], {
    cwd: ROOT,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const log: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    stream
      .setEncoding('utf8')
      .on('data', (text: string) => log.push(...text.split('\n').filter((line) => line !== '')));
  const url = `http://127.0.0.1:${api}`;
  const isReady = async (): Promise<void> => {
    if (!(await fetch(`${url}/readyz`)).ok) throw new Error('the API is not ready');
  };
  await vi.waitFor(isReady, { timeout: 20_000, interval: 100 }).catch((error: unknown) => {
    throw new Error(`no API: ${String(error)}\n${log.join('\n')}`);
  });
  return {
    url,
    ports: { api, rest, ws },
    child,
    log,
    metric: async (name, authorization) => {
      const text = await (await fetch(`${url}/metrics`, { headers: { authorization } })).text();
      return text.split('\n').filter((line) => line.startsWith(name));
    },
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
}
