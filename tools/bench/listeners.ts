// Listeners of the event feed: opens so many, reads what comes and counts it. Prints a line when all listen, and at each line that it is told, what has come since.
import { get } from 'node:http';
import { createInterface } from 'node:readline';

const { FEED_URLS = '[]', AUTHORIZATION = '' } = process.env;
let events = 0;
let bytes = 0;
const MARK = 'event: event\n';

const listen = (url: string): Promise<void> =>
  new Promise((resolve, reject) => {
    const request = get(url, { headers: { authorization: AUTHORIZATION }, agent: false }, (response) => {
      if (response.statusCode !== 200) return reject(new Error(`a listener was answered ${response.statusCode}`));
      response.setEncoding('latin1').on('data', (text: string) => {
        bytes += text.length;
        for (let at = text.indexOf(MARK); at >= 0; at = text.indexOf(MARK, at + MARK.length)) events += 1;
        // The first message says where it is: from now on it hears everything.
        if (text.includes('id: ')) resolve();
      });
      response.on('error', () => undefined);
    });
    request.on('error', reject);
  });

const urls = JSON.parse(FEED_URLS) as string[];
// Some at a time: all at once would wait for connections to the database.
for (let i = 0; i < urls.length; i += 20) await Promise.all(urls.slice(i, i + 20).map(listen));
process.stdout.write('ready\n');
for await (const _ of createInterface({ input: process.stdin })) {
  process.stdout.write(`${JSON.stringify({ events, bytes })}\n`);
  [events, bytes] = [0, 0];
}
process.exit();
