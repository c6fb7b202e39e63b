import { describe, expect, it } from 'vitest';
import { expectedCalibrationError } from './classification-metrics.ts';
import { Random } from './random.ts';
import { expectedCalibrationErrorBand, reliabilityTable } from './reliability.ts';

describe('reliabilityTable', () => {
  it('is what a hand would count, the highest first', () => {
    const predicted = Float64Array.of(0.1, 0.8, 0.2, 0.6, 0.3, 0.9);
    const outcome = Uint8Array.of(0, 1, 1, 0, 0, 1);
    const [top, bottom] = reliabilityTable(predicted, outcome, 2);
    expect(top!.customers).toBe(3);
    expect(top!.said).toBeCloseTo(2.3 / 3, 15);
    expect(top!.came).toBeCloseTo(2 / 3, 15);
    expect(top!.standardError).toBeCloseTo(Math.sqrt(2 / 27), 15);
    expect(top!.lift).toBeCloseTo(4 / 3, 15);
    expect(top!.captured).toBeCloseTo(2 / 3, 15);
    expect(bottom!.said).toBeCloseTo(0.2, 15);
    expect(bottom!.lift).toBeCloseTo(2 / 3, 15);
    expect(bottom!.captured).toBe(1);
  });

  it('adds up to the expected calibration error', () => {
    const random = Random.fromSeed(1);
    const predicted = Float64Array.from({ length: 500 }, () => Math.round(20 * random.uniform()) / 20);
    const outcome = Uint8Array.from(predicted, (p) => (random.bernoulli(p * p) ? 1 : 0));
    const table = reliabilityTable(predicted, outcome);
    const sum = table.reduce(
      (total, { customers, said, came }) => total + customers * Math.abs(said - came),
      0,
    );
    expect(sum / 500).toBeCloseTo(expectedCalibrationError(predicted, outcome)!, 12);
  });

  it('has no lift where nobody has the outcome, and no bins without rows', () => {
    expect(reliabilityTable(Float64Array.of(0.1, 0.2), new Uint8Array(2), 1)).toMatchObject([
      { came: 0, lift: null, captured: null },
    ]);
    expect(reliabilityTable(new Float64Array(0), new Uint8Array(0))).toEqual([]);
    expect(() => reliabilityTable(Float64Array.of(2), Uint8Array.of(1))).toThrowError(
      expect.objectContaining({ code: 'MODEL_BAD_INPUT' }),
    );
  });
});

describe('expectedCalibrationErrorBand', () => {
  it('has the limits of the normal distribution where one bin holds all', () => {
    // The error is |binomial(10,000, 1/2) - 5,000| / 10,000: |normal| with deviation .005, whose quantiles are .0313 and 2.2414.
    const band = expectedCalibrationErrorBand(new Float64Array(10_000).fill(0.5), 1, 20_000)!;
    expect(Math.abs(band.low / (0.005 * 0.0313) - 1)).toBeLessThan(0.15);
    expect(Math.abs(band.high / (0.005 * 2.2414) - 1)).toBeLessThan(0.03);
  });

  it('draws one by one as it does by the normal distribution', () => {
    // Variances of 960 and of 1,000: the one below the bound, the other at it.
    const [exact, normal] = [new Float64Array(3840).fill(0.5), new Float64Array(4000).fill(0.5)].map(
      (predicted) => expectedCalibrationErrorBand(predicted, 3, 3000)!,
    );
    expect(Math.abs((exact!.high * Math.sqrt(3840)) / (normal!.high * Math.sqrt(4000)) - 1)).toBeLessThan(
      0.05,
    );
  });

  it('holds 95 of 100 errors of predictions that are true, and not those that are not', () => {
    const random = Random.fromSeed(5);
    let within = 0;
    for (let trial = 0; trial < 100; trial++) {
      const predicted = Float64Array.from({ length: 500 }, () => random.beta(1, 4));
      const outcome = Uint8Array.from(predicted, (p) => (random.bernoulli(p) ? 1 : 0));
      const { low, high } = expectedCalibrationErrorBand(predicted, trial, 200)!;
      const error = expectedCalibrationError(predicted, outcome)!;
      if (error >= low && error <= high) within++;
      expect(
        expectedCalibrationError(
          predicted,
          outcome.map((value) => 1 - value),
        )!,
      ).toBeGreaterThan(high);
    }
    // 95 expected, with a standard error of 2.2.
    expect(Math.abs(within - 95)).toBeLessThan(7);
  });

  it('is 0 where nothing is left to chance, the same by the same seed, null without rows', () => {
    expect(expectedCalibrationErrorBand(Float64Array.of(0, 1, 1), 1, 100)).toEqual({ low: 0, high: 0 });
    const predicted = Float64Array.of(0.2, 0.5, 0.9);
    expect(expectedCalibrationErrorBand(predicted, 1, 100)).toEqual(
      expectedCalibrationErrorBand(predicted, 1, 100),
    );
    expect(expectedCalibrationErrorBand(new Float64Array(0), 1, 100)).toBeNull();
    for (const [rows, draws] of [
      [Float64Array.of(1.5), 100],
      [Float64Array.of(0.5), 0],
    ] as const) {
      expect(() => expectedCalibrationErrorBand(rows, 1, draws)).toThrowError(
        expect.objectContaining({ code: 'MODEL_BAD_INPUT' }),
      );
    }
  });
});
