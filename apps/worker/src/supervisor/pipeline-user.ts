import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** Users that neither Debian's policy (9.2.2) nor systemd (its page "Users, Groups, UIDs and GIDs") gives to anybody; below 65536, which containers have. */
export const FIRST_UID = 60_578;
export const LAST_UID = 61_183;
/** capabilities(7) */
const [CAP_CHOWN, CAP_SETGID, CAP_SETUID] = [0, 6, 7];

/** What the kernel says about this process (/proc/self/...). */
export interface Rights {
  status: string;
  uidMap: string;
  gidMap: string;
  /** Of a user namespace; 'allow' everywhere else. */
  setgroups: string;
}

/** Why pipelines run as the user of this process, and not as users of their own; null: each has its own. */
export function reasonForSharedUser({ status, uidMap, gidMap, setgroups }: Rights): string | null {
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  if (!/^Uid:\s*\d+\s+0\s/m.test(status)) return 'the worker is not started as root';
  if ([CAP_CHOWN, CAP_SETGID, CAP_SETUID].some((capability) => (effective & (1n << BigInt(capability))) === 0n))
    return 'the worker lacks CAP_CHOWN, CAP_SETUID or CAP_SETGID';
  if (![uidMap, gidMap].every(hasRange)) return 'the user namespace has too few users';
  return setgroups.trim() === 'deny' ? 'the user namespace denies setgroups' : null;
}

/** Each line of a map: first id inside, first outside, how many (user_namespaces(7)). */
function hasRange(map: string): boolean {
  return map.split('\n').some((line) => {
    const [first = Number.NaN, , count = 0] = line.trim().split(/\s+/).map(Number);
    return first <= FIRST_UID && first + count > LAST_UID;
  });
}

export function ownRights(): Rights {
  const [status = '', uidMap = '', gidMap = '', setgroups = ''] = ['status', 'uid_map', 'gid_map', 'setgroups'].map(
    (name) => readFileSync(`/proc/self/${name}`, 'utf8'),
  );
  return { status, uidMap, gidMap, setgroups };
}

/** A user that no other pipeline here has. When all are taken, two pipelines share one. */
export function chooseUid(taken: Set<number>, random: (count: number) => number = randomInt): number {
  const count = LAST_UID - FIRST_UID + 1;
  const start = random(count);
  for (let i = 0; i < count; i += 1) {
    const uid = FIRST_UID + ((start + i) % count);
    if (!taken.has(uid)) return uid;
  }
  return FIRST_UID + start;
}
