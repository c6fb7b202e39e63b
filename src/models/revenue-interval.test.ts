import { describe, expect, it } from 'vitest';
import { bgNbdFromJSON } from './bg-nbd.ts';
import { type FittedGammaGamma, gammaGammaFromJSON } from './gamma-gamma.ts';
import { regularizedBeta } from './incomplete-beta.ts';
import { mbgNbdFromJSON } from './mbg-nbd.ts';
import { paretoNbdFromJSON } from './pareto-nbd.ts';
import type { PurchaseModel } from './purchase-model.ts';
import { Random } from './random.ts';
import { revenueIntervals } from './revenue-interval.ts';
import { lbeta } from './special-functions.ts';

const stored = { version: 1, diagnostics: {} };
const truth = { r: 0.6, alpha: 5, a: 0.8, b: 2.4 };
const bgNbd = bgNbdFromJSON({ ...stored, model: 'bg-nbd', parameters: truth });
const models: [string, PurchaseModel][] = [
  ['bg-nbd', bgNbd],
  ['mbg-nbd', mbgNbdFromJSON({ ...stored, model: 'mbg-nbd', parameters: truth })],
  [
    'pareto-nbd',
    paretoNbdFromJSON({
      ...stored,
      model: 'pareto-nbd',
      parameters: { r: 0.55, alpha: 10.6, s: 0.6, beta: 11.7 },
    }),
  ],
];

function gammaGamma(p: number, q: number, gamma: number): FittedGammaGamma {
  return gammaGammaFromJSON({ ...stored, model: 'gamma-gamma', parameters: { p, q, gamma } });
}

/** P(revenue <= y) as the plain sum over counts, each with its own incomplete beta. */
function distribution(
  model: PurchaseModel,
  spend: FittedGammaGamma,
  horizon: number,
  [x, tx, T, mean]: readonly [number, number, number, number],
  y: number,
): number {
  const { p, q, gamma } = spend.parameters;
  const counts = model.purchaseCountDistribution(horizon, x, tx, T, 1e-12);
  const out = { cdf: 0, density: 0 };
  return counts.reduce((sum, probability, n) => {
    if (n === 0) return sum + probability;
    regularizedBeta(Math.log(y / (gamma + x * mean)), p * n, q + p * x, lbeta(p * n, q + p * x), out);
    return sum + probability * out.cdf;
  }, 0);
}

const badInput = expect.objectContaining({ code: 'MODEL_BAD_INPUT', hint: expect.any(String) });

describe.each(models)('revenueIntervals over %s', (_, model) => {
  const spends = [
    gammaGamma(6.25, 3.74, 15.44),
    gammaGamma(0.4, 1.05, 2),
    gammaGamma(900, 400, 20),
    gammaGamma(3, 9, 1e6),
  ];
  const rows = [
    [0, 0, 38.86, 0],
    [2, 30.43, 38.86, 24.7],
    [26, 30.857, 31, 12],
    [70, 30, 31, 60],
    [3, 30, 38, 0],
    [1, 20, 21, 1e9],
    [0, 0, 0, 0],
  ] as const;

  it('has the quantiles of the exact mixture to 1e-4 of probability, whatever the horizon and level', () => {
    for (const spend of spends) {
      for (const horizon of [1, 52, 260]) {
        for (const level of [0.5, 0.8, 0.99]) {
          const interval = revenueIntervals(model, spend, horizon, { level });
          for (const row of rows) {
            const [x, tx, T, mean] = row;
            const { lower, upper } = interval(x, tx, T, x, mean);
            const none = model.purchaseCountDistribution(horizon, x, tx, T)[0]!;
            const outside = (1 - level) / 2;
            for (const [quantile, probability] of [
              [lower, outside],
              [upper, 1 - outside],
            ] as const) {
              if (quantile === 0) expect(none).toBeGreaterThanOrEqual(probability - 1e-9);
              else
                expect(
                  Math.abs(distribution(model, spend, horizon, row, quantile) - probability),
                ).toBeLessThan(1e-4);
            }
          }
        }
      }
    }
  });

  it('is the same in any order of customers, scales with the kept share, and widens with the level', () => {
    const spend = spends[0]!;
    const forwards = revenueIntervals(model, spend, 52);
    const backwards = revenueIntervals(model, spend, 52);
    const ask = (of: typeof forwards, [x, tx, T, mean]: (typeof rows)[number]) => of(x, tx, T, x, mean);
    const first = rows.map((row) => ask(forwards, row));
    const second = rows
      .toReversed()
      .map((row) => ask(backwards, row))
      .toReversed();
    expect(second).toEqual(first);
    const net = revenueIntervals(model, spend, 52, { kept: 0.9 });
    const wide = revenueIntervals(model, spend, 52, { level: 0.95 });
    rows.forEach((row, i) => {
      const { lower, upper } = first[i]!;
      expect(ask(net, row).lower).toBeCloseTo(0.9 * lower, 10);
      expect(ask(net, row).upper / Math.max(1e-300, 0.9 * upper)).toBeCloseTo(upper > 0 ? 1 : 0, 12);
      expect(ask(wide, row).lower).toBeLessThanOrEqual(lower);
      expect(ask(wide, row).upper).toBeGreaterThanOrEqual(upper);
    });
    expect(revenueIntervals(model, spend, 52, { kept: 0 })(2, 30, 39, 2, 20)).toEqual({ lower: 0, upper: 0 });
    expect(revenueIntervals(model, spend, 0)(2, 30, 39, 2, 20)).toEqual({ lower: 0, upper: 0 });
  });

  it('answers for ten thousand purchases and amounts of a billion', () => {
    const spend = spends[0]!;
    const interval = revenueIntervals(model, spend, 52);
    for (const mean of [0, 1, 1e9]) {
      const { lower, upper } = interval(10_000, 51.999, 52, 10_000, mean);
      const row = [10_000, 51.999, 52, mean] as const;
      expect(Math.abs(distribution(model, spend, 52, row, lower) - 0.1)).toBeLessThan(1e-4);
      expect(Math.abs(distribution(model, spend, 52, row, upper) - 0.9)).toBeLessThan(1e-4);
    }
    const once = interval(0, 0, 0, 0, 0);
    expect(once.lower).toBe(0);
    expect(once.upper).toBeGreaterThan(0);
  });

  it('refuses levels, shares and histories that are none', () => {
    const spend = spends[0]!;
    for (const options of [
      { level: 0 },
      { level: 1 },
      { level: Number.NaN },
      { kept: -1 },
      { kept: Infinity },
    ]) {
      expect(() => revenueIntervals(model, spend, 52, options)).toThrowError(badInput);
    }
    const interval = revenueIntervals(model, spend, 52);
    expect(() => interval(1, 3, 2, 1, 10)).toThrowError(badInput);
    expect(() => interval(1, 1, 2, 1, -10)).toThrowError(badInput);
    expect(() => interval(1, 1, 2, -1, 10)).toThrowError(badInput);
  });
});

describe('revenue intervals of simulated customers', () => {
  const spend = gammaGamma(6.25, 3.74, 15.44);

  it.each([0.5, 0.8, 0.95])('of level %d cover their share of what came', (level) => {
    const interval = revenueIntervals(bgNbd, spend, 52, { level });
    const outside = (1 - level) / 2;
    const customers = 20_000;
    let [covered, expected, below, expectedBelow] = [0, 0, 0, 0];
    for (let i = 0; i < customers; i++) {
      const random = Random.fromSeed(i, 'revenue');
      const rate = Math.max(1e-12, random.gamma(truth.r, truth.alpha));
      const [dropout, nu] = [random.beta(truth.a, truth.b), random.gamma(3.74, 15.44)];
      let [x, last, spent, revenue] = [0, 0, 0, 0];
      for (let t = random.exponential(rate); t <= 90; t += random.exponential(rate)) {
        const value = random.gamma(6.25, nu);
        if (t <= 38) [x, last, spent] = [x + 1, t, spent + value];
        else revenue += value;
        if (random.bernoulli(dropout)) break;
      }
      const { lower, upper } = interval(x, last, 38, x, x > 0 ? spent / x : 0);
      const none = 1 - bgNbd.probabilityOfPurchase(52, x, last, 38);
      if (revenue >= lower && revenue <= upper) covered++;
      expected += Math.max(none, 1 - outside) - (lower > 0 ? outside : 0);
      if (revenue < lower) below++;
      expectedBelow += lower > 0 ? outside : 0;
    }
    expect(expected / customers).toBeGreaterThanOrEqual(level);
    expect(Math.abs(covered - expected)).toBeLessThan(3.5 * Math.sqrt(expected * (1 - expected / customers)));
    expect(Math.abs(below - expectedBelow)).toBeLessThan(3.5 * Math.sqrt(expectedBelow) + 1);
  });
});
