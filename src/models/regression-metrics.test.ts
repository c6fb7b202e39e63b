import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  amountTable,
  mae,
  normalizedGini,
  rmse,
  spearman,
  topDecileShare,
  totalRatio,
} from './regression-metrics.ts';

const f = (...values: number[]) => Float64Array.from(values);

describe('mae, rmse and totalRatio', () => {
  it('meet their definitions', () => {
    expect(mae(f(1, 2, 6), f(2, 2, 2))).toBeCloseTo(5 / 3, 15);
    expect(rmse(f(1, 2, 6), f(2, 2, 2))).toBeCloseTo(Math.sqrt(17 / 3), 15);
    expect(totalRatio(f(1, 2, 6), f(2, 2, 2))).toBe(1.5);
    expect(totalRatio(f(1), f(0))).toBeNull();
  });

  it('keep mae at most rmse', () => {
    const value = fc.integer({ min: -1e6, max: 1e6 });
    fc.assert(
      fc.property(fc.array(fc.tuple(value, value), { minLength: 1 }), (pairs) => {
        const [p, a] = [
          Float64Array.from(pairs, (pair) => pair[0]),
          Float64Array.from(pairs, (pair) => pair[1]),
        ];
        expect(mae(p, a)!).toBeLessThanOrEqual(rmse(p, a)! * (1 + 1e-12));
      }),
    );
  });
});

describe('spearman', () => {
  it('meets the textbook example and handles ties by mean ranks', () => {
    // IQ against hours of television, a common classroom example: rho = -29/165.
    const iq = f(86, 97, 99, 100, 101, 103, 106, 110, 112, 113);
    const hours = f(2, 20, 28, 27, 50, 29, 7, 17, 6, 12);
    expect(spearman(iq, hours)).toBeCloseTo(-29 / 165, 14);
    // Ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4.
    expect(spearman(f(1, 5, 5, 9), f(1, 2, 3, 4))).toBeCloseTo(4.5 / Math.sqrt(4.5 * 5), 14);
  });

  it('sees order only: monotone changes leave it, reversal negates it', () => {
    const value = fc.integer({ min: -20, max: 20 });
    fc.assert(
      fc.property(fc.array(fc.tuple(value, value), { minLength: 2 }), (pairs) => {
        const [u, v] = [
          Float64Array.from(pairs, (pair) => pair[0]),
          Float64Array.from(pairs, (pair) => pair[1]),
        ];
        const rho = spearman(u, v);
        expect(spearman(u.map(Math.exp), v)).toBe(rho);
        if (rho === null) return;
        expect(
          spearman(
            u.map((x) => -x),
            v,
          ),
        ).toBeCloseTo(-rho, 12);
        expect(Math.abs(rho)).toBeLessThanOrEqual(1 + 1e-12);
      }),
    );
  });

  it('is null where one side is constant', () => {
    expect(spearman(f(3, 3, 3), f(1, 2, 3))).toBeNull();
    expect(spearman(f(1), f(1))).toBeNull();
  });
});

describe('no rows and bad rows', () => {
  it.each(Object.entries({ mae, rmse, totalRatio, spearman }))(
    '%s is null without rows, and throws on NaN',
    (_, metric) => {
      expect(metric(f(), f())).toBeNull();
      for (const [p, a] of [
        [f(Number.NaN), f(1)],
        [f(1), f(Infinity)],
        [f(1, 2), f(1)],
      ] as const) {
        expect(() => metric(p, a)).toThrowError(expect.objectContaining({ code: 'MODEL_BAD_INPUT' }));
      }
    },
  );
});

describe('rankings of amounts', () => {
  const actual = Float64Array.of(0, 0, 0, 0, 0, 0, 0, 0, 10, 90);

  it('give 1 to the perfect order, -1 to its reverse, and what chance gives lies between', () => {
    expect(normalizedGini(actual, actual)).toBeCloseTo(1, 12);
    expect(
      normalizedGini(
        actual.map((value) => -value),
        actual,
      ),
    ).toBeCloseTo(-1, 1);
    expect(normalizedGini(Float64Array.of(0, 0, 0, 0, 0, 0, 0, 0, 2, 1), actual)).toBeCloseTo(
      (0.9 - 0.08) / 0.9 + 0.0,
      0,
    );
    expect(normalizedGini(actual, new Float64Array(10))).toBeNull();
    expect(normalizedGini(actual, new Float64Array(10).fill(3))).toBeNull();
  });

  it('count what the best tenth by prediction brought', () => {
    expect(topDecileShare(actual, actual)).toBeCloseTo(0.9, 12);
    expect(topDecileShare(Float64Array.of(9, 0, 0, 0, 0, 0, 0, 0, 0, 0), actual)).toBe(0);
    expect(topDecileShare(actual, new Float64Array(10))).toBeNull();
  });
});

describe('amountTable', () => {
  it('is what a hand would sum, the highest prediction first', () => {
    expect(amountTable(f(1, 5, 3, 9), f(0, 6, 2, 8), 2)).toEqual([
      { customers: 2, predictedMean: 7, actualMean: 7, share: 14 / 16 },
      { customers: 2, predictedMean: 2, actualMean: 1, share: 2 / 16 },
    ]);
  });

  it('keeps ties together, and has no shares of nothing', () => {
    expect(amountTable(f(2, 2, 2), f(0, 1, -1))).toEqual([
      { customers: 3, predictedMean: 2, actualMean: 0, share: null },
    ]);
    expect(amountTable(f(), f())).toEqual([]);
    expect(() => amountTable(f(1), f(Number.NaN))).toThrowError(
      expect.objectContaining({ code: 'MODEL_BAD_INPUT' }),
    );
  });
});
