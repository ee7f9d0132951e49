import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { pushUrl } from './push-url.js';
import { TransferUrl } from './transfer-url.js';

const page = readFileSync(join(import.meta.dirname, '../../../docs/destination-urls.md'), 'utf8');
const cells = (line: string): string[] =>
  line
    .split('|')
    .slice(1, -1)
    .map((cell) => cell.trim().replace(/^`|`$/g, ''));
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| '))
  .slice(2)
  .map(cells) as [string, string, string, string, string, string, string][];

it('the page has a row for each platform', () => {
  expect(rows.length).toBeGreaterThan(25);
  for (const row of rows) expect(row).toHaveLength(7);
});

it.each(rows)('%s is split as the page says', (_, server, key, app, streamName, tcUrl) => {
  const url = key === '' ? server : `${server.replace(/\/$/, '')}/${key}`;
  const parsed = TransferUrl.parse(url);
  expect(parsed.target).toMatchObject({ app, streamName, tcUrl });
  // What is shown of it holds no key.
  if (key !== '') expect(parsed.masked).not.toContain(key);
});

it.each(rows.filter(([, server, key]) => key !== '' && !server.includes('?') && !key.includes('?')))(
  '%s as a push: the server is the rtmpUrl, the key the name',
  (_, server, key, app, streamName) => {
    const { target } = pushUrl(server, key, { streamNamePrefix: '', fullUrl: false, passUrlParameters: true });
    expect(target).toMatchObject({ app, streamName });
  },
);
