// Every page and dialog in the looks that the tests of what they do (light, on a desk) do not see: by axe, and by their width.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signIn } from '../support/dashboard.js';
import { type Show, startShow } from '../support/show.js';
import { System } from '../support/system.js';

let show: Show;
let { system, browser } = {} as Show;
let streamPath: string;
let customerPath: string;

beforeAll(async () => {
  show = await startShow(() => System.start());
  ({ system, browser } = show);
  streamPath = `/streams/${system.appid}/${(await system.stream('concert')).id}`;
  customerPath = `/customers/${system.customer.customerId}`;
}, 90_000);
afterAll(() => show?.stop());

const DESK = { viewport: { width: 1280, height: 800 } };
const PHONE = { viewport: { width: 360, height: 740 }, isMobile: true, hasTouch: true };

describe.each([
  ['dark, on a desk', { ...DESK, colorScheme: 'dark' as const }],
  ['light, on a phone', { ...PHONE, colorScheme: 'light' as const }],
])('%s', (_look, options) => {
  it('every page is readable and as wide as the window', async () => {
    const his = await signIn(browser, system, system.operator, options);
    const project = `/projects/${system.appid}`;
    for (const [path, heading] of [
      ['/live', 'Live'],
      [streamPath, 'concert'],
      ['/go-live', 'Go live'],
      ['/projects', 'Projects'],
      [project, 'Demo'],
      [`${project}/entry-points/show`, 'show'],
      ['/customers', 'Customers'],
      [customerPath, 'Demo customer'],
      ['/system', 'System'],
      ['/account', 'My account'],
      ['/nowhere', ''],
    ] as const) {
      await (heading === '' ? his.page.goto(system.apiUrl + path) : his.open(path, heading));
      await his.page.getByRole('status', { name: 'Loading' }).first().waitFor({ state: 'detached' });
      expect(
        await his.page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth'),
        path,
      ).toBe(0);
      expect(await his.inaccessible(), path).toEqual([]);
    }
    expect(his.faults).toEqual([]);
    await his.page.context().close();
  }, 120_000);

  it('every dialog is readable, has a name, and fits', async () => {
    const his = await signIn(browser, system, system.operator, options);
    const check = async (path: string, heading: string, button: string): Promise<void> => {
      await his.open(path, heading);
      await his.page.getByRole('button', { name: button, exact: true }).first().click();
      const dialog = his.page.getByRole('dialog');
      await dialog.waitFor();
      expect(await his.inaccessible(), button).toEqual([]);
      expect(await dialog.getAttribute('aria-labelledby'), button).not.toBeNull();
      const box = await dialog.boundingBox();
      expect(
        Math.max(0, -(box?.x ?? 0)) + Math.max(0, (box?.x ?? 0) + (box?.width ?? 9999) - options.viewport.width),
        button,
      ).toBe(0);
      await his.page.keyboard.press('Escape');
      await dialog.waitFor({ state: 'detached' });
    };
    await check(streamPath, 'concert', 'Add a URL');
    await check(streamPath, 'concert', 'End stream');
    await check(streamPath, 'concert', 'Remove');
    await check('/projects', 'Projects', 'New project');
    await check(`/projects/${system.appid}`, 'Demo', 'Rename');
    await check(`/projects/${system.appid}`, 'Demo', 'Delete project');
    await check('/customers', 'Customers', 'New customer');
    await check(customerPath, 'Demo customer', 'Delete customer');
    await check('/account', 'My account', 'Replace');
    await check('/account', 'My account', 'Sign out everywhere');
    await his.page.context().close();
  }, 120_000);
});
