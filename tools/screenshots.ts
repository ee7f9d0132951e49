// npm run screenshots: every page of the dashboard, light, dark and on a phone, into docs/screenshots/. Against a real system with real streams.
import { mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Browser, type BrowserContextOptions, chromium } from 'playwright-core';
import { type Credentials, type Demo, demoApi, startCallbackServer } from './lib/demo-customer.ts';
import { loadDotEnv, runMain } from './lib/main.ts';
import { ROOT, STATE_DIR } from './lib/paths.ts';
import { freePort } from './lib/ports.ts';
import { setUp } from './lib/setup.ts';
import { createStack } from './lib/stack.ts';
import { say } from './lib/terminal.ts';
import { which } from './lib/which.ts';

const OUT = join(ROOT, 'docs/screenshots');
interface Look extends BrowserContextOptions {
  viewport: { width: number; height: number };
}

const LOOKS: Record<string, Look> = {
  light: { viewport: { width: 1280, height: 800 }, colorScheme: 'light' },
  dark: { viewport: { width: 1280, height: 800 }, colorScheme: 'dark' },
  phone: {
    viewport: { width: 390, height: 844 },
    colorScheme: 'light',
    deviceScaleFactor: 2,
    isMobile: true,
    hasTouch: true,
  },
};
/** Long enough for figures and thumbnails of the last seconds. */
const SETTLE_MS = 14_000;
const stops: (() => Promise<unknown>)[] = [];

await runMain(async () => {
  loadDotEnv();
  await setUp({ uses: ['core', 'demo', 'tests'] });
  try {
    await shoot();
  } finally {
    for (let next = stops.pop(); next; next = stops.pop()) await next();
  }
});
process.exit();

async function shoot(): Promise<void> {
  mkdirSync(OUT, { recursive: true });
  const system = await startSystem();
  const { publishTestStream } = await import('./lib/whip-publisher.ts');
  const api = demoApi(system, 'live');
  const customer = await startCallbackServer((name) => [
    `${system.rtmpUrl}/${name}`,
    `rtmp://127.0.0.1:${system.deadPort}/live/${name}`,
  ]);
  stops.push(() => customer.stop());
  await api.patchSettings({ enabled: true, callbackUrl: customer.url });
  const { token } = await api.publishToken();
  const shown: [name: string, width: number, height: number, pattern: string, kbps: number][] = [
    ['main-stage', 1280, 720, 'smpte', 2500],
    ['backstage', 640, 360, 'pinwheel', 900],
    ['interviews', 640, 360, 'spokes', 900],
  ];
  for (const [name, width, height, pattern, kbps] of shown) {
    const publisher = await publishTestStream({
      url: `${system.apiUrl}/whip/${system.appid}/live/${name}`,
      token,
      localAddress: '127.0.0.1',
      width,
      height,
      pattern,
      kbps,
    });
    stops.push(() => publisher.close());
  }
  const executablePath = ['chromium', 'chromium-browser', 'google-chrome'].map(which).find(Boolean);
  const browser = await chromium.launch({
    executablePath,
    args: [
      '--use-fake-ui-for-media-stream',
      '--use-fake-device-for-media-stream',
      '--disable-gpu',
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
    ],
  });
  stops.push(() => browser.close());
  for (const [look, options] of Object.entries(LOOKS)) {
    await pagesOf(browser, system, look, options);
    say(`  ${look}: done`);
  }
}

async function pagesOf(browser: Browser, system: Demo, look: string, options: Look): Promise<void> {
  const context = await browser.newContext({ ...options, permissions: ['camera', 'microphone'] });
  const page = await context.newPage();
  // All of it, in a window that is as high: in a picture of the whole page, what is fixed to the window would end amid it.
  const shot = async (name: string) => {
    const height = Number(await page.evaluate('document.documentElement.scrollHeight'));
    await page.setViewportSize({ ...options.viewport, height: Math.max(height, options.viewport.height) });
    // What grows with the window is to have grown.
    await page.screenshot({ path: join(OUT, `${name}-${look}.png`), animations: 'disabled' });
    await page.setViewportSize(options.viewport);
  };
  const signIn = async ({ customerId, customerSecret }: Credentials) => {
    await page.goto(system.apiUrl);
    await page.getByLabel('Customer ID').fill(customerId);
    await page.getByLabel('Customer secret', { exact: true }).fill(customerSecret);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('heading', { name: 'Live', level: 1 }).waitFor();
  };
  const visit = async (path: string, name: string, waitMs = 1500) => {
    await page.goto(system.apiUrl + path);
    await page.getByRole('heading', { level: 1 }).waitFor();
    await sleep(waitMs);
    await shot(name);
  };
  await page.goto(system.apiUrl);
  await page.getByRole('button', { name: 'Sign in' }).waitFor();
  await shot('sign-in');
  await signIn(system.customer);
  await visit('/live', 'live', SETTLE_MS);
  await page.locator('[data-stream="main-stage"]').click();
  await page.getByRole('heading', { name: 'main-stage', level: 1 }).waitFor();
  await sleep(SETTLE_MS);
  await shot('stream');
  await visit('/projects', 'projects');
  await visit(`/projects/${system.appid}`, 'project');
  await visit(`/projects/${system.appid}/entry-points/live`, 'entry-point');
  await page.getByRole('button', { name: 'Send test callback' }).click();
  await page.getByRole('status', { name: 'Result of the test callback' }).waitFor();
  await shot('test-callback');
  await visit('/account', 'account');
  await visit('/go-live', 'go-live');
  await page.getByText('Test card').click();
  await page.getByRole('button', { name: 'Go live' }).click();
  await page.getByRole('region', { name: 'On air' }).getByText('Live', { exact: true }).waitFor();
  await sleep(5000);
  await shot('go-live');
  await page.getByRole('button', { name: 'Stop' }).click();
  await context.clearCookies();
  await signIn(system.operator);
  await visit('/customers', 'customers');
  await page.getByRole('link', { name: 'Demo customer' }).click();
  await page.getByRole('heading', { name: 'Demo customer', level: 1 }).waitFor();
  await sleep(1000);
  await shot('customer');
  await visit('/system', 'system', 2500);
  await context.close();
}

async function startSystem(): Promise<Demo & { deadPort: number }> {
  const logFile = join(STATE_DIR, 'logs/screenshots.log');
  mkdirSync(join(STATE_DIR, 'logs'), { recursive: true });
  const log = openSync(logFile, 'w', 0o600);
  const print = (line: string) => writeSync(log, `${line}\n`);
  Object.assign(process.env, {
    PORT: String(await freePort()),
    RTMP_PORT: String(await freePort()),
    MEDIA_ADDRESSES: '127.0.0.1',
  });
  delete process.env.PUBLIC_URL;
  say(`Starting a system to photograph (its log: ${logFile}).`);
  const stack = createStack({ print, note: print });
  stops.push(() => stack.stop());
  const { demo } = await stack.start();
  return { ...demo, deadPort: await freePort() };
}
