import { Injectable } from '@nestjs/common';
import { PrismaService, SecretBox, type EntryPoint } from '#libs/db';
import { type NodeStatus, Registry, Wire, WireError, WireTimeout } from '#libs/queue';
import { type AnsweredUrl, type CallbackAnswer, callbackRequestUrl, type ReasonCode, reasonOf, redactTransferUrl, TransferError } from '#libs/transfer';
import type { Caller } from '../auth/caller.js';
import { CallbackCircuits } from '../callback/callback-circuits.js';
import { CallbackClient, type Attempt } from '../callback/callback.client.js';
import { CallbackQuota } from '../callback/callback-quota.js';
import { judge } from '../callback/callback.processor.js';
import { CallbackSecrets } from '../callback/callback-secrets.js';
import { toDelivery, toDeliveryResponse } from '../callback/delivery.js';
import { QuotaService } from '../tenants/customer/quotas.js';
import type { EntryPointPath } from '../tenants/owned.js';
import { refuse } from '../http/problem.js';
import type { ProbeVerdict, TestTransfer, TestTransferResponse } from './settings.dto.js';
import { requireCallbackUrl, SettingsService } from './settings.service.js';

const PROBE_TIMEOUT_MS = 12_000;
/** Connections of one test at the same time: it is for people who set something up, not for who wants to know what listens where. */
const PROBES_AT_ONCE = 5;

/** Where each failure of a probe happened. */
const STAGES: Partial<Record<ReasonCode, string>> = {
  url_invalid: 'address',
  dns_failed: 'address',
  address_forbidden: 'address',
  tcp_refused: 'tcp',
  tcp_unreachable: 'tcp',
  tcp_timeout: 'tcp',
  tls_failed: 'tls',
  tls_certificate: 'tls',
  handshake_failed: 'rtmp',
  connect_rejected: 'rtmp',
  redirected: 'rtmp',
  auth_failed: 'rtmp',
};

/** Tries an entry point's settings out: a real callback, and if wished a real connection to each platform. */
@Injectable()
export class SettingsTester {
  constructor(
    private readonly prisma: PrismaService,
    private readonly box: SecretBox,
    private readonly settings: SettingsService,
    private readonly client: CallbackClient,
    private readonly secrets: CallbackSecrets,
    private readonly circuits: CallbackCircuits,
    private readonly quota: CallbackQuota,
    private readonly quotas: QuotaService,
    private readonly registry: Registry,
    private readonly wire: Wire,
  ) {}

  async test(caller: Caller, path: EntryPointPath, { streamName, callbackUrl, probe }: TestTransfer): Promise<TestTransferResponse> {
    const entryPoint = await this.settings.find(caller, path);
    const url = callbackUrl ?? entryPoint.callbackUrl;
    if (url === null) throw refuse(409, 'The entry point has no callbackUrl to test.', { code: 'callback_url_missing' });
    requireCallbackUrl(url);
    const consumer = await this.quotas.ofProject(path.appid);
    const waitMs = await this.quota.consumeForOthers(consumer);
    if (waitMs > 0) throw callbacksUsedUp(waitMs);
    const webhookId = `msg_test_${Date.now()}`;
    const attempt = await this.circuits.inRoom({ customerId: consumer.customerId, url }, () => this.ask(entryPoint, url, streamName, webhookId));
    if (attempt === 'full') throw tooManyAtOnce();
    const result = judge(attempt);
    const answer: CallbackAnswer = result instanceof TransferError ? { urls: [], bad: [] } : result;
    const [outcome, detail] = result instanceof TransferError ? [result.code, result.detail ?? null] : ['ok', null];
    const row = await this.prisma.callbackDelivery.create({
      data: toDelivery({ stream: null, entryPoint, callbackUrl: url, webhookId, streamName, attempt: 1, kind: 'test' }, attempt, outcome, detail),
    });
    const verdicts = probe ? await this.probeAll(answer.urls, () => this.quota.consumeForOthers(consumer)) : [];
    const transfers = answer.urls.map(({ element, url, options }, i) => ({ element, url: redactTransferUrl(url), options, probe: verdicts[i] ?? null }));
    return { delivery: toDeliveryResponse(row), transfers, bad: answer.bad };
  }

  private async ask(entryPoint: EntryPoint, callbackUrl: string, streamName: string, webhookId: string): Promise<Attempt> {
    const startedAt = new Date().toISOString();
    const payload = JSON.stringify({ appid: entryPoint.projectId, entryPoint: entryPoint.name, streamName, streamId: null, startedAt, test: true });
    const headers = await this.secrets.headers(entryPoint.id, webhookId, payload);
    return this.client.post(`${callbackRequestUrl(callbackUrl, entryPoint.name, streamName)}&test=1`, payload, headers);
  }

  /** `consume`: 0 when one more connection may be made, else how long it must wait, ms. */
  private async probeAll(urls: AnsweredUrl[], consume: () => Promise<number>): Promise<ProbeVerdict[]> {
    const nodes = await this.registry.nodes();
    const node = nodes.find(({ draining, used, slots }) => !draining && used < slots) ?? nodes[0];
    const verdicts: ProbeVerdict[] = [];
    let next = 0;
    const lane = async (): Promise<void> => {
      for (let i = next++; i < urls.length; i = next++) {
        const waitMs = await consume();
        verdicts[i] = waitMs > 0 ? notTried(waitMs) : await this.probe(urls[i] as AnsweredUrl, node);
      }
    };
    await Promise.all(Array.from({ length: PROBES_AT_ONCE }, lane));
    return verdicts;
  }

  /** From a worker's place in the network, which is where the stream would come from. */
  private async probe({ url, options }: AnsweredUrl, node: NodeStatus | undefined): Promise<ProbeVerdict> {
    if (node === undefined) return unknown('No worker node is there to try it.');
    try {
      const { code, detail, ms } = await this.wire.ask(node.nodeId, 'probeTransfer', { url: this.box.seal(url, 'probe'), options }, PROBE_TIMEOUT_MS);
      if (code === null) return { stage: 'ok', ok: true, code, text: 'The platform accepted the publish.', detail, ms };
      return { stage: STAGES[code as ReasonCode] ?? 'publish', ok: false, code, text: reasonOf(code)?.text ?? code, detail, ms };
    } catch (error) {
      if (error instanceof WireTimeout || error instanceof WireError) return unknown('The worker node did not answer.');
      throw error;
    }
  }
}

const seconds = (ms: number): number => Math.ceil(ms / 1000);

const tooManyAtOnce = (): Error =>
  refuse(429, 'Too many callbacks of yours are under way.', { code: 'too_many_at_once', detail: 'Try again when some of them have been answered.', headers: { 'Retry-After': '5' } });

const callbacksUsedUp = (waitMs: number): Error =>
  refuse(429, 'The callbacks per minute that tests and REST hooks may use are used up.', {
    code: 'quota_exceeded',
    detail: `A test counts as a callback, and each platform that it tries as one more; a fifth of the quota is kept for streams. Wait ${seconds(waitMs)} s, or ask the operator for a higher quota.`,
    headers: { 'Retry-After': String(seconds(waitMs)) },
  });

const notTried = (waitMs: number): ProbeVerdict => ({
  stage: 'address',
  ok: false,
  code: 'quota_exceeded',
  text: `Not tried: the callbacks per minute that tests and REST hooks may use are used up. Test again in ${seconds(waitMs)} s.`,
  detail: null,
  ms: 0,
});

const unknown = (text: string): ProbeVerdict => ({ stage: 'address', ok: false, code: 'service_error', text, detail: null, ms: 0 });
