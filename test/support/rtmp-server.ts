import { randomBytes } from 'node:crypto';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { startRtmpServer as startNginx } from '../../tools/lib/rtmp-server.ts';

export interface Publisher {
  /** The stream name (key) under which it publishes. */
  name: string;
  bytesIn: number;
  /** Milliseconds since it began. */
  uptimeMs: number;
  /** Measured over the last seconds. */
  bitsPerSecond: number;
}

export interface TestRtmpServer {
  port: number;
  /** `rtmp://127.0.0.1:<port>/<app>`; append `/<stream name>` to publish or play. */
  url: string;
  statUrl: string;
  /** Who publishes at this moment. */
  publishers(): Promise<Publisher[]>;
  /** Cuts the publisher of this stream off, as a platform does that ends a broadcast. */
  dropPublisher(name: string): Promise<void>;
  /** The FLV files written so far, with `record: true`. */
  recordings(): Promise<string[]>;
  stop(): Promise<void>;
}

/** Starts an nginx-rtmp of the caller's own: the platform at the far end. `onPublishUrl` is asked before each publish. */
export async function startRtmpServer(
  options: { app?: string; port?: number; onPublishUrl?: string; record?: boolean } = {},
): Promise<TestRtmpServer> {
  const id = `rtmp-${process.pid}-${randomBytes(4).toString('hex')}`;
  const dir = join(import.meta.dirname, '../../.manycast/test', id);
  const server = await startNginx({ dir, ...options });
  if (options.port !== undefined && server.port !== options.port) {
    await server.stop();
    throw new Error(`port ${options.port} is taken`);
  }
  return {
    port: server.port,
    url: server.url,
    statUrl: server.statUrl,
    publishers: async () => parsePublishers(await get(server.statUrl)),
    dropPublisher: async (name) => {
      await get(`${server.controlUrl}/drop/publisher?app=${server.app}&name=${encodeURIComponent(name)}`);
    },
    recordings: async () => (await readdir(server.recordings)).sort().map((file) => join(server.recordings, file)),
    stop: async () => {
      await server.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function get(url: string): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.timeout(5_000) });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  return response.text();
}

/** Reads the module's statistics page: a `<stream>` counts when one of its clients bears `<publishing/>`. */
export function parsePublishers(xml: string): Publisher[] {
  return [...xml.matchAll(/<stream>([\s\S]*?)<\/stream>/g)]
    .map(([, stream = '']) => stream)
    .filter((stream) => /<client>[\s\S]*<publishing\/>/.test(stream))
    .map((stream) => {
      const number = (tag: string): number => Number(new RegExp(`<${tag}>(\\d+)</${tag}>`).exec(stream)?.[1] ?? 0);
      return {
        name: unescapeXml(/<name>(.*?)<\/name>/.exec(stream)?.[1] ?? ''),
        bytesIn: number('bytes_in'),
        uptimeMs: number('time'),
        bitsPerSecond: number('bw_in'),
      };
    });
}

function unescapeXml(text: string): string {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&quot;', '"').replaceAll('&amp;', '&');
}
