// What operators see and do, in the dark.
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signIn, type Tab } from '../support/dashboard.js';
import { type Show, startShow } from '../support/show.js';

let show: Show;
let { system, browser } = {} as Show;
let his: Tab;

beforeAll(async () => {
  show = await startShow();
  ({ system, browser } = show);
  his = await signIn(browser, system, system.operator, { colorScheme: 'dark' });
}, 90_000);
afterAll(() => show?.stop());

async function sql(text: string, values: unknown[] = []): Promise<void> {
  const client = new Client({ connectionString: system.env.DATABASE_URL });
  await client.connect();
  try {
    await client.query(text, values);
  } finally {
    await client.end();
  }
}

describe('an operator', () => {
  it('sees whose a stream is, and where it runs', async () => {
    await his.open('/live', 'Live');
    const row = his.page.locator('[data-stream="concert"]');
    await row.getByText(`Demo customer · Demo · on ${system.env.NODE_ID}`).waitFor();
    expect(await his.inaccessible()).toEqual([]);
  });

  it('deletes a customer with all that is its own', async () => {
    await his.open('/customers', 'Customers');
    await his.page.getByRole('button', { name: 'New customer' }).click();
    const adding = his.page.getByRole('dialog', { name: 'New customer' });
    await adding.getByLabel('Name').fill('Brief');
    expect(await his.inaccessible()).toEqual([]);
    await adding.getByRole('button', { name: 'Create customer' }).click();
    await his.page.getByText('Brief is a customer now').waitFor();
    expect(await his.inaccessible()).toEqual([]);
    const [customerId = '', customerSecret = ''] = await adding.locator('pre').allTextContents();
    await his.page.getByRole('button', { name: 'Done' }).click();
    const session = (): Promise<number> =>
      fetch(`${system.apiUrl}/v1/me`, {
        headers: { authorization: `Basic ${btoa(`${customerId}:${customerSecret}`)}` },
      }).then(({ status }) => status);
    expect(await session()).toBe(200);

    await his.page.getByRole('link', { name: 'Brief' }).click();
    await his.page.getByRole('button', { name: 'Delete customer' }).click();
    const asking = his.page.getByRole('dialog', { name: 'Delete this customer?' });
    expect(await his.inaccessible()).toEqual([]);
    await asking.getByRole('button', { name: 'Delete the customer' }).click();
    await his.page.getByRole('heading', { name: 'Customers', level: 1 }).waitFor();
    await his.page.getByText('The customer was deleted.').waitFor();
    await his.page.getByRole('link', { name: 'Brief' }).waitFor({ state: 'detached' });
    expect(await session()).toBe(401);
  });

  it('finds one project of hundreds without downloading the others', async () => {
    await sql(
      `INSERT INTO projects (id, customer_id, name, signing_key, created_at)
       SELECT lpad(to_hex(i + 4096), 32, '0'), (SELECT customer_id FROM projects WHERE id = $1), 'Hundred ' || i, 'v1.k1.', now() + i * interval '1 millisecond' FROM generate_series(1, 300) AS i`,
      [system.appid],
    );
    const requests: URL[] = [];
    const received: number[] = [];
    his.page.on('response', (response) => {
      const url = new URL(response.url());
      if (url.pathname !== '/v1/projects') return;
      requests.push(url);
      void response.json().then(
        (page: { projects: unknown[] }) => received.push(page.projects.length),
        () => undefined,
      );
    });
    await his.open('/live', 'Live');
    await his.page.locator('[data-stream="concert"]').getByText('Demo customer · Demo ·').waitFor();
    const select = his.page
      .getByRole('combobox', { name: 'Project' })
      .or(his.page.getByRole('textbox', { name: 'Project' }))
      .first();
    await select.click();
    await his.page.getByRole('option', { name: 'All projects' }).waitFor();
    await select.fill('HUNDRED 277');
    await his.page.getByRole('option', { name: 'Hundred 277' }).click();
    await expect
      .poll(() => new URL(his.page.url()).searchParams.get('appid'))
      .toBe((277 + 4096).toString(16).padStart(32, '0'));
    await expect.poll(() => select.inputValue()).toBe('Hundred 277');
    await his.page.getByText('Nothing is live').waitFor();
    // The page as it opens, and what was typed: one page of the list each.
    expect(requests.map(({ searchParams }) => [searchParams.get('q'), searchParams.get('cursor')])).toEqual([
      [null, null],
      ['HUNDRED 277', null],
    ]);
    expect(received).toEqual([50, 1]);

    // A link to one that is not among the first says its name.
    await his.page.reload();
    await expect.poll(() => select.inputValue()).toBe('Hundred 277');
    expect(requests).toHaveLength(3);
    await select.fill('nobody has this');
    await his.page.getByText('No such project').waitFor();
    expect(await his.inaccessible()).toEqual([]);
    await sql("DELETE FROM projects WHERE name LIKE 'Hundred %'");
  });

  it('is not shown points that nobody measured', async () => {
    const minute = (ago: number): string =>
      new Date(Math.floor(Date.now() / 60_000) * 60_000 - ago * 60_000).toISOString();
    const point = (ago: number) => ({
      at: minute(ago),
      streams: 3 + (ago % 2),
      transfersLive: 2,
      transfersFailing: 1,
      arrivals: 1,
      callbacksOk: 1,
      callbacksFailed: 0,
    });
    // As after a night without the service.
    await his.page.route('**/v1/history?*', (route) =>
      route.fulfill({ json: { points: [40, 39, 38, 5, 4, 3, 2, 1, 0].map(point) } }),
    );
    await his.open('/system', 'System');
    const line = his.page.locator('.recharts-line-curve').first();
    await line.waitFor();
    // Two pieces, and not one line across the gap.
    await expect.poll(async () => ((await line.getAttribute('d')) ?? '').match(/M/g)?.length).toBe(2);
    expect(await his.inaccessible()).toEqual([]);
    await his.page.unroute('**/v1/history?*');
  });

  it('has nothing to reproach the pages with', () => expect(his.faults).toEqual([]));
});
