// What is done on a stream's page, and what everybody must be able to do there.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Page } from 'playwright-core';
import { Client } from 'pg';
import { signIn } from '../support/dashboard.js';
import { startLossyRelay } from '../support/lossy-relay.js';
import { type Show, startShow } from '../support/show.js';

let show: Show;
let { system, platform, browser, tab } = {} as Show;

beforeAll(async () => {
  show = await startShow();
  ({ system, platform, browser, tab } = show);
}, 90_000);
afterAll(() => show?.stop());

const pathOf = async (name: string): Promise<string> => `/streams/${system.appid}/${(await system.stream(name)).id}`;
const publishing = async (): Promise<string[]> => (await platform.publishers()).map(({ name }) => name);

describe('ending a stream', () => {
  it('asks first, then ends it everywhere, and says who did', async () => {
    await show.publish('kicked');
    await tab.open(await pathOf('kicked'), 'kicked');
    await expect.poll(publishing).toContain('kicked');
    await tab.page.getByRole('button', { name: 'End stream' }).click();
    const dialog = tab.page.getByRole('dialog', { name: 'End this stream?' });
    expect(await tab.inaccessible()).toEqual([]);
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    await dialog.waitFor({ state: 'detached' });
    expect((await system.stream('kicked')).state).toBe('live');

    await tab.page.getByRole('button', { name: 'End stream' }).click();
    await dialog.getByRole('button', { name: 'End the stream' }).click();
    await tab.page.getByText('The stream was ended.', { exact: true }).waitFor();
    await tab.page.getByRole('button', { name: 'End stream' }).waitFor({ state: 'detached' });
    await expect.poll(publishing).not.toContain('kicked');
    expect(await system.stream('kicked')).toMatchObject({ state: 'ended', reason: { code: 'kicked' } });
    expect(await tab.inaccessible()).toEqual([]);
  });
});

describe('adding a URL', () => {
  it.each([
    ['YouTube', 'rtmps://a.rtmps.youtube.com/live2', 'YouTube Studio'],
    ['Twitch', 'rtmps://ingest.global-contribute.live-video.net/app', 'Creator Dashboard'],
    ['Facebook', 'rtmps://live-api-s.facebook.com:443/rtmp', 'Live Producer'],
    ['Kick', 'rtmps://fa723fc1b171.global-contribute.live-video.net/app', 'Creator Dashboard'],
  ])('of %s needs the stream key only', async (platformName, server, hint) => {
    await tab.open(await pathOf('concert'), 'concert');
    // The platform itself is not for tests: the API's place is taken where it would connect.
    const asked: unknown[] = [];
    await tab.page.route('**/transfers', async (route) => {
      if (route.request().method() !== 'POST') return route.fallback();
      asked.push(route.request().postDataJSON());
      await route.fulfill({
        status: 403,
        contentType: 'application/problem+json',
        body: JSON.stringify({ status: 403, title: 'Forbidden', detail: 'A stream has 20 transfers at most.' }),
      });
    });
    await tab.page.getByRole('button', { name: 'Add a URL' }).click();
    const dialog = tab.page.getByRole('dialog', { name: 'Add a transfer' });
    await dialog.getByText(platformName, { exact: true }).click();
    await dialog.getByText(hint).waitFor();
    expect(await dialog.getByLabel('Server').inputValue()).toBe(server);
    await dialog.getByLabel('Stream key', { exact: true }).fill('abcd-1234');
    await dialog.getByRole('button', { name: 'Add' }).click();
    await dialog.getByRole('alert').getByText('A stream has 20 transfers at most.').waitFor();
    expect(asked).toEqual([{ url: `${server}/abcd-1234` }]);
    expect(await tab.inaccessible()).toEqual([]);
    await tab.page.unroute('**/transfers');
  });

  it("of one's own says what is wrong with it, from the page or from the API", async () => {
    await tab.open(await pathOf('concert'), 'concert');
    await tab.page.getByRole('button', { name: 'Add a URL' }).click();
    const dialog = tab.page.getByRole('dialog', { name: 'Add a transfer' });
    await dialog.getByText('Custom', { exact: true }).click();
    expect(await dialog.getByLabel('Server').inputValue()).toBe('');
    await dialog.getByLabel('Server').fill('https://example.org/live');
    await dialog.getByRole('button', { name: 'Add' }).click();
    await dialog.getByText('Begins with rtmp:// or rtmps://').waitFor();
    await dialog.getByLabel('Server').fill(platform.url);
    await dialog.getByLabel('Stream key', { exact: true }).fill('concert');
    await dialog.getByRole('button', { name: 'Add' }).click();
    await dialog
      .getByRole('alert')
      .getByText(/already/)
      .waitFor();
    await tab.page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
  });
});

describe('going live', () => {
  it('survives a network that breaks: the platform does not notice', async () => {
    const relay = await startLossyRelay(0);
    const own = await signIn(browser, system, system.customer);
    let isElsewhere = false;
    await own.page.route('**/whip/**', async (route) => {
      const request = route.request();
      // The page's own candidates would lead around the relay; and without a network nobody is asked to restart.
      if (request.method() === 'PATCH' && !isElsewhere)
        return request.headers()['if-match'] === '*' ? route.abort() : route.fulfill({ status: 204 });
      if (request.method() !== 'POST') return route.continue();
      const response = await route.fetch();
      const { 'content-length': _, ...headers } = response.headers();
      await route.fulfill({ status: response.status(), headers, body: relay.mapAnswer(await response.text()) });
    });
    await own.open(`/go-live?appid=${system.appid}&entry_point=show`, 'Go live');
    await own.page.getByText('Test card').click();
    await own.page.getByLabel('Stream name').fill('roaming');
    await own.page.getByRole('button', { name: 'Go live' }).click();
    const onAir = own.page.getByRole('region', { name: 'On air' });
    await onAir.getByText('Live', { exact: true }).waitFor();
    await expect.poll(publishing).toContain('roaming');
    const { id } = await system.stream('roaming');

    await relay.stop();
    await onAir.getByText('Coming back').waitFor({ timeout: 30_000 });
    await own.page.getByRole('alert').waitFor();
    expect(await own.inaccessible()).toEqual([]);
    isElsewhere = true;
    await onAir.getByText('Live', { exact: true }).waitFor({ timeout: 30_000 });
    await own.page.getByRole('alert').waitFor({ state: 'detached' });
    const sent = async (): Promise<number> => (await system.transfers(id))[0]?.figures?.bytesSent ?? 0;
    const before = await sent();
    await expect.poll(sent, { timeout: 15_000 }).toBeGreaterThan(before + 20_000);
    expect((await system.transfers(id))[0]).toMatchObject({ state: 'live', attempts: 1, figures: { reconnects: 0 } });
    await own.page.getByRole('button', { name: 'Stop' }).click();
    await onAir.getByText('Ended').waitFor();
    await own.page.context().close();
  }, 120_000);
});

describe('times', () => {
  it("are the viewer's: the same moment in Tokyo and in Greenwich", async () => {
    const seen = async (timezoneId: string): Promise<{ at: string; shown: string; title: string }> => {
      const viewer = await signIn(browser, system, system.customer, { timezoneId });
      await viewer.open(await pathOf('concert'), 'concert');
      const last = viewer.page.getByRole('region', { name: 'Events' }).locator('time').last();
      const found = {
        at: (await last.getAttribute('datetime')) ?? '',
        shown: (await last.textContent()) ?? '',
        title: (await last.getAttribute('title')) ?? '',
      };
      await viewer.page.context().close();
      return found;
    };
    const clock = (at: string, timeZone: string): string =>
      new Intl.DateTimeFormat('en', {
        timeZone,
        hour: '2-digit',
        minute: '2-digit',
        second: '2-digit',
        hourCycle: 'h23',
      }).format(new Date(at));
    const [tokyo, greenwich] = [await seen('Asia/Tokyo'), await seen('UTC')];
    expect(tokyo.at).toBe(greenwich.at);
    expect(tokyo.shown.endsWith(clock(tokyo.at, 'Asia/Tokyo')), tokyo.shown).toBe(true);
    expect(greenwich.shown.endsWith(clock(greenwich.at, 'UTC')), greenwich.shown).toBe(true);
    expect(tokyo.shown.slice(-8)).not.toBe(greenwich.shown.slice(-8));
    expect(tokyo.title).not.toBe(greenwich.title);
  });

  it('of another day say the day, and what happened long ago is a click away', async () => {
    const { id } = await system.stream('concert');
    const client = new Client({ connectionString: system.env.DATABASE_URL });
    await client.connect();
    // After what has happened, as the order of ids says: noon of the day after tomorrow.
    const noon = new Date(Math.floor(Date.now() / 86_400_000) * 86_400_000 + 2.5 * 86_400_000);
    await client.query(
      `INSERT INTO events (project_id, stream_id, type, data, at) SELECT $1, $2::uuid, 'test.happened_' || i, '{}', $3::timestamptz + i * interval '1 second' FROM generate_series(1, 150) AS i`,
      [system.appid, id, noon],
    );
    await client.end();
    await tab.open(await pathOf('concert'), 'concert');
    const timeline = tab.page.getByRole('list', { name: 'Events, newest first' });
    const oldest = timeline.getByText('Publisher connecting');
    const month = noon.toLocaleDateString('en', { month: 'short' });
    const day = noon.getDate();
    await timeline.getByText('test.happened_150').waitFor();
    await timeline
      .getByText(new RegExp(`${day} ${month}|${month} ${day}`))
      .first()
      .waitFor();
    expect(await oldest.count()).toBe(0);
    await timeline.getByRole('button', { name: 'Load older' }).click();
    await oldest.waitFor();
    expect(await tab.inaccessible()).toEqual([]);
  });
});

describe('the keyboard alone', () => {
  const focused = (page: Page): Promise<string> =>
    page.evaluate<string>(
      `(() => { const it = document.activeElement; return it?.getAttribute('data-stream') ?? it?.getAttribute('aria-label') ?? (it?.labels?.[0]?.textContent || it?.textContent || '').trim().slice(0, 80); })()`,
    );
  /** Presses Tab until the focus is on what bears this name. */
  async function tabTo(page: Page, name: string): Promise<void> {
    for (let presses = 0; presses < 60; presses++) {
      await page.keyboard.press('Tab');
      if ((await focused(page)) === name) {
        // Whoever sees must see where he is.
        expect(
          await page.evaluate<string>(
            `getComputedStyle(document.activeElement).outlineStyle + getComputedStyle(document.activeElement).borderStyle`,
          ),
        ).toMatch(/solid|auto/);
        return;
      }
    }
    throw new Error(`Tab does not come to ${name}`);
  }

  it('signs in, opens a stream, mutes a transfer, and is not lost behind a dialog', async () => {
    const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
    const page = await context.newPage();
    await page.goto(system.apiUrl);
    await page.getByRole('button', { name: 'Sign in' }).waitFor();
    await tabTo(page, 'Customer ID');
    await page.keyboard.type(system.customer.customerId);
    await tabTo(page, 'Customer secret');
    await page.keyboard.type(system.customer.customerSecret);
    await page.keyboard.press('Enter');
    await page.locator('[data-stream="concert"]').waitFor();
    await tabTo(page, 'concert');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'concert', level: 1 }).waitFor();
    // A screen reader begins at the new page.
    await expect.poll(() => page.evaluate<string>('document.activeElement.id')).toBe('main');

    const muted = page.getByText('· muted');
    await page.getByRole('button', { name: 'Mute' }).first().waitFor();
    await tabTo(page, 'Mute');
    await page.keyboard.press('Enter');
    await muted.waitFor();
    // The focus stays while it is done.
    await expect.poll(() => focused(page)).toBe('Unmute');
    await expect
      .poll(() => page.evaluate<string | null>(`document.activeElement.getAttribute('aria-busy')`))
      .toBeNull();
    await page.keyboard.press('Space');
    await muted.waitFor({ state: 'detached' });

    await page.evaluate(`document.getElementById('main').focus()`);
    await tabTo(page, 'Add a URL');
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog', { name: 'Add a transfer' });
    await dialog.waitFor();
    for (let presses = 0; presses < 20; presses++) {
      await page.keyboard.press('Tab');
      expect(
        await page.evaluate<boolean>(`document.querySelector('[role="dialog"]').contains(document.activeElement)`),
      ).toBe(true);
    }
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    await expect.poll(() => focused(page)).toBe('Add a URL');
    await context.close();
  });
});
