import { expect, it } from 'vitest';
import { SilenceWatch } from './silence-watch.js';

const report = (bytesReceived: number | undefined) => [
  { type: 'transport', bytesReceived: 7 },
  { type: 'candidate-pair', nominated: false, bytesReceived: 1 },
  { type: 'candidate-pair', nominated: true, bytesReceived },
];

type Look = [at: number, bytesReceived: number | undefined];
const LIVELY: Look[] = [
  [0, 100],
  [500, 200],
  [1000, 300],
  [1500, 400],
];

it.each<[string, Look[], boolean]>([
  ['reports come all the time', [...LIVELY, [2000, 500], [2500, 600]], false],
  ['nothing has come for a second', [...LIVELY, [2000, 400], [2500, 400]], true],
  ['nothing has come for less', [...LIVELY, [2400, 400]], false],
  ['a look that comes late', [...LIVELY, [2600, 400]], true],
  [
    'without media there is a word every few seconds',
    [
      [0, 100],
      [500, 100],
      [1000, 150],
      [1500, 150],
      [2000, 150],
      [2500, 200],
      [3000, 200],
      [4000, 200],
    ],
    false,
  ],
  [
    'a path that has just begun',
    [
      [0, 100],
      [500, 200],
      [1000, 200],
      [2000, 200],
    ],
    false,
  ],
  ['a new path counts from zero', [...LIVELY, [2000, 5], [2500, 90]], false],
  [
    'the browser does not count',
    [
      [0, undefined],
      [5000, undefined],
    ],
    false,
  ],
])('%s', (_, looks, silent) => {
  const watch = new SilenceWatch();
  const told = looks.map(([at, received]) => watch.isSilent(report(received), at));
  expect(told).toEqual(looks.map((_look, i) => i === looks.length - 1 && silent));
});

it('knows nothing without a path', () => {
  const watch = new SilenceWatch();
  expect([0, 2000].map((now) => watch.isSilent([{ type: 'transport' }], now))).toEqual([false, false]);
});

it('hears what comes on another path than before', () => {
  const watch = new SilenceWatch();
  const pairs = (first: number, second: number) =>
    [first, second].map((bytesReceived) => ({ type: 'candidate-pair', nominated: true, bytesReceived }));
  const told = [
    [100, 0],
    [200, 0],
    [300, 0],
    [400, 0],
    [400, 100],
    [400, 200],
    [400, 300],
    [400, 400],
  ].map(([first = 0, second = 0], i) => watch.isSilent(pairs(first, second), i * 500));
  expect(told).toEqual(told.map(() => false));
});

it('begins again', () => {
  const watch = new SilenceWatch();
  for (const [at, received] of LIVELY) watch.isSilent(report(received), at);
  expect(watch.isSilent(report(400), 2600)).toBe(true);
  watch.reset();
  expect([3000, 4000, 5000].map((now) => watch.isSilent(report(400), now))).toEqual([false, false, false]);
});
