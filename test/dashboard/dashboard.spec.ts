import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { inaccessible, signIn } from '../support/dashboard.js';
import { decodeFrames } from '../support/ffprobe.js';
import { type Show, startShow } from '../support/show.js';
import { System } from '../support/system.js';

let show: Show;
let { system, platform, customer, browser, tab, deadPort } = {} as Show;

beforeAll(async () => {
  show = await startShow(() => System.start());
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
