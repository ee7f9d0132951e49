// The customer's side of the demo: its callback server, and the REST calls that it makes.
import { createServer } from 'node:http';
import { StepError } from './step.mjs';

const HTTP_MS = 10_000;

/** A customer's server that sends every stream where `urlsOf(streamName)` says. `requests` lists what was asked. */
export async function startCallbackServer(urlsOf) {
  const requests = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    const transferUrls = urlsOf(new URL(String(request.url), 'http://localhost').searchParams.get('stream_name'));
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ transferUrls }));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  return {
    url: `http://127.0.0.1:${/** @type {import('node:net').AddressInfo} */ (server.address()).port}/targets`,
    requests,
    stop: () => new Promise((resolve) => server.close(resolve).closeAllConnections()),
  };
}

/** The calls of the demo, on an entry point of its own: the one that `npm start` made stays as it is. */
export function demoApi({ apiUrl, customer, appid }, entryPoint) {
  const fls = `/v1/projects/${appid}/fls`;
  const authorization = `Basic ${Buffer.from(`${customer.customerId}:${customer.customerSecret}`).toString('base64')}`;

  async function call(method, path, body, accepted = []) {
    const response = await fetch(apiUrl + path, {
      method,
      headers: { authorization, 'content-type': 'application/json' },
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(HTTP_MS),
    });
    const text = await response.text();
    if (response.ok || accepted.includes(response.status)) return text === '' ? {} : JSON.parse(text);
    throw new StepError(`${method} ${path} answered ${response.status}: ${text.slice(0, 500)}`);
  }

  return {
    ensureEntryPoint: () => call('POST', `${fls}/entry_points`, { name: entryPoint }, [409]),
    patchSettings: (settings) => call('PATCH', `${fls}/entry_points/${entryPoint}/settings/transfer`, settings),
    publishToken: (streamName) => call('POST', `${fls}/entry_points/${entryPoint}/publish_tokens`, { streamName }),
    streams: async () => (await call('GET', `${fls}/streams?entry_point=${entryPoint}&limit=20`)).streams,
    stream: (id) => call('GET', `${fls}/streams/${id}`),
    transfers: async (id) => (await call('GET', `${fls}/streams/${id}/transfers`)).transfers,
  };
}
