// What the specs of the RTMP publisher have in common: a scripted server, and a publisher that connects to it.
import { expect } from 'vitest';
import { AllowList } from '#libs/net';
import { TransferUrl, type TransferError } from '#libs/transfer';
import { type PublisherOptions, RtmpPublisher } from '../../apps/pipeline/src/output/rtmp/rtmp-publisher.js';
import { type Script, type ScriptedRtmpServer, startScriptedRtmpServer } from './scripted-rtmp-server.js';

export const KEY = 'k3y-SECRET?token=t0ken';
export const SHORT = { dnsMs: 200, tcpMs: 200, tlsMs: 300, handshakeMs: 200, connectMs: 200, publishMs: 200 };
export const loopback = AllowList.parse('127.0.0.0/8,localhost');
export const open: (() => unknown)[] = [];

/** For afterEach. */
export async function closeAll(): Promise<void> {
  await Promise.all(open.splice(0).map((close) => close()));
}

export async function server(script: Script = {}): Promise<ScriptedRtmpServer> {
  const started = await startScriptedRtmpServer(script);
  open.push(() => started.stop());
  return started;
}

export const target = (port: number, { scheme = 'rtmp', host = '127.0.0.1', credentials = '' } = {}) =>
  TransferUrl.parse(`${scheme}://${credentials}${host}:${port}/live/${KEY}`).target;

export async function connect(
  port: number,
  options: Partial<PublisherOptions> = {},
  where: Parameters<typeof target>[1] = {},
): Promise<RtmpPublisher> {
  const publisher = await RtmpPublisher.connect(
    target(port, where),
    { allowList: loopback, deadlines: SHORT, ...options },
    new AbortController().signal,
  );
  open.push(() => publisher.close({ clean: false, deadlineMs: 0 }));
  return publisher;
}

export const failure = (
  port: number,
  options: Partial<PublisherOptions> = {},
  where: Parameters<typeof target>[1] = {},
) =>
  connect(port, options, where).then(
    () => expect.unreachable('connected'),
    (error: TransferError) => error,
  );
