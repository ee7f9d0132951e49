// A pipeline process without media, for faults that a real one cannot be made to have. The offer's text, or its session name
// (s=) when it is real SDP, says what to do: answer, refuse, silence (never answers), crash (dies instead of an answer),
// noise (answers, and writes to stderr), medialess (answers, and media never comes), givenup (its session is given up at once),
// odd (answers, and then sends an invalid message), reconnect (answers, and hangs up on its worker), mute (the same, and says nothing to a worker that comes back).
// Transfers report the state that their stream key names. Every command is appended to
// <socket>.ops.
import { appendFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';

const path = process.argv[2];
let claim = null;
let worker = null;
let pictures = 0;
const taken = [];
let isMute = false;
const transfers = new Map();
const snapshot = () => ({
  pid: process.pid,
  claim,
  sessionId: null,
  input: claim ? 'live' : 'waiting',
  transfers: [...transfers.values()],
});
const send = (message) => worker?.writable && worker.write(`${JSON.stringify(message)}\n`);
const event = (name, body) => send({ event: name, body });

const ops = {
  claim: ({ streamId, epoch }) => ((claim = { streamId, epoch }), {}),
  offer: ({ sessionId, sdp }) => {
    const script = /^s=(.*)\r$/m.exec(sdp)?.[1] ?? sdp;
    if (script === 'crash') process.kill(process.pid, 'SIGKILL');
    if (script === 'silence') return undefined;
    if (script === 'grow') setTimeout(() => taken.push(Buffer.alloc(400 * 1024 * 1024, 1)), 100);
    if (script === 'noise') process.stderr.write('something is odd\n');
    if (script === 'refuse') throw Object.assign(new Error('The offer is odd.'), { code: 'negotiation_failed' });
    if (script === 'odd') setTimeout(() => worker.write('{"event":"input"}\n'), 50);
    if (script === 'mute') isMute = true;
    if (script === 'mute' || script === 'reconnect') setTimeout(() => worker.destroy(), 50);
    if (script === 'givenup') setTimeout(() => event('sessionOver', { sessionId, reason: 'ice_timeout' }), 10);
    else if (script !== 'medialess') setTimeout(() => event('input', { sessionId, state: 'live', reason: null }), 10);
    return { sdp: `answer of ${process.pid}` };
  },
  restartIce: () => ({ fragment: 'ours' }),
  endSession: ({ reason }) => (setTimeout(() => end(reason), 5), {}),
  setTransfers: ({ transfers: wanted }) => {
    for (const [id, status] of transfers) {
      if (wanted.some((one) => one.id === id)) continue;
      transfers.delete(id);
      event('transfer', { ...status, state: 'ended', reason: 'removed', figures: { bytesSent: 21 } });
    }
    for (const { id, target } of wanted) {
      if (transfers.has(id)) continue;
      const [state, reason = null] = target.streamName.split('-');
      transfers.set(id, { id, state, reason, detail: null, attempts: 1, nextRetryAt: null, liveAt: null });
      event('transfer', transfers.get(id));
    }
    event('figures', { input: { bitrate: 7 }, transfers: {} });
    return {};
  },
  thumbnail: () => ({ jpeg: Buffer.from(`picture ${++pictures}`).toString('base64') }),
  stop: () => (setTimeout(() => end(null), 5), final()),
  snapshot,
};
const final = () => ({
  input: { bitrate: 1, fps: 2 },
  transfers: Object.fromEntries([...transfers.keys()].map((id) => [id, { bytesSent: 42 }])),
});

function end(reason) {
  if (reason) event('ended', { reason, final: final() });
  rmSync(path, { force: true });
  setTimeout(() => process.exit(0), 20);
}

createServer((socket) => {
  worker?.destroy();
  worker = socket;
  let rest = '';
  socket.setEncoding('utf8').on('error', () => socket.destroy());
  socket.on('data', (text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop();
    for (const line of lines) {
      const { id, op, body } = JSON.parse(line);
      appendFileSync(`${path}.ops`, `${JSON.stringify([op, body])}\n`);
      try {
        // What it knows nothing of it has done.
        const result = ops[op] ? ops[op](body) : {};
        if (result !== undefined) send({ re: id, result });
      } catch (error) {
        send({ re: id, error: { code: error.code ?? 'internal', message: error.message } });
      }
    }
  });
  socket.on('close', () => !claim && process.exit(0));
  if (!isMute) event('hello', snapshot());
}).listen(path);
