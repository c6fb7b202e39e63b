import { describe, expect, it } from 'vitest';
import { fitBgNbd } from './bg-nbd.ts';
import { type FittedGammaGamma, fitGammaGamma, gammaGammaFromJSON } from './gamma-gamma.ts';
import { fitMbgNbd } from './mbg-nbd.ts';
import { fitParetoNbd } from './pareto-nbd.ts';
import type { PurchaseModel } from './purchase-model.ts';
import { Random } from './random.ts';
import {
  drawRepresentatives,
  type RepresentativeRevenues,
  type TotalRevenueOptions,
  totalRevenueInterval,
} from './total-revenue.ts';

const truth = { r: 0.6, alpha: 5, a: 0.8, b: 2.4, p: 6.25, q: 3.74, gamma: 15.44 };
const horizon = 52;

/** Histories of up to 39 weeks by BG/NBD (or Pareto/NBD) and Gamma-Gamma, and what came in the 52 weeks after. */
function simulate(customers: number, seed: number, pareto = false) {
  const random = Random.fromSeed(seed, 'shop');
  const column = () => new Float64Array(customers);
  const shop = { frequency: column(), recency: column(), T: column(), meanSpend: column(), later: column() };
  for (let i = 0; i < customers; i++) {
    const rate = Math.max(1e-12, random.gamma(truth.r, truth.alpha));
    const [dropout, nu] = [random.beta(truth.a, truth.b), random.gamma(truth.q, truth.gamma)];
    const life = pareto ? random.exponential(Math.max(1e-12, random.gamma(0.6, 11.7))) : Infinity;
    const T = 27 + 12 * random.uniform();
    let [x, last, spent] = [0, 0, 0];
    for (let t = random.exponential(rate); t <= Math.min(life, T + horizon); t += random.exponential(rate)) {
      const value = random.gamma(truth.p, nu);
      if (t <= T) [x, last, spent] = [x + 1, t, spent + value];
      else shop.later[i]! += value;
      if (!pareto && random.bernoulli(dropout)) break;
    }
    shop.frequency[i] = x;
    shop.recency[i] = last;
    shop.T[i] = T;
    shop.meanSpend[i] = x > 0 ? spent / x : 0;
  }
  return shop;
}

type Shop = ReturnType<typeof simulate>;
type Columns = Omit<RepresentativeRevenues, 'stands' | 'total' | 'customers'>;

function represent(columns: Columns, size?: number): RepresentativeRevenues {
  const { rows, ...sample } = drawRepresentatives(columns.expectedRevenue, size);
  const picked = Object.entries(columns).map(([name, column]) => [
    name,
    Float64Array.from(rows, (row) => column[row]!),
  ]);
  return { ...(Object.fromEntries(picked) as Columns), ...sample };
}

function totalOf(
  model: PurchaseModel,
  spend: FittedGammaGamma,
  columns: Columns,
  { sample, ...options }: TotalRevenueOptions & { sample?: number } = {},
) {
  return totalRevenueInterval(model, spend, horizon, represent(columns, sample), options);
}

function expectRevenues(
  { frequency, recency, T, meanSpend }: Shop,
  model: PurchaseModel,
  spend: FittedGammaGamma,
  kept = 1,
): Columns {
  const expectedRevenue = T.map((end, i) => {
    const purchases = model.expectedPurchases(horizon, frequency[i]!, recency[i]!, end);
    return kept * purchases * spend.expectedSpend(frequency[i]!, meanSpend[i]!);
  });
  return { frequency, recency, T, spendFrequency: frequency, meanSpend, expectedRevenue };
}

const fitSpend = ({ frequency, meanSpend }: Shop) => fitGammaGamma({ frequency, monetaryValue: meanSpend });
const sum = (values: Float64Array) => values.reduce((total, value) => total + value, 0);

it('covers the total of four in five simulated shops, by the parameters and the outcomes together', () => {
  const shops = 150;
  let [covered, deviations] = [0, 0];
  for (let seed = 0; seed < shops; seed++) {
    const shop = simulate(800, seed);
    const [model, spend] = [fitBgNbd(shop), fitSpend(shop)];
    const total = totalOf(model, spend, expectRevenues(shop, model, spend), {
      pairs: 50,
      sample: 200,
    })!;
    const came = sum(shop.later);
    if (came >= total.lower && came <= total.upper) covered++;
    deviations +=
      (came - total.expected) ** 2 / (total.parameterDeviation ** 2 + total.outcomeDeviation ** 2);
  }
  // A binomial of 150 at 0.8: 120, with a standard deviation of 4.9.
  expect(covered).toBeGreaterThan(105);
  expect(covered).toBeLessThan(135);
  // The mean square of 150 normals, whose standard deviation is 0.12.
  expect(deviations / shops).toBeGreaterThan(0.65);
  expect(deviations / shops).toBeLessThan(1.4);
});

const options = { pairs: 40, sample: 400 };

describe.each([
  ['bg-nbd', fitBgNbd],
  ['mbg-nbd', fitMbgNbd],
  ['pareto-nbd', fitParetoNbd],
] as const)('totalRevenueInterval of %s', (name, fitModel) => {
  const shop = simulate(2000, 1, name === 'pareto-nbd');
  const [model, spend] = [fitModel(shop), fitSpend(shop)];
  const data = expectRevenues(shop, model, spend);
  const total = totalOf(model, spend, data, options)!;

  it('lies around the sum of the expectations, and is the same for the same seed', () => {
    expect(total.expected).toBe(sum(data.expectedRevenue));
    expect(total.lower).toBeLessThan(total.expected);
    expect(total.upper).toBeGreaterThan(total.expected);
    expect(totalOf(model, spend, data, options)).toEqual(total);
    expect(totalOf(model, spend, data, { ...options, seed: 2 })).not.toEqual(total);
  });

  it('needs only a sample of the customers', () => {
    const all = totalOf(model, spend, data, { ...options, sample: 2000 })!;
    for (const name of ['lower', 'upper'] as const) expect(total[name] / all[name]).toBeCloseTo(1, 2);
    expect(total.outcomeDeviation / all.outcomeDeviation).toBeCloseTo(1, 1);
  });

  it('scales with what is kept, and widens with the level', () => {
    const net = totalOf(model, spend, expectRevenues(shop, model, spend, 0.9), {
      ...options,
      kept: 0.9,
    })!;
    for (const name of ['expected', 'lower', 'upper', 'parameterDeviation', 'outcomeDeviation'] as const) {
      expect(net[name] / total[name]).toBeCloseTo(0.9, 6);
    }
    const wide = totalOf(model, spend, data, { ...options, level: 0.95 })!;
    expect(wide.lower).toBeLessThan(total.lower);
    expect(wide.upper).toBeGreaterThan(total.upper);
  });

  it('answers for one customer, for none and for nobody who will buy', () => {
    const rows = (count: number): Columns =>
      Object.fromEntries(Object.entries(data).map(([name, column]) => [name, column.slice(0, count)])) as {
        [Name in keyof Columns]: Float64Array;
      };
    const one = totalOf(model, spend, rows(1), options)!;
    expect(one.lower).toBeGreaterThanOrEqual(0);
    expect(one.upper).toBeGreaterThan(one.expected);
    const nothing = { expected: 0, lower: 0, upper: 0, parameterDeviation: 0, outcomeDeviation: 0 };
    expect(totalOf(model, spend, rows(0))).toEqual(nothing);
    const lost = { ...data, expectedRevenue: new Float64Array(2000) };
    expect(totalOf(model, spend, lost)).toEqual(nothing);
  });

  it('is finite where the variance of the spend is infinite, and none where the precision is unknown', () => {
    const { parameters, ...json } = spend.toJSON();
    const heavy = gammaGammaFromJSON({ ...json, parameters: { ...parameters, q: 1.2, gamma: 1 } });
    const interval = totalOf(model, heavy, expectRevenues(shop, model, heavy), options)!;
    expect(Object.values(interval)).toSatisfy((all: number[]) => all.every(Number.isFinite));
    const unknown = gammaGammaFromJSON({ ...json, parameters, diagnostics: {} });
    expect(totalOf(model, unknown, data, options)).toBeUndefined();
  });

  it('refuses columns of different lengths and revenues that are none', () => {
    const badInput = expect.objectContaining({ code: 'MODEL_BAD_INPUT', hint: expect.any(String) });
    const ask = (change: Partial<RepresentativeRevenues>) => () =>
      totalRevenueInterval(model, spend, horizon, { ...represent(data), ...change });
    expect(ask({ frequency: new Float64Array(3) })).toThrowError(badInput);
    expect(ask({ customers: 10 })).toThrowError(badInput);
    for (const wrong of [-1, Number.NaN, Infinity]) {
      expect(() => drawRepresentatives(data.expectedRevenue.map(() => wrong))).toThrowError(badInput);
      const { expectedRevenue } = represent(data);
      if (wrong !== Infinity)
        expect(ask({ expectedRevenue: expectedRevenue.map(() => wrong) })).toThrowError(badInput);
    }
    for (const wrong of [{ pairs: 0 }, { pairs: 1.5 }, { sample: 0 }, { level: 1 }]) {
      expect(() => totalOf(model, spend, data, wrong)).toThrowError(badInput);
    }
  });
});
