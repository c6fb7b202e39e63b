import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  auc,
  averagePrecision,
  baseRate,
  brier,
  expectedCalibrationError,
  logLoss,
} from './classification-metrics.ts';

const rows = fc.array(
  fc.tuple(
    fc.integer({ min: 0, max: 8 }).map((n) => n / 8),
    fc.integer({ min: 0, max: 1 }),
  ),
  { minLength: 1, maxLength: 40 },
);
const split = (pairs: readonly (readonly [number, number])[]) =>
  [Float64Array.from(pairs, ([p]) => p), Uint8Array.from(pairs, ([, y]) => y)] as const;

// The worked example of scikit-learn's manual for roc_auc_score and average_precision_score.
const predicted = Float64Array.of(0.1, 0.4, 0.35, 0.8);
const outcome = Uint8Array.of(0, 0, 1, 1);

describe('auc', () => {
  it('meets the worked example and the extremes', () => {
    expect(auc(predicted, outcome)).toBe(0.75);
    expect(auc(Float64Array.of(0, 1), Uint8Array.of(0, 1))).toBe(1);
    expect(auc(Float64Array.of(0, 1), Uint8Array.of(1, 0))).toBe(0);
    expect(auc(new Float64Array(6).fill(0.5), Uint8Array.of(1, 0, 0, 1, 0, 0))).toBe(0.5);
  });

  it('is the share of pairs in the right order, ties one half', () => {
    fc.assert(
      fc.property(rows, (pairs) => {
        const [of1, of0] = [1, 0].map((y) => pairs.filter((pair) => pair[1] === y).map(([p]) => p)) as [
          number[],
          number[],
        ];
        const wins = of1.flatMap((u) => of0.map((v) => (u > v ? 1 : u === v ? 0.5 : 0)));
        const expected = wins.length === 0 ? null : wins.reduce<number>((sum, w) => sum + w, 0) / wins.length;
        const value = auc(...split(pairs));
        if (expected === null) expect(value).toBeNull();
        else expect(value).toBeCloseTo(expected, 12);
      }),
    );
  });
});

describe('averagePrecision', () => {
  it('meets the worked example, and is the base rate where all is tied', () => {
    expect(averagePrecision(predicted, outcome)).toBeCloseTo(0.8333333333333333, 15);
    expect(averagePrecision(new Float64Array(4).fill(0.5), Uint8Array.of(1, 0, 0, 0))).toBe(0.25);
    expect(averagePrecision(predicted, new Uint8Array(4))).toBeNull();
  });

  it('does not hang on the order of rows', () => {
    fc.assert(
      fc.property(rows, (pairs) => {
        const [value, reversed] = [
          averagePrecision(...split(pairs)),
          averagePrecision(...split(pairs.toReversed())),
        ];
        expect(value).toBe(reversed);
      }),
    );
  });
});

describe('brier, logLoss and baseRate', () => {
  it('meet their definitions', () => {
    expect(brier(predicted, outcome)).toBeCloseTo((0.01 + 0.16 + 0.4225 + 0.04) / 4, 15);
    const expected = -(Math.log(0.9) + Math.log(0.6) + Math.log(0.35) + Math.log(0.8)) / 4;
    expect(logLoss(predicted, outcome)).toBeCloseTo(expected, 15);
    expect(baseRate(Uint8Array.of(1, 0, 0, 0))).toBe(0.25);
  });

  it('clips the loss of a certain and wrong prediction at 34.5 nats', () => {
    expect(logLoss(Float64Array.of(0), Uint8Array.of(1))).toBeCloseTo(15 * Math.LN10, 10);
    expect(logLoss(Float64Array.of(1), Uint8Array.of(0))).toBeCloseTo(15 * Math.LN10, 10);
  });
});

describe('expectedCalibrationError', () => {
  it('weighs the bins of equal count', () => {
    const p = Float64Array.of(0.1, 0.2, 0.7, 0.8);
    // Bins {0.1, 0.2} with 0 of 2 and {0.7, 0.8} with 1 of 2.
    expect(expectedCalibrationError(p, Uint8Array.of(0, 0, 1, 0), 2)).toBeCloseTo((0.3 + 0.5) / 4, 15);
    expect(expectedCalibrationError(p, Uint8Array.of(0, 0, 1, 0), 1)).toBeCloseTo(0.8 / 4, 15);
    expect(expectedCalibrationError(p, Uint8Array.of(0, 0, 1, 0), 100)).toBeCloseTo(
      (0.1 + 0.2 + 0.3 + 0.8) / 4,
      15,
    );
  });

  it('keeps ties together, so the order of rows does not matter', () => {
    const tied = new Float64Array(6).fill(0.5);
    expect(expectedCalibrationError(tied, Uint8Array.of(1, 1, 1, 0, 0, 0))).toBe(0);
    fc.assert(
      fc.property(rows, (pairs) => {
        const value = expectedCalibrationError(...split(pairs), 5)!;
        expect(expectedCalibrationError(...split(pairs.toReversed()), 5)).toBe(value);
        expect(value).toBeGreaterThanOrEqual(
          Math.abs(pairs.reduce((sum, [p, y]) => sum + p - y, 0) / pairs.length) - 1e-12,
        );
        expect(value).toBeLessThanOrEqual(1);
      }),
    );
  });
});

describe('no rows and bad rows', () => {
  const metrics = { auc, averagePrecision, brier, logLoss, expectedCalibrationError };

  it.each(Object.entries(metrics))(
    '%s is null without rows and throws on what is no probability or outcome',
    (_, metric) => {
      expect(metric(new Float64Array(0), new Uint8Array(0))).toBeNull();
      for (const [p, y] of [
        [Float64Array.of(Number.NaN), Uint8Array.of(1)],
        [Float64Array.of(1.1), Uint8Array.of(1)],
        [Float64Array.of(0.5), Uint8Array.of(2)],
        [Float64Array.of(0.5, 0.5), Uint8Array.of(1)],
      ] as const) {
        expect(() => metric(p, y)).toThrowError(expect.objectContaining({ code: 'MODEL_BAD_INPUT' }));
      }
    },
  );

  it('baseRate is null without rows', () => {
    expect(baseRate(new Uint8Array(0))).toBeNull();
  });
});
