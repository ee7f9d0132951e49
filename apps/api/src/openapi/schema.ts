// What the shapes of requests and answers are made of: JSON Schema 2020-12 (OpenAPI 3.1).

/** A JSON Schema. */
export type Schema = Record<string, unknown>;

export const text = (description?: string, more: Schema = {}): Schema => ({
  type: 'string',
  ...(description ? { description } : {}),
  ...more,
});
export const whole = (description?: string, more: Schema = {}): Schema => ({
  type: 'integer',
  ...(description ? { description } : {}),
  ...more,
});
export const decimal = (description?: string): Schema => ({ type: 'number', ...(description ? { description } : {}) });
export const flag = (description?: string): Schema => ({ type: 'boolean', ...(description ? { description } : {}) });
export const listOf = (items: Schema, more: Schema = {}): Schema => ({ type: 'array', items, ...more });
export const ref = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });
export function orNull(schema: Schema): Schema {
  if ('$ref' in schema) return { oneOf: [schema, { type: 'null' }] };
  const values = Array.isArray(schema.enum) ? { enum: [...(schema.enum as unknown[]), null] } : {};
  return { ...schema, ...values, type: [...new Set([schema.type, 'null'].flat())] };
}
/** An answer: every property is there, and no other. */
export const record = (properties: Record<string, Schema>, optional: Record<string, Schema> = {}): Schema => ({
  type: 'object',
  properties: { ...properties, ...optional },
  required: Object.keys(properties),
  additionalProperties: false,
});
/** A request: what is required is named, and nothing unknown is taken. */
export const body = (properties: Record<string, Schema>, required: string[] = []): Schema => ({
  type: 'object',
  properties,
  ...(required.length > 0 ? { required } : {}),
  additionalProperties: false,
});
export const time = (description?: string): Schema => text(description, { format: 'date-time' });
export const id = text('', { format: 'uuid' });
export const enumOf = (values: string[], description?: string): Schema => ({
  type: 'string',
  enum: values,
  ...(description ? { description } : {}),
});
