// Every call that the page makes, by what it is about.
import { answer, api, done, urlOf } from './client.js';
import type { Body, StreamState } from './types.js';

export * from './types.js';
export { ApiError, whenSignedOut } from './client.js';

/** Which page of a list; the first one without a cursor. */
type PageOf = { limit?: number; cursor?: string };
/** A query that is no longer needed is not waited for. */
type Signal = AbortSignal | undefined;

export const session = {
  get: () => answer(api.GET('/session')),
  signIn: (body: Body<'SignIn'>) => answer(api.POST('/session', { body })),
  signOut: () => done(api.DELETE('/session')),
  signOutEverywhere: () => done(api.DELETE('/session/all')),
};

export const customers = {
  me: (signal: Signal) => answer(api.GET('/v1/me', { signal })),
  list: (query: PageOf, signal: Signal) => answer(api.GET('/v1/customers', { params: { query }, signal })),
  create: (body: Body<'CreateCustomer'>) => answer(api.POST('/v1/customers', { body })),
  get: (customerId: string, signal: Signal) =>
    answer(api.GET('/v1/customers/{customerId}', { params: { path: { customerId } }, signal })),
  change: (customerId: string, body: Body<'UpdateCustomer'>) =>
    answer(api.PATCH('/v1/customers/{customerId}', { params: { path: { customerId } }, body })),
  remove: (customerId: string) => done(api.DELETE('/v1/customers/{customerId}', { params: { path: { customerId } } })),
};

export const credentials = {
  list: (customerId: string, signal: Signal) =>
    answer(api.GET('/v1/customers/{customerId}/credentials', { params: { path: { customerId } }, signal })),
  create: (customerId: string, body: Body<'CreateCredential'>) =>
    answer(api.POST('/v1/customers/{customerId}/credentials', { params: { path: { customerId } }, body })),
  rotate: (customerId: string, credentialId: string, body: Body<'RotateCredential'>) =>
    answer(
      api.POST('/v1/customers/{customerId}/credentials/{credentialId}/rotate', {
        params: { path: { customerId, credentialId } },
        body,
      }),
    ),
  revoke: (customerId: string, credentialId: string) =>
    done(
      api.DELETE('/v1/customers/{customerId}/credentials/{credentialId}', {
        params: { path: { customerId, credentialId } },
      }),
    ),
};

export const projects = {
  list: (query: PageOf & { q?: string }, signal: Signal) =>
    answer(api.GET('/v1/projects', { params: { query }, signal })),
  get: (appid: string, signal: Signal) =>
    answer(api.GET('/v1/projects/{appid}', { params: { path: { appid } }, signal })),
  create: (body: Body<'CreateProject'>) => answer(api.POST('/v1/projects', { body })),
  change: (appid: string, body: Body<'UpdateProject'>) =>
    answer(api.PATCH('/v1/projects/{appid}', { params: { path: { appid } }, body })),
  remove: (appid: string) => done(api.DELETE('/v1/projects/{appid}', { params: { path: { appid } } })),
  streamAuth: (appid: string, signal: Signal) =>
    answer(api.GET('/v1/projects/{appid}/fls/settings/streamauth/webhook', { params: { path: { appid } }, signal })),
  changeStreamAuth: (appid: string, body: Body<'UpdateStreamAuth'>) =>
    answer(api.PATCH('/v1/projects/{appid}/fls/settings/streamauth/webhook', { params: { path: { appid } }, body })),
  rotateSigningKey: (appid: string) =>
    done(api.POST('/v1/projects/{appid}/rotate_signing_key', { params: { path: { appid } } })),
};

export const restKeys = {
  list: (appid: string, signal: Signal) =>
    answer(api.GET('/v1/projects/{appid}/rest_keys', { params: { path: { appid } }, signal })),
  create: (appid: string, body: Body<'CreateRestKey'>) =>
    answer(api.POST('/v1/projects/{appid}/rest_keys', { params: { path: { appid } }, body })),
  revoke: (appid: string, restKeyId: string) =>
    done(api.DELETE('/v1/projects/{appid}/rest_keys/{restKeyId}', { params: { path: { appid, restKeyId } } })),
};

/** An entry point in a path. */
const at = (appid: string, entryPoint: string) => ({ path: { appid, entryPoint } });

export const entryPoints = {
  list: (appid: string, signal: Signal) =>
    answer(api.GET('/v1/projects/{appid}/fls/entry_points', { params: { path: { appid } }, signal })),
  create: (appid: string, name: string) =>
    answer(api.POST('/v1/projects/{appid}/fls/entry_points', { params: { path: { appid } }, body: { name } })),
  remove: (appid: string, entryPoint: string) =>
    done(api.DELETE('/v1/projects/{appid}/fls/entry_points/{entryPoint}', { params: at(appid, entryPoint) })),
  settings: (appid: string, entryPoint: string, signal: Signal) =>
    answer(
      api.GET('/v1/projects/{appid}/fls/entry_points/{entryPoint}/settings/transfer', {
        params: at(appid, entryPoint),
        signal,
      }),
    ),
  changeSettings: (appid: string, entryPoint: string, body: Body<'UpdateTransferSettings'>) =>
    answer(
      api.PATCH('/v1/projects/{appid}/fls/entry_points/{entryPoint}/settings/transfer', {
        params: at(appid, entryPoint),
        body,
      }),
    ),
  testCallback: (appid: string, entryPoint: string, body: Body<'TestTransfer'>) =>
    answer(
      api.POST('/v1/projects/{appid}/fls/entry_points/{entryPoint}/settings/transfer/test', {
        params: at(appid, entryPoint),
        body,
      }),
    ),
  secrets: (appid: string, entryPoint: string, signal: Signal) =>
    answer(
      api.GET('/v1/projects/{appid}/fls/entry_points/{entryPoint}/settings/transfer/secrets', {
        params: at(appid, entryPoint),
        signal,
      }),
    ),
  rotateSecret: (appid: string, entryPoint: string, body: Body<'RotateCallbackSecret'>) =>
    answer(
      api.POST('/v1/projects/{appid}/fls/entry_points/{entryPoint}/settings/transfer/secrets/rotate', {
        params: at(appid, entryPoint),
        body,
      }),
    ),
  publishToken: (appid: string, entryPoint: string, body: Body<'CreatePublishToken'>) =>
    answer(
      api.POST('/v1/projects/{appid}/fls/entry_points/{entryPoint}/publish_tokens', {
        params: at(appid, entryPoint),
        body,
      }),
    ),
  deliveries: (appid: string, entryPoint: string, query: PageOf & { streamId?: string }, signal: Signal) =>
    answer(
      api.GET('/v1/projects/{appid}/fls/entry_points/{entryPoint}/callbacks', {
        params: { ...at(appid, entryPoint), query },
        signal,
      }),
    ),
  replay: (appid: string, entryPoint: string, deliveryId: string) =>
    done(
      api.POST('/v1/projects/{appid}/fls/entry_points/{entryPoint}/callbacks/{deliveryId}/replay', {
        params: { path: { appid, entryPoint, deliveryId } },
      }),
    ),
};

export const bans = {
  list: (appid: string, entryPoint: string, signal: Signal) =>
    answer(
      api.GET('/v1/projects/{appid}/fls/entry_points/{entryPoint}/admin/banned_streams', {
        params: at(appid, entryPoint),
        signal,
      }),
    ),
  add: (appid: string, entryPoint: string, streamName: string, body: Body<'BanStream'>) =>
    answer(
      api.PATCH('/v1/projects/{appid}/fls/entry_points/{entryPoint}/admin/banned_streams/{streamName}', {
        params: { path: { appid, entryPoint, streamName } },
        body,
      }),
    ),
  remove: (appid: string, entryPoint: string, streamName: string) =>
    done(
      api.DELETE('/v1/projects/{appid}/fls/entry_points/{entryPoint}/admin/banned_streams/{streamName}', {
        params: { path: { appid, entryPoint, streamName } },
      }),
    ),
};

export const streams = {
  list: (appid: string, query: PageOf & { state?: StreamState; entry_point?: string }, signal: Signal) =>
    answer(api.GET('/v1/projects/{appid}/fls/streams', { params: { path: { appid }, query }, signal })),
  /** Of all customers, for operators. */
  listAll: (query: PageOf & { state?: StreamState }, signal: Signal) =>
    answer(api.GET('/v1/streams', { params: { query }, signal })),
  get: (appid: string, streamId: string, signal: Signal) =>
    answer(api.GET('/v1/projects/{appid}/fls/streams/{streamId}', { params: { path: { appid, streamId } }, signal })),
  kick: (appid: string, streamId: string) =>
    done(api.DELETE('/v1/projects/{appid}/fls/streams/{streamId}', { params: { path: { appid, streamId } } })),
  thumbnailUrl: (appid: string, streamId: string, version: number) =>
    `${urlOf('/v1/projects/{appid}/fls/streams/{streamId}/thumbnail', { appid, streamId })}?v=${version}`,
};

export const transfers = {
  /** All: a stream has no more, ever. */
  list: (appid: string, streamId: string, signal: Signal) =>
    answer(
      api.GET('/v1/projects/{appid}/fls/streams/{streamId}/transfers', {
        params: { path: { appid, streamId }, query: { limit: 1000 } },
        signal,
      }),
    ),
  add: (appid: string, streamId: string, body: Body<'CreateTransfer'>) =>
    answer(
      api.POST('/v1/projects/{appid}/fls/streams/{streamId}/transfers', {
        params: { path: { appid, streamId } },
        body,
      }),
    ),
  change: (appid: string, streamId: string, transferId: string, body: Body<'UpdateTransfer'>) =>
    answer(
      api.PATCH('/v1/projects/{appid}/fls/streams/{streamId}/transfers/{transferId}', {
        params: { path: { appid, streamId, transferId } },
        body,
      }),
    ),
  remove: (appid: string, streamId: string, transferId: string) =>
    done(
      api.DELETE('/v1/projects/{appid}/fls/streams/{streamId}/transfers/{transferId}', {
        params: { path: { appid, streamId, transferId } },
      }),
    ),
  retry: (appid: string, streamId: string, transferId: string) =>
    done(
      api.POST('/v1/projects/{appid}/fls/streams/{streamId}/transfers/{transferId}/retry', {
        params: { path: { appid, streamId, transferId } },
      }),
    ),
};

export const events = {
  list: (appid: string, query: PageOf & { streamId?: string }, signal: Signal) =>
    answer(api.GET('/v1/projects/{appid}/fls/events', { params: { path: { appid }, query }, signal })),
  /** Of one project, or of all (operators) when `appid` is null. */
  feedUrl: (appid: string | null, query: { lastEventId?: string; figuresOf?: string }) => {
    const search = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== ''));
    return `${appid === null ? urlOf('/v1/events/stream') : urlOf('/v1/projects/{appid}/fls/events/stream', { appid })}${search.size > 0 ? `?${search}` : ''}`;
  },
};

export const operator = {
  nodes: (signal: Signal) => answer(api.GET('/v1/nodes', { signal })),
  queues: (signal: Signal) => answer(api.GET('/v1/queues', { signal })),
  history: (minutes: number, signal: Signal) =>
    answer(api.GET('/v1/history', { params: { query: { minutes } }, signal })),
};
