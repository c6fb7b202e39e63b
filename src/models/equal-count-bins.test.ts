import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { equalCountBins } from './equal-count-bins.ts';

const rowsOf = (values: number[], count: number): number[][] =>
  equalCountBins(Float64Array.from(values), count).map((bin) => [...bin]);

describe('equalCountBins', () => {
  it('parts the rows by ascending value', () => {
    expect(rowsOf([0.4, 0.1, 0.3, 0.2], 2)).toEqual([
      [1, 3],
      [2, 0],
    ]);
    expect(rowsOf([3, 1, 2], 10)).toEqual([[1], [2], [0]]);
    expect(rowsOf([], 10)).toEqual([]);
  });

  it('keeps ties together: the bin grows, and those that it swallowed are missing', () => {
    expect(rowsOf([5, 5, 5, 5], 2)).toEqual([[0, 1, 2, 3]]);
    expect(rowsOf([1, 1, 1, 2, 3, 4], 3)).toEqual([[0, 1, 2], [3], [4, 5]]);
  });

  it('holds each row once, in order, in no more bins than asked for', () => {
    const values = fc.array(fc.integer({ min: 0, max: 12 }), { maxLength: 60 });
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 12 }), (numbers, count) => {
        const bins = rowsOf(numbers, count);
        expect(bins.length).toBeLessThanOrEqual(count);
        expect(bins.flat().toSorted((a, b) => a - b)).toEqual([...numbers.keys()]);
        for (let bin = 1; bin < bins.length; bin++) {
          const before = Math.max(...bins[bin - 1]!.map((row) => numbers[row]!));
          expect(before).toBeLessThan(Math.min(...bins[bin]!.map((row) => numbers[row]!)));
        }
      }),
    );
  });
});
