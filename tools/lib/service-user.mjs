// PostgreSQL refuses to run as root. Two ways round it, without asking anything of the person who runs `npm start`.
import { execFileSync, spawnSync } from 'node:child_process';
import { lstatSync, readFileSync } from 'node:fs';
import { which } from './which.mjs';

/** `{name, uid, gid}` of the first of these accounts that exists. PostgreSQL looks its own user up by uid. */
function account(names) {
  const users = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  for (const name of names) {
    const user = users.find((fields) => fields[0] === name);
    if (user) return { name, uid: Number(user[2]), gid: Number(user[3]) };
  }
  return undefined;
}

/** Whether what runs behind this prefix may execute the program, asked as the program itself asks: by access(2). */
function works(prefix, program) {
  return spawnSync(prefix[0], [...prefix.slice(1), 'test', '-x', program], { stdio: 'ignore' }).status === 0;
}

/**
 * A user namespace in which root appears as an ordinary user: files keep belonging to root, nothing is chowned, and a
 * checkout below /root stays reachable. Not available in most containers.
 */
function asNamespace(program) {
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
function asSystemUser(user, program) {
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
function statOf(dir) {
  try {
    return lstatSync(dir);
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * How to run a program that refuses root, on `dataDir`: `prefix` goes before the command, `own(dir)` hands a directory
 * to the user it will run as.
 *
 * @param {string} dataDir
 * @param {string} program that will be run; in a directory of root's it must be reachable
 * @param {{variant?: 'namespace' | 'user'}} [options] forces one way (for trials)
 */
export function unprivileged(dataDir, program, { variant } = {}) {
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
