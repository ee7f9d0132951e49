// Banned names, the server that says who may publish, and REST keys: from the page to what they do.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type PageServer, servePages } from '../support/chromium.js';
import { signIn } from '../support/dashboard.js';
import { type Show, startShow } from '../support/show.js';

/** As the vendor's REST client asks: XMLHttpRequest, JSON with a charset, no header of its own; GET without a body. */
const PAGE = `<!doctype html><title>REST client</title><script>
window.ask = (url, data) => new Promise((resolve) => {
  const xhr = new XMLHttpRequest();
  xhr.open(data ? 'POST' : 'GET', url, true);
  if (data) xhr.setRequestHeader('Content-Type', 'application/json;charset=UTF-8');
  xhr.onloadend = () => resolve({ status: xhr.status, text: xhr.responseText });
  xhr.send(data ? JSON.stringify(data) : undefined);
});
</script>`;

let show: Show;
let { system, platform, browser, tab } = {} as Show;
let pages: PageServer;
let judge: Server;
let verdict = 200;
const asked: { streamName?: string; entryPoint?: string }[] = [];

beforeAll(async () => {
  judge = createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (part: string) => (text += part));
    request.on('end', () => {
      asked.push(JSON.parse(text) as object);
      response.writeHead(verdict).end();
    });
  });
  await new Promise<void>((resolve) => judge.listen(0, '127.0.0.1', resolve));
  pages = await servePages({ '/': PAGE });
  show = await startShow();
  ({ system, platform, browser, tab } = show);
}, 90_000);
afterAll(async () => {
  await show?.stop();
  await pages?.stop();
  judge?.close();
});

const entryPointPage = (): string => `/projects/${system.appid}/entry-points/show`;
const publishing = async (): Promise<string[]> => (await platform.publishers()).map(({ name }) => name);

describe('a banned name', () => {
  it("is banned on its stream's page, which ends it, and freed on the entry point's", async () => {
    await show.publish('pirate');
    await expect.poll(publishing, { timeout: 20_000 }).toContain('pirate');
    const { id } = await system.stream('pirate');
    await tab.open(`/streams/${system.appid}/${id}`, 'pirate');
    await tab.page.getByRole('button', { name: 'Ban this name' }).click();
    const dialog = tab.page.getByRole('dialog', { name: 'Ban this name?' });
    await dialog.getByLabel('How long').selectOption('for a day');
    expect(await tab.inaccessible()).toEqual([]);
    await dialog.getByRole('button', { name: 'Ban the name' }).click();
    await tab.page.getByText('The name is banned.', { exact: true }).waitFor();
    await expect.poll(publishing, { timeout: 20_000 }).not.toContain('pirate');
    expect(await system.stream('pirate')).toMatchObject({ state: 'ended', reason: { code: 'banned' } });
    await tab.page
      .getByText(/The name of the stream is banned at this entry point/)
      .first()
      .waitFor();
    await tab.page.getByText('The name of the stream was banned', { exact: true }).waitFor();
    await expect(show.publish('pirate')).rejects.toThrow(/403/);

    await tab.open(entryPointPage(), 'show');
    const table = tab.page.getByRole('table', { name: 'Banned names' });
    await table.getByRole('row').filter({ hasText: 'pirate' }).waitFor();
    expect(await tab.inaccessible()).toEqual([]);
    await table.getByRole('button', { name: 'Unban pirate' }).click();
    await tab.page.getByText('No name is banned.').waitFor();
    await show.publish('pirate');
    await expect.poll(publishing, { timeout: 20_000 }).toContain('pirate');
  }, 90_000);

  it('can be banned before anybody uses it; a name that none can have is refused there', async () => {
    await tab.open(entryPointPage(), 'show');
    await tab.page.getByLabel('Name to ban').fill('no name');
    await tab.page.getByRole('button', { name: 'Ban', exact: true }).click();
    await tab.page.getByText(/must begin with a letter or digit/).waitFor();
    await tab.page.getByLabel('Name to ban').fill('tomorrow');
    await tab.page.getByRole('button', { name: 'Ban', exact: true }).click();
    await tab.page
      .getByRole('table', { name: 'Banned names' })
      .getByRole('row')
      .filter({ hasText: 'tomorrow' })
      .waitFor();
    expect(tab.faults).toEqual([]);
  });
});

describe('who may publish', () => {
  it('is asked of the server that is set, and nobody is let in against its word', async () => {
    await tab.open(entryPointPage(), 'show');
    await tab.page.getByRole('switch', { name: 'Ask before a publisher is let in' }).click();
    await tab.page.getByRole('button', { name: 'Apply' }).click();
    await tab.page.getByText('Whom to ask?').waitFor();
    await tab.page.getByLabel('URL to ask').fill('ftp://a.example/');
    await tab.page.getByRole('button', { name: 'Apply' }).click();
    await tab.page.getByText(/must be an http:\/\/ or https:\/\/ URL/).waitFor();
    await tab.page.getByLabel('URL to ask').fill(`http://127.0.0.1:${(judge.address() as AddressInfo).port}/auth`);
    await tab.page.getByLabel('Secret that signs the questions').fill('some-secret');
    await tab.page.getByRole('button', { name: 'Apply' }).click();
    await tab.page.getByText('Saved.', { exact: true }).waitFor();
    expect(await tab.inaccessible()).toEqual([]);

    verdict = 401;
    await expect(show.publish('stranger')).rejects.toThrow(/403/);
    expect(asked.at(-1)).toMatchObject({ entryPoint: 'show', streamName: 'stranger' });
    const log = tab.page.getByRole('table', { name: 'Callbacks' });
    await tab.page.reload();
    await log.getByRole('row').filter({ hasText: '(stream_auth)' }).filter({ hasText: 'Stream auth denied' }).waitFor();
    verdict = 200;
    await show.publish('friend');
    await expect.poll(publishing, { timeout: 20_000 }).toContain('friend');

    await tab.page.getByRole('switch', { name: 'Ask before a publisher is let in' }).click();
    await tab.page.getByRole('button', { name: 'Apply' }).click();
    await expect
      .poll(async () => (await system.call('GET', '/settings/streamauth/webhook')).body)
      .toMatchObject({ enabled: false, hasSecret: true });
    expect(tab.faults).toEqual([]);
  }, 90_000);
});

describe('a REST key', () => {
  it("is shown once, and a page of another origin calls the vendor's methods by its base URL until it is revoked", async () => {
    await tab.open(`/projects/${system.appid}`, 'Demo');
    await tab.page.getByText('No keys yet.').waitFor();
    await tab.page.getByLabel('New REST key').fill('studio page');
    await tab.page.getByRole('button', { name: 'Create key' }).click();
    const shown = tab.page.getByRole('status').filter({ hasText: 'The key “studio page”' });
    await shown.waitFor();
    const baseUrl = (await shown.locator('pre').textContent()) ?? '';
    expect(baseUrl).toMatch(new RegExp(`^${system.apiUrl}/k/mck_[A-Za-z0-9_-]{43}$`));
    expect(await tab.inaccessible()).toEqual([]);
    await tab.page.reload();
    await tab.page
      .getByRole('table', { name: 'REST keys' })
      .getByRole('row')
      .filter({ hasText: 'studio page' })
      .waitFor();
    expect(await tab.page.content()).not.toContain('mck_');

    const foreign = await browser.newPage();
    await foreign.goto(pages.url);
    const ask = (method: string, data?: object) =>
      foreign.evaluate(
        ([url, body]) =>
          (globalThis as never as { ask(...all: unknown[]): Promise<{ status: number; text: string }> }).ask(url, body),
        [`${baseUrl}/rest-api/push/${method}`, data] as const,
      );
    const started = await ask('startup', { streamName: 'concert', rtmpUrl: platform.url });
    expect([started.status, JSON.parse(started.text)]).toMatchObject([
      200,
      { streamName: 'rtmp_concert', rtmpUrl: platform.url },
    ]);
    await expect.poll(publishing, { timeout: 20_000 }).toContain('rtmp_concert');
    expect((await ask('find_all')).status).toBe(200);
    const { mediaSessionId } = JSON.parse(started.text) as { mediaSessionId: string };
    expect(await ask('terminate', { mediaSessionId })).toEqual({ status: 200, text: '' });

    await tab.page.getByRole('table', { name: 'REST keys' }).getByRole('button', { name: 'Revoke' }).click();
    await tab.page.getByRole('dialog', { name: 'Revoke this key?' }).getByRole('button', { name: 'Revoke it' }).click();
    await tab.page.getByText('The key was revoked.').waitFor();
    // The refusal can be read, too.
    expect(await ask('find_all')).toMatchObject({
      status: 401,
      text: expect.stringContaining('"error":"Unauthorized"') as string,
    });
    await foreign.close();
    expect(tab.faults).toEqual([]);
  }, 60_000);
});

it('fits a phone', async () => {
  const phone = await signIn(browser, system, system.customer, { viewport: { width: 390, height: 844 } });
  for (const path of [entryPointPage(), `/projects/${system.appid}`]) {
    await phone.page.goto(system.apiUrl + path);
    await phone.page
      .getByText(/Banned names|REST keys/)
      .first()
      .waitFor();
    expect(await phone.page.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
  }
  await phone.page.context().close();
});
