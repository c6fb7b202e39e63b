import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { missingBin } from './quantile-bins.ts';
import { addRows, featureStride, findSplit } from './split-search.ts';

interface Row {
  bins: number[];
  gradient: number;
  hessian: number;
}

const limits = { minChildWeight: 0.5, l2: 1 };
const bin = fc.oneof(fc.integer({ min: 0, max: 3 }), fc.constant(missingBin));
const row: fc.Arbitrary<Row> = fc.record({
  bins: fc.tuple(bin, bin),
  gradient: fc.integer({ min: -8, max: 8 }).map((n) => n / 8),
  hessian: fc.integer({ min: 1, max: 8 }).map((n) => n / 32),
});

const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
const score = (rows: Row[]) =>
  sum(rows.map((r) => r.gradient)) ** 2 / (sum(rows.map((r) => r.hessian)) + limits.l2);

/** Every way to part the rows by one question, straight from the definition. */
function bestGain(rows: Row[]): number {
  let best = 0;
  for (const feature of [0, 1]) {
    for (let threshold = 0; threshold < 4; threshold++) {
      for (const missingLeft of [false, true]) {
        const isLeft = ({ bins }: Row) =>
          bins[feature] === missingBin ? missingLeft : bins[feature]! <= threshold;
        const parts = [rows.filter(isLeft), rows.filter((r) => !isLeft(r))];
        if (parts.some((part) => sum(part.map((r) => r.hessian)) < limits.minChildWeight)) continue;
        best = Math.max(best, sum(parts.map(score)) - score(rows));
      }
    }
  }
  return best;
}

function search(rows: Row[]) {
  const histogram = new Float64Array(2 * featureStride);
  const bins = Uint8Array.from(rows.flatMap((r) => r.bins));
  const order = Uint32Array.from(rows, (_, i) => i);
  const gradients = Float64Array.from(rows, (r) => r.gradient);
  const hessians = Float64Array.from(rows, (r) => r.hessian);
  addRows(histogram, bins, 2, order, 0, rows.length, gradients, hessians);
  const node = { gradient: sum([...gradients]), hessian: sum([...hessians]) };
  return findSplit(histogram, Uint16Array.of(4, 4), node, limits);
}

describe('findSplit', () => {
  it('finds the greatest gain of all splits, and describes the split that has it', () => {
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 25 }), (rows) => {
        const split = search(rows);
        const gain = bestGain(rows);
        expect(split !== undefined).toBe(gain > 1e-9);
        if (!split) return;
        expect(split.gain).toBeCloseTo(gain, 10);
        const left = rows.filter(({ bins }) => {
          const own = bins[split.feature]!;
          return own === missingBin ? !split.missingRight : own <= split.bin;
        });
        expect(sum(left.map((r) => r.gradient))).toBeCloseTo(split.leftGradient, 10);
        expect(sum(left.map((r) => r.hessian))).toBeCloseTo(split.leftHessian, 10);
      }),
      { numRuns: 500 },
    );
  });

  it('computes the gain by hand', () => {
    // G = -2 | 2, H = 1 | 1: gain 4/2 + 4/2 - 0.
    const rows = [0, 1].map((b) => ({ bins: [b, 0], gradient: b === 0 ? -2 : 2, hessian: 1 }));
    expect(search(rows)).toEqual({
      gain: 4,
      feature: 0,
      bin: 0,
      missingRight: false,
      leftGradient: -2,
      leftHessian: 1,
    });
  });
});
