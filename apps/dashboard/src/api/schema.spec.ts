import { readFileSync } from 'node:fs';
import openapiTS, { astToString, COMMENT_HEADER } from 'openapi-typescript';
import { expect, it } from 'vitest';

it('the types are those of docs/openapi.json (npm run openapi writes both)', async () => {
  const written = readFileSync(new URL('schema.d.ts', import.meta.url), 'utf8');
  expect(
    `${COMMENT_HEADER}${astToString(await openapiTS(new URL('../../../../docs/openapi.json', import.meta.url)))}`,
  ).toBe(written);
});
