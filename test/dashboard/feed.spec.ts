// The live feed as the page uses it: what it asks for, when it lets go, and what is shown when nothing comes.
import { Client } from 'pg';
import type { Request } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signIn, type Tab } from '../support/dashboard.js';
import { type Show, startShow } from '../support/show.js';

let show: Show;
let { system, platform, browser } = {} as Show;

beforeAll(async () => {
  show = await startShow();
  ({ system, platform, browser } = show);
}, 90_000);
afterAll(() => show?.stop());

/** The feeds of a tab: all that were opened, and those that are open. */
function feedsOf({ page }: Tab): { opened: URL[]; open: Set<Request> } {
  const feeds = { opened: [] as URL[], open: new Set<Request>() };
  page.on('request', (request) => {
    if (!request.url().includes('/events/stream')) return;
    feeds.opened.push(new URL(request.url()));
    feeds.open.add(request);
  });
  page.on('requestfailed', (request) => feeds.open.delete(request));
  page.on('requestfinished', (request) => feeds.open.delete(request));
  return feeds;
}

/** As when another tab is brought to the front, or this one again. */
const turn = ({ page }: Tab, visibility: 'hidden' | 'visible'): Promise<void> =>
  page.evaluate(
    `Object.defineProperty(document, 'visibilityState', { configurable: true, get: () => '${visibility}' }), document.dispatchEvent(new Event('visibilitychange', { bubbles: true })), undefined`,
  );

describe('the feed', () => {
  it('is let go while nobody looks, and then brings what was missed', async () => {
    const own = await signIn(browser, system, system.customer);
    const feeds = feedsOf(own);
    const { id } = await system.stream('concert');
    await own.open(`/streams/${system.appid}/${id}`, 'concert');
    await own.page.getByText('Live updates', { exact: true }).waitFor();
    // Figures of this stream alone; with them, the page knows where in the feed it is.
    await own.page.locator('.spark polyline').first().waitFor();
    expect(feeds.opened.at(-1)?.searchParams.get('figuresOf')).toBe(id);

    await turn(own, 'hidden');
    await expect.poll(() => feeds.open.size).toBe(0);
    const added = await system.addTransfer(id, { url: `${platform.url}/behind` });
    await system.transferReaches(id, added.id, 'live');
    await turn(own, 'visible');
    await expect.poll(() => feeds.open.size).toBe(1);
    expect(feeds.opened.at(-1)?.searchParams.get('lastEventId')).toMatch(/^\d+/);
    await own.page.locator(`[data-transfer="${added.id}"]`).getByText('Live', { exact: true }).waitFor();
    await own.page.getByText('Live updates', { exact: true }).waitFor();
    await system.call('DELETE', `/streams/${id}/transfers/${added.id}`);
    await own.page.context().close();
  });

  it('brings the figures of what is looked at, where more streams run than it would bring by itself', async () => {
    const client = new Client({ connectionString: system.env.DATABASE_URL });
    await client.connect();
    const { id } = await system.stream('concert');
    // Newer than the real one by their ids; of no node, and with leases that do not run out.
    await client.query(
      `INSERT INTO streams (id, project_id, entry_point_id, name, state, owner_node, lease_until, started_at)
       SELECT ('7fffffff-0000-7000-8000-' || lpad(i::text, 12, '0'))::uuid, project_id, entry_point_id, 'busy-' || i, 'live', 'elsewhere', now() + interval '1 day', now() FROM streams, generate_series(1, 400) AS i WHERE id = $1`,
      [id],
    );
    const own = await signIn(browser, system, system.customer);
    const feeds = feedsOf(own);
    await own.open('/live', 'Live');
    await own.page.locator('[data-stream="busy-400"]').waitFor();
    const row = own.page.locator('[data-stream="concert"]');
    for (const deadline = performance.now() + 30_000; performance.now() < deadline && (await row.count()) === 0;) {
      await own.page.mouse.move(640, 500);
      await own.page.mouse.wheel(0, 4000);
    }
    await row.waitFor();
    await expect.poll(() => feeds.opened.at(-1)?.searchParams.get('figuresOf')?.split(',')).toContain(id);
    expect(feeds.opened.at(-1)?.searchParams.get('figuresOf')?.split(',').length).toBeLessThan(60);
    // Scrolling does not open one after the other, and where it goes on from is said.
    expect(feeds.opened.length).toBeLessThan(8);
    await expect.poll(() => feeds.open.size).toBe(1);
    await row
      .getByText(/kbit\/s/)
      .filter({ visible: true })
      .waitFor();
    await client.query("DELETE FROM streams WHERE name LIKE 'busy-%'");
    await client.end();
    await own.page.context().close();
  });
});

describe('a service that does not answer', () => {
  it('is said above what is shown, until it answers again, also where the page does not ask by itself', async () => {
    const own = await signIn(browser, system, system.customer);
    await own.open('/account', 'My account');
    await own.page.getByText('Concurrent streams').waitFor();
    let isDown = true;
    await own.page.route('**/v1/**', (route) => (isDown ? route.abort('connectionrefused') : route.fallback()));
    const banner = own.page
      .getByRole('status', { name: 'Connection' })
      .getByText(/^Connection lost, trying again\. Showing data from \d\d:\d\d:\d\d\.$/);
    // Coming back to the tab asks anew for what is older than two seconds.
    const look = async (): Promise<number> => {
      await turn(own, 'hidden');
      await turn(own, 'visible');
      return banner.count();
    };
    await expect.poll(look).toBe(1);
    await own.page.getByText('Concurrent streams').waitFor();
    expect(await own.inaccessible()).toEqual([]);
    isDown = false;
    await banner.waitFor({ state: 'detached' });
    await own.page.context().close();
  });

  it('says so once, and a refusal of one thing beside that thing', async () => {
    const own = await signIn(browser, system, system.customer);
    const { id } = await system.stream('concert');
    await own.open(`/streams/${system.appid}/${id}`, 'concert');
    const events = own.page.getByRole('region', { name: 'Events' });
    await events.getByText('Stream is live').waitFor();
    await own.page.route('**/fls/events?*', (route) =>
      route.fulfill({
        status: 500,
        contentType: 'application/problem+json',
        body: '{"status":500,"title":"Internal Server Error","detail":"A fault of the service.","requestId":"r-2"}',
      }),
    );
    const { id: added } = await system.addTransfer(id, { url: `${platform.url}/meanwhile` });
    await events.getByRole('alert').getByText('Request r-2').waitFor();
    await events.getByText('Stream is live').waitFor();
    expect(await own.page.getByText('Connection lost').count()).toBe(0);
    await own.page.unroute('**/fls/events?*');
    await events.getByRole('button', { name: 'Try again' }).click();
    await events.getByRole('alert').waitFor({ state: 'detached' });
    await system.call('DELETE', `/streams/${id}/transfers/${added}`);
    await own.page.context().close();
  });
});
