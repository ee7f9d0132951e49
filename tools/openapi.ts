// npm run openapi: writes docs/openapi.json, which a test compares with what the API serves, and the dashboard's types of it.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { built } from './lib/built.ts';
import { ROOT } from './lib/paths.ts';

execFileSync(join(ROOT, 'node_modules/.bin/tsc'), ['-p', 'tsconfig.build.json'], { cwd: ROOT, stdio: 'inherit' });
const { openApiDocument } = await built<typeof import('../apps/api/src/openapi/document.js')>(
  'apps/api/src/openapi/document',
);
writeFileSync(
  join(ROOT, 'docs/openapi.json'),
  `${JSON.stringify(openApiDocument('http://localhost:3000'), null, 2)}\n`,
);
execFileSync(
  join(ROOT, 'node_modules/.bin/openapi-typescript'),
  ['docs/openapi.json', '-o', 'apps/dashboard/src/api/schema.d.ts'],
  { cwd: ROOT, stdio: 'inherit' },
);
