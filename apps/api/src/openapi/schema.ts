// What the shapes of requests and answers are made of: JSON Schema 2020-12 (OpenAPI 3.1) that knows its TypeScript type.
// A shape is said once, as such a constant (answers) or as a class with class-validator's decorators (requests: request.ts).

declare const shape: unique symbol;

/** Keywords of JSON Schema. */
export type Keywords = Record<string, unknown>;

/** A JSON Schema of values of type T; what it does not know by itself is unknown. */
export interface Schema<out T = unknown> {
  [keyword: string]: unknown;
  /** For the compiler only: it is never there. */
  readonly [shape]?: T;
}
/** The type of what a schema describes. */
export type Shape<S> = S extends Schema<infer T> ? T : never;

type Properties = Record<string, Schema>;
type Flat<T> = { [K in keyof T]: T[K] };
type Values<P extends Properties> = { -readonly [K in keyof P]: Shape<P[K]> };

const described = (description: string | undefined): object => (description ? { description } : {});

export const text = (description?: string, more: Keywords = {}): Schema<string> => ({
  type: 'string',
  ...described(description),
  ...more,
});
export const whole = (description?: string, more: Keywords = {}): Schema<number> => ({
  type: 'integer',
  ...described(description),
  ...more,
});
export const decimal = (description?: string): Schema<number> => ({ type: 'number', ...described(description) });
export const flag = (description?: string): Schema<boolean> => ({ type: 'boolean', ...described(description) });
export const listOf = <T>(items: Schema<T>, more: Keywords = {}): Schema<T[]> => ({ type: 'array', items, ...more });
/** An object with any names, whose values are of one kind. */
export const mapOf = <T>(values: Schema<T>, description?: string): Schema<Record<string, T>> => ({
  type: 'object',
  additionalProperties: values,
  ...described(description),
});
/** The same, or null. */
export function orNull<T>(schema: Schema<T>): Schema<T | null> {
  if ('oneOf' in schema) return schema;
  if ('$ref' in schema || schema.type === 'object') return { oneOf: [schema, { type: 'null' }] };
  const values = Array.isArray(schema.enum) ? { enum: [...(schema.enum as unknown[]), null] } : {};
  return { ...schema, ...values, type: [...new Set([schema.type, 'null'].flat())] };
}
/** An object that has every property, but for the optional ones, and no other. */
export const record = <P extends Properties, O extends Properties = Record<never, never>>(
  properties: P,
  optional?: O,
): Schema<Flat<Values<P> & Partial<Values<O>>>> => ({
  type: 'object',
  properties: { ...properties, ...optional },
  ...(Object.keys(properties).length > 0 ? { required: Object.keys(properties) } : {}),
  additionalProperties: false,
});
/** An object of which any property may be absent, and which may have more than is named here. */
export const partial = <P extends Properties>(properties: P, description?: string): Schema<Partial<Values<P>>> => ({
  type: 'object',
  ...described(description),
  properties,
});
export const time = (description?: string): Schema<string> => text(description, { format: 'date-time' });
export const id = text('', { format: 'uuid' });
export const enumOf = <const V extends string>(values: readonly V[], description?: string): Schema<V> => ({
  type: 'string',
  enum: values,
  ...described(description),
});
/** A page of a list. */
export function pageOf<const N extends string, T>(name: N, of: Schema<T>) {
  const page: Schema = record({ [name]: listOf(of), nextCursor: orNull(text()) });
  return page as Schema<{ [K in N]: T[] } & { nextCursor: string | null }>;
}
/** Properties but for some. */
export const omit = <P extends Properties, K extends keyof P>(properties: P, ...names: K[]): Omit<P, K> =>
  Object.fromEntries(Object.entries(properties).filter(([name]) => !names.includes(name as K))) as Omit<P, K>;
/** The same with other words. */
export const as = <T>(description: string, schema: Schema<T>): Schema<T> => ({ ...schema, description });

const named = new Map<string, Schema>();

/** Gives a schema a name in the document. What comes back refers to it. Throws when the name has another schema. */
export function component<T>(name: string, schema: Schema<T>): Schema<T> {
  if (named.has(name)) throw new Error(`Two schemas are named ${name}.`);
  named.set(name, schema);
  return { $ref: `#/components/schemas/${name}` };
}

/** The name that a schema refers to; undefined when it is no reference. */
export const nameOf = (schema: Schema): string | undefined =>
  typeof schema.$ref === 'string' ? schema.$ref.split('/').at(-1) : undefined;

/** Everything that is named in these schemas, and in what they refer to, by name. */
export function componentsOf(schemas: unknown, found: Record<string, Schema> = {}): Record<string, Schema> {
  if (typeof schemas !== 'object' || schemas === null) return found;
  const name = nameOf(schemas as Schema);
  if (name === undefined) {
    for (const inner of Object.values(schemas)) componentsOf(inner, found);
    return found;
  }
  const schema = named.get(name);
  if (schema === undefined) throw new Error(`No schema is named ${name}.`);
  if (!Object.hasOwn(found, name)) {
    found[name] = schema;
    componentsOf(schema, found);
  }
  return found;
}
