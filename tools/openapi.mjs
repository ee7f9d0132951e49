// npm run openapi: writes docs/openapi.json, which a test compares with what the API serves, and the dashboard's types of it.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { built } from './lib/built.mjs';
import { ROOT } from './lib/paths.mjs';

execFileSync(join(ROOT, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.build.json'], { cwd: ROOT, stdio: 'inherit' });
/** @type {typeof import('../apps/api/src/openapi/document.js')} */
const { openApiDocument } = await built('apps/api/src/openapi/document');
writeFileSync(
  join(ROOT, 'docs/openapi.json'),
  `${JSON.stringify(openApiDocument('http://localhost:3000'), null, 2)}\n`,
);
execFileSync(
  join(ROOT, 'node_modules/.bin/openapi-typescript'),
  ['docs/openapi.json', '-o', 'apps/dashboard/src/api/schema.d.ts'],
  { cwd: ROOT, stdio: 'inherit' },
);
