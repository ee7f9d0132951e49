// What the process of a running stream may do, as the kernel tells it, and that streams of every kind work all the same.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { publishTestStream, type TestPublisher } from '../../tools/lib/whip-publisher.ts';
import { decodeFrames, volumeDetect } from '../support/ffprobe.js';
import { startRtmpServer, type TestRtmpServer } from '../support/rtmp-server.js';
import { System } from '../support/system.js';
import { startTlsProxy } from '../support/tls-proxy.js';

const isRoot = process.getuid?.() === 0;
let system: System;
let platform: TestRtmpServer;
let tls: Awaited<ReturnType<typeof startTlsProxy>>;
let mediaDir: string;
const publishers: TestPublisher[] = [];

beforeAll(async () => {
  platform = await startRtmpServer();
  tls = await startTlsProxy(platform.port);
  mediaDir = mkdtempSync(join(tmpdir(), 'mc-media-'));
  system = await System.start({
    MEDIA_DIR: mediaDir,
    METRICS_TOKEN: 'a-secret-of-the-worker',
    PIPELINE_MEMORY_MB: '1024',
  });
  mkdirSync(join(mediaDir, system.appid), { mode: 0o700 });
  const sound = join(mediaDir, system.appid, 'tone.wav');
  execFileSync('ffmpeg', ['-v', 'error', '-f', 'lavfi', '-i', 'sine=frequency=1000:duration=2', sound]);
  // Nobody but root reads it, and the pipeline is not root.
  chmodSync(sound, 0o600);
});
afterAll(async () => {
  await Promise.all(publishers.map((publisher) => publisher.close()));
  await system?.stop();
  await tls?.stop();
  await platform?.stop();
  rmSync(mediaDir, { recursive: true, force: true });
});

/** The processes whose control sockets lie in this system's folder. */
function pipelines(): { pid: string; socket: string }[] {
  const commands = execFileSync('ps', ['-eo', 'pid=,args=', '-ww'], { encoding: 'utf8' }).split('\n');
  return commands
    .filter((line) => line.includes(`${system.runDir}/`) && line.includes('pipeline/src/process/main.js'))
    .map((line) => ({
      pid: line.trim().split(' ')[0] as string,
      socket: line.split(' ').find((word) => word.endsWith('.sock')) as string,
    }));
}

const status = (pid: string) =>
  Object.fromEntries(
    readFileSync(`/proc/${pid}/status`, 'utf8')
      .split('\n')
      .map((line) => line.split(/:\s*/) as [string, string]),
  );
const proc = (pid: string, name: string): string => readFileSync(`/proc/${pid}/${name}`, 'utf8');

describe.each(['H264', 'VP8'] as const)('a pipeline that carries %s', (codec) => {
  let id: string;
  const name = codec.toLowerCase();

  it('forwards over TLS and to a host with a name, shows a picture, and plays a sound that only the worker can read', async () => {
    const entryPoint = await system.entryPoint(name);
    publishers.push(
      await publishTestStream({
        url: entryPoint.whipUrl(name),
        token: entryPoint.token,
        localAddress: '127.0.0.1',
        codec,
        frequency: 300,
        width: 320,
        height: 180,
        kbps: 300,
      }),
    );
    ({ id } = await system.stream(name));
    const urls = [`${platform.url}/${name}`, `rtmp://localhost:${platform.port}/live/${name}-by-name`];
    const plain = await Promise.all(urls.map((url) => system.addTransfer(id, { url })));
    const secure = await system.addTransfer(id, {
      url: `rtmps://127.0.0.1:${tls.port}/live/${name}-tls`,
      tlsVerify: false,
    });
    const picky = await system.addTransfer(id, { url: `rtmps://127.0.0.1:${tls.port}/live/${name}-picky` });
    for (const transfer of [...plain, secure]) await system.transferReaches(id, transfer.id, 'live');
    // Nobody has signed the certificate: the authorities are known here, too.
    await expect.poll(async () => (await system.transfer(id, picky.id)).reason?.code).toBe('tls_certificate');
    for (const end of ['', '-by-name', '-tls'])
      expect(await decodeFrames(`${platform.url}/${name}${end}`, { frames: 15 })).toBe(15);
    await expect.poll(async () => (await system.thumbnail(id))?.subarray(0, 2).toString('hex')).toBe('ffd8');
    expect((await volumeDetect(`${platform.url}/${name}`, { seconds: 1, hertz: 1000 })).mean).toBeLessThan(-40);
    await system.changeTransfer(id, plain[0]?.id as string, { sound: { file: 'tone.wav', loop: true } });
    await expect
      .poll(async () => (await volumeDetect(`${platform.url}/${name}`, { seconds: 1, hertz: 1000 })).mean, {
        timeout: 30_000,
      })
      .toBeGreaterThan(-30);
    expect((await system.transfer(id, plain[0]?.id as string)).reason).toBeNull();
  });

  it.skipIf(!isRoot)(
    'has a user of its own, no capability, no way to new ones, and a filter of system calls, in every thread',
    () => {
      const found = pipelines();
      expect(found.length).toBeGreaterThanOrEqual(publishers.length);
      const users = found.map(({ pid }) => {
        const tasks = execFileSync('ls', [`/proc/${pid}/task`], { encoding: 'utf8' })
          .trim()
          .split('\n');
        const each = tasks.map((task) => status(`${pid}/task/${task}`));
        for (const { CapEff, CapPrm, CapAmb, NoNewPrivs, Seccomp, Groups, Uid, Gid } of each) {
          expect({ CapEff, CapPrm, CapAmb, NoNewPrivs, Seccomp, groups: Groups?.trim() }).toEqual({
            CapEff: '0000000000000000',
            CapPrm: '0000000000000000',
            CapAmb: '0000000000000000',
            NoNewPrivs: '1',
            Seccomp: '2',
            groups: '',
          });
          expect(new Set([...(Uid as string).split('\t'), ...(Gid as string).split('\t')]).size).toBe(1);
        }
        return Number(each[0]?.Uid?.split('\t')[0]);
      });
      expect(new Set(users).size).toBe(found.length);
      for (const uid of users) expect(uid).toSatisfy((value: number) => value >= 60_578 && value <= 61_183);
    },
  );

  it('is bounded: no core dumps, files, memory, its log; and is the first to go when memory is short', () => {
    for (const { pid } of pipelines()) {
      const limit = (what: string) => new RegExp(`^${what} +(\\S+) +(\\S+)`, 'm').exec(proc(pid, 'limits'))?.slice(1);
      expect([
        limit('Max core file size'),
        limit('Max open files'),
        limit('Max file size'),
        limit('Max data size'),
      ]).toEqual([
        ['0', '0'],
        ['1024', '1024'],
        ['8388608', '8388608'],
        [String(2 * 1024 ** 3), String(2 * 1024 ** 3)],
      ]);
      if (isRoot) expect(limit('Max processes')).toEqual(['4096', '4096']);
      expect(Number(proc(pid, 'oom_score_adj'))).toBe(500);
    }
  });

  it.skipIf(!isRoot)(
    'knows nothing of our secrets: its environment holds none, and its user opens neither them nor the memory of the others',
    () => {
      const secrets = ['DATABASE_URL', 'REDIS_URL', 'MASTER_KEYS', 'METRICS_TOKEN'].map(
        (key) => system.env[key] as string,
      );
      const worker = execFileSync('pgrep', ['-f', 'dist/apps/worker/src/main.js'], { encoding: 'utf8' })
        .trim()
        .split('\n')
        .find((pid) => proc(pid, 'environ').includes(`RUN_DIR=${system.runDir}`)) as string;
      for (const { pid, socket } of pipelines()) {
        const environment = proc(pid, 'environ')
          .split('\0')
          .filter((entry) => entry !== '');
        for (const secret of secrets) expect(environment.join()).not.toContain(secret);
        expect(
          environment
            .map((entry) => entry.split('=')[0])
            .filter(
              (key) => !/^(HOME|XDG_CACHE_HOME|LANG|TZ|LD_LIBRARY_PATH|MALLOC_ARENA_MAX|GST_\w+)$/.test(key as string),
            ),
        ).toEqual([]);
        expect(readlinkSync(`/proc/${pid}/cwd`)).toBe(socket.replace(/sock$/, 'files'));
        const uid = status(pid).Uid?.split('\t')[0] as string;
        // As that user, with nothing of the filter: what files alone forbid.
        const open = (file: string): boolean =>
          execFileSync(
            'setpriv',
            [
              `--reuid=${uid}`,
              `--regid=${uid}`,
              '--clear-groups',
              'sh',
              '-c',
              'head -c 1 "$1" > /dev/null 2>&1 && echo yes || echo no',
              'sh',
              file,
            ],
            { encoding: 'utf8' },
          ).trim() === 'yes';
        for (const file of [
          `/proc/${worker}/environ`,
          `/proc/${worker}/mem`,
          `/proc/${pid}/environ`,
          `${system.runDir}/x`,
          join(mediaDir, system.appid, 'tone.wav'),
          '/etc/shadow',
        ])
          expect(open(file), file).toBe(false);
        expect(open('/etc/passwd')).toBe(true);
      }
    },
  );
});
