// The real system for media tests: API and worker as processes of their own, from dist/, on the run's PostgreSQL and Redis.
import { readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, inject, vi } from 'vitest';
import { Env } from '../../libs/config/src/index.js';
import { Wire } from '../../libs/queue/src/index.js';
import './global-setup.js';
import { type Credentials, type ProcessName, type SystemPlace, SystemProcesses } from './system-processes.js';

export type { Credentials };

export interface StreamView {
  id: string;
  name: string;
  state: string;
  reason: { code: string; text: string } | null;
  callback: { state: string; reason: { code: string } | null };
  figures: {
    bitrate: number;
    fps: number;
    width: number | null;
    height: number | null;
    transcoded: string | null;
    rttMs: number | null;
    packetsLost: number;
  } | null;
}

export interface TransferView {
  id: string;
  url: string;
  state: string;
  reason: { code: string; text: string; detail?: string | null } | null;
  attempts: number;
  nextRetryAt: string | null;
  figures: {
    bytesSent: number;
    bytesAcked: number | null;
    droppedFrames: number;
    reconnects: number;
    bitrate: number;
    fps: number;
    liveMs: number;
    queuedMs: number;
  } | null;
}

const basic = ({ customerId, customerSecret }: Credentials): string =>
  `Basic ${Buffer.from(`${customerId}:${customerSecret}`).toString('base64')}`;

/** States of a stream that has not ended. */
const RUNNING = ['starting', 'connecting', 'live', 'reconnecting'];

/** A running system as one of its customers uses it; everything of that customer ends with `stop`. */
export class System {
  private constructor(
    private readonly place: SystemPlace,
    /** Absent where the system is shared: nobody starts or ends its processes. */
    private readonly processes?: SystemProcesses,
  ) {}

  /** A system of the caller's own, with the seed's customer: for tests that set it up in a way of their own, look at all of it, or end its processes. */
  static async start(settings: Record<string, string> = {}): Promise<System> {
    const servers = { adminUrl: inject('adminUrl'), templateDb: inject('templateDb'), redisUrl: inject('redisUrl') };
    const processes = await SystemProcesses.start(servers, settings);
    const system = new System(processes.place, processes);
    await system.nodesReach(1);
    return system;
  }

  /** The system that the run's files share, as a new customer with a project of its own: they see nothing of one another. */
  static async shared(): Promise<System> {
    const answer = await fetch(inject('sharedSystemUrl'));
    const text = await answer.text();
    if (!answer.ok) throw new Error(`the shared system did not start: ${text}`);
    const place = JSON.parse(text) as SystemPlace;
    const operator = new System({ ...place, customer: place.operator });
    await operator.nodesReach(1);
    const made = await operator.request<{ customerId: string; credential: { secret: string } }>(
      'POST',
      '/v1/customers',
      { name: 'Demo customer' },
    );
    expect(made.status, JSON.stringify(made.body)).toBe(201);
    const customer = { customerId: made.body.customerId, customerSecret: made.body.credential.secret };
    const project = await new System({ ...place, customer }).request<{ appid: string }>('POST', '/v1/projects', {
      name: 'Demo',
    });
    expect(project.status, JSON.stringify(project.body)).toBe(201);
    return new System({ ...place, customer, appid: project.body.appid });
  }

  get apiUrl(): string {
    return this.place.apiUrl;
  }
  get appid(): string {
    return this.place.appid;
  }
  get customer(): Credentials {
    return this.place.customer;
  }
  get operator(): Credentials {
    return this.place.operator;
  }
  /** What its processes were started with. */
  get env(): NodeJS.ProcessEnv {
    return this.place.env;
  }
  get runDir(): string {
    return this.place.runDir;
  }
  /** Every whole line that API and worker have written so far. */
  get log(): string {
    const text = readFileSync(this.place.logFile, 'utf8');
    return text.slice(0, text.lastIndexOf('\n') + 1);
  }

  /** Ends API, worker and whatever pipelines are left; of a shared system, the customer with all that is its own. */
  async stop(): Promise<void> {
    if (this.processes) return this.processes.stop();
    const operator = new System({ ...this.place, customer: this.operator });
    // Refused while a stream runs; one may have changed its state while they were asked for.
    await vi.waitFor(
      async () => {
        await this.endStreams();
        const gone = await operator.request('DELETE', `/v1/customers/${this.customer.customerId}`);
        expect(gone.status, JSON.stringify(gone.body)).toBe(204);
      },
      { timeout: 30_000, interval: 100 },
    );
  }

  private async endStreams(): Promise<void> {
    for (const state of RUNNING) {
      const { body } = await this.call<{ streams: StreamView[] }>('GET', `/streams?limit=100&state=${state}`);
      // 404: it has ended by itself.
      for (const { id } of body.streams)
        expect([204, 404]).toContain((await this.call('DELETE', `/streams/${id}`)).status);
    }
  }

  /** Ends a process by a signal and waits until it is gone. */
  end(name: ProcessName, signal: NodeJS.Signals): Promise<void> {
    return this.own.end(name, signal);
  }

  /** Starts a process (again). */
  spawn(name: ProcessName): void {
    this.own.spawn(name);
  }

  /** Ends all processes of a node at once and without a word, as when its machine is lost. */
  loseNode(name: 'worker' | 'worker-2'): Promise<void> {
    return this.own.loseNode(name);
  }

  /** Starts the next worker beside the one that runs, which hands over to it; resolves when the one before has ended. */
  exchangeWorker(): Promise<void> {
    return this.own.exchangeWorker();
  }

  private get own(): SystemProcesses {
    if (!this.processes) throw new Error('others use this system, too: System.start() makes one of your own');
    return this.processes;
  }

  /** The output of the pipeline processes that is still there. */
  async pipelineLogs(): Promise<string> {
    const files = (await readdir(this.runDir)).filter((name) => name.endsWith('.log'));
    return (await Promise.all(files.map((name) => readFile(join(this.runDir, name), 'utf8')))).join('\n');
  }

  /** A picture of a stream from the node that runs it, asked as the API asks. */
  async thumbnail(streamId: string): Promise<Buffer | null> {
    const { REDIS_URL = '', REDIS_PREFIX = '', NODE_ID = '' } = this.env;
    const wire = new Wire(Object.assign(new Env(), { REDIS_URL, REDIS_PREFIX }));
    try {
      await wire.ready();
      const { jpeg } = await wire.ask(NODE_ID, 'thumbnail', { streamId }, 5000);
      return jpeg === null ? null : Buffer.from(jpeg, 'base64');
    } finally {
      wire.onApplicationShutdown();
    }
  }

  /** Calls the API as the customer; the parsed answer, whatever its status. */
  call<T>(method: string, path: string, body?: unknown): Promise<{ status: number; body: T }> {
    return this.request(method, `/v1/projects/${this.appid}/fls${path}`, body);
  }

  /** As `call`, with the whole path. */
  async request<T>(method: string, path: string, body?: unknown): Promise<{ status: number; body: T }> {
    const response = await fetch(this.apiUrl + path, {
      method,
      headers: { authorization: basic(this.customer), 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    return { status: response.status, body: (text === '' ? undefined : JSON.parse(text)) as T };
  }

  /** An entry point of its own for a test, with its settings; returns where to publish. */
  async entryPoint(
    name: string,
    settings: { enabled?: boolean; callbackUrl?: string } = {},
  ): Promise<{ whipUrl: (streamName: string) => string; token: string }> {
    expect((await this.call('POST', '/entry_points', { name })).status).toBe(201);
    expect((await this.call('PATCH', `/entry_points/${name}/settings/transfer`, settings)).status).toBe(200);
    const { body } = await this.call<{ token: string }>('POST', `/entry_points/${name}/publish_tokens`, {});
    return { token: body.token, whipUrl: (streamName) => `${this.apiUrl}/whip/${this.appid}/${name}/${streamName}` };
  }

  /** The newest stream of this name. */
  async stream(name: string): Promise<StreamView> {
    const { body } = await this.call<{ streams: StreamView[] }>('GET', '/streams?limit=100');
    const found = body.streams.find((stream) => stream.name === name);
    if (!found) throw new Error(`no stream ${name}`);
    return (await this.call<StreamView>('GET', `/streams/${found.id}`)).body;
  }

  async transfers(streamId: string): Promise<TransferView[]> {
    return (await this.call<{ transfers: TransferView[] }>('GET', `/streams/${streamId}/transfers`)).body.transfers;
  }

  async addTransfer(streamId: string, body: object): Promise<TransferView> {
    const answer = await this.call<TransferView>('POST', `/streams/${streamId}/transfers`, body);
    expect(answer.status, JSON.stringify(answer.body)).toBe(201);
    return answer.body;
  }

  async changeTransfer(streamId: string, transferId: string, body: object): Promise<TransferView> {
    const answer = await this.call<TransferView>('PATCH', `/streams/${streamId}/transfers/${transferId}`, body);
    expect(answer.status, JSON.stringify(answer.body)).toBe(200);
    return answer.body;
  }

  async transfer(streamId: string, transferId: string): Promise<TransferView> {
    return (await this.call<TransferView>('GET', `/streams/${streamId}/transfers/${transferId}`)).body;
  }

  /** Waits until one transfer is in this state. */
  async transferReaches(streamId: string, transferId: string, state: string, timeout = 30_000): Promise<TransferView> {
    await expect
      .poll(async () => (await this.transfer(streamId, transferId)).state, { timeout, interval: 50 })
      .toBe(state);
    return this.transfer(streamId, transferId);
  }

  /** Waits until the stream's transfers are in these states, in the order of their creation. */
  async transfersReach(streamId: string, states: string[], timeout = 30_000): Promise<TransferView[]> {
    await expect
      .poll(async () => (await this.transfers(streamId)).map(({ state }) => state), { timeout, interval: 50 })
      .toEqual(states);
    return this.transfers(streamId);
  }

  /** Waits until the operator sees so many nodes that take streams. */
  async nodesReach(count: number): Promise<void> {
    const nodes = async (): Promise<number> => {
      const response = await fetch(`${this.apiUrl}/v1/nodes`, { headers: { authorization: basic(this.operator) } });
      const { nodes: found } = (await response.json()) as { nodes: { draining: boolean }[] };
      return found.filter(({ draining }) => !draining).length;
    };
    // The API may not listen yet.
    await vi.waitFor(async () => expect(await nodes().catch(() => -1)).toBe(count), { timeout: 80_000, interval: 50 });
  }
}
