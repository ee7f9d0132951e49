import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { chromium, type Browser } from 'playwright-core';
import { which } from '../../tools/lib/which.ts';

/** Starts headless Chromium with a fake camera and microphone that need no permission. */
export async function launchChromium(extraArgs: string[] = []): Promise<Browser> {
  const executablePath = ['chromium', 'chromium-browser', 'google-chrome'].map(which).find(Boolean);
  if (!executablePath) throw new Error('Chromium is not installed: apt-get install chromium');
  const browser = await chromium.launch({
    executablePath,
    headless: true,
    args: [
      '--use-fake-ui-for-media-stream',
      '--use-fake-device-for-media-stream',
      // ICE candidates carry addresses in place of mDNS names that nobody here resolves.
      '--disable-features=WebRtcHideLocalIpsWithMdns',
      '--autoplay-policy=no-user-gesture-required',
      // A machine without a route to the outside must not slow the start.
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--disable-quic',
      '--disable-gpu',
      '--no-first-run',
      // Chromium's own sandbox refuses root.
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
      ...extraArgs,
    ],
  });
  return withPlainErrors(browser);
}

/** Methods that run a script in the page. */
const SCRIPTS = ['evaluate', 'evaluateAll', 'evaluateHandle', 'waitForFunction', '$eval', '$$eval'];
/** Prototypes whose methods have been replaced. */
const plain = new WeakSet<object>();

/**
 * Errors of scripts in the pages come as errors of this process, with the page's stack in one line of the message. In Playwright's own it
 * is part of the stack, where Vitest takes a page's URL for a file of the project: it fails the run, and forgets the test's error, when that
 * is a directory (as `/` always is). Playwright's classes are only to be had from their objects.
 */
async function withPlainErrors(browser: Browser): Promise<Browser> {
  const page = await browser.newPage();
  for (const one of [page, page.mainFrame(), page.locator('html')]) makeErrorsPlain(Object.getPrototypeOf(one));
  await page.close();
  return browser;
}

function makeErrorsPlain(prototype: Record<string, (...values: unknown[]) => Promise<unknown>>): void {
  if (plain.has(prototype)) return;
  plain.add(prototype);
  for (const name of SCRIPTS) {
    const method = prototype[name];
    if (!method) continue;
    prototype[name] = async function (...values) {
      try {
        return await method.apply(this, values);
      } catch (error) {
        throw plainError(error);
      }
    };
  }
}

/** The same words, and only this process's stack. */
function plainError(error: unknown): Error {
  const message = error instanceof Error ? error.message : String(error);
  return new Error(message.replaceAll(/\s*\n\s*/g, ' | '));
}

export interface PageServer {
  /** `http://localhost:<port>`: a secure context, so the camera may be used. */
  url: string;
  stop(): Promise<void>;
}

/** Serves pages given as path -> HTML (or any text, typed by its extension) on localhost. */
export async function servePages(pages: Record<string, string>): Promise<PageServer> {
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname;
    const page = pages[path];
    if (page === undefined) {
      response.writeHead(404).end();
      return;
    }
    const type = /\.m?js$/.test(path) ? 'text/javascript' : path.endsWith('.css') ? 'text/css' : 'text/html';
    response.writeHead(200, { 'content-type': `${type}; charset=utf-8` }).end(page);
  });
  await new Promise<void>((resolve) => server.listen(0, 'localhost', resolve));
  return {
    url: `http://localhost:${(server.address() as AddressInfo).port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
