import { gzipSync } from 'node:zlib';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inaccessible, signIn } from '../support/dashboard.js';
import { decodeFrames } from '../support/ffprobe.js';
import { type Show, startShow } from '../support/show.js';

let show: Show;
let { system, platform, customer, browser, tab, deadPort } = {} as Show;

beforeAll(async () => {
  show = await startShow();
  ({ system, platform, customer, browser, tab, deadPort } = show);
}, 90_000);
afterAll(() => show?.stop());

const transfer = (url: string) => tab.page.getByRole('listitem', { name: `Transfer to ${url}` });

describe('signing in', () => {
  it('says when the secret is wrong, and is usable without seeing it', async () => {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(system.apiUrl);
    await page.getByLabel('Customer ID').fill(system.customer.customerId);
    await page.getByLabel('Customer secret', { exact: true }).fill('wrong');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').getByText('do not match').waitFor();
    expect(await inaccessible(page)).toEqual([]);
    await context.close();
  });

  it('keeps a deep link over a reload, and ends everywhere', async () => {
    const other = await signIn(browser, system, system.operator);
    await other.open('/account', 'My account');
    await other.page.getByRole('button', { name: 'Sign out everywhere' }).click();
    await other.page.getByRole('dialog').getByRole('button', { name: 'Sign out everywhere' }).click();
    await other.page.getByRole('button', { name: 'Sign in' }).waitFor();
    expect(new URL(other.page.url()).pathname).toBe('/account');
    await other.page.context().close();
  });
});

describe('the live list', () => {
  it('shows a stream that runs, with a picture of it, and follows without a reload', async () => {
    await tab.open('/live', 'Live');
    const row = tab.page.locator('[data-stream="concert"]');
    await row.getByText('Live', { exact: true }).first().waitFor();
    // A real picture, decoded by the browser.
    await expect
      .poll(
        () => tab.page.evaluate<number>(`document.querySelector('[data-stream="concert"] img')?.naturalWidth ?? 0`),
        { timeout: 20_000 },
      )
      .toBeGreaterThan(0);
    expect(await tab.inaccessible()).toEqual([]);
    const second = await show.publish('encore');
    await tab.page.locator('[data-stream="encore"]').waitFor();
    await second.stop();
    await tab.page.locator('[data-stream="encore"]').waitFor({ state: 'detached' });
  });
});

describe('a stream', () => {
  it('shows where it goes and why not, and is fixed in a click', async () => {
    await tab.open('/live', 'Live');
    await tab.page.locator('[data-stream="concert"]').click();
    await tab.page.getByRole('heading', { name: 'concert', level: 1 }).waitFor();
    const good = transfer(`${platform.url}/***`).first();
    await good.getByText('Live', { exact: true }).waitFor();
    const bad = transfer(`rtmp://127.0.0.1:${deadPort}/live/***`);
    await bad.getByText('The platform refuses connections on this port').waitFor();
    await bad.getByText(/next try in/).waitFor();
    expect(await tab.inaccessible()).toEqual([]);

    await good.getByRole('button', { name: 'Mute' }).click();
    await good.getByText('muted').waitFor();
    await good.getByRole('button', { name: 'Unmute' }).click();
    await good.getByRole('button', { name: 'Pause' }).click();
    await good.getByText('Paused').waitFor();
    await expect.poll(() => platform.publishers()).toEqual([]);
    await good.getByRole('button', { name: 'Resume' }).click();
    await good.getByText('Live', { exact: true }).waitFor();

    const before = await system.transfers((await system.stream('concert')).id);
    await bad.getByRole('button', { name: 'Retry now' }).click();
    await expect
      .poll(async () => (await system.transfers((await system.stream('concert')).id))[1]?.attempts)
      .toBeGreaterThan(before[1]?.attempts ?? 0);
    await bad.getByRole('button', { name: 'Remove' }).click();
    await tab.page.getByRole('dialog').getByRole('button', { name: 'Remove' }).click();
    await bad.getByText('The transfer was removed.').waitFor();

    await tab.page.getByRole('button', { name: 'Add a URL' }).click();
    const dialog = tab.page.getByRole('dialog');
    await dialog.getByText('Custom').click();
    await dialog.getByLabel('Server').fill(platform.url);
    await dialog.getByLabel('Stream key', { exact: true }).fill('added-by-hand');
    expect(await tab.inaccessible()).toEqual([]);
    await dialog.getByRole('button', { name: 'Add' }).click();
    await expect.poll(async () => (await platform.publishers()).map(({ name }) => name)).toContain('added-by-hand');
    await expect.poll(() => tab.page.content()).not.toContain('added-by-hand');
  });

  it("tells what happened, and what the customer's server said", async () => {
    await tab.page.getByRole('region', { name: 'Events' }).getByText('Stream is live').waitFor();
    const callback = tab.page.getByRole('region', { name: 'Callback' });
    await callback.getByText(/attempt 1 · HTTP 200/).waitFor();
    expect(await callback.textContent()).not.toContain('/concert');
  });
});

describe('settings', () => {
  it('are made, tried out before going live, and logged', async () => {
    await tab.open('/projects', 'Projects');
    await tab.page.getByRole('button', { name: 'New project' }).click();
    await tab.page.getByRole('dialog').getByLabel('Name').fill('Festival');
    await tab.page.getByRole('button', { name: 'Create project' }).click();
    await tab.page.getByRole('heading', { name: 'Festival', level: 1 }).waitFor();
    await tab.page.getByLabel('New entry point').fill('stage');
    await tab.page.getByRole('button', { name: 'Add' }).click();
    await tab.page.getByRole('link', { name: 'stage' }).waitFor();
    expect(await tab.inaccessible()).toEqual([]);
    await tab.page.getByRole('link', { name: 'stage' }).click();
    await tab.page.getByRole('heading', { name: 'stage', level: 1 }).waitFor();

    await tab.page.getByLabel('Callback URL').fill('nonsense');
    await tab.page.getByRole('switch', { name: 'Forward streams of this entry point' }).click();
    await tab.page.getByRole('button', { name: 'Save' }).click();
    await tab.page.getByText('Begins with https:// or http://').waitFor();
    await tab.page.getByLabel('Callback URL').fill(customer.url);
    await tab.page.getByRole('button', { name: 'Send test callback' }).click();
    const result = tab.page.getByRole('status', { name: 'Result of the test callback' });
    await result.getByText(/Your server answered 200/).waitFor();
    await result.getByText('accepts the publish').waitFor();
    await result.getByText('The platform refuses connections on this port').waitFor();
    await tab.page.getByRole('button', { name: 'Save' }).click();
    await tab.page.getByText('Saved.').waitFor();

    await tab.page.getByRole('button', { name: 'Create token' }).click();
    await tab.page.getByText('OBS: Bearer Token').waitFor();
    await tab.page.getByRole('button', { name: 'New secret' }).click();
    await tab.page.getByRole('dialog').getByRole('button', { name: 'Create secret' }).click();
    await tab.page.getByText(/^whsec_/).waitFor();
    await tab.page.getByRole('table', { name: 'Callbacks' }).getByText('(test)').waitFor({ timeout: 20_000 });
    expect(await tab.inaccessible()).toEqual([]);
  });

  it('of the account: a second secret is shown once, and revoked', async () => {
    await tab.open('/account', 'My account');
    await tab.page.getByLabel('New secret').fill('build server');
    await tab.page.getByRole('button', { name: 'Create secret' }).click();
    await tab.page.getByText('it is shown this once and never again').waitFor();
    const row = tab.page.getByRole('row', { name: /build server/ });
    await row.getByText('Never').waitFor();
    expect(await tab.inaccessible()).toEqual([]);
    await row.getByRole('button', { name: 'Revoke' }).click();
    await tab.page.getByRole('dialog').getByRole('button', { name: 'Revoke it' }).click();
    await row.waitFor({ state: 'detached' });
  });
});

describe('going live', () => {
  it('publishes from the browser, shows how it gets through, and ends', async () => {
    await tab.open('/go-live', 'Go live');
    await tab.page.getByText('Test card').click();
    await tab.page.getByLabel('Entry point').first().click();
    await tab.page.getByRole('option', { name: 'show' }).click();
    await tab.page.getByLabel('Stream name').fill('from-page');
    expect(await tab.inaccessible()).toEqual([]);
    await tab.page.getByRole('button', { name: 'Go live' }).click();
    const onAir = tab.page.getByRole('region', { name: 'On air' });
    await onAir.getByText('Live', { exact: true }).waitFor();
    await onAir.getByText(/kbit\/s/).waitFor();
    await expect.poll(async () => (await platform.publishers()).map(({ name }) => name)).toContain('from-page');
    expect(await decodeFrames(`${platform.url}/from-page`, { frames: 20 })).toBe(20);
    await tab.page.getByRole('button', { name: 'Stop' }).click();
    await onAir.getByText('Ended').waitFor();
    await expect.poll(async () => (await system.stream('from-page')).state).toBe('ended');
  });
});

describe('an operator', () => {
  it('sees everybody, adds a customer, and how the service is doing', async () => {
    const his = await signIn(browser, system, system.operator);
    await his.page.locator('[data-stream="concert"]').waitFor();
    await his.open('/customers', 'Customers');
    await his.page.getByRole('button', { name: 'New customer' }).click();
    await his.page.getByRole('dialog').getByLabel('Name').fill('Acme');
    await his.page.getByRole('button', { name: 'Create customer' }).click();
    await his.page.getByText('Acme is a customer now').waitFor();
    await his.page.getByRole('button', { name: 'Done' }).click();
    await his.page.getByRole('link', { name: 'Acme' }).click();
    await his.page.getByRole('heading', { name: 'Acme', level: 1 }).waitFor();
    await his.page.getByLabel('Concurrent streams').fill('3');
    await his.page.getByRole('button', { name: 'Save quotas' }).click();
    await his.page.getByText('0 of 3').waitFor();
    expect(await his.inaccessible()).toEqual([]);
    await his.open('/system', 'System');
    await his.page.getByRole('table', { name: 'Nodes' }).getByText('Accepting streams').waitFor();
    await his.page.getByRole('table', { name: 'Queues' }).getByText('callbacks').waitFor();
    expect(await his.inaccessible()).toEqual([]);
    expect(his.faults).toEqual([]);
    await his.page.context().close();
  });
});

describe('the live list, when things are not as they should be', () => {
  const LISTS = '**/fls/streams?*';

  it('says that it loads, and what failed, and tries again', async () => {
    let release = (): void => undefined;
    const held = new Promise<void>((resolve) => (release = resolve));
    let asked = 0;
    let fails = true;
    await tab.page.route(LISTS, async (route) => {
      asked += 1;
      await held;
      if (!fails) return route.fallback();
      await route.fulfill({
        status: 500,
        contentType: 'application/problem+json',
        body: '{"status":500,"title":"Internal Server Error","message":"An internal error occurred.","requestId":"r-1"}',
      });
    });
    await tab.page.goto(`${system.apiUrl}/live`);
    await tab.page.getByRole('status', { name: 'Loading' }).first().waitFor();
    expect(await tab.inaccessible()).toEqual([]);
    release();
    await tab.page.getByRole('alert').getByText('Request r-1').waitFor();
    expect(await tab.inaccessible()).toEqual([]);
    // The page asks again by itself as well, every three seconds: while it still fails, the button is there.
    const before = asked;
    await tab.page.getByRole('button', { name: 'Try again' }).click();
    await expect.poll(() => asked, { timeout: 1000 }).toBeGreaterThan(before);
    fails = false;
    await tab.page.locator('[data-stream="concert"]').waitFor();
    await tab.page.unroute(LISTS);
  });

  it('goes on by itself when the API is there again', async () => {
    await tab.open('/live', 'Live');
    await tab.page.getByText('Live updates', { exact: true }).waitFor();
    await system.end('api', 'SIGTERM');
    await tab.page.getByText('Live updates paused').waitFor();
    // What is shown is of before, and says so.
    await tab.page.getByRole('status', { name: 'Connection' }).getByText('Connection lost, trying again').waitFor();
    await tab.page.locator('[data-stream="concert"]').waitFor();
    expect(await tab.inaccessible()).toEqual([]);
    system.spawn('api');
    await tab.page.getByText('Live updates', { exact: true }).waitFor({ timeout: 40_000 });
    await tab.page.getByText('Connection lost').waitFor({ state: 'detached' });
    // What happens from now on is seen without a reload.
    const { id } = await system.stream('concert');
    const added = await system.addTransfer(id, { url: `${platform.url}/after-restart` });
    await system.transferReaches(id, added.id, 'live');
    await tab.page.locator('[data-stream="concert"]').getByText('2 live').filter({ visible: true }).waitFor();
    expect((await system.call('DELETE', `/streams/${id}/transfers/${added.id}`)).status).toBe(204);
  });

  it('lists thousands of streams, with only those in the page that are seen', async () => {
    const client = new Client({ connectionString: system.env.DATABASE_URL });
    await client.connect();
    const { rows } = await client.query<{ id: string }>(
      "SELECT id FROM entry_points WHERE project_id = $1 AND name = 'show'",
      [system.appid],
    );
    await client.query(
      `INSERT INTO streams (id, project_id, entry_point_id, name, state, created_at, ended_at)
       SELECT ('01900000-0000-7000-8000-' || lpad(i::text, 12, '0'))::uuid, $1, $2::uuid, 'old-' || i, 'ended', now() - interval '1 day' + i * interval '1 second', now() FROM generate_series(1, 3000) AS i`,
      [system.appid, rows[0]?.id],
    );
    await client.end();
    await tab.open('/live', 'Live');
    await tab.page.getByText('Past', { exact: true }).click();
    await tab.page.locator('[data-stream="old-3000"]').waitFor();
    const inPage = () => tab.page.locator('[data-stream]').count();
    const more = tab.page.getByRole('button', { name: 'Show more' });
    let most = 0;
    for (const deadline = performance.now() + 60_000; performance.now() < deadline;) {
      most = Math.max(most, await inPage());
      if ((await tab.page.locator('[data-stream="old-1"]').count()) > 0) break;
      await tab.page.mouse.move(640, 500);
      await tab.page.mouse.wheel(0, 20_000);
      if (await more.isVisible()) await more.click();
    }
    await tab.page.locator('[data-stream="old-1"]').waitFor();
    expect(most).toBeGreaterThan(5);
    expect(most).toBeLessThan(80);
  });
});

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
