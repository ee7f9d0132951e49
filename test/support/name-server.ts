// A DNS server on loopback, as far as a resolver that asks for addresses needs one.
import { createSocket } from 'node:dgram';
import { isIP } from 'node:net';

const A = 1;
const AAAA = 28;
const NO_SUCH_NAME = 3;

/** The addresses of a name, of the family that is asked for; none is an empty list. `unknown`: there is no such name; `silence`: no answer at all. */
export type Answers = (name: string, family: 4 | 6) => string[] | 'unknown' | 'silence';

export interface NameServer {
  /** For `Resolver.setServers`. */
  address: string;
  stop(): void;
}

export async function startNameServer(answers: Answers): Promise<NameServer> {
  const server = createSocket('udp4', (question, { port, address }) => {
    const answer = answerTo(question, answers);
    if (answer) server.send(answer, port, address);
  });
  await new Promise<void>((resolve) => server.bind(0, '127.0.0.1', resolve));
  return { address: `127.0.0.1:${server.address().port}`, stop: () => void server.close() };
}

/** RFC 1035, section 4. */
function answerTo(question: Buffer, answers: Answers): Buffer | null {
  const end = question.indexOf(0, 12) + 5;
  const type = question.readUInt16BE(end - 4);
  const found = answers(nameIn(question), type === AAAA ? 6 : 4);
  if (found === 'silence') return null;
  const records =
    found === 'unknown' || (type !== A && type !== AAAA)
      ? []
      : found.map((address) => recordOf(type, bytesOf(address)));
  const head = Buffer.from(question.subarray(0, end));
  head.writeUInt16BE(0x8180 | (found === 'unknown' ? NO_SUCH_NAME : 0), 2);
  head.writeUInt16BE(records.length, 6);
  // No additional records: the question may have brought one (EDNS).
  head.writeUInt16BE(0, 10);
  return Buffer.concat([head, ...records]);
}

function nameIn(question: Buffer): string {
  const labels: string[] = [];
  for (let at = 12; question[at] !== 0; at += 1 + (question[at] as number))
    labels.push(question.toString('latin1', at + 1, at + 1 + (question[at] as number)));
  return labels.join('.').toLowerCase();
}

/** Of the name in the question, to be kept for no time at all. */
const recordOf = (type: number, data: Buffer): Buffer =>
  Buffer.concat([Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 0, 0, data.length]), data]);

/** Four bytes or sixteen. */
function bytesOf(address: string): Buffer {
  if (isIP(address) === 4) return Buffer.from(address.split('.').map(Number));
  const [before = [], after = []] = address.split('::').map((part) => part.split(':').filter((group) => group !== ''));
  const groups = [...before, ...Array.from({ length: 8 - before.length - after.length }, () => '0'), ...after];
  return Buffer.from(groups.map((group) => group.padStart(4, '0')).join(''), 'hex');
}
