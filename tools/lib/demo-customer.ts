// The customer's side of the demo: its callback server, and the REST calls that it makes.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { StepError } from './step.ts';

const HTTP_MS = 10_000;

/** A customer's server that sends every stream where `urlsOf(streamName)` says. `requests` lists what was asked. */
export async function startCallbackServer(urlsOf: (streamName: string) => string[]) {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    const transferUrls = urlsOf(
      String(new URL(String(request.url), 'http://localhost').searchParams.get('stream_name')),
    );
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ transferUrls }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/targets`,
    requests,
    stop: () => new Promise<void>((resolve) => server.close(() => resolve()).closeAllConnections()),
  };
}

/** How to reach a system: what `npm start` writes into `.manycast/demo.json`. */
export interface Demo {
  apiUrl: string;
  dashboardUrl: string;
  operator: Credentials;
  customer: Credentials;
  appid: string;
  entryPoint: string;
  /** With `{stream_name}` in it. */
  whipUrl: string;
  publishToken: string;
  rtmpUrl: string;
}

export interface Credentials {
  customerId: string;
  customerSecret: string;
}

interface Reason {
  text: string;
}

/** What the demo reads of a stream. */
export interface StreamState {
  id: string;
  name: string;
  state: string;
  reason: Reason | null;
  callback: { state: string; reason: Reason | null };
  figures: { bitrate: number; fps: number } | null;
}

export interface TransferState {
  id: string;
  url: string;
  state: string;
  reason: Reason | null;
  figures: { bitrate: number; fps: number; droppedFrames: number } | null;
}

/** The calls of the demo, on an entry point of its own: the one that `npm start` made stays as it is. */
export function demoApi({ apiUrl, customer, appid }: Pick<Demo, 'apiUrl' | 'customer' | 'appid'>, entryPoint: string) {
  const fls = `/v1/projects/${appid}/fls`;
  const authorization = `Basic ${Buffer.from(`${customer.customerId}:${customer.customerSecret}`).toString('base64')}`;

  async function call<T>(method: string, path: string, body?: object, accepted: number[] = []): Promise<T> {
    const response = await fetch(apiUrl + path, {
      method,
      headers: { authorization, 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(HTTP_MS),
    });
    const text = await response.text();
    if (response.ok || accepted.includes(response.status)) return JSON.parse(text || '{}') as T;
    throw new StepError(`${method} ${path} answered ${response.status}: ${text.slice(0, 500)}`);
  }

  return {
    ensureEntryPoint: () => call('POST', `${fls}/entry_points`, { name: entryPoint }, [409]),
    patchSettings: (settings: { enabled: boolean; callbackUrl: string }) =>
      call('PATCH', `${fls}/entry_points/${entryPoint}/settings/transfer`, settings),
    publishToken: (streamName?: string) =>
      call<{ token: string; whipUrl: string }>('POST', `${fls}/entry_points/${entryPoint}/publish_tokens`, {
        streamName,
      }),
    streams: async () =>
      (await call<{ streams: StreamState[] }>('GET', `${fls}/streams?entry_point=${entryPoint}&limit=20`)).streams,
    stream: (id: string) => call<StreamState>('GET', `${fls}/streams/${id}`),
    transfers: async (id: string) =>
      (await call<{ transfers: TransferState[] }>('GET', `${fls}/streams/${id}/transfers`)).transfers,
  };
}
