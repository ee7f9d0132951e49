import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '../../..');
const sources = ['apps', 'libs']
  .flatMap((folder) =>
    readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name)),
  )
  .filter((name) => name.endsWith('.ts') && !name.endsWith('.spec.ts') && !name.startsWith('libs/transfer/'));
const thatHave = (call: RegExp): string[] =>
  sources.filter((name) => call.test(readFileSync(join(ROOT, name), 'utf8'))).toSorted();

// Anywhere else, a function takes the value that was made here. docs/architecture.md lists the same places.
it('text becomes a URL of a transfer only where it comes from outside', () => {
  expect(thatHave(/\b(TransferUrl\.parse|pushUrl|parseCallbackAnswer|redactAnswer)\(/)).toEqual([
    // What a callback answered, and how its answer began.
    'apps/api/src/callback/callback.processor.ts',
    'apps/api/src/callback/delivery.ts',
    // A fixed server of an entry point, with a stream's name; the settings that name it.
    'apps/api/src/flashphoner/republish/auto-republish.ts',
    'apps/api/src/flashphoner/republish/push-settings.dto.ts',
    'apps/api/src/flashphoner/rest/push.service.ts',
    'apps/api/src/streams/transfers/transfer.dto.ts',
    // A platform's redirect.
    'apps/pipeline/src/output/rtmp/redirect.ts',
  ]);
});

it('and is taken up again only where it was sealed', () => {
  expect(thatHave(/\bTransferUrl\.revive\(/)).toEqual([
    'apps/api/src/callback/answered-transfers.ts',
    'apps/worker/src/node/node.service.ts',
    'libs/db/src/sealed-transfer.ts',
  ]);
});
