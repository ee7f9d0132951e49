// What tests need to call operations of the OpenAPI document by the document alone.
import type { Operation } from '../../apps/api/src/openapi/operations.js';
import { SCHEMAS, type Schema } from '../../apps/api/src/openapi/schemas.js';
import { nameOf } from '../../apps/api/src/openapi/schema.js';
import type { TestApp, TestCustomer } from './app.js';
import { offer } from './sdp.js';

/** One of everything that the document knows: its ids, by the name of the path parameter. */
export async function populate(api: TestApp, owner: TestCustomer): Promise<Record<string, string>> {
  const fls = `/v1/projects/${owner.appid}/fls`;
  const { token } = (await owner.call('POST', `${fls}/entry_points/live/publish_tokens`)).body as { token: string };
  const published = await api.anonymous('POST', `/whip/${owner.appid}/live/cam`, offer(), {
    authorization: `Bearer ${token}`,
    'content-type': 'application/sdp',
  });
  const { streams } = (await owner.call('GET', `${fls}/streams`)).body as { streams: { id: string }[] };
  const streamId = streams[0]?.id as string;
  // As if media had come: reports tell of such streams only.
  await api.prisma.stream.update({ where: { id: streamId }, data: { startedAt: new Date() } });
  const transfer = (
    await owner.call('POST', `${fls}/streams/${streamId}/transfers`, { url: 'rtmp://127.0.0.1/live/KEY' })
  ).body as { id: string };
  const { credentials } = (await owner.call('GET', `/v1/customers/${owner.id}/credentials`)).body as {
    credentials: { id: string }[];
  };
  const restKey = (await owner.call('POST', `/v1/projects/${owner.appid}/rest_keys`, { label: 'page' })).body as {
    id: string;
  };
  const entryPoint = await api.prisma.entryPoint.findFirstOrThrow({ where: { projectId: owner.appid } });
  const delivery = await api.prisma.callbackDelivery.create({
    data: { entryPointId: entryPoint.id, streamId, attempt: 1, url: 'http://x/', outcome: 'ok', durationMs: 1 },
  });
  return {
    appid: owner.appid,
    entryPoint: 'live',
    streamId,
    transferId: transfer.id,
    customerId: owner.id,
    credentialId: credentials[0]?.id as string,
    deliveryId: delivery.id,
    restKeyId: restKey.id,
    streamName: 'cam',
    session: (published.headers.get('location') ?? '').split('/').at(-1) as string,
  };
}

/** A path of the document with these for its parameters. */
export const fill = (path: string, from: Record<string, string>): string =>
  path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(from[name] ?? ''));
/** Its answer does not end by itself. */
export const isStreaming = ({ mediaType }: Operation): boolean => mediaType === 'text/event-stream';

/** A body as documented. */
export function example(body: Schema): unknown {
  const name = nameOf(body);
  const made = fromSchema(body) as Record<string, unknown>;
  if ('url' in made) made.url = `rtmp://127.0.0.1/live/${crypto.randomUUID()}`;
  if (name === 'UpdateTransferSettings')
    return { enabled: true, callbackUrl: 'http://127.0.0.1:9/cb', useLastAnswer: false, endsOnClose: false };
  if (name === 'TestTransfer') return { callbackUrl: 'http://127.0.0.1:9/cb', probe: false };
  if (name === 'CreateTransfer' || name === 'UpdateTransfer') return { url: made.url, muted: true };
  if (name === 'UpdatePushSettings') return { streamNamePrefix: 'x_', reconnect: true };
  // Nobody to ask: what else the tests publish is let in.
  if (name === 'UpdateStreamAuth') return { enabled: false, url: 'http://127.0.0.1:9/auth', secret: 'secret' };
  if (name === 'BanStream') return { resumeTime: '2099-01-01T00:00:00Z' };
  if (name?.startsWith('Rotate')) return { overlap: 600 };
  if (name === 'EntryPointName') return { name: 'live' };
  if (name === 'UpdateProject') return { name: 'renamed' };
  return made;
}

function fromSchema(schema: Schema): unknown {
  if (nameOf(schema) !== undefined) return fromSchema(resolved(schema));
  if (Array.isArray(schema.enum)) return schema.enum[0];
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type;
  if (type === 'object')
    return Object.fromEntries(
      ((schema.required ?? []) as string[]).map((key) => [
        key,
        fromSchema((schema.properties as Record<string, Schema>)[key] as Schema),
      ]),
    );
  if (type === 'integer' || type === 'number') return schema.minimum ?? 1;
  if (type === 'boolean') return true;
  if (type === 'array') return [];
  return 'text';
}

/** The schema itself, for one that refers to another. */
export function resolved(schema: Schema): Schema {
  const name = nameOf(schema);
  return name === undefined ? schema : resolved(SCHEMAS[name] as Schema);
}

/** Where a body of this schema can hold a value: the path of every field, with 0 for an element of a list. */
export function fieldsOf(schema: Schema): string[][] {
  const {
    properties = {},
    items,
    oneOf,
    additionalProperties,
  } = resolved(schema) as {
    properties?: Record<string, Schema>;
    items?: Schema;
    oneOf?: Schema[];
    additionalProperties?: Schema | boolean;
  };
  const inner: [string, Schema][] = [
    ...Object.entries(properties),
    ...(items === undefined ? [] : [['0', items] as [string, Schema]]),
    ...(typeof additionalProperties === 'object' ? [['any', additionalProperties] as [string, Schema]] : []),
  ];
  const own = inner.flatMap(([name, child]) => [[name], ...fieldsOf(child).map((path) => [name, ...path])]);
  return [...own, ...(oneOf ?? []).flatMap(fieldsOf)];
}

/** A copy of the body with the value at that path; what is missing on the way is made as documented. */
export function withValue(body: unknown, path: string[], value: unknown, schema: Schema): unknown {
  const [name, ...rest] = path;
  if (name === undefined) return value;
  const {
    properties = {},
    items,
    oneOf,
  } = resolved(schema) as { properties?: Record<string, Schema>; items?: Schema; oneOf?: Schema[] };
  const inside = properties[name] ?? items ?? oneOf?.find((each) => 'properties' in resolved(each)) ?? {};
  if (items !== undefined)
    return [withValue((Array.isArray(body) ? body[0] : undefined) ?? fromSchema(inside), rest, value, inside)];
  const before = (typeof body === 'object' && body !== null ? body : {}) as Record<string, unknown>;
  return {
    ...before,
    [name]: withValue(before[name] ?? (rest.length > 0 ? fromSchema(inside) : undefined), rest, value, inside),
  };
}
