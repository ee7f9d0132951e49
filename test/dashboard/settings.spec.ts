// Settings and secrets, projects and entry points: what is made, changed and deleted from the page.
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startCustomer } from '../support/customer.js';
import { signIn } from '../support/dashboard.js';
import { type Show, startShow } from '../support/show.js';
import { startTlsProxy } from '../support/tls-proxy.js';

const run = promisify(execFile);
let show: Show;
let { system, platform, customer, browser, tab } = {} as Show;

beforeAll(async () => {
  show = await startShow();
  ({ system, platform, customer, browser, tab } = show);
}, 90_000);
afterAll(() => show?.stop());

const dialog = (name: string) => tab.page.getByRole('dialog', { name });
const entryPointPage = (name: string): string => `/projects/${system.appid}/entry-points/${name}`;

describe('a session', () => {
  it('ends with a click, and the page that it was on opens again after signing in', async () => {
    const own = await signIn(browser, system, system.customer);
    await own.open(`/projects/${system.appid}`, 'Demo');
    await own.page.getByRole('button', { name: 'Sign out' }).click();
    await own.page.getByRole('button', { name: 'Sign in' }).waitFor();
    // Not only on the page: the cookie opens nothing any more.
    expect((await own.page.context().request.get(`${system.apiUrl}/session`)).status()).toBe(401);
    await own.page.reload();
    await own.page.getByLabel('Customer ID').fill(system.customer.customerId);
    await own.page.getByLabel('Customer secret', { exact: true }).fill(system.customer.customerSecret);
    await own.page.keyboard.press('Enter');
    await own.page.getByRole('heading', { name: 'Demo', level: 1 }).waitFor();
    expect(own.faults).toEqual([]);
    await own.page.context().close();
  });
});

describe('the log of callbacks', () => {
  it("asks the customer's server again about a stream that runs", async () => {
    await tab.open(entryPointPage('show'), 'show');
    const table = tab.page.getByRole('table', { name: 'Callbacks' });
    await table.getByRole('row').nth(1).waitFor();
    const asked = customer.requests.length;
    await table.getByRole('row').nth(1).getByRole('button', { name: 'Ask again' }).click();
    await tab.page.getByText('Your server is asked again.').waitFor();
    await expect.poll(() => customer.requests.length).toBe(asked + 1);
    expect(customer.requests.at(-1)).toContain('stream_name=concert');
    const again = table.getByRole('row').filter({ hasText: '(replay)' });
    await again.waitFor({ timeout: 20_000 });
    await again.getByRole('button', { name: 'Details' }).click();
    await table.getByText(/stream_name concert/).waitFor();
    expect(await tab.inaccessible()).toEqual([]);
  });
});

it('what it means that a publisher closes its connection is set per entry point', async () => {
  await system.entryPoint('closing');
  await tab.open(entryPointPage('closing'), 'closing');
  await tab.page.getByRole('switch', { name: 'End a stream when its publisher closes the connection' }).click();
  await tab.page.getByRole('button', { name: 'Save' }).click();
  await tab.page.getByText('Saved.').waitFor();
  expect(
    (await system.call<{ endsOnClose: boolean }>('GET', '/entry_points/closing/settings/transfer')).body.endsOnClose,
  ).toBe(true);
});

describe('a test callback', () => {
  it('tells how far each platform lets us, TLS included, and is still there after saving', async () => {
    const tls = await startTlsProxy(platform.port);
    const url = `rtmps://127.0.0.1:${tls.port}/live`;
    const picky = await startCustomer((name) => [
      `${url}/${name}`,
      { url: `${url}/${name}-unverified`, options: { tlsVerify: false } },
      'ftp://nonsense',
    ]);
    await system.entryPoint('secure');
    await tab.open(entryPointPage('secure'), 'secure');
    await tab.page.getByLabel('Callback URL').fill(picky.url);
    await tab.page.getByRole('button', { name: 'Send test callback' }).click();
    const result = tab.page.getByRole('status', { name: 'Result of the test callback' });
    await result.getByText(/Your server answered 200/).waitFor();
    // Verified: a certificate that nobody has signed is the end of it.
    await result.getByText(/certificate is not valid for this host/).waitFor();
    const verdicts = (tone: string): Promise<string[]> => result.locator(`[data-tone="${tone}"]`).allTextContents();
    expect(await verdicts('bad')).toEqual(['TLS', expect.stringContaining('transferUrls[2]')]);
    expect((await verdicts('good')).slice(1)).toEqual([
      'resolves',
      'connects',
      'resolves',
      'connects',
      'TLS',
      'speaks RTMP',
      'accepts the publish',
    ]);
    expect(await tab.inaccessible()).toEqual([]);
    await tab.page.getByRole('button', { name: 'Save' }).click();
    await tab.page.getByText('Saved.').waitFor();
    await tab.page.getByRole('button', { name: 'Save' }).isDisabled();
    await result.getByText(/certificate is not valid for this host/).waitFor();
    await picky.stop();
    await tls.stop();
  });

  it("tells when the certificate of the customer's own server is not valid", async () => {
    const tls = await startTlsProxy(Number(new URL(customer.url).port));
    await tab.open(entryPointPage('secure'), 'secure');
    await tab.page.getByLabel('Callback URL').fill(`https://127.0.0.1:${tls.port}/targets`);
    await tab.page.getByRole('button', { name: 'Send test callback' }).click();
    const result = tab.page.getByRole('status', { name: 'Result of the test callback' });
    await result
      .getByText(/No connection to the callback server could be made\. · its certificate is not valid/)
      .waitFor();
    expect(await result.locator('[data-tone="good"]').count()).toBe(0);
    expect(await tab.inaccessible()).toEqual([]);
    await tls.stop();
  });
});

describe('a secret', () => {
  it('is replaced: the new one is good at once, the old one for a while', async () => {
    await tab.open('/account', 'My account');
    await tab.page.getByLabel('New secret').fill('encoder');
    await tab.page.getByRole('button', { name: 'Create secret' }).click();
    const rows = tab.page.getByRole('row', { name: /encoder/ });
    await rows.getByText('Never').waitFor();
    await rows.getByRole('button', { name: 'Replace' }).click();
    expect(await tab.inaccessible()).toEqual([]);
    await dialog('Replace this secret?').getByRole('button', { name: 'Replace it' }).click();
    await expect.poll(() => rows.count()).toBe(2);
    await rows.filter({ hasText: 'Never' }).waitFor();
    expect(await rows.filter({ hasText: 'Never' }).count()).toBe(1);
    const shown = tab.page.getByRole('status').filter({ hasText: 'it is shown this once' });
    const secret = (await shown.locator('pre').nth(1).textContent()) ?? '';
    const authorization = `Basic ${Buffer.from(`${system.customer.customerId}:${secret}`).toString('base64')}`;
    expect((await fetch(`${system.apiUrl}/v1/me`, { headers: { authorization } })).status).toBe(200);
  });
});

describe('a project', () => {
  it('is renamed, loses an entry point, and is deleted', async () => {
    await tab.open('/projects', 'Projects');
    await tab.page.getByRole('button', { name: 'New project' }).click();
    await dialog('New project').getByLabel('Name').fill('Tour');
    await tab.page.getByRole('button', { name: 'Create project' }).click();
    await tab.page.getByRole('heading', { name: 'Tour', level: 1 }).waitFor();

    await tab.page.getByRole('button', { name: 'Rename' }).click();
    expect(await dialog('Rename the project').getByLabel('Name').inputValue()).toBe('Tour');
    await dialog('Rename the project').getByLabel('Name').fill('World tour');
    expect(await tab.inaccessible()).toEqual([]);
    await dialog('Rename the project').getByRole('button', { name: 'Rename' }).click();
    await tab.page.getByRole('heading', { name: 'World tour', level: 1 }).waitFor();

    await tab.page.getByLabel('New entry point').fill('stage');
    await tab.page.getByRole('button', { name: 'Add', exact: true }).click();
    await tab.page.getByRole('button', { name: 'Delete stage' }).click();
    await dialog('Delete this entry point?').getByRole('button', { name: 'Delete the entry point' }).click();
    await tab.page.getByText('The entry point was deleted.').waitFor();
    await tab.page.getByRole('link', { name: 'stage' }).waitFor({ state: 'detached' });
    // The one that every project has stays.
    await tab.page.getByRole('link', { name: 'live', exact: true }).waitFor();
    expect(await tab.page.getByRole('button', { name: 'Delete live' }).count()).toBe(0);

    await tab.page.getByRole('button', { name: 'Delete project' }).click();
    expect(await tab.inaccessible()).toEqual([]);
    await dialog('Delete this project?').getByRole('button', { name: 'Delete the project' }).click();
    await tab.page.getByRole('heading', { name: 'Projects', level: 1 }).waitFor();
    await tab.page.getByRole('link', { name: 'World tour' }).waitFor({ state: 'detached' });
  });

  it('with running streams is not deleted, and the page says why', async () => {
    await tab.open(`/projects/${system.appid}`, 'Demo');
    await tab.page.getByRole('button', { name: 'Delete project' }).click();
    await dialog('Delete this project?').getByRole('button', { name: 'Delete the project' }).click();
    await tab.page.getByText('Streams of this project are running; end them first.').waitFor();
    expect((await system.request('GET', `/v1/projects/${system.appid}`)).status).toBe(200);
  });

  it('is found among hundreds', async () => {
    const client = new Client({ connectionString: system.env.DATABASE_URL });
    await client.connect();
    const made = await client.query(
      `INSERT INTO projects (id, customer_id, name, signing_key, created_at)
       SELECT md5('many-' || i), customer_id, 'Many ' || i, signing_key, now() + i * interval '1 second' FROM projects, generate_series(1, 250) AS i WHERE id = $1`,
      [system.appid],
    );
    expect(made.rowCount).toBe(250);
    await tab.open('/projects', 'Projects');
    const more = tab.page.getByRole('button', { name: 'More' });
    await more.click();
    await tab.page.getByRole('link', { name: 'Many 150', exact: true }).waitFor();
    await more.click();
    await tab.page.getByRole('link', { name: 'Many 250', exact: true }).waitFor();
    await more.waitFor({ state: 'detached' });
    await tab.open('/live', 'Live');
    await tab.page.getByLabel('Project').first().fill('Many 250');
    await tab.page.getByRole('option', { name: 'Many 250' }).click();
    await tab.page.getByText('Nothing is live').waitFor();
    expect(new URL(tab.page.url()).searchParams.get('appid')).toMatch(/^[0-9a-f]{32}$/);
    await client.query("DELETE FROM projects WHERE name LIKE 'Many %'");
    await client.end();
  });
});

describe('lines to paste', () => {
  it('work as they stand, where this machine has the program', async () => {
    const own = await signIn(browser, system, system.customer, { permissions: ['clipboard-read', 'clipboard-write'] });
    await own.open(entryPointPage('show'), 'show');
    await own.page.getByLabel('Stream name', { exact: true }).fill('pasted');
    await own.page.getByRole('button', { name: 'Create token' }).click();
    const copied = async (label: RegExp): Promise<string> => {
      await own.page.getByRole('button', { name: label }).click();
      return own.page.evaluate<string>('navigator.clipboard.readText()');
    };
    const dir = await mkdtemp(join(tmpdir(), 'mc-paste-'));
    const shell = (line: string) => run('bash', ['-c', line], { cwd: dir, timeout: 60_000 });
    try {
      const offer = await own.page.evaluate<string>(`(async () => {
        const pc = new RTCPeerConnection();
        for (const kind of ['audio', 'video']) pc.addTransceiver(kind, { direction: 'sendonly' });
        const { sdp } = await pc.createOffer();
        pc.close();
        return sdp;
      })()`);
      await writeFile(join(dir, 'offer.sdp'), offer);
      const { stdout: answered } = await shell(await copied(/^Copy curl/));
      expect(answered).toMatch(/^HTTP\/1\.1 201 Created\r\n/);
      expect(answered).toContain('\r\n\r\nv=0\r\n');
      expect((await system.stream('pasted')).state).not.toBe('ended');
      const { id } = await system.stream('pasted');
      expect((await system.call('DELETE', `/streams/${id}`)).status).toBe(204);

      const ffmpeg = await copied(/^Copy ffmpeg/);
      await shell(
        'ffmpeg -v error -f lavfi -i testsrc2=s=320x180:r=30 -f lavfi -i sine -t 3 -c:v libx264 -preset ultrafast -c:a aac clip.mp4',
      );
      const { stdout: muxers } = await shell('ffmpeg -v error -muxers');
      // An older ffmpeg than the line is for still has to take all of it but the way out.
      if (/ whip /.test(muxers)) await shell(ffmpeg);
      else await shell(ffmpeg.replace(/ -f whip .*$/, ' -f null -'));
      expect(ffmpeg).toContain(`-f whip -authorization "`);
      await own.page.getByText('ffmpeg with its WHIP muxer (8.0 or newer)').first().waitFor();

      const gst = await copied(/^Copy GStreamer/);
      const hasSink = await shell('gst-inspect-1.0 --exists whipclientsink').then(
        () => true,
        () => false,
      );
      if (hasSink) await shell(`timeout 5 ${gst} || [ $? = 124 ]`);
      else expect(gst).toMatch(/signaller::whip-endpoint="http:\S+\/whip\/\S+\/show\/pasted" signaller::auth-token="/);
    } finally {
      await rm(dir, { recursive: true });
      await own.page.context().close();
    }
  }, 120_000);
});
