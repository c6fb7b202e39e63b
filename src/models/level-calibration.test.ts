import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { logLoss } from './classification-metrics.ts';
import { averageLogOdds, fitLevel, matchingLevel } from './level-calibration.ts';
import { Random } from './random.ts';
import { logistic, logit } from './special-functions.ts';

const mean = (values: ArrayLike<number>): number =>
  Array.from(values).reduce((sum, value) => sum + value, 0) / values.length;

/** A window of customers whose true log-odds stand `error` above what is predicted. */
function window(random: Random, rows: number, error: number) {
  const predicted = Float64Array.from({ length: rows }, () => random.beta(1, 6));
  const outcome = Uint8Array.from(predicted, (p) => (random.bernoulli(logistic(logit(p) + error)) ? 1 : 0));
  return { predicted, outcome };
}

describe('matchingLevel', () => {
  it('gives the mean that is asked for and keeps the order', () => {
    const probability = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(
        fc.array(probability, { minLength: 1, maxLength: 40 }),
        fc.double({ min: 0.001, max: 0.999, noNaN: true }),
        (values, target) => {
          const matched = Float64Array.from(values).map(
            matchingLevel(Float64Array.from(values), target).apply,
          );
          expect(mean(matched)).toBeCloseTo(target, 9);
          for (let i = 1; i < values.length; i++) {
            expect(
              Math.sign(matched[i]! - matched[i - 1]!) * Math.sign(values[i]! - values[i - 1]!),
            ).not.toBe(-1);
          }
        },
      ),
    );
  });

  it('leaves alone what has the mean already', () => {
    const predicted = Float64Array.of(0.1, 0.4, 0.7);
    expect(matchingLevel(predicted, 0.4).shift).toBeCloseTo(0, 9);
  });

  it('refuses no rows, means out of reach, and what is no probability', () => {
    for (const [values, target] of [
      [[], 0.5],
      [[0.3], 0],
      [[0.3], 1],
      [[0.3], Number.NaN],
      [[1.3], 0.5],
    ] as const) {
      expect(() => matchingLevel(Float64Array.from(values), target)).toThrow(
        expect.objectContaining({ code: 'MODEL_BAD_INPUT' }) as Error,
      );
    }
  });
});

describe('fitLevel', () => {
  it('gets a steady error of the level back, and mends the window that follows', () => {
    const random = Random.fromSeed(3, 'steady');
    const windows = Array.from({ length: 6 }, () => window(random, 4000, 0.35));
    const level = fitLevel(windows);
    expect(Math.abs(level.shift - 0.35)).toBeLessThan(0.05);
    const next = window(random, 20_000, 0.35);
    const applied = next.predicted.map(level.apply);
    expect(Math.abs(mean(applied) - mean(next.outcome))).toBeLessThan(0.008);
    expect(logLoss(applied, next.outcome)!).toBeLessThan(logLoss(next.predicted, next.outcome)!);
  });

  it('leaves the forecasts as they are where the windows contradict one another, or there are none', () => {
    const random = Random.fromSeed(4, 'shocks');
    const windows = [0.35, -0.3, 0.05, -0.1].map((shock) => window(random, 4000, shock));
    const level = fitLevel(windows);
    expect(level.shift).toBe(0);
    expect(level.diagnostics.shifts).toHaveLength(4);
    expect(level.diagnostics.shifts![0]).toBeGreaterThan(0.2);
    for (const p of [0.2, 0.9]) expect(level.apply(p)).toBeCloseTo(p, 12);
    expect(fitLevel([]).shift).toBe(0);
  });

  it('says of one window what makes the sums agree', () => {
    const one = window(Random.fromSeed(5, 'one'), 2000, 1);
    const [shift] = fitLevel([one]).diagnostics.shifts!;
    expect(mean(one.predicted.map((p) => logistic(logit(p) + shift!)))).toBeCloseTo(mean(one.outcome), 9);
  });

  it('keeps its parameters and what they rest on, and is frozen', () => {
    const level = fitLevel([window(Random.fromSeed(6, 'json'), 500, 1)]);
    const stored = JSON.parse(JSON.stringify(level));
    expect(stored).toMatchObject({ model: 'level', version: 1, parameters: { shift: level.shift } });
    expect(stored.diagnostics.shifts).toEqual(level.diagnostics.shifts);
    expect(Object.isFrozen(level)).toBe(true);
  });

  it('refuses a window with one outcome', () => {
    expect(() => fitLevel([{ predicted: Float64Array.of(0.2, 0.3), outcome: Uint8Array.of(0, 0) }])).toThrow(
      expect.objectContaining({ code: 'MODEL_BAD_INPUT' }) as Error,
    );
  });
});

describe('averageLogOdds', () => {
  it('is the geometric mean of the odds', () => {
    const [pooled] = averageLogOdds([Float64Array.of(0.5), Float64Array.of(0.8), Float64Array.of(0.2)]);
    expect(pooled).toBeCloseTo(0.5, 12);
    expect(averageLogOdds([Float64Array.of(0.9), Float64Array.of(0.5)])[0]).toBeCloseTo(0.75, 12);
  });

  it('errs less than either of two forecasts with errors of their own', () => {
    const random = Random.fromSeed(8, 'pool');
    const truth = Float64Array.from({ length: 5000 }, () => random.normal() - 1.5);
    const outcome = Uint8Array.from(truth, (z) => (random.bernoulli(logistic(z)) ? 1 : 0));
    const noisy = () => truth.map((z) => logistic(z + 0.6 * random.normal()));
    const [one, other] = [noisy(), noisy()];
    const pooled = logLoss(averageLogOdds([one, other]), outcome)!;
    expect(pooled).toBeLessThan(logLoss(one, outcome)!);
    expect(pooled).toBeLessThan(logLoss(other, outcome)!);
  });

  it('refuses no forecasts and other lengths', () => {
    expect(() => averageLogOdds([])).toThrow(expect.objectContaining({ code: 'MODEL_BAD_INPUT' }) as Error);
    expect(() => averageLogOdds([Float64Array.of(0.1), Float64Array.of(0.1, 0.2)])).toThrow(
      expect.objectContaining({ code: 'MODEL_BAD_INPUT' }) as Error,
    );
  });
});
