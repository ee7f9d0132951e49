import { expect, it } from 'vitest';
import { signPublishUrl, verifySignedUrl } from './signed-url.js';

const KEY = 'some-auth-key';
const at = (streamName: string) => ({ entryPoint: 'live', streamName });

it('a signature opens the path and time that it was made for', () => {
  expect(() =>
    verifySignedUrl(at('cam'), { ts: '4000000000', sign: signPublishUrl(KEY, at('cam'), '4000000000') }, KEY),
  ).not.toThrow();
});

it.each([
  // Agora's scheme puts nothing between name and time: the same bytes are another name with a longer or shorter time.
  ['a shorter name with a longer time', 'cam1', '1800000000', 'cam', '11800000000'],
  ['a longer name with a shorter time', 'cam', '4000000000', 'cam4', '000000000'],
])('a signature does not open %s', (_, name, ts, otherName, otherTs) => {
  const sign = signPublishUrl(KEY, at(name), ts);
  expect(signPublishUrl(KEY, at(otherName), otherTs)).toBe(sign);
  expect(() => verifySignedUrl(at(otherName), { ts: otherTs, sign }, KEY)).toThrow(
    'The signed publish URL is not valid.',
  );
});
