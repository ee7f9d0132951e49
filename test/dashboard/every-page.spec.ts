// What holds for every page: its width, its policy, its weight.
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signIn } from '../support/dashboard.js';
import { type Show, startShow } from '../support/show.js';

let show: Show;
let { system, browser, tab } = {} as Show;

beforeAll(async () => {
  show = await startShow();
  ({ system, browser, tab } = show);
}, 90_000);
afterAll(() => show?.stop());

describe('every page', () => {
  it('fits a phone, in the dark as well', async () => {
    const phone = await signIn(browser, system, system.customer, {
      viewport: { width: 390, height: 844 },
      colorScheme: 'dark',
      isMobile: true,
      hasTouch: true,
    });
    const { id } = await system.stream('concert');
    for (const [path, heading] of [
      ['/live', 'Live'],
      [`/streams/${system.appid}/${id}`, 'concert'],
      [`/projects/${system.appid}/entry-points/show`, 'show'],
      ['/go-live', 'Go live'],
      ['/account', 'My account'],
    ] as const) {
      await phone.open(path, heading);
      expect(
        await phone.page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth'),
        path,
      ).toBe(0);
      expect(await phone.inaccessible(), path).toEqual([]);
    }
    expect(phone.faults).toEqual([]);
    await phone.page.context().close();
  });

  it.each([820, 1024, 1180])('shows all of its lists and buttons %i pixels wide', async (width) => {
    const tablet = await signIn(browser, system, system.customer, { viewport: { width, height: 800 } });
    const { id } = await system.stream('concert');
    for (const [path, heading] of [
      ['/live', 'Live'],
      [`/streams/${system.appid}/${id}`, 'concert'],
    ] as const) {
      await tablet.open(path, heading);
      expect(
        await tablet.page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth'),
        path,
      ).toBe(0);
    }
    const button = tablet.page.getByRole('button', { name: 'Remove' }).first();
    await button.waitFor();
    const box = await button.boundingBox();
    const card = await tablet.page.getByRole('region', { name: 'Transfers' }).boundingBox();
    expect((box?.x ?? Infinity) + (box?.width ?? 0)).toBeLessThanOrEqual((card?.x ?? 0) + (card?.width ?? 0));
    await tablet.page.context().close();
  });

  it('keeps to its policy and to its own host', async () => {
    const hosts = new Set<string>();
    tab.page.on('request', (request) => hosts.add(new URL(request.url()).host));
    await tab.open('/live', 'Live');
    await tab.page.getByRole('link', { name: 'Projects' }).click();
    await tab.page.getByRole('heading', { name: 'Projects', level: 1 }).waitFor();
    expect([...hosts]).toEqual([new URL(system.apiUrl).host]);
    expect(tab.faults).toEqual([]);
  });

  it('says what to do when there is nothing at its address', async () => {
    await tab.page.goto(`${system.apiUrl}/no/such/page`);
    await tab.page.getByText('Page not found').waitFor();
    await tab.page.goto(`${system.apiUrl}/streams/${system.appid}/00000000-0000-7000-8000-000000000000`);
    await tab.page.getByRole('alert').getByText('Not found').waitFor();
    expect(await tab.inaccessible()).toEqual([]);
  });
});

it('the first load is below 300 kB of JavaScript, as it travels and in gzip', async () => {
  const context = await browser.newContext();
  const page = await context.newPage();
  const scripts: Promise<{ sent: number; gzipped: number }>[] = [];
  page.on('response', (response) => {
    if (!new URL(response.url()).pathname.endsWith('.js')) return;
    scripts.push(
      Promise.all([response.request().sizes(), response.body()]).then(([{ responseBodySize }, body]) => ({
        sent: responseBodySize,
        gzipped: gzipSync(body).length,
      })),
    );
  });
  await page.goto(system.apiUrl);
  await page.getByLabel('Customer ID').fill(system.customer.customerId);
  await page.getByLabel('Customer secret', { exact: true }).fill(system.customer.customerSecret);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.locator('[data-stream="concert"]').waitFor();
  const all = await Promise.all(scripts);
  expect(all.length).toBeGreaterThan(1);
  for (const of of ['sent', 'gzipped'] as const) {
    const total = all.reduce((sum, script) => sum + script[of], 0);
    expect(total, of).toBeGreaterThan(50_000);
    expect(total, of).toBeLessThan(300_000);
  }
  await context.close();
});
