import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { openApiDocument } from './document.js';

it('is what docs/openapi.json says (npm run openapi writes it)', () => {
  const written: unknown = JSON.parse(readFileSync(new URL('../../../../docs/openapi.json', import.meta.url), 'utf8'));
  expect(openApiDocument('http://localhost:3000')).toEqual(written);
});

it('names each operation once', () => {
  const { paths } = openApiDocument('http://localhost') as {
    paths: Record<string, Record<string, { operationId: string }>>;
  };
  const ids = Object.values(paths).flatMap((path) => Object.values(path).map(({ operationId }) => operationId));
  expect(new Set(ids).size).toBe(ids.length);
});
