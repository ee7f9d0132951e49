// What the compiler and the linker were told to do about faults in native code, read from what they made.
import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const BUILD = join(import.meta.dirname, '../../build');
const ADDONS = readdirSync(BUILD).filter((file) => file.endsWith('.node'));
const readelf = (file: string, ...flags: string[]): string =>
  execFileSync('readelf', ['-W', ...flags, join(BUILD, file)], { encoding: 'utf8' });

describe.each(ADDONS)('%s', (file) => {
  it('resolves every symbol at its start, and its tables are read-only from then on', () => {
    expect(readelf(file, '--dynamic')).toMatch(/BIND_NOW/);
    expect(readelf(file, '--program-headers')).toMatch(/GNU_RELRO/);
  });

  it('has no memory that can be written and executed, nor an executable stack', () => {
    const headers = readelf(file, '--program-headers');
    expect(headers).toMatch(/GNU_STACK .* RW +0x/);
    expect(headers).not.toMatch(/LOAD .* RWE /);
  });

  it('notices an overwritten stack', () => {
    expect(readelf(file, '--dyn-syms')).toMatch(/UND __stack_chk_fail@/);
  });
});

it('these are all addons', () => {
  expect(ADDONS.toSorted()).toEqual([
    'gst.node',
    'process.node',
    'rtp-parts.node',
    'rtp.node',
    'srtp.node',
    'webrtc.node',
    'webrtcbin.node',
  ]);
});

it.each(['gst.node', 'rtp.node', 'webrtc.node'])(
  "%s's copies are checked against the size of their target where the compiler knows it",
  (file) => {
    expect(readelf(file, '--dyn-syms')).toMatch(/UND __\w+_chk@/);
  },
);
