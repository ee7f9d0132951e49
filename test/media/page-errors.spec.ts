// A page's error in a test: what the test's own error says of it.
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { Browser, Page } from 'playwright-core';
import { launchChromium, type PageServer, servePages } from '../support/chromium.js';

let browser: Browser;
let pages: PageServer;

beforeAll(async () => {
  pages = await servePages({
    '/': '<!doctype html><script>function fail() { throw new Error("no camera"); }</script>',
  });
  browser = await launchChromium();
});
afterAll(async () => {
  await browser?.close();
  await pages?.stop();
});

const pageOfContext = async (): Promise<Page> => (await browser.newContext()).newPage();

it.each<[string, () => Promise<Page>, (page: Page) => Promise<unknown>]>([
  ['page.evaluate', () => browser.newPage(), (page) => page.evaluate('fail()')],
  ['page.evaluate, of a context', pageOfContext, (page) => page.evaluate('fail()')],
  ['frame.evaluate', pageOfContext, (page) => page.mainFrame().evaluate('fail()')],
  ['page.waitForFunction', pageOfContext, (page) => page.waitForFunction('fail()')],
  ['locator.evaluate', pageOfContext, (page) => page.locator('html').evaluate('fail()')],
])('an error in %s has its words, and no line of its stack stands in that of the test', async (_, open, run) => {
  const page = await open();
  await page.goto(pages.url);
  const error = (await run(page).catch((reason: Error) => reason)) as Error;
  expect(error.message).toContain('no camera');
  // Where it was thrown in the page.
  expect(error.message).toContain(pages.url);
  const lines = String(error.stack).split('\n').slice(1);
  expect(lines.filter((line) => line.includes(pages.url))).toEqual([]);
  expect(lines.join()).toContain(import.meta.filename);
  await page.close();
});
