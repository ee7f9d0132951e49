import { describe, expect, it } from 'vitest';
import { chooseUid, FIRST_UID, LAST_UID, reasonForSharedUser } from './pipeline-user.js';

const ALL = '         0          0 4294967295\n';
const status = (uid: number, capabilities: string) =>
  `Name:\tnode\nUid:\t${uid}\t${uid}\t${uid}\t${uid}\nCapEff:\t${capabilities}\n`;
const root = { status: status(0, '000001ffffffffff'), uidMap: ALL, gidMap: ALL, setgroups: 'allow\n' };

describe('pipelines run as users of their own', () => {
  it.each([
    ['root', root, null],
    ["Docker's root with its usual capabilities", { ...root, status: status(0, '00000000a80425fb') }, null],
    [
      "the root of a rootless container's 65,536 users",
      { ...root, uidMap: '0 1000 1\n1 100000 65536\n', gidMap: '0 1000 1\n1 100000 65536\n' },
      null,
    ],
    ['an ordinary user', { ...root, status: status(1000, '0000000000000000') }, /not started as root/],
    ['root without capabilities', { ...root, status: status(0, '0000000000000000') }, /lacks/],
    ['root without CAP_SETUID', { ...root, status: status(0, '000001ffffffff7f') }, /lacks/],
    ['the root of `unshare --map-root-user`', { ...root, uidMap: '0 1000 1\n', setgroups: 'deny\n' }, /too few users/],
    ['a namespace with few groups', { ...root, gidMap: '0 100000 1000\n' }, /too few users/],
    ['a namespace without setgroups', { ...root, setgroups: 'deny\n' }, /setgroups/],
  ])('%s', (_, rights, why) => {
    if (why === null) expect(reasonForSharedUser(rights)).toBeNull();
    else expect(reasonForSharedUser(rights)).toMatch(why);
  });

  it('that no other has, as long as there are any', () => {
    expect(chooseUid(new Set(), () => 5)).toBe(FIRST_UID + 5);
    expect(chooseUid(new Set([FIRST_UID + 5, FIRST_UID + 6]), () => 5)).toBe(FIRST_UID + 7);
    const count = LAST_UID - FIRST_UID + 1;
    expect(chooseUid(new Set([LAST_UID]), () => count - 1)).toBe(FIRST_UID);
    const all = new Set(Array.from({ length: count }, (_, i) => FIRST_UID + i));
    expect(chooseUid(all, () => 9)).toBe(FIRST_UID + 9);
  });
});
