// One system for all files that leave its processes as they are: started when the first of them asks for it, stopped with the run.
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatabaseServer } from './clone-database.js';
import { SystemProcesses } from './system-processes.js';

/** Serves the place of the shared system (`SystemPlace` as JSON) at `url`; the first request starts it. */
export async function offerSystem(
  servers: DatabaseServer & { redisUrl: string },
): Promise<{ url: string; stop(): Promise<void> }> {
  const mediaDir = await mkdtemp(join(tmpdir(), 'mc-media-'));
  // What the files that share it need together.
  const settings = { MEDIA_DIR: mediaDir, ALLOWED_PRIVATE_HOSTS: '127.0.0.0/8,::1', PUSH_LOCAL_ADDRESSES: '127.0.0.3' };
  let starting: Promise<SystemProcesses> | undefined;
  const server = createServer((_, response) => {
    starting ??= SystemProcesses.start(servers, settings);
    starting.then(
      ({ place }) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(place)),
      (error: unknown) => response.writeHead(500).end(String(error)),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    stop: async () => {
      server.close();
      // A system that did not start has nothing to stop; whoever asked for it was told.
      await (await starting?.catch(() => undefined))?.stop();
      await rm(mediaDir, { recursive: true, force: true });
    },
  };
}
