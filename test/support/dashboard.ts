// The dashboard in a real browser, signed in; whatever it should not do (break its policy, fail a script) is noted.
import axe from 'axe-core';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import type { Credentials, System } from './system.js';

/** A signed-in browser tab. */
export interface Tab {
  page: Page;
  /** Breaches of the Content-Security-Policy, and errors of scripts. */
  faults: string[];
  /** Goes to a path and waits for its heading. */
  open(path: string, heading: string | RegExp): Promise<void>;
  /** What axe finds serious or critical on the page as it is. */
  inaccessible(): Promise<string[]>;
}

export async function signIn(
  browser: Browser,
  system: System,
  who: Credentials,
  options: Parameters<Browser['newContext']>[0] = {},
): Promise<Tab> {
  const context: BrowserContext = await browser.newContext({
    viewport: { width: 1280, height: 800 },
    permissions: ['camera', 'microphone'],
    ...options,
  });
  const page = await context.newPage();
  const faults: string[] = [];
  page.on('pageerror', (error) => faults.push(error.message));
  page.on('console', (message) => {
    if (message.type() === 'error' && /Content Security Policy|Uncaught|React/i.test(message.text()))
      faults.push(message.text());
  });
  page.setDefaultTimeout(30_000);
  await page.goto(system.apiUrl);
  await page.getByLabel('Customer ID').fill(who.customerId);
  await page.getByLabel('Customer secret', { exact: true }).fill(who.customerSecret);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByRole('heading', { name: 'Live', level: 1 }).waitFor();
  return {
    page,
    faults,
    open: async (path, heading) => {
      await page.goto(system.apiUrl + path);
      await page.getByRole('heading', { name: heading, level: 1 }).waitFor();
    },
    inaccessible: () => inaccessible(page),
  };
}

/** Serious and critical findings of axe. Runs in the page by its debugger, which its policy does not bind. */
export async function inaccessible(page: Page): Promise<string[]> {
  // What is fading in has other colours than it will have.
  await page.evaluate('new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))');
  await page.evaluate(
    'Promise.all(document.getAnimations().filter((a) => a.effect.getTiming().iterations !== Infinity).map((a) => a.finished.catch(() => undefined)))',
  );
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate<axe.AxeResults>("axe.run(document, { resultTypes: ['violations'] })");
  const serious = violations.filter(({ impact }) => impact === 'serious' || impact === 'critical');
  return serious.flatMap(({ id, nodes }) =>
    nodes.map(({ html, failureSummary }) => `${id}: ${html.slice(0, 160)}: ${failureSummary ?? ''}`),
  );
}
