// A page that publishes with the built library, as a customer's page would, and keeps what the library tells.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { type PageServer, servePages } from './chromium.js';

const BUILT = join(import.meta.dirname, '../../dist/libs/publisher');

/** `events` holds every status and event in its order; `network` may stand between the page and the server. */
const TOLD = `
  window.events = [];
  window.stats = [];
  window.network = { mapAnswer: (sdp) => sdp, trickle: true, offline: false, refusals: [], offers: 0 };
  const realFetch = window.fetch;
  window.fetch = async (url, init) => {
    if (init?.method === 'PATCH' && init.headers['If-Match'] !== '*' && !network.trickle) return new Response(null, { status: 204 });
    if (network.offline) throw new TypeError('Failed to fetch');
    if (init?.method !== 'POST') return realFetch(url, init);
    network.offers += 1;
    const refusal = network.refusals.shift();
    if (refusal) return new Response('', refusal);
    const response = await realFetch(url, init);
    if (response.status !== 201) return response;
    return new Response(await network.mapAnswer(await response.text()), { status: 201, headers: response.headers });
  };
  window.open_ = (library, session, options) => {
    window.library = library;
    window.session = library.createSession(session);
    for (const status of Object.values(library.SESSION_STATUS)) window.session.on(status, () => events.push('session ' + status));
    window.stream = window.session.createStream({ display: document.getElementById('preview'), ...options });
    for (const status of Object.values(library.STREAM_STATUS)) stream.on(status, () => events.push(status));
    stream.on('RECONNECTING', (_, step) => events.push('RECONNECTING ' + step.reason));
    stream.on('NOT_PUSHED', (_, reason) => events.push('NOT_PUSHED ' + reason));
    stream.on('STATS', (_, figures) => stats.push(figures));
    stream.publish();
  };`;

const PLAIN = `<!doctype html><title>publisher</title><div id="preview"></div><button id="screen" onclick="window.switched = stream.switchToScreen()">screen</button>
<script src="/publisher.iife.js"></script><script>${TOLD}
  window.begin = (session, options) => open_(Manycast, session, options);
</script>`;

const MODULE = `<!doctype html><title>publisher</title><div id="preview"></div>
<script>${TOLD}</script><script type="module">
  import * as library from '/index.js';
  window.begin = (session, options) => open_(library, session, options);
</script>`;

/** `/` loads the library by a plain script, `/module` by an import. */
export async function servePublisherPages(): Promise<PageServer> {
  const built = (file: string): Promise<string> => readFile(join(BUILT, file), 'utf8');
  return servePages({
    '/': PLAIN,
    '/module': MODULE,
    '/publisher.iife.js': await built('publisher.iife.js'),
    '/index.js': await built('index.js'),
  });
}

/** Runs a piece of the page's JavaScript; `stream`, `session` and `library` are the library's own objects. */
export function inPage<T>(page: Page, script: string): Promise<T> {
  return page.evaluate<T>(script);
}

/** Figures that the page got by STATS or getStats(). */
export interface PageStats {
  intervalMs: number;
  kbps: number;
  video: { kbps: number; fps: number; width: number; height: number; codec: string; keyFrames: number } | null;
  audio: { kbps: number; codec: string; level: number } | null;
  loss: number;
  rttMs: number | null;
  route: string | null;
}
