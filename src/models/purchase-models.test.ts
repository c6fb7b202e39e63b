import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bgNbdObjective, summarizeHistories } from './bg-nbd-likelihood.ts';
import { paretoNbdObjective } from './pareto-nbd-likelihood.ts';
import type { PurchaseHistories, PurchaseModel } from './purchase-model.ts';
import { purchaseModelFromJSON, purchaseModels } from './purchase-models.ts';
import { Random } from './random.ts';

type Row = readonly [x: number, tx: number, T: number];

function toData(rows: readonly Row[]): PurchaseHistories {
  return {
    frequency: Float64Array.from(rows, (row) => row[0]),
    recency: Float64Array.from(rows, (row) => row[1]),
    T: Float64Array.from(rows, (row) => row[2]),
  };
}

/** A customer's life in one model: purchases at `rate` until dropout, as [x, t_x] within T. */
function buy(random: Random, rate: number, T: number, dropsOut: () => boolean): [number, number] {
  let [x, last] = [0, 0];
  for (let t = random.exponential(rate); t <= T; t += random.exponential(rate)) {
    [x, last] = [x + 1, t];
    if (dropsOut()) break;
  }
  return [x, last];
}

interface Case {
  readonly truth: Readonly<Record<string, number>>;
  /** One customer as the model has it. */
  customer(random: Random, truth: Readonly<Record<string, number>>, T: number): [number, number];
  objective(data: PurchaseHistories): (point: Float64Array, gradient: Float64Array) => number;
}

const betaTruth = { r: 0.6, alpha: 5, a: 0.8, b: 2.4 };

const cases: Readonly<Record<string, Case>> = {
  'bg-nbd': {
    truth: betaTruth,
    customer: (random, { r, alpha, a, b }, T) => {
      const [rate, dropout] = [random.gamma(r!, alpha!), random.beta(a!, b!)];
      return buy(random, Math.max(1e-12, rate), T, () => random.bernoulli(dropout));
    },
    objective: (data) => bgNbdObjective(summarizeHistories(data)),
  },
  'mbg-nbd': {
    truth: betaTruth,
    customer: (random, { r, alpha, a, b }, T) => {
      const [rate, dropout] = [random.gamma(r!, alpha!), random.beta(a!, b!)];
      if (random.bernoulli(dropout)) return [0, 0];
      return buy(random, Math.max(1e-12, rate), T, () => random.bernoulli(dropout));
    },
    objective: (data) => bgNbdObjective(summarizeHistories(data, 1)),
  },
  'pareto-nbd': {
    truth: { r: 0.55, alpha: 10.6, s: 0.6, beta: 11.7 },
    customer: (random, { r, alpha, s, beta }, T) => {
      const [rate, dropout] = [random.gamma(r!, alpha!), random.gamma(s!, beta!)];
      const life = random.exponential(Math.max(1e-12, dropout));
      return buy(random, Math.max(1e-12, rate), Math.min(T, life), () => false);
    },
    objective: paretoNbdObjective,
  },
};

function simulate(model: string, customers: number, seed: number): PurchaseHistories {
  const { truth, customer } = cases[model]!;
  const random = Random.fromSeed(seed, model);
  return toData(
    Array.from({ length: customers }, (): Row => {
      // Whole days in weeks, as the shop's data have them.
      const T = (189 + random.integer(84)) / 7;
      return [...customer(random, truth, T), T];
    }),
  );
}

const history = fc
  .tuple(
    fc.integer({ min: 0, max: 200 }),
    fc.double({ min: 0.01, max: 1, noNaN: true }),
    fc.double({ min: 0.1, max: 500, noNaN: true }),
  )
  .map(([x, share, T]): Row => [x, x === 0 ? 0 : share * T, T]);

const badInput = expect.objectContaining({ code: 'MODEL_BAD_INPUT', hint: expect.any(String) });
const rate = 0.0027;

function everyAnswer(model: PurchaseModel, horizon: number, [x, tx, T]: Row): number[] {
  return [
    model.expectedPurchases(horizon, x, tx, T),
    model.probabilityAlive(x, tx, T),
    model.probabilityOfPurchase(horizon, x, tx, T),
    model.discountedExpectedResidualTransactions(rate, x, tx, T),
    ...model.purchaseCountDistribution(horizon, x, tx, T, 1e-6),
    model.logLikelihoods(toData([[x, tx, T]]))[0]!,
  ];
}

it('has a case for every purchase model', () => {
  expect(purchaseModels.map(({ model }) => model)).toEqual(Object.keys(cases));
});

describe.each(purchaseModels)('$title', ({ model: name, fit: fitModel, fromJSON }) => {
  const { truth, objective } = cases[name]!;
  const data = simulate(name, 20_000, 1);
  const fitted = fitModel(data);
  const { frequency, recency, T } = data;

  it('gets simulated parameters back within 3 of its own standard errors', () => {
    for (const model of [fitted, fitModel(simulate(name, 20_000, 2))]) {
      expect(model.diagnostics.hessianPositiveDefinite).toBe(true);
      expect(model.diagnostics.conditionNumber).toBeGreaterThan(1);
      for (const [parameter, value] of Object.entries(truth)) {
        const standardError = model.diagnostics.standardErrors[parameter]!;
        expect(standardError).toBeLessThan(0.3 * value);
        expect(Math.abs(model.parameters[parameter]! - value)).toBeLessThan(3 * standardError);
      }
    }
  });

  it('has standard errors of the size by which fits to other customers scatter', () => {
    const fits = Array.from({ length: 30 }, (_, i) => fitModel(simulate(name, 4000, 100 + i)));
    for (const parameter of Object.keys(truth)) {
      const logs = fits.map((model) => Math.log(model.parameters[parameter]!));
      const mean = logs.reduce((sum, value) => sum + value, 0) / 30;
      const scatter = Math.sqrt(logs.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 29);
      const relative = fits.map(
        (model) => model.diagnostics.standardErrors[parameter]! / model.parameters[parameter]!,
      );
      const stated = relative.toSorted((u, v) => u - v)[15]!;
      // The standard deviation of 30 values is itself known to 13 %.
      expect(scatter / stated).toBeGreaterThan(0.6);
      expect(scatter / stated).toBeLessThan(1.5);
    }
  });

  it('stands at a maximum, with the log-likelihood that it reports', () => {
    expect(fitted.diagnostics.gradientNorm).toBeLessThanOrEqual(1e-6);
    const sum = fitted.logLikelihoods(data).reduce((total, value) => total + value, 0);
    expect(Math.abs(sum / fitted.diagnostics.logLikelihood - 1)).toBeLessThan(1e-12);
    for (const parameter of Object.keys(truth)) {
      for (const factor of [0.99, 1.01]) {
        const stored = fitted.toJSON();
        const parameters = { ...stored.parameters, [parameter]: stored.parameters[parameter]! * factor };
        const neighbour = fromJSON({ ...stored, parameters }).logLikelihoods(data);
        expect(neighbour.reduce((total, value) => total + value, 0)).toBeLessThan(sum);
      }
    }
  });

  it('has the gradient of its finite differences', () => {
    const point = fc.array(fc.double({ min: -2, max: 3, noNaN: true }), { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(fc.array(history, { minLength: 1, maxLength: 20 }), point, (rows, start) => {
        const f = objective(toData(rows));
        const gradient = new Float64Array(4);
        f(Float64Array.from(start), gradient);
        for (let i = 0; i < 4; i++) {
          const at = (step: number) =>
            f(
              Float64Array.from(start, (v, j) => (i === j ? v + step : v)),
              new Float64Array(4),
            );
          const h = 1e-4;
          const slope = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
          expect(Math.abs(slope - gradient[i]!)).toBeLessThan(1e-6 * Math.max(1, Math.abs(slope)));
        }
      }),
    );
  });

  it('agrees with simulated futures of newcomers and of those with a history', () => {
    const { customer } = cases[name]!;
    const exact = fromJSON({ ...fitted.toJSON(), parameters: truth });
    const random = Random.fromSeed(3, `${name} futures`);
    let [purchases, expected, buyers, expectedBuyers] = [0, 0, 0, 0];
    for (let i = 0; i < 40_000; i++) {
      const [x] = customer(random, truth, 30);
      purchases += x;
      buyers += x > 0 ? 1 : 0;
      expected += exact.expectedPurchases(30, 0, 0, 0);
      expectedBuyers += exact.probabilityOfPurchase(30, 0, 0, 0);
    }
    expect(Math.abs(purchases / expected - 1)).toBeLessThan(0.04);
    expect(Math.abs(buyers / expectedBuyers - 1)).toBeLessThan(0.02);
    // In the mean over histories, the conditional expectation is the difference of the unconditional ones.
    const whole = exact.expectedPurchases(60, 0, 0, 0) - exact.expectedPurchases(30, 0, 0, 0);
    let conditional = 0;
    for (let i = 0; i < 40_000; i++) {
      const [x, last] = customer(random, truth, 30);
      conditional += exact.expectedPurchases(30, x, last, 30) / 40_000;
    }
    expect(Math.abs(conditional / whole - 1)).toBeLessThan(0.05);
  });

  it('gives probabilities of counts with the mean and the share of buyers that it gives by other ways', () => {
    // From half a second of a time in weeks on: below, the spacing of doubles is all that is left of a purchase.
    const horizon = fc.double({ min: 1e-6, max: 200, noNaN: true });
    fc.assert(
      fc.property(history, horizon, (row, t) => {
        const [expected, alive, buys] = everyAnswer(fitted, t, row) as [number, number, number];
        const counts = fitted.purchaseCountDistribution(t, ...row, 1e-11);
        const sum = counts.reduce((total, probability) => total + probability, 0);
        expect(counts.every((probability) => probability >= 0)).toBe(true);
        expect(sum).toBeLessThan(1 + 1e-12);
        expect(sum).toBeGreaterThan(1 - 1.01e-11);
        expect(Math.abs(1 - counts[0]! - buys)).toBeLessThan(1e-10);
        const mean = counts.reduce((total, probability, n) => total + n * probability, 0);
        // What is cut off weighs at most the tail times a count not far beyond the last; or, of customers who are all but certainly gone,
        // times what one of them would buy who is not.
        const beyond = counts.length + (alive > 0 ? expected / alive : 0);
        expect(Math.abs(mean - expected)).toBeLessThan(1e-9 * expected + 1e-10 * beyond);
        const shorter = fitted.purchaseCountDistribution(t, ...row, 1e-3);
        expect(shorter.length).toBeLessThanOrEqual(counts.length);
        const above = 1 - shorter.reduce((total, probability) => total + probability, 0);
        expect(above).toBeLessThanOrEqual(1.001e-3);
        expect(above + shorter.at(-1)!).toBeGreaterThan(0.999e-3);
      }),
    );
    expect([...fitted.purchaseCountDistribution(0, 2, 10, 20)]).toEqual([1]);
    expect(fitted.purchaseCountDistribution(52, 2, 10, 20)).toEqual(
      fitted.purchaseCountDistribution(52, 2, 10, 20, 1e-9),
    );
  });

  it('gives each count as often as it comes in simulated futures, and intervals that cover their share', () => {
    const { customer } = cases[name]!;
    const exact = fromJSON({ ...fitted.toJSON(), parameters: truth });
    const customers = 20_000;
    const [seen, expected, variance] = [new Float64Array(8), new Float64Array(8), new Float64Array(8)];
    const of80 = { covered: 0, expected: 0, variance: 0 };
    for (let i = 0; i < customers; i++) {
      // One life, seen up to 30 and up to 60: equal seeds draw equal purchases.
      const [x, last] = customer(Random.fromSeed(i, `${name} life`), truth, 30);
      const [later] = customer(Random.fromSeed(i, `${name} life`), truth, 60);
      const counts = exact.purchaseCountDistribution(30, x, last, 30);
      seen[Math.min(7, later - x)]! += 1;
      let [below, from, to, mass] = [0, -1, -1, 0];
      for (let n = 0; n < counts.length; n++) {
        if (from < 0 && below + counts[n]! >= 0.1) from = n;
        if (from >= 0 && to < 0) mass += counts[n]!;
        if (to < 0 && below + counts[n]! >= 0.9) to = n;
        below += counts[n]!;
      }
      for (let n = 0; n < 8; n++) {
        const probability = n < 7 ? (counts[n] ?? 0) : counts.slice(7).reduce((sum, p) => sum + p, 0);
        expected[n]! += probability;
        variance[n]! += probability * (1 - probability);
      }
      if (later - x >= from && later - x <= to) of80.covered++;
      of80.expected += mass;
      of80.variance += mass * (1 - mass);
    }
    for (let n = 0; n < 8; n++) {
      expect(Math.abs(seen[n]! - expected[n]!)).toBeLessThan(3.5 * Math.sqrt(variance[n]!));
    }
    expect(of80.expected / customers).toBeGreaterThan(0.8);
    expect(Math.abs(of80.covered - of80.expected)).toBeLessThan(3.5 * Math.sqrt(of80.variance));
  });

  it('discounts as the sum over its own expected purchases does', () => {
    const histories: Row[] = [
      [2, 30.4, 38.9],
      [0, 0, 38.9],
      [26, 30.857, 31],
    ];
    for (const [x, tx, T] of histories) {
      const high = 0.05;
      // The integral of e^(-d t) dE(t) in steps of a tenth of a unit, at the middle of each.
      let sum = 0;
      let before = 0;
      for (let i = 1; i <= 4000; i++) {
        const now = fitted.expectedPurchases(i / 10, x, tx, T);
        sum += Math.exp(-high * ((i - 0.5) / 10)) * (now - before);
        before = now;
      }
      const dert = fitted.discountedExpectedResidualTransactions(high, x, tx, T);
      expect(Math.abs(dert / sum - 1)).toBeLessThan(1e-5);
    }
  });

  it('grows with the horizon and falls with the discount, always within its bounds', () => {
    const horizon = fc.double({ min: 0, max: 200, noNaN: true });
    fc.assert(
      fc.property(history, horizon, (row, t) => {
        const [expected, alive, buys] = everyAnswer(fitted, t, row) as [number, number, number];
        const [later, , buysLater] = everyAnswer(fitted, t + 1, row) as [number, number, number];
        expect(alive).toBeGreaterThanOrEqual(0);
        expect(alive).toBeLessThanOrEqual(1);
        expect(buys).toBeGreaterThanOrEqual(0);
        expect(buys).toBeLessThanOrEqual(alive);
        // Markov's inequality: at least one purchase is at most the expected number of them.
        expect(expected).toBeGreaterThanOrEqual(buys * (1 - 1e-10) - 1e-300);
        expect(later).toBeGreaterThanOrEqual(expected * (1 - 1e-12));
        expect(buysLater).toBeGreaterThanOrEqual(buys * (1 - 1e-10));
        const [x, tx, T] = row;
        const low = fitted.discountedExpectedResidualTransactions(0.01, x, tx, T);
        const high = fitted.discountedExpectedResidualTransactions(0.02, x, tx, T);
        expect(low).toBeGreaterThanOrEqual(high);
        expect(low).toBeLessThanOrEqual(2 * high * (1 + 1e-9) + 1e-300);
      }),
      { numRuns: 50 },
    );
    expect(fitted.expectedPurchases(0, 2, 10, 20)).toBe(0);
    expect(fitted.probabilityOfPurchase(0, 2, 10, 20)).toBe(0);
  });

  it('comes back from its stored form the same to the bit, and repeats itself to the bit', () => {
    const restored = fromJSON(JSON.parse(JSON.stringify(fitted)));
    expect(JSON.stringify(restored)).toBe(JSON.stringify(fitted));
    expect(JSON.stringify(purchaseModelFromJSON(fitted.toJSON()))).toBe(JSON.stringify(fitted));
    expect(everyAnswer(restored, 52, [3, 20, 30])).toEqual(everyAnswer(fitted, 52, [3, 20, 30]));
    expect(JSON.stringify(fitModel(data))).toBe(JSON.stringify(fitted));
    for (const part of [fitted, fitted.parameters, fitted.diagnostics])
      expect(Object.isFrozen(part)).toBe(true);
  });

  it('reads what was stored before there were standard errors, and refuses what is not its own', () => {
    const json = fitted.toJSON();
    const { standardErrors, conditionNumber, hessianPositiveDefinite, covariance, ...older } =
      json.diagnostics;
    const restored = fromJSON({ ...json, diagnostics: older });
    expect(restored.diagnostics.hessianPositiveDefinite).toBe(false);
    expect(Object.values(restored.diagnostics.standardErrors)).toEqual([null, null, null, null]);
    expect(restored.diagnostics.covariance).toBeNull();
    const withoutCovariance = fromJSON({ ...json, diagnostics: { ...older, standardErrors } });
    expect(withoutCovariance.diagnostics.standardErrors).toEqual(standardErrors);
    expect(withoutCovariance.diagnostics.covariance).toBeNull();
    for (const stored of [
      null,
      {},
      { ...json, model: 'other' },
      { ...json, version: 2 },
      { ...json, parameters: {} },
    ]) {
      expect(() => fromJSON(stored)).toThrowError(expect.objectContaining({ code: 'MODEL_BAD_INPUT' }));
    }
    expect(() => purchaseModelFromJSON({ ...json, model: 'other' })).toThrowError(badInput);
    expect(() => purchaseModelFromJSON(null)).toThrowError(badInput);
  });

  it('is the same fit in days as in weeks, with weights as with rows, and in any order of rows', () => {
    const days = fitModel({ frequency, recency: recency.map((t) => 7 * t), T: T.map((t) => 7 * t) });
    const weighted = fitModel({ ...data, weight: new Float64Array(T.length).fill(2) });
    const backwards = fitModel({
      frequency: frequency.toReversed(),
      recency: recency.toReversed(),
      T: T.toReversed(),
    });
    for (const other of [days, weighted, backwards]) {
      const inWeeks = other === days ? 7 : 1;
      expect(other.probabilityAlive(3, 20 * inWeeks, 30 * inWeeks)).toBeCloseTo(
        fitted.probabilityAlive(3, 20, 30),
        5,
      );
      expect(other.parameters['r']! / fitted.parameters['r']!).toBeCloseTo(1, 4);
      expect(other.parameters['alpha']! / inWeeks / fitted.parameters['alpha']!).toBeCloseTo(1, 4);
    }
    expect(weighted.diagnostics.customers).toBe(2 * T.length);
    const ratio = weighted.diagnostics.standardErrors['r']! / fitted.diagnostics.standardErrors['r']!;
    expect(ratio).toBeCloseTo(Math.SQRT1_2, 4);
  });

  const degenerate: [string, Row[]][] = [
    ['only one-time buyers', Array.from({ length: 50 }, (_, i): Row => [0, 0, i])],
    ['all on the first day', Array.from({ length: 50 }, (): Row => [0, 0, 0])],
    ['one customer', [[3, 20, 30]]],
    ['one customer of 10,000 purchases', [[10_000, 51, 52]]],
    ['customers all alike', Array.from({ length: 30 }, (): Row => [2, 10, 20])],
  ];

  it.each(degenerate)(
    'throws with advice without a penalty, and has finite answers with one: %s',
    (_, rows) => {
      expect(() => fitModel(toData(rows))).toThrowError(
        expect.objectContaining({
          code: expect.stringMatching(/^MODEL_(BAD_INPUT|NO_CONVERGENCE)$/),
          hint: expect.stringContaining('penalty'),
        }),
      );
      const model = fitModel(toData(rows), { penalty: 0.1 });
      expect([...Object.values(model.parameters), ...everyAnswer(model, 52, rows[0]!)]).toSatisfy(
        (values: number[]) => values.every(Number.isFinite),
      );
    },
  );

  it('answers for histories far from the data: x = 10,000, T = 0, T of centuries', () => {
    const extremes: Row[] = [
      [10_000, 52, 52],
      [10_000, 20, 21],
      [0, 0, 0],
      [1, 1e-9, 1e-9],
      [1, 1, 20_000],
    ];
    for (const row of extremes)
      expect(everyAnswer(fitted, 52, row)).toSatisfy((all: number[]) => all.every(Number.isFinite));
  });

  it('never answers with what is not finite, whatever the few customers', () => {
    fc.assert(
      fc.property(fc.array(history, { minLength: 1, maxLength: 12 }), (rows) => {
        const model = fitModel(toData(rows), { penalty: 0.1 });
        for (const row of rows) expect(everyAnswer(model, 52, row).every(Number.isFinite)).toBe(true);
        expect(model.diagnostics.gradientNorm).toBeLessThan(1e-5);
      }),
      { numRuns: 40 },
    );
  });

  it('refuses rows and arguments that are no history', () => {
    expect(() => fitModel(toData([]))).toThrowError(/no customers/);
    expect(() =>
      fitModel(
        toData([
          [1, 2, 3],
          [2, 5, 4],
        ]),
      ),
    ).toThrowError(/Row 1: recency 5 is after the end/);
    expect(() => fitted.logLikelihoods(toData([[1, 0, 4]]))).toThrowError(/Row 0/);
    expect(() => fitModel(toData([[1, 2, 3]]), { penalty: -1 })).toThrowError(/penalty/);
    expect(() => fitted.expectedPurchases(Number.NaN, 1, 1, 2)).toThrowError(badInput);
    expect(() => fitted.probabilityOfPurchase(-1, 1, 1, 2)).toThrowError(badInput);
    expect(() => fitted.probabilityAlive(1, 3, 2)).toThrowError(badInput);
    expect(() => fitted.purchaseCountDistribution(-1, 1, 1, 2)).toThrowError(badInput);
    expect(() => fitted.purchaseCountDistribution(1e12, 1, 1, 2)).toThrowError(/too long/);
    for (const tail of [0, 1e-13, 1, Number.NaN]) {
      expect(() => fitted.purchaseCountDistribution(1, 1, 1, 2, tail)).toThrowError(/tail/);
    }
    expect(() => fitted.discountedExpectedResidualTransactions(rate, 0, 1, 2)).toThrowError(badInput);
    for (const discount of [0, -0.1, Infinity, Number.NaN]) {
      expect(() => fitted.discountedExpectedResidualTransactions(discount, 1, 1, 2)).toThrowError(badInput);
    }
  });
});
