import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { STATE_DIR } from './paths.mjs';

/** The key that encrypts secrets in the embedded database, made once. Losing it makes the stored secrets unreadable. */
export function masterKeys() {
  const file = join(STATE_DIR, 'secrets.json');
  if (!existsSync(file)) writePrivate(file, { masterKeys: `k1:${randomBytes(32).toString('base64')}` });
  return JSON.parse(readFileSync(file, 'utf8')).masterKeys;
}

/** Writes JSON that only its owner may read; a reader never sees half of it. */
export function writePrivate(file, value) {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const temporary = `${file}.${process.pid}`;
  writeFileSync(temporary, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
  renameSync(temporary, file);
}
