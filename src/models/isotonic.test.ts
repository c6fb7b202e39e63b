import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { expectedCalibrationError, logLoss } from './classification-metrics.ts';
import { fitIsotonic, isotonicFromJSON } from './isotonic.ts';
import { Random } from './random.ts';

const pairs = fc.array(
  fc.tuple(
    fc.oneof(
      fc.integer({ min: 0, max: 8 }).map((n) => n / 8),
      fc.double({ min: 0, max: 1, noNaN: true }),
    ),
    fc.integer({ min: 0, max: 1 }),
  ),
  { minLength: 1, maxLength: 40 },
);
const calibrate = (rows: readonly (readonly [number, number])[]) =>
  fitIsotonic(
    Float64Array.from(rows, ([p]) => p),
    Uint8Array.from(rows, ([, y]) => y),
  );

/** The levels by the min-max formula (Barlow et al. 1972): max over a <= x of min over b >= x of the mean of [a, b]. */
function minMax(rows: readonly (readonly [number, number])[], x: number): number {
  const mean = (a: number, b: number) => {
    const within = rows.filter(([p]) => p >= a && p <= b);
    return within.reduce((sum, [, y]) => sum + y, 0) / within.length;
  };
  const values = rows.map(([p]) => p);
  const above = values.filter((b) => b >= x);
  return Math.max(...values.filter((a) => a <= x).map((a) => Math.min(...above.map((b) => mean(a, b)))));
}

describe('fitIsotonic', () => {
  it('pools violators by hand', () => {
    // 0.2 and 0.3 violate (1 before 0): they share 1/2 at their mean 0.25. The ends, 0 of 1 and 1 of 1, get 1/3 and 2/3.
    const model = calibrate([
      [0.1, 0],
      [0.2, 1],
      [0.3, 0],
      [0.6, 1],
    ]);
    expect(model.parameters.predicted).toEqual([0.1, 0.25, 0.6]);
    expect(model.parameters.calibrated).toEqual([1 / 3, 0.5, 2 / 3].map((p) => expect.closeTo(p, 15)));
    expect(model.apply(0.25)).toBe(0.5);
    expect(model.apply(0.425)).toBeCloseTo((0.5 + 2 / 3) / 2, 14);
    expect(model.apply(0)).toBeCloseTo(1 / 3, 15);
    expect(model.apply(1)).toBeCloseTo(2 / 3, 15);
  });

  it('takes equal predictions as one, whatever the order of their rows', () => {
    const model = calibrate([
      [0.5, 1],
      [0.5, 0],
      [0.5, 1],
      [0.9, 1],
      [0.2, 0],
      [0.2, 1],
      [0.2, 0],
    ]);
    expect(model.parameters.predicted).toEqual([expect.closeTo(0.2, 15), 0.5, 0.9]);
    expect(model.parameters.calibrated).toEqual([1 / 3, 2 / 3, 2 / 3].map((p) => expect.closeTo(p, 15)));
    fc.assert(
      fc.property(pairs, fc.integer(), (rows, seed) => {
        const shuffled = Random.fromSeed(Math.abs(seed)).shuffle([...rows]);
        expect(calibrate(shuffled).toJSON()).toEqual(calibrate(rows).toJSON());
      }),
    );
  });

  it('has the levels of the min-max formula', () => {
    fc.assert(
      fc.property(pairs, (rows) => {
        const expected = [...new Set(rows.map(([p]) => p))].sort((a, b) => a - b).map((p) => minMax(rows, p));
        const levels = expected.filter((level, i) => i === 0 || level - expected[i - 1]! > 1e-12);
        const { calibrated } = calibrate(rows).parameters;
        expect(calibrated).toHaveLength(levels.length);
        calibrated.forEach((share, i) => {
          if (levels[i]! > 0 && levels[i]! < 1) expect(share).toBeCloseTo(levels[i]!, 12);
        });
      }),
    );
  });

  it('never falls, stays inside (0, 1), and keeps its word after storing', () => {
    fc.assert(
      fc.property(pairs, (rows) => {
        const model = calibrate(rows);
        const restored = isotonicFromJSON(JSON.parse(JSON.stringify(model)));
        const asked = [...rows.map(([p]) => p), ...Array.from({ length: 33 }, (_, i) => i / 32)].sort(
          (a, b) => a - b,
        );
        let previous = 0;
        for (const p of asked) {
          const calibrated = model.apply(p);
          expect(calibrated).toBeGreaterThanOrEqual(previous);
          expect(calibrated > 0 && calibrated < 1).toBe(true);
          expect(restored.apply(p)).toBe(calibrated);
          previous = calibrated;
        }
      }),
    );
  });

  it('gives 0 of n the chance 1 / (n + 2), and n of n its complement', () => {
    expect(calibrate(Array.from({ length: 18 }, (_, i) => [i / 20, 0] as const)).apply(0.4)).toBeCloseTo(
      0.05,
      15,
    );
    expect(calibrate([[0.3, 1]]).apply(0.9)).toBeCloseTo(2 / 3, 15);
    // Not above the next level: 0 of 1 would be 1/3, the next level is 1 of 10.
    const rows = Array.from({ length: 10 }, (_, i) => [0.5, i === 0 ? 1 : 0] as const);
    expect(calibrate([[0.1, 0], ...rows]).apply(0.1)).toBeCloseTo(0.1, 15);
  });

  it('mends predictions that are wrong in a way that no logistic curve is', () => {
    const random = Random.fromSeed(2);
    const truth = (p: number) => Math.min(0.6, 0.02 + p * p);
    const simulate = (rows: number) => {
      const predicted = Float64Array.from({ length: rows }, () => random.uniform());
      return { predicted, outcome: Uint8Array.from(predicted, (p) => (random.bernoulli(truth(p)) ? 1 : 0)) };
    };
    const past = simulate(20_000);
    const future = simulate(20_000);
    const model = fitIsotonic(past.predicted, past.outcome);
    const calibrated = future.predicted.map(model.apply);
    expect(expectedCalibrationError(calibrated, future.outcome)!).toBeLessThan(0.015);
    expect(expectedCalibrationError(future.predicted, future.outcome)!).toBeGreaterThan(0.12);
    expect(logLoss(calibrated, future.outcome)!).toBeLessThan(
      logLoss(future.predicted, future.outcome)! - 0.05,
    );
  });

  it('is constant where predictions order the outcomes the wrong way', () => {
    const model = calibrate([
      [0.1, 1],
      [0.2, 1],
      [0.8, 0],
      [0.9, 0],
    ]);
    expect(model.diagnostics).toEqual({ observations: 4, positives: 2, levels: 1 });
    for (const p of [0, 0.5, 1]) expect(model.apply(p)).toBe(0.5);
  });

  it('refuses what is no probability, outcome or model', () => {
    expect(() => calibrate([])).toThrow(/no observations/);
    expect(() => calibrate([[1.1, 0]])).toThrow(/Row 0/);
    expect(() => calibrate([[NaN, 0]])).toThrow(/Row 0/);
    expect(() => calibrate([[0.5, 2]])).toThrow(/Row 0/);
    const model = calibrate([
      [0.1, 0],
      [0.5, 1],
    ]);
    expect(() => model.apply(-0.1)).toThrow(/Not a probability/);
    expect(() => model.apply(NaN)).toThrow(/Not a probability/);
    const stored = (predicted: unknown, calibrated: unknown) => () =>
      isotonicFromJSON({ ...model.toJSON(), parameters: { predicted, calibrated } });
    expect(stored([0.1, 0.5], [0.2, 0.3])).not.toThrow();
    expect(stored([], [])).toThrow(/no levels/);
    expect(stored([0.1, 0.5], [0.3, 0.2])).toThrow(/do not rise/);
    expect(stored([0.1, 0.5], [0.3])).toThrow(/instead of 2/);
    expect(stored([0.1, 0.5], [0, 0.2])).toThrow(/limits/);
    expect(stored(undefined, [0.2])).toThrow(/predicted/);
  });
});
