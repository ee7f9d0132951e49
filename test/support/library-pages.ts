// The browser library, built as it is delivered, in real Chromium against the running system.
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import { launchChromium, type PageServer } from './chromium.js';
import { type Customer, startCustomer } from './customer.js';
import { inPage, servePublisherPages } from './publisher-page.js';
import { startRtmpServer, type TestRtmpServer } from './rtmp-server.js';
import { System } from './system.js';

export let system: System;
export let platform: TestRtmpServer;
let customer: Customer;
let browser: Browser;
let pages: PageServer;
export let live: { whipUrl: (name: string) => string; token: string };
const opened: Page[] = [];

export async function openPage(path = '/'): Promise<Page> {
  const page = await browser.newPage();
  opened.push(page);
  await page.goto(`${pages.url}${path}`);
  return page;
}

/** `options` is JavaScript: a page may pass what is no JSON. */
export const beginWith = (page: Page, session: object, options: string): Promise<void> =>
  inPage(
    page,
    `begin(${JSON.stringify({ whipUrl: live.whipUrl('{stream_name}'), token: live.token, ...session })}, ${options})`,
  );

export const begin = (page: Page, session: object, options: object): Promise<void> =>
  beginWith(page, session, JSON.stringify(options));

export const events = (page: Page): Promise<string[]> => inPage(page, 'events');

export const reaches = (page: Page, status: string, timeout = 15_000): Promise<void> =>
  expect.poll(() => inPage(page, 'stream.status()'), { timeout, interval: 50 }).toBe(status);

/** Publishes and waits until the platform has it. */
export async function publish(
  name: string,
  options: object = { constraints: { video: { width: 640, height: 360 }, audio: true } },
  path = '/',
) {
  const page = await openPage(path);
  await begin(page, {}, { name, ...options });
  await reaches(page, 'PUBLISHING');
  const { id } = await system.stream(name);
  await system.transfersReach(id, ['live']);
  return { page, id };
}

/** Starts a system, a platform and a browser for the calling file, and closes the pages of each test after it. Who ends processes of the system needs one of his own (`System.start`). */
export function useLibrary(newSystem: () => Promise<System> = () => System.shared()): void {
  beforeAll(async () => {
    platform = await startRtmpServer({ record: true });
    customer = await startCustomer((name) => [`${platform.url}/${name}`]);
    system = await newSystem();
    live = await system.entryPoint('library', { enabled: true, callbackUrl: customer.url });
    pages = await servePublisherPages();
    browser = await launchChromium([
      '--allow-loopback-in-peer-connection',
      '--auto-select-desktop-capture-source=Entire screen',
    ]);
  });

  afterEach(async () => {
    await Promise.all(opened.splice(0).map((page) => page.close()));
  });

  afterAll(async () => {
    await browser?.close();
    await pages?.stop();
    await system?.stop();
    await customer?.stop();
    await platform?.stop();
  });
}
