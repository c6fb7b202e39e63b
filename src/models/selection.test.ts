import { describe, expect, it } from 'vitest';
import { auc, brier, logLoss } from './classification-metrics.ts';
import { Random } from './random.ts';
import { bootstrapInterval, selectSimplest } from './selection.ts';
import { logistic } from './special-functions.ts';

/** Outcomes of known log-odds, and what somebody predicts who sees them with an error. */
function simulate(rows: number) {
  const random = Random.fromSeed(8, 'selection');
  const logOdds = Float64Array.from({ length: rows }, () => random.normal(-1, 1.5));
  const outcome = Uint8Array.from(logOdds, (z) => (random.bernoulli(logistic(z)) ? 1 : 0));
  const predictedWith = (error: number) => logOdds.map((z) => logistic(z + error * random.normal()));
  return {
    outcome,
    predictedWith,
    rate: new Float64Array(rows).fill(outcome.reduce((s, y) => s + y, 0) / rows),
  };
}

describe('selectSimplest', () => {
  it('computes means and differences by hand', () => {
    const outcome = Uint8Array.of(1, 0);
    const record = selectSimplest(
      [
        { name: 'even', predicted: Float64Array.of(0.5, 0.5) },
        { name: 'sure', predicted: Float64Array.of(0.8, 0.2) },
      ],
      outcome,
      { resamples: 50, seed: 4 },
    );
    expect(record).toMatchObject({
      chosen: 'sure',
      best: 'sure',
      rows: 2,
      groups: 2,
      resamples: 50,
      seed: 4,
    });
    const [even, sure] = record.candidates;
    expect(even!.meanLogLoss).toBeCloseTo(Math.log(2), 14);
    expect(sure!.meanLogLoss).toBeCloseTo(-Math.log(0.8), 14);
    expect(even!.meanDifference).toBeCloseTo(Math.log(2) + Math.log(0.8), 14);
    // Both rows differ by the same, so that no sample differs from another: no error, and no excuse.
    expect(even!.standardError).toBeCloseTo(0, 12);
    expect(even!.eligible).toBe(false);
    expect(sure).toMatchObject({ meanDifference: 0, standardError: 0, eligible: true });
  });

  it('has the standard error of a mean of paired differences', () => {
    const { outcome, predictedWith } = simulate(3000);
    const [a, b] = [predictedWith(0.1), predictedWith(0.8)];
    const record = selectSimplest(
      [
        { name: 'b', predicted: b },
        { name: 'a', predicted: a },
      ],
      outcome,
      { resamples: 2000 },
    );
    const loss = (p: number, row: number) => -Math.log(outcome[row] === 1 ? p : 1 - p);
    const differences = b.map((p, row) => loss(p, row) - loss(a[row]!, row));
    const mean = differences.reduce((s, d) => s + d, 0) / 3000;
    const deviation = Math.sqrt(differences.reduce((s, d) => s + (d - mean) ** 2, 0) / 3000);
    expect(record.best).toBe('a');
    expect(record.candidates[0]!.meanDifference).toBeCloseTo(mean, 12);
    const ratio = record.candidates[0]!.standardError / (deviation / Math.sqrt(3000));
    expect(Math.abs(ratio - 1)).toBeLessThan(0.06);
  });

  it('prefers the simple one within one standard error, and the best beyond', () => {
    const { outcome, predictedWith, rate } = simulate(4000);
    const best = predictedWith(0);
    // As good but for a hundredth of its noise, which only chance could tell apart from the best.
    const close = best.map((p, row) => logistic(Math.log(p / (1 - p)) + (row % 2 === 0 ? 0.02 : -0.02)));
    const record = selectSimplest(
      [
        { name: 'rate', predicted: rate },
        { name: 'noisy', predicted: predictedWith(1) },
        { name: 'close', predicted: close },
        { name: 'best', predicted: best },
      ],
      outcome,
    );
    expect(record.chosen).toBe('close');
    expect(record.candidates.map(({ eligible }) => eligible)).toEqual([false, false, true, true]);
    for (const { eligible, meanDifference, standardError } of record.candidates) {
      expect(eligible).toBe(meanDifference <= standardError);
    }
    const reversed = selectSimplest(
      [
        { name: 'best', predicted: best },
        { name: 'rate', predicted: rate },
      ],
      outcome,
    );
    expect(reversed.chosen).toBe('best');
  });

  it('draws the line at one standard error', () => {
    // 400 losses that differ from the best one's by multiple * SE on average, with a deviation of 0.1, hence SE = 0.1 / 20.
    const chosenAt = (multiple: number) => {
      const predicted = Float64Array.from({ length: 400 }, (_, row) =>
        Math.exp(-Math.LN2 - (multiple * 0.1) / 20 - (row % 2 === 0 ? 0.1 : -0.1)),
      );
      const best = { name: 'best', predicted: new Float64Array(400).fill(0.5) };
      return selectSimplest([{ name: 'simple', predicted }, best], new Uint8Array(400).fill(1)).chosen;
    };
    expect([0.2, 0.8, 1.2, 1.8].map(chosenAt)).toEqual(['simple', 'simple', 'best', 'best']);
  });

  it('takes the simpler of two that are equal', () => {
    const { outcome, predictedWith } = simulate(50);
    const predicted = predictedWith(0);
    const record = selectSimplest(
      [
        { name: 'a', predicted },
        { name: 'b', predicted },
      ],
      outcome,
    );
    expect(record).toMatchObject({ chosen: 'a', best: 'a' });
    expect(record.candidates[1]).toMatchObject({ meanDifference: 0, standardError: 0, eligible: true });
  });

  it('takes rows of one customer as one piece of evidence', () => {
    const { outcome, predictedWith } = simulate(400);
    const [a, b] = [predictedWith(0.2), predictedWith(0.7)];
    const often = <T>(values: ArrayLike<T>) =>
      Array.from(values).flatMap((value) => [value, value, value, value]);
    const groups = Uint32Array.from(often(Array.from({ length: 400 }, (_, i) => 1000 - i)));
    const select = (four: boolean, grouped: boolean) => {
      const form = (p: Float64Array) => (four ? Float64Array.from(often(p)) : p);
      const candidates = [
        { name: 'a', predicted: form(a) },
        { name: 'b', predicted: form(b) },
      ];
      const known = four ? Uint8Array.from(often(outcome)) : outcome;
      return selectSimplest(candidates, known, { groups: grouped ? groups : undefined });
    };
    const once = select(false, false).candidates[1]!.standardError;
    expect(select(true, true).groups).toBe(400);
    expect(select(true, true).candidates[1]!.standardError).toBeCloseTo(once, 10);
    // Rows taken as independent, four copies would halve the error out of nothing.
    expect(select(true, false).candidates[1]!.standardError / once).toBeLessThan(0.6);
  });

  it('is deterministic by seed', () => {
    const { outcome, predictedWith } = simulate(200);
    const candidates = [
      { name: 'a', predicted: predictedWith(0) },
      { name: 'b', predicted: predictedWith(1) },
    ];
    expect(selectSimplest(candidates, outcome)).toEqual(selectSimplest(candidates, outcome));
    const other = selectSimplest(candidates, outcome, { seed: 1 });
    expect(other.candidates[1]!.standardError).not.toBe(
      selectSimplest(candidates, outcome).candidates[1]!.standardError,
    );
  });

  it('refuses nothing to choose from', () => {
    const one = { name: 'a', predicted: Float64Array.of(0.5) };
    const outcome = Uint8Array.of(1);
    expect(() => selectSimplest([], outcome)).toThrow(/nothing to choose/);
    expect(() => selectSimplest([{ name: 'a', predicted: new Float64Array(0) }], new Uint8Array(0))).toThrow(
      /no test rows/,
    );
    expect(() => selectSimplest([one, one], outcome)).toThrow(/one name/);
    expect(() => selectSimplest([one], Uint8Array.of(1, 0))).toThrow(/length/);
    expect(() => selectSimplest([{ ...one, predicted: Float64Array.of(NaN) }], outcome)).toThrow(/Row 0/);
    expect(() => selectSimplest([one], outcome, { resamples: 1 })).toThrow(/2 samples/);
    expect(() => selectSimplest([one], outcome, { groups: Uint32Array.of(1, 2) })).toThrow(/Groups/);
  });
});

describe('bootstrapInterval', () => {
  const share = (_: Float64Array, outcome: Uint8Array) =>
    outcome.reduce((sum, y) => sum + y, 0) / outcome.length;

  it('has the error and the width of a share', () => {
    const outcome = Uint8Array.from({ length: 1000 }, (_, i) => (i % 5 === 0 ? 1 : 0));
    const interval = bootstrapInterval(share, new Float64Array(1000).fill(0.2), outcome, {
      resamples: 2000,
    })!;
    const error = Math.sqrt((0.2 * 0.8) / 1000);
    expect(interval.estimate).toBe(0.2);
    expect(Math.abs(interval.standardError / error - 1)).toBeLessThan(0.06);
    expect(Math.abs((interval.high - interval.low) / (2 * 1.96 * error) - 1)).toBeLessThan(0.08);
    expect(interval.undefinedResamples).toBe(0);
  });

  it('covers the truth about as often as it says', () => {
    const random = Random.fromSeed(5, 'coverage');
    let covered = 0;
    for (let run = 0; run < 200; run++) {
      const predicted = Float64Array.from({ length: 300 }, () => random.uniform());
      const outcome = Uint8Array.from(predicted, (p) => (random.bernoulli(p) ? 1 : 0));
      const { low, high } = bootstrapInterval(brier, predicted, outcome, {
        level: 0.9,
        resamples: 200,
        seed: run,
      })!;
      // The expected Brier score of true probabilities that are uniform: the mean of p(1 - p).
      if (low <= 1 / 6 && high >= 1 / 6) covered++;
    }
    expect(covered).toBeGreaterThan(165);
    expect(covered).toBeLessThan(195);
  });

  it('counts samples without the metric, and gives null where there is none', () => {
    const predicted = Float64Array.of(0.1, 0.4, 0.8);
    const interval = bootstrapInterval(auc, predicted, Uint8Array.of(0, 0, 1))!;
    // No 1 in (2/3)^3 of the samples, no 0 in 1/27: a third.
    expect(Math.abs(interval.undefinedResamples / 500 - 1 / 3)).toBeLessThan(0.08);
    expect(interval.estimate).toBe(1);
    expect(bootstrapInterval(auc, predicted, new Uint8Array(3))).toBeNull();
    expect(bootstrapInterval(logLoss, new Float64Array(0), new Uint8Array(0))).toBeNull();
    expect(() => bootstrapInterval(auc, predicted, new Uint8Array(3), { level: 1 })).toThrow(
      /between 0 and 1/,
    );
  });
});
