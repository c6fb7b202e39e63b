import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { meanMetrics, rankingMetrics } from './ranking-metrics.ts';
import { TopItems } from './top-items.ts';

const judged = (list: number[], relevant: number[], k: number) =>
  rankingMetrics(list, (item) => relevant.includes(item), relevant.length, k);

describe('measures of a list', () => {
  it('by hand: hits at places 1 and 3 of 4, with three to be found', () => {
    const metrics = judged([7, 1, 9, 2], [7, 9, 5], 4);
    const ideal = 1 + 1 / Math.log2(3) + 1 / Math.log2(4);
    expect(metrics.ndcg).toBeCloseTo((1 + 1 / Math.log2(4)) / ideal, 12);
    expect(metrics.map).toBeCloseTo((1 / 1 + 2 / 3) / 3, 12);
    expect(metrics.precision).toBe(2 / 4);
    expect(metrics.recall).toBe(2 / 3);
    expect(metrics.hitRate).toBe(1);
  });

  it('cuts the ideal list at k where more is to be found: a full list of hits is perfect', () => {
    const metrics = judged([0, 1], [0, 1, 2, 3], 2);
    expect(metrics).toEqual({ ndcg: 1, map: 0.5, precision: 1, recall: 0.5, hitRate: 1 });
  });

  it('divides precision by k though the list is shorter, and gives zeros for no hit and for nobody', () => {
    expect(judged([4], [4], 10).precision).toBe(0.1);
    const none = { ndcg: 0, map: 0, precision: 0, recall: 0, hitRate: 0 };
    expect(judged([1, 2, 3], [9], 3)).toEqual(none);
    expect(meanMetrics([])).toEqual(none);
    expect(meanMetrics([judged([9], [9], 1), judged([1], [9], 1)]).ndcg).toBe(0.5);
  });
});

describe('the best of many', () => {
  it('are those of a full sort, ties by the lower number', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.integer({ min: -3, max: 3 }), fc.constant(Number.NEGATIVE_INFINITY)), {
          maxLength: 300,
        }),
        fc.integer({ min: 1, max: 12 }),
        (scores, count) => {
          const expected = [...scores.keys()]
            .filter((item) => scores[item]! > Number.NEGATIVE_INFINITY)
            .sort((a, b) => scores[b]! - scores[a]! || a - b)
            .slice(0, count);
          const top = new TopItems(count);
          top.select([5, 4, 3]);
          expect([...top.select(scores)]).toEqual(expected);
        },
      ),
    );
  });

  it('never holds what is no number', () => {
    expect([...new TopItems(3).select([Number.NaN, 1, Number.NaN, 2])]).toEqual([3, 1]);
  });
});
