// A private Redis server: own configuration, a loopback port, a random password.
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { type Daemon, endWithParent, startDaemon } from './daemon.ts';
import { messageOf } from './errors.ts';
import { freePort } from './ports.ts';
import { which } from './which.ts';

/** Sends one inline command and resolves with what comes back within a second, '' if nothing does. */
function ask(port: number, ...lines: string[]): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(lines.map((line) => `${line}\r\n`).join('')));
    let answer = '';
    socket.setTimeout(1_000, () => socket.destroy());
    socket.on('data', (data: Buffer) => {
      answer += String(data);
      if (answer.split('\r\n').length > lines.length) socket.destroy();
    });
    // Not listening yet: the caller asks again.
    socket.on('error', () => socket.destroy());
    socket.on('close', () => resolve(answer));
  });
}

export interface RedisServer extends Daemon {
  url: string;
  port: number;
}

interface RedisOptions {
  dir: string;
  /** False writes nothing to disk (tests). */
  durable?: boolean;
}

/** Starts the server and resolves when it has loaded its data and answers. */
export async function startRedis({ dir, durable = true }: RedisOptions): Promise<RedisServer> {
  const program = which('redis-server');
  if (!program)
    throw new Error('redis-server is not installed (apt-get install redis-server); or set REDIS_URL to a server.');
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const password = randomBytes(24).toString('hex');
  // A port found free may be gone a moment later: two more tries.
  for (let attempt = 1; ; attempt++) {
    const port = await freePort();
    const settings = {
      bind: '127.0.0.1',
      port,
      requirepass: password,
      dir: `"${dir}"`,
      daemonize: 'no',
      // Queues must not lose jobs to eviction: an error is better.
      'maxmemory-policy': 'noeviction',
      appendonly: durable ? 'yes' : 'no',
      save: '""',
    };
    const file = join(dir, 'redis.conf');
    const text = Object.entries(settings)
      .map(([name, value]) => `${name} ${value}\n`)
      .join('');
    writeFileSync(file, text, { mode: 0o600 });
    try {
      const { stop, pid, exited } = await startDaemon({
        name: 'Redis',
        command: endWithParent([program, file], 'SIGTERM'),
        cwd: dir,
        logFile: join(dir, 'redis.log'),
        isReady: async () => (await ask(port, `AUTH ${password}`, 'PING')).includes('+PONG'),
      });
      return { url: `redis://:${password}@127.0.0.1:${port}`, port, pid, exited, stop };
    } catch (error) {
      if (attempt === 3 || !/Address already in use/.test(messageOf(error))) throw error;
    }
  }
}
