import { VERSION } from '#libs/config';
import { RestApiError } from '../flashphoner/rest/rest-api.js';
import { ProblemResponse } from '../http/problem.js';
import { HEADERS, headersOf, refusalHeaders } from './headers.js';
import type { Operation } from './operation.js';
import { OPERATIONS } from './operations.js';
import { nameOf, text, type Schema } from './schema.js';
import { SCHEMAS } from './schemas.js';

const JSON_TYPE = 'application/json';
const PROBLEM_TYPE = 'application/problem+json';

/** What may happen to every request. */
const ALWAYS = [400, 500, 503];

const DESCRIPTIONS: Record<number, string> = {
  200: 'Done',
  201: 'Made',
  202: 'Accepted',
  204: 'Done; nothing to say',
  400: 'The request is not right; `errors` names every bad field',
  401: 'The credentials are missing or wrong',
  403: 'Not permitted, or a quota is used up',
  404: 'It does not exist, or belongs to another customer',
  406: 'The Accept header rules the answer out',
  409: 'Not possible in the present state',
  410: 'It was ended on purpose; do not come back',
  412: 'It was changed meanwhile',
  413: 'The body is too large',
  415: 'The media type of the body is not known here',
  422: 'The content cannot be used, or an Idempotency-Key came with another request',
  428: 'If-Match is needed',
  429: 'Too many requests; see Retry-After',
  500: 'A fault of the service',
  503: 'Not now; see Retry-After',
  504: 'The media node did not answer in time',
};

const PATH_FORMATS: Record<string, Schema> = {
  appid: text('The project.'),
  entryPoint: text('The entry point, e.g. `live`.'),
  streamName: text('', { pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' }),
  session: text('The unguessable part of the session URL.'),
  customerId: text(),
};

/** Statuses that the operation may answer with. */
export function statusesOf(operation: Operation): number[] {
  const { answers, refusals = [], isPublic } = operation;
  return [
    ...new Set([
      ...Object.keys(answers).map(Number),
      ...ALWAYS,
      ...(isPublic ? [] : withCredentials(operation)),
      ...(mayBeAbsent(operation) ? [404] : []),
      ...refusals,
    ]),
  ].toSorted((a, b) => a - b);
}

/** What may happen to a request because it needs credentials, by what it may do. */
function withCredentials({ method }: Operation): number[] {
  if (method === 'get') return [401, 429];
  // 403: of a page that is not the dashboard's. 409 and 422: of an Idempotency-Key that is in use, or was used for something else.
  return [401, 403, 429, ...(method === 'delete' ? [] : [413, 415]), ...(method === 'post' ? [409, 422] : [])];
}

const mayBeAbsent = ({ path, isOperators }: Operation): boolean =>
  path.includes('{') || path.startsWith('/rest-api/') || isOperators === true;

/** OpenAPI 3.1 of the whole API. */
export function openApiDocument(serverUrl: string): Record<string, unknown> {
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of OPERATIONS) {
    paths[operation.path] ??= {};
    Object.assign(paths[operation.path] as object, { [operation.method]: describe(operation, serverUrl) });
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'manycast',
      version: VERSION,
      description:
        'Publish a live stream once over WebRTC; manycast asks your server where it goes, and forwards it to every platform at once.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    servers: [{ url: serverUrl }],
    security: [{ basic: [] }, { hmac: [] }, { session: [] }],
    tags: [...new Set(OPERATIONS.map(({ tag }) => tag))].map((name) => ({ name })),
    paths,
    components: {
      schemas: SCHEMAS,
      headers: Object.fromEntries(
        Object.entries(HEADERS).map(([name, { description, ...schema }]) => [name, { description, schema }]),
      ),
      responses: Object.fromEntries(
        REFUSALS.flatMap((status) => [
          [`Refused${status}`, refusal(status, PROBLEM_TYPE, ProblemResponse)],
          [`RestApi${status}`, refusal(status, JSON_TYPE, RestApiError)],
        ]),
      ),
      securitySchemes: {
        basic: { type: 'http', scheme: 'basic', description: 'Customer ID and customer secret' },
        hmac: { type: 'http', scheme: 'hmac', description: "Agora's HTTP HMAC authentication, with the same pair" },
        session: {
          type: 'apiKey',
          in: 'cookie',
          name: 'manycast_session',
          description: 'The dashboard; unsafe requests need the header X-Manycast as well',
        },
      },
    },
  };
}

/** A client that cannot send an Authorization header has its credential in the path. */
const restApiServers = (serverUrl: string): object[] => [
  { url: serverUrl },
  {
    url: `${serverUrl}/k/{restKey}`,
    description: 'With a REST key of the project, in place of other credentials',
    variables: { restKey: { default: 'mck_', description: 'POST /v1/projects/{appid}/rest_keys' } },
  },
];

function describe(operation: Operation, serverUrl: string): Record<string, unknown> {
  const { method, path, tag, summary, isPublic } = operation;
  return {
    tags: [tag],
    summary,
    operationId: operationId(method, path),
    ...(isPublic ? { security: [] } : {}),
    ...(path.startsWith('/rest-api/') ? { servers: restApiServers(serverUrl) } : {}),
    parameters: parametersOf(operation),
    ...requestBody(operation),
    responses: Object.fromEntries(
      statusesOf(operation).map((status) => [String(status), responseOf(operation, status)]),
    ),
  };
}

function operationId(method: string, path: string): string {
  const parts = path.split(/[/{}._]+/).filter((part) => !['', 'v1', 'fls'].includes(part));
  return method + parts.map((part) => (part[0] ?? '').toUpperCase() + part.slice(1)).join('');
}

function parametersOf({ path, query = {}, headers = {}, method, isPublic }: Operation): object[] {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => ({
    name,
    in: 'path',
    required: true,
    schema: PATH_FORMATS[name] ?? text('', { format: 'uuid' }),
  }));
  const inQuery = Object.entries(query).map(([name, schema]) => ({ name, in: 'query', schema }));
  const key = {
    'Idempotency-Key': text('The same request again within a day gets the first answer again.', { maxLength: 255 }),
  };
  const inHeaders = Object.entries({ ...headers, ...(method === 'post' && !isPublic ? key : {}) }).map(
    ([name, schema]) => ({ name, in: 'header', schema }),
  );
  return [...inPath, ...inQuery, ...inHeaders];
}

function requestBody({ body, requestMediaType }: Operation): object {
  if (body !== undefined)
    return {
      requestBody: {
        required: SCHEMAS[nameOf(body) ?? '']?.required !== undefined,
        content: { [JSON_TYPE]: { schema: body } },
      },
    };
  if (requestMediaType !== undefined)
    return { requestBody: { required: true, content: { [requestMediaType]: { schema: text() } } } };
  return {};
}

function responseOf(operation: Operation, status: number): object {
  const { answers, path, mediaType = JSON_TYPE } = operation;
  if (!(status in answers))
    return { $ref: `#/components/responses/${path.startsWith('/rest-api/') ? 'RestApi' : 'Refused'}${status}` };
  const response = { description: DESCRIPTIONS[status] ?? 'Other', headers: headerRefs(headersOf(operation, status)) };
  const schema = answers[status];
  return schema == null ? response : { ...response, content: { [mediaType]: { schema } } };
}

/** Every status that refuses something somewhere. */
const REFUSALS = [...new Set(OPERATIONS.flatMap(statusesOf))]
  .filter((status) => status >= 400)
  .toSorted((a, b) => a - b);

const refusal = (status: number, mediaType: string, schema: Schema): object => ({
  description: DESCRIPTIONS[status] ?? 'Other',
  headers: headerRefs(refusalHeaders(status)),
  content: { [mediaType]: { schema } },
});

const headerRefs = (names: string[]): object =>
  Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
