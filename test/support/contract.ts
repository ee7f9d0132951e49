// Holds every answer that a test gets against the OpenAPI document: an undocumented operation, status, field or shape fails the test.
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import { openApiDocument, statusesOf } from '../../apps/api/src/openapi/document.js';
import { HEADERS, headersOf } from '../../apps/api/src/openapi/headers.js';
import { OPERATIONS, type Operation } from '../../apps/api/src/openapi/operations.js';

const ajv = new Ajv2020({ strict: false, allErrors: true });
(formats as unknown as (instance: Ajv2020) => void)(ajv);
ajv.addSchema({ ...openApiDocument('http://localhost'), $id: 'openapi' });

const patterns = OPERATIONS.map((operation) => ({
  operation,
  pattern: new RegExp(`^${operation.path.replace(/[.]/g, '\\.').replace(/\{\w+\}/g, '[^/]+')}$`),
}));
const validators = new Map<string, ValidateFunction>();

/** What was answered, of a request to `path` (with query). */
export interface Answered {
  method: string;
  path: string;
  status: number;
  contentType: string | null;
  headers: Headers;
  text: string;
}

/** The operation of a request; undefined when no path or method of the document fits. */
export function operationOf(method: string, path: string): Operation | undefined {
  // A REST key before /rest-api is another server of the document; a slash at the end makes no difference to the router.
  const bare = (path.split('?', 1)[0] ?? '').replace(/^\/k\/[^/]+\/+(?=rest-api\/)/, '/').replace(/(?<=.)\/$/, '');
  const found = patterns.filter(
    ({ operation, pattern }) => operation.method === method.toLowerCase() && pattern.test(bare),
  );
  // A literal path goes before one with parameters (events/stream before events/{id}, say).
  return found.toSorted((a, b) => a.operation.path.split('{').length - b.operation.path.split('{').length)[0]
    ?.operation;
}

/** Throws when the document does not say that this may be answered. */
export function requireDocumented(answered: Answered): void {
  const { method, path, status, contentType, headers, text } = answered;
  const operation = operationOf(method, path);
  const what = `${method} ${path} -> ${status}`;
  if (operation === undefined) {
    // What does not exist is refused, and nothing else.
    if ([400, 401, 404, 405, 413, 415].includes(status) || (method === 'OPTIONS' && status < 300)) return;
    throw new Error(`${what}: the operation is not in the OpenAPI document`);
  }
  if (status === 405 && operation.tag === 'WHIP') return;
  if (!statusesOf(operation).includes(status)) throw new Error(`${what}: the status is not in the OpenAPI document`);
  const documented = headersOf(operation, status);
  for (const name of Object.keys(HEADERS))
    if (headers.has(name) && !documented.includes(name))
      throw new Error(`${what}: the header ${name} is not in the OpenAPI document`);
  for (const name of ['X-Request-ID', ...(operation.headersOut?.[status] ?? []).filter((header) => header === 'ETag')])
    if (!headers.has(name)) throw new Error(`${what}: the header ${name} is missing`);
  if (!(status in operation.answers)) {
    const [schema, type] = operation.path.startsWith('/rest-api/')
      ? ['RestApiError', 'application/json']
      : ['Problem', 'application/problem+json'];
    return check(what, `#/components/schemas/${schema}`, contentType, type, text);
  }
  if (operation.answers[status] === null) {
    if (text !== '') throw new Error(`${what}: a body, where none is documented: ${text.slice(0, 200)}`);
    return;
  }
  const mediaType = operation.mediaType ?? 'application/json';
  const pointer = [
    'paths',
    operation.path,
    operation.method,
    'responses',
    String(status),
    'content',
    mediaType,
    'schema',
  ].map((part) => encodeURIComponent(part.replaceAll('~', '~0').replaceAll('/', '~1')));
  check(what, `#/${pointer.join('/')}`, contentType, mediaType, text);
}

function check(what: string, pointer: string, contentType: string | null, mediaType: string, text: string): void {
  if (contentType?.split(';', 1)[0] !== mediaType)
    throw new Error(`${what}: is ${String(contentType)}, documented as ${mediaType}`);
  if (!mediaType.endsWith('json')) return;
  const validate = validators.get(pointer) ?? ajv.compile({ $ref: `openapi${pointer}` });
  validators.set(pointer, validate);
  if (!validate(JSON.parse(text)))
    throw new Error(`${what}: ${ajv.errorsText(validate.errors)}: ${text.slice(0, 400)}`);
}
