import { createSocket, type Socket } from 'node:dgram';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { lookupHost } from './lookup.js';

const A = 1;
const AAAA = 28;
const NO_SUCH_NAME = 3;

/** A name server whose answer depends on the first label: `v4`, `both`, `none`, `silent`, `v6silent` (answers for A only). */
function answerTo(question: Buffer): Buffer | null {
  const length = question[12] as number;
  const label = question.toString('latin1', 13, 13 + length);
  const end = question.indexOf(0, 12) + 5;
  const type = question.readUInt16BE(end - 4);
  if (label === 'silent' || (label === 'v6silent' && type === AAAA)) return null;
  const data = type === A ? Buffer.from([192, 0, 2, 1]) : Buffer.from('20010db8000000000000000000000001', 'hex');
  const has = label !== 'none' && (type === A || label === 'both');
  const head = Buffer.from(question.subarray(0, end));
  head.writeUInt16BE(0x8180 | (label === 'none' ? NO_SUCH_NAME : 0), 2);
  head.writeUInt16BE(has ? 1 : 0, 6);
  // No additional records: the question may have brought one (EDNS).
  head.writeUInt16BE(0, 10);
  if (!has) return head;
  const record = Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 0, 0, data.length]);
  return Buffer.concat([head, record, data]);
}

let server: Socket;
let servers: string[];
beforeAll(async () => {
  server = createSocket('udp4', (question, { port, address }) => {
    const answer = answerTo(question);
    if (answer) server.send(answer, port, address);
  });
  await new Promise<void>((resolve) => server.bind(0, '127.0.0.1', resolve));
  servers = [`127.0.0.1:${server.address().port}`];
});
afterAll(() => server.close());

/** c-ares waits for 250 ms at least, whatever it is told. */
const TIMEOUT_MS = 2000;
const never = new AbortController().signal;
const ask = (host: string, signal = never) => lookupHost(host, TIMEOUT_MS, signal, servers);
const v4 = { address: '192.0.2.1', family: 4 };

describe('lookupHost', () => {
  it('gives the addresses of both families, or of the one that answers', async () => {
    expect(await ask('both.customer.example')).toEqual([v4, { address: '2001:db8::1', family: 6 }]);
    expect(await ask('v4.customer.example')).toEqual([v4]);
    expect(await ask('v6silent.customer.example')).toEqual([v4]);
  });

  it('says so when there is no such name, and when nobody answers', async () => {
    await expect(ask('none.customer.invalid')).rejects.toMatchObject({ code: 'ENOTFOUND' });
    const started = performance.now();
    await expect(ask('silent.customer.example')).rejects.toMatchObject({ code: 'ETIMEOUT' });
    expect(performance.now() - started).toBeLessThan(TIMEOUT_MS);
  });

  it('leaves names without a dot to the system', async () => {
    expect(await ask('localhost')).toContainEqual({ address: '127.0.0.1', family: 4 });
  });

  it('is given up at once when its attempt is', async () => {
    const attempt = new AbortController();
    const asked = ask('silent.customer.example', attempt.signal);
    attempt.abort();
    await expect(asked).rejects.toMatchObject({ code: 'ECANCELLED' });
  });

  it('is not held up by many names whose servers keep silent', async () => {
    // Not more: what the receive buffer of this test's server cannot hold is lost.
    const silent = Array.from({ length: 40 }, (_, i) => lookupHost(`silent.customer${i}.example`, TIMEOUT_MS, AbortSignal.timeout(TIMEOUT_MS), servers).catch(() => undefined));
    const started = performance.now();
    expect(await ask('v4.customer.example')).toEqual([v4]);
    expect(await ask('localhost')).not.toEqual([]);
    expect(performance.now() - started).toBeLessThan(TIMEOUT_MS / 2);
    await Promise.all(silent);
  });
});
