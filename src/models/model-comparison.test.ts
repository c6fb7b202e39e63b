import { describe, expect, it } from 'vitest';
import { comparePurchaseModels, informationCriteria, vuongTest } from './model-comparison.ts';
import { purchaseModels } from './purchase-models.ts';
import { Random } from './random.ts';

const badInput = expect.objectContaining({ code: 'MODEL_BAD_INPUT' });

describe('informationCriteria', () => {
  it('are 2 k - 2 LL and k ln n - 2 LL', () => {
    expect(informationCriteria(-9582.43, 4, 2357)).toEqual({
      aic: expect.closeTo(19_172.86, 8),
      bic: expect.closeTo(19_164.86 + 4 * Math.log(2357), 8),
    });
  });
});

describe('vuongTest', () => {
  const first = Float64Array.of(-1, -2, -3, -4);
  const second = Float64Array.of(-2, -2, -4, -5);

  it('meets a case by hand: differences 1, 0, 1, 1', () => {
    const test = vuongTest(first, second);
    expect(test.observations).toBe(4);
    expect(test.meanDifference).toBeCloseTo(0.75, 15);
    expect(test.standardDeviation).toBeCloseTo(Math.sqrt(3 / 16), 15);
    expect(test.statistic).toBeCloseTo((2 * 0.75) / Math.sqrt(3 / 16), 14);
    // 2 (1 - Phi(2 sqrt 3)), from a table of the normal distribution.
    expect(test.pValue).toBeCloseTo(5.320_055e-4, 9);
  });

  it('corrects for parameters as AIC and BIC would', () => {
    const mean = (correction: 'none' | 'aic' | 'bic') =>
      vuongTest(first, second, { parameterCounts: [5, 4], correction }).meanDifference;
    expect(mean('none')).toBeCloseTo(0.75, 15);
    expect(mean('aic')).toBeCloseTo(0.75 - 1 / 4, 15);
    expect(mean('bic')).toBeCloseTo(0.75 - Math.log(4) / 2 / 4, 15);
  });

  it('changes sign with the order, and takes a weight for as many rows', () => {
    const swapped = vuongTest(second, first);
    expect(swapped.statistic).toBe(-vuongTest(first, second).statistic);
    const weighted = vuongTest(first, second, { weight: Float64Array.of(2, 2, 2, 2) });
    const twice = (values: Float64Array) => Float64Array.from([...values, ...values]);
    const repeated = vuongTest(twice(first), twice(second));
    expect(weighted.observations).toBe(repeated.observations);
    expect(weighted.statistic).toBeCloseTo(repeated.statistic, 12);
  });

  it('finds nothing between equals, and rarely between models equally far from the truth', () => {
    expect(vuongTest(first, first)).toMatchObject({ statistic: 0, pValue: 1 });
    const random = Random.fromSeed(1, 'vuong');
    const rejections = Array.from({ length: 1000 }, () => {
      // N(0, 1) against N(-0.5, 1) and N(0.5, 1): neither is nearer.
      const sample = Float64Array.from({ length: 200 }, () => random.normal());
      const logDensity = (mean: number) => sample.map((value) => -((value - mean) ** 2) / 2);
      return vuongTest(logDensity(-0.5), logDensity(0.5)).pValue < 0.05 ? 1 : 0;
    }).reduce((sum: number, rejected) => sum + rejected, 0);
    // Binomial with mean 50 and standard deviation 6.9.
    expect(rejections).toBeGreaterThan(29);
    expect(rejections).toBeLessThan(71);
  });

  it('refuses rows that do not match or are not finite, and none', () => {
    expect(() => vuongTest(first, second.subarray(1))).toThrowError(badInput);
    expect(() => vuongTest(first, Float64Array.of(-1, -2, Number.NaN, -1))).toThrowError(/Row 2/);
    expect(() => vuongTest(first, second, { weight: Float64Array.of(1, 1, 1, -1) })).toThrowError(/Row 3/);
    expect(() => vuongTest(new Float64Array(0), new Float64Array(0))).toThrowError(badInput);
  });
});

describe('comparePurchaseModels', () => {
  it('prefers the model that the customers follow, and says how surely', () => {
    const random = Random.fromSeed(2, 'comparison');
    const rows = Array.from({ length: 20_000 }, () => {
      // BG/NBD with a rate so high that the chance of dropout at purchases shows.
      const [rate, dropout] = [random.gamma(1.5, 3), random.beta(0.8, 2.4)];
      let [x, last] = [0, 0];
      for (let t = random.exponential(rate); t <= 39; t += random.exponential(rate)) {
        [x, last] = [x + 1, t];
        if (random.bernoulli(dropout)) break;
      }
      return [x, last] as const;
    });
    const data = {
      frequency: Float64Array.from(rows, (row) => row[0]),
      recency: Float64Array.from(rows, (row) => row[1]),
      T: new Float64Array(20_000).fill(39),
    };
    const models = purchaseModels.map((family) => family.fit(data)).reverse();
    const [best, ...others] = comparePurchaseModels(models, data);
    expect(best).toMatchObject({ model: 'bg-nbd', parameterCount: 4, vuong: null });
    expect(best!.logLikelihood).toBeCloseTo(models.at(-1)!.diagnostics.logLikelihood, 5);
    expect(others.map(({ model }) => model).toSorted()).toEqual(['mbg-nbd', 'pareto-nbd']);
    for (const { bic, vuong } of others) {
      expect(bic).toBeGreaterThan(best!.bic);
      expect(vuong!.statistic).toBeGreaterThan(3);
      expect(vuong!.pValue).toBeLessThan(0.003);
    }
    expect(() => comparePurchaseModels([], data)).toThrowError(badInput);
  });
});
