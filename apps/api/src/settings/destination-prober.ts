import { Injectable } from '@nestjs/common';
import { SecretBox } from '#libs/db';
import { type NodeStatus, Registry, Wire, WireError, WireTimeout } from '#libs/queue';
import { type AnsweredUrl, type ReasonCode, reasonOf } from '#libs/transfer';
import type { ProbeVerdict } from './settings.dto.js';

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

/** Tries whether platforms would accept a publish. */
@Injectable()
export class DestinationProber {
  constructor(
    private readonly box: SecretBox,
    private readonly registry: Registry,
    private readonly wire: Wire,
  ) {}

  /** `consume`: 0 when one more connection may be made, else how long it must wait, ms. */
  async probeAll(urls: AnsweredUrl[], consume: () => Promise<number>): Promise<ProbeVerdict[]> {
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
    if (node === undefined) return unknown('No worker node is running that could try it.');
    try {
      const { code, detail, ms } = await this.wire.ask(
        node.nodeId,
        'probeTransfer',
        { url: this.box.seal(url.text, 'probe'), options },
        PROBE_TIMEOUT_MS,
      );
      if (code === null) return { stage: 'ok', ok: true, code, text: 'The platform accepted the publish.', detail, ms };
      return {
        stage: STAGES[code as ReasonCode] ?? 'publish',
        ok: false,
        code,
        text: reasonOf(code)?.text ?? code,
        detail,
        ms,
      };
    } catch (error) {
      if (error instanceof WireTimeout || error instanceof WireError) return unknown('The worker node did not answer.');
      throw error;
    }
  }
}

const seconds = (ms: number): number => Math.ceil(ms / 1000);

const notTried = (waitMs: number): ProbeVerdict => ({
  stage: 'address',
  ok: false,
  code: 'quota_exceeded',
  text: `Not tried: the callbacks per minute that tests and REST hooks may use are used up. Test again in ${seconds(waitMs)} s.`,
  detail: null,
  ms: 0,
});

const unknown = (text: string): ProbeVerdict => ({
  stage: 'address',
  ok: false,
  code: 'service_error',
  text,
  detail: null,
  ms: 0,
});
