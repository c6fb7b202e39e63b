import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fitPlatt, plattFromJSON } from './calibration.ts';
import { expectedCalibrationError, logLoss } from './classification-metrics.ts';
import { Random } from './random.ts';
import { logistic } from './special-functions.ts';

/** Predictions whose true probability is logistic(slope logit(p) + intercept). */
function simulate(rows: number, slope: number, intercept: number) {
  const random = Random.fromSeed(1, `platt ${slope}`);
  const predicted = Float64Array.from({ length: rows }, () => random.beta(1, 3));
  const outcome = Uint8Array.from(predicted, (p) =>
    random.bernoulli(logistic(slope * Math.log(p / (1 - p)) + intercept)) ? 1 : 0,
  );
  return { predicted, outcome };
}

describe('fitPlatt', () => {
  it('gets the simulated curve back and calibrates by it', () => {
    const { predicted, outcome } = simulate(50_000, 0.6, -0.8);
    const model = fitPlatt(predicted, outcome);
    expect(Math.abs(model.slope - 0.6)).toBeLessThan(0.03);
    expect(Math.abs(model.intercept + 0.8)).toBeLessThan(0.06);
    expect(model.diagnostics.identity).toBeNull();
    const calibrated = predicted.map(model.apply);
    expect(expectedCalibrationError(calibrated, outcome)!).toBeLessThan(0.01);
    expect(expectedCalibrationError(predicted, outcome)!).toBeGreaterThan(0.05);
    expect(logLoss(calibrated, outcome)!).toBeLessThan(logLoss(predicted, outcome)!);
  });

  it('meets the normal equations: calibrated and target sums agree', () => {
    const { predicted, outcome } = simulate(300, 1.5, 0.5);
    const model = fitPlatt(predicted, outcome);
    const positives = outcome.reduce((sum, value) => sum + value, 0);
    const targets =
      (positives * (positives + 1)) / (positives + 2) + (300 - positives) / (300 - positives + 2);
    expect(predicted.reduce((sum, p) => sum + model.apply(p), 0)).toBeCloseTo(targets, 4);
  });

  it('stays finite where the classes separate', () => {
    const model = fitPlatt(Float64Array.of(0.1, 0.2, 0.3, 0.7, 0.8, 0.9), Uint8Array.of(0, 0, 0, 1, 1, 1));
    expect(model.slope).toBeGreaterThan(0);
    expect(model.apply(0.05)).toBeGreaterThan(0);
    expect(model.apply(1)).toBeLessThanOrEqual(1);
  });

  it('never turns the order of customers round, and always gives probabilities', () => {
    const pair = fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 0, max: 1 }));
    fc.assert(
      fc.property(fc.array(pair, { minLength: 1, maxLength: 40 }), (rows) => {
        const model = fitPlatt(
          Float64Array.from(rows, ([p]) => p),
          Uint8Array.from(rows, ([, y]) => y),
        );
        let previous = 0;
        for (let p = 0; p <= 1; p += 1 / 64) {
          const calibrated = model.apply(p);
          expect(calibrated).toBeGreaterThanOrEqual(previous);
          expect(calibrated).toBeLessThanOrEqual(1);
          previous = calibrated;
        }
      }),
    );
  });

  it('keeps the identity and says why', () => {
    const p = Float64Array.of(0.1, 0.4, 0.6, 0.9);
    const cases: [Float64Array, Uint8Array, string][] = [
      [p, Uint8Array.of(0, 0, 0, 0), 'one class'],
      [p, Uint8Array.of(1, 1, 1, 1), 'one class'],
      [new Float64Array(4).fill(0.3), Uint8Array.of(0, 1, 0, 1), 'constant predictions'],
      [p, Uint8Array.of(1, 1, 0, 0), 'not increasing'],
    ];
    for (const [predicted, outcome, reason] of cases) {
      const model = fitPlatt(predicted, outcome);
      expect(model.diagnostics.identity).toBe(reason);
      expect([model.slope, model.intercept]).toEqual([1, 0]);
      for (const value of [0, 0.123, 1]) expect(model.apply(value)).toBe(value);
    }
  });

  it('refuses what it cannot calibrate', () => {
    const badInput = expect.objectContaining({ code: 'MODEL_BAD_INPUT' });
    expect(() => fitPlatt(new Float64Array(0), new Uint8Array(0))).toThrowError(badInput);
    expect(() => fitPlatt(Float64Array.of(0.5), new Uint8Array(0))).toThrowError(badInput);
    expect(() => fitPlatt(Float64Array.of(1.5), Uint8Array.of(1))).toThrowError(/Row 0: predicted is 1.5/);
    expect(() => fitPlatt(Float64Array.of(0.5), Uint8Array.of(2))).toThrowError(/Row 0: outcome is 2/);
    expect(() => fitPlatt(Float64Array.of(0.5), Uint8Array.of(1)).apply(Number.NaN)).toThrowError(badInput);
  });

  it('comes back from its stored form, frozen and the same to the bit', () => {
    const { predicted, outcome } = simulate(500, 0.6, -0.8);
    const model = fitPlatt(predicted, outcome);
    const restored = plattFromJSON(JSON.parse(JSON.stringify(model)));
    expect(restored.apply(0.37)).toBe(model.apply(0.37));
    expect(restored.diagnostics).toEqual(model.diagnostics);
    expect(JSON.stringify(fitPlatt(predicted, outcome))).toBe(JSON.stringify(model));
    expect(Object.isFrozen(model) && Object.isFrozen(model.diagnostics)).toBe(true);
    expect(() => plattFromJSON({ ...model.toJSON(), parameters: { slope: -1, intercept: 0 } })).toThrowError(
      /slope/,
    );
  });
});
