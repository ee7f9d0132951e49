// The list of streams when the API is slow, away, or has thousands.
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Show, startShow } from '../support/show.js';
import { System } from '../support/system.js';

let show: Show;
let { system, platform, tab } = {} as Show;

beforeAll(async () => {
  show = await startShow(() => System.start());
  ({ system, platform, tab } = show);
}, 90_000);
afterAll(() => show?.stop());

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
