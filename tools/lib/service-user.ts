// PostgreSQL refuses to run as root. Two ways round it, without asking anything of the person who runs `npm start`.
import { execFileSync, spawnSync } from 'node:child_process';
import { lstatSync, readFileSync, type Stats } from 'node:fs';
import { codeOf } from './errors.ts';
import { which } from './which.ts';

interface User {
  uid: number;
  gid: number;
}

/** How to run a program that refuses root. */
export interface Unprivileged {
  /** Goes before the command. */
  prefix: string[];
  /** Hands a directory to the user it will run as. */
  own: (dir: string) => void;
}

/** The first of these accounts that exists. PostgreSQL looks its own user up by uid. */
function account(names: string[]): User | undefined {
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  for (const name of names) {
    const user = users.find((fields) => fields[0] === name);
    if (user) return { uid: Number(user[2]), gid: Number(user[3]) };
  }
  return undefined;
}

/** Whether what runs behind this prefix may execute the program, asked as the program itself asks: by access(2). */
function works(prefix: string[], program: string): boolean {
  const [first = '', ...rest] = prefix;
  return spawnSync(first, [...rest, 'test', '-x', program], { stdio: 'ignore' }).status === 0;
}

/**
 * A user namespace in which root appears as an ordinary user: files keep belonging to root, nothing is chowned, and a
 * checkout below /root stays reachable. Not available in most containers.
 */
function asNamespace(program: string): Unprivileged | undefined {
  const unshare = which('unshare');
  const user = account(['postgres', 'daemon', 'nobody']);
  if (!unshare || !user) return undefined;
  const prefix = [unshare, '--user', `--map-user=${user.uid}`, `--map-group=${user.gid}`, '--'];
  return works(prefix, program) ? { prefix, own: () => {} } : undefined;
}

/**
 * A real change of user. The data directory is given to that user; the one capability kept lets it walk through
 * directories like /root on the way to its program and its data. (Without no_setuid_fixup, access(2) would not count it.)
 */
function asSystemUser(user: User | undefined, program: string): Unprivileged | undefined {
  const setpriv = which('setpriv');
  if (!setpriv || !user) return undefined;
  const drop = [setpriv, `--reuid=${user.uid}`, `--regid=${user.gid}`, '--clear-groups'];
  const candidates = ['--inh-caps=-all,+dac_override', '--inh-caps=-all'].map((caps) => [
    ...drop,
    caps,
    ...(caps.includes('+') ? ['--securebits=+no_setuid_fixup', '--ambient-caps=-all,+dac_override'] : []),
    '--',
  ]);
  const prefix = candidates.find((candidate) => works(candidate, program));
  return prefix && { prefix, own: (dir) => execFileSync('chown', ['-R', `${user.uid}:${user.gid}`, dir]) };
}

/** What the file system says of a directory, or undefined when there is none yet. */
function statOf(dir: string): Stats | undefined {
  try {
    return lstatSync(dir);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** How to run `program`, which refuses root, on `dataDir`; in a directory of root's it must be reachable. `variant` forces one way (for trials). */
export function unprivileged(
  dataDir: string,
  program: string,
  { variant }: { variant?: 'namespace' | 'user' } = {},
): Unprivileged {
  if (process.getuid?.() !== 0) return { prefix: [], own: () => {} };
  // Data that already belongs to another user stays with that user: in a namespace it would not be readable.
  const owner = statOf(dataDir);
  const owned = owner && owner.uid !== 0 ? { uid: owner.uid, gid: owner.gid } : undefined;
  const way =
    (variant !== 'user' && !owned && asNamespace(program)) ||
    (variant !== 'namespace' && asSystemUser(owned ?? account(['postgres', 'daemon', 'nobody']), program));
  if (way) return way;
  throw new Error(
    'PostgreSQL does not run as root, and neither a user namespace (unshare) nor a change of user (setpriv) is possible here.\n' +
      'Run npm as an ordinary user, or set DATABASE_URL to a PostgreSQL server.',
  );
}
