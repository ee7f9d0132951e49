import { readFileSync } from 'node:fs';

/** Variables that hold secrets. Each may be in a file instead, which `<name>_FILE` names: an environment is inherited, and shown by tools. */
export const SECRETS = ['DATABASE_URL', 'REDIS_URL', 'MASTER_KEYS', 'METRICS_TOKEN', 'PUSH_REPUBLISH_URLS'] as const;

/** What the files say, without the line break at their end, and what is wrong with them. */
export function readSecrets(
  source: NodeJS.ProcessEnv,
  names: readonly string[] = SECRETS,
): { values: Record<string, string>; problems: string[] } {
  const values: Record<string, string> = {};
  const problems: string[] = [];
  for (const name of names) {
    const file = source[`${name}_FILE`] ?? '';
    if (file === '') continue;
    if ((source[name] ?? '') !== '') {
      problems.push(`${name} and ${name}_FILE are both set`);
      continue;
    }
    try {
      values[name] = readFileSync(file, 'utf8').trimEnd();
    } catch (error) {
      problems.push(`${name}_FILE cannot be read (${(error as NodeJS.ErrnoException).code})`);
    }
  }
  return { values, problems };
}

/** One secret, from its variable or its file; undefined where there is none. Throws for both, and for a file that cannot be read. */
export function secretOf(name: (typeof SECRETS)[number], source: NodeJS.ProcessEnv = process.env): string | undefined {
  const { values, problems } = readSecrets(source, [name]);
  if (problems.length > 0) throw new Error(problems.join('; '));
  return values[name] ?? (source[name] || undefined);
}
