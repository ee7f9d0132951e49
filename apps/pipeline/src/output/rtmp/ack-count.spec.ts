import { describe, expect, it } from 'vitest';
import { AckCount } from './ack-count.js';

describe('AckCount', () => {
  it.each<[string, [sequence: number, sent: number][], number | null]>([
    ['silence', [], null],
    [
      'totals',
      [
        [100, 150],
        [250, 250],
      ],
      250,
    ],
    [
      'totals where 32 bits begin anew',
      [
        [4_000_000_000, 4_000_000_100],
        [100, 4_294_967_500],
        [1100, 4_294_968_500],
      ],
      4_294_968_396,
    ],
    [
      'more than was sent',
      [
        [100, 150],
        [200, 190],
      ],
      null,
    ],
    [
      'a total that goes back',
      [
        [100, 150],
        [50, 250],
      ],
      null,
    ],
    [
      'a total that begins anew past a mark',
      [
        [4_026_000_000, 4_026_000_100],
        [1000, 4_027_000_000],
      ],
      null,
    ],
    [
      'the same once more',
      [
        [100, 150],
        [100, 250],
      ],
      null,
    ],
    ['nothing', [[0, 150]], null],
    [
      'sense after nonsense',
      [
        [100, 150],
        [100, 250],
        [300, 350],
        [400, 450],
      ],
      null,
    ],
  ])('%s', (_, acknowledgements, bytes) => {
    const count = new AckCount();
    for (const [sequence, sent] of acknowledgements) count.acknowledge(sequence, sent);
    expect(count.bytes).toBe(bytes);
  });
});
