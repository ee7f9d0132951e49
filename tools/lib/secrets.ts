import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ROOT, STATE_DIR } from './paths.ts';

/** The key that encrypts secrets in the embedded database, made once. Losing it makes the stored secrets unreadable. */
export function masterKeys(): string {
  const file = join(STATE_DIR, 'secrets.json');
  if (!existsSync(file)) writePrivate(file, { masterKeys: `k1:${randomBytes(32).toString('base64')}` });
  return (JSON.parse(readFileSync(file, 'utf8')) as { masterKeys: string }).masterKeys;
}

/** Writes JSON that only its owner may read; a reader never sees half of it. */
export function writePrivate(file: string, value: unknown): void {
  writePrivateText(file, `${JSON.stringify(value, null, 2)}\n`);
}

function writePrivateText(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  const temporary = `${file}.${process.pid}`;
  writeFileSync(temporary, text, { mode: 0o600 });
  renameSync(temporary, file);
}

/**
 * The environment of our processes: secrets are in files of mode 0600 that it names (`MASTER_KEYS_FILE`), for everybody inherits an
 * environment, and processes of the same user read it. What names a file already is left as it is.
 * `secrets` are by the name of their variable.
 */
export function withSecretFiles(
  env: NodeJS.ProcessEnv,
  secrets: Record<string, string | undefined>,
): NodeJS.ProcessEnv {
  const result = { ...env };
  for (const [name, value] of Object.entries(secrets)) {
    if (result[`${name}_FILE`]) continue;
    delete result[name];
    if (!value) continue;
    const file = join(STATE_DIR, 'secrets', name.toLowerCase());
    writePrivateText(file, value);
    result[`${name}_FILE`] = file;
  }
  return result;
}

/** Makes `.env` unreadable for other users, which pipelines are when the service is started by root. Returns what was done, to be said. */
export function closeDotEnv(): string | undefined {
  const file = join(ROOT, '.env');
  const stat = statSync(file, { throwIfNoEntry: false });
  if (!stat || (stat.mode & 0o077) === 0 || stat.uid !== process.getuid?.()) return undefined;
  chmodSync(file, 0o600);
  return '.env could be read by other users of this machine: its mode is 0600 now.';
}
