import { IsInt, IsString, Length, Max, Min } from 'class-validator';
import type { RestKey } from '#libs/db';
import { MayBeAbsent } from '../../../http/validation.js';
import { Describe } from '../../../openapi/request.js';
import { component, id, listOf, orNull, record, text, time, type Shape } from '../../../openapi/schema.js';

export class CreateRestKey {
  @MayBeAbsent()
  @IsString()
  @Length(0, 100)
  @Describe('For people: which page has it.')
  label = '';

  @MayBeAbsent()
  @IsInt()
  @Min(60)
  @Max(315_360_000)
  @Describe('Seconds from now; without, it does not expire.')
  expiresIn?: number;
}

const restKey = {
  id,
  label: text(),
  createdAt: time(),
  lastUsedAt: orNull(time('To the minute.')),
  expiresAt: orNull(time()),
};
export const RestKeyResponse = component('RestKey', record(restKey));
export type RestKeyResponse = Shape<typeof RestKeyResponse>;

export const NewRestKeyResponse = component(
  'NewRestKey',
  record({
    ...restKey,
    key: text('Shown this once.'),
    baseUrl: text("In the place of a client's base URL: `{baseUrl}/rest-api/push/...`."),
  }),
);
export type NewRestKeyResponse = Shape<typeof NewRestKeyResponse>;

export const RestKeysResponse = record({ restKeys: listOf(RestKeyResponse) });
export type RestKeysResponse = Shape<typeof RestKeysResponse>;

export function toRestKeyResponse({ lastUsedAt, expiresAt, createdAt, ...row }: RestKey): RestKeyResponse {
  return {
    id: row.id,
    label: row.label,
    createdAt: createdAt.toISOString(),
    lastUsedAt: lastUsedAt?.toISOString() ?? null,
    expiresAt: expiresAt?.toISOString() ?? null,
  };
}
