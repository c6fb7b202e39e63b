import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bgNbdFromJSON, fitBgNbd } from './bg-nbd.ts';
import {
  bgNbdLogLikelihood,
  bgNbdObjective,
  bgNbdRowLogLikelihood,
  summarizeHistories,
} from './bg-nbd-likelihood.ts';
import {
  bgNbdExpectedPurchases,
  bgNbdProbabilityAlive,
  bgNbdProbabilityOfPurchase,
} from './bg-nbd-prediction.ts';
import type { PurchaseFitOptions } from './purchase-model.ts';
import { Random } from './random.ts';
import { lbeta, lgamma } from './special-functions.ts';

const cdnow = { r: 0.243, alpha: 4.414, a: 0.793, b: 2.426 };
type Row = readonly [x: number, tx: number, T: number];

function toData(rows: readonly Row[]) {
  return {
    frequency: Float64Array.from(rows, (row) => row[0]),
    recency: Float64Array.from(rows, (row) => row[1]),
    T: Float64Array.from(rows, (row) => row[2]),
  };
}

function simulate(customers: number, seed: number, parameters = cdnow) {
  const random = Random.fromSeed(seed, 'bg-nbd');
  const rows: Row[] = [];
  for (let i = 0; i < customers; i++) {
    const T = 27 + 12 * random.uniform();
    const rate = Math.max(1e-12, random.gamma(parameters.r, parameters.alpha));
    const dropout = random.beta(parameters.a, parameters.b);
    let [x, last] = [0, 0];
    for (let t = random.exponential(rate); t <= T; t += random.exponential(rate)) {
      x++;
      last = t;
      if (random.bernoulli(dropout)) break;
    }
    rows.push([x, last, T]);
  }
  return toData(rows);
}

/** Inverse of a small matrix by Gauss and Jordan, for the standard errors. */
function inverse(matrix: number[][]): number[][] {
  const n = matrix.length;
  const work = matrix.map((row, i) => [...row, ...row.map((_, j) => (i === j ? 1 : 0))]);
  for (let k = 0; k < n; k++) {
    const pivot = work[k]!.map((value) => value / work[k]![k]!);
    work.forEach((row, i) => {
      const factor = row[k]!;
      work[i] = i === k ? pivot : row.map((value, j) => value - factor * pivot[j]!);
    });
  }
  return work.map((row) => row.slice(n));
}

const history = fc
  .tuple(
    fc.integer({ min: 0, max: 200 }),
    fc.double({ min: 0.01, max: 1, noNaN: true }),
    fc.double({ min: 0.1, max: 500, noNaN: true }),
  )
  .map(([x, share, T]): Row => [x, x === 0 ? 0 : share * T, T]);
const shape = fc.double({ min: 0.05, max: 20, noNaN: true });
const parameterSet = fc.record({
  r: shape,
  alpha: fc.double({ min: 0.5, max: 100, noNaN: true }),
  a: shape,
  b: shape,
});

describe('the log-likelihood', () => {
  it('is eq. (6) of the paper, term by term', () => {
    fc.assert(
      fc.property(fc.array(history, { minLength: 1, maxLength: 8 }), parameterSet, (rows, parameters) => {
        const { r, alpha, a, b } = parameters;
        const expected = rows.reduce((sum, [x, tx, T]) => {
          const counting = lgamma(r + x) - lgamma(r) + r * Math.log(alpha);
          const alive = lbeta(a, b + x) - lbeta(a, b) - (r + x) * Math.log(alpha + T);
          const gone = lbeta(a + 1, b + x - 1) - lbeta(a, b) - (r + x) * Math.log(alpha + tx);
          const either =
            x === 0 ? alive : Math.max(alive, gone) + Math.log1p(Math.exp(-Math.abs(alive - gone)));
          return sum + counting + either;
        }, 0);
        const value = bgNbdLogLikelihood(summarizeHistories(toData(rows)), parameters, new Float64Array(4));
        expect(Math.abs(value - expected)).toBeLessThan(1e-9 * Math.max(1, Math.abs(expected)));
      }),
    );
  });

  it('is the sum over the customers where more times are distinct than are looked up, with a chance at the start too', () => {
    const data = simulate(20_000, 12);
    for (const chances of [0, 1] as const) {
      const value = bgNbdLogLikelihood(summarizeHistories(data, chances), cdnow, new Float64Array(4));
      const { frequency, recency, T } = data;
      const expected = T.reduce(
        (sum, t, i) => sum + bgNbdRowLogLikelihood(cdnow, frequency[i]!, recency[i]!, t, chances),
        0,
      );
      expect(Math.abs(value / expected - 1)).toBeLessThan(1e-12);
    }
  });

  it('has the gradient of its finite differences', () => {
    const point = fc.array(fc.double({ min: -2, max: 3, noNaN: true }), { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(fc.array(history, { minLength: 1, maxLength: 20 }), point, (rows, start) => {
        const objective = bgNbdObjective(summarizeHistories(toData(rows)));
        const gradient = new Float64Array(4);
        objective(Float64Array.from(start), gradient);
        for (let i = 0; i < 4; i++) {
          const at = (step: number) =>
            objective(
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
});

describe('predictions', () => {
  it('equal eq. (10), evaluated with 60 digits of 2F1, where doubles cannot evaluate it as written', () => {
    const cases: [typeof cdnow, number, number, number, number, number][] = [
      [cdnow, 52, 26, 30.857, 31, 25.75640693651372],
      [cdnow, 52, 0, 0, 0, 1.4460505953964038],
      [{ ...cdnow, a: 1.0000001 }, 39, 2, 30.43, 38.86, 1.1021367314169068],
      [{ r: 0.7, alpha: 8.3, a: 2e-7, b: 40_000 }, 52, 3, 10, 20, 6.798586572120832],
      [{ r: 0.5, alpha: 3, a: 0.2, b: 0.3 }, 52, 0, 0, 20, 0.8009135724069164],
      [cdnow, 1e-9, 2, 30.43, 38.86, 3.766039036561609e-11],
      [cdnow, 52, 10_000, 52, 52, 6994.567510074172],
      [cdnow, 52, 10_000, 20, 21, 7.1383861771239e-167],
      [{ r: 2, alpha: 10, a: 30, b: 80 }, 520, 5, 40, 50, 1.723655666219941],
      [{ ...cdnow, alpha: 0.1 }, 520, 0, 0, 0, 19.47777405528726],
    ];
    for (const [parameters, horizon, x, tx, T, expected] of cases) {
      const value = bgNbdExpectedPurchases(parameters, horizon, x, tx, T);
      expect(Math.abs(value / expected - 1)).toBeLessThan(1e-11);
    }
  });

  it('are probabilities and counts for any history, and grow with the horizon', () => {
    const horizon = fc.double({ min: 0, max: 200, noNaN: true });
    fc.assert(
      fc.property(parameterSet, history, horizon, (parameters, [x, tx, T], t) => {
        const alive = bgNbdProbabilityAlive(parameters, x, tx, T);
        const buys = bgNbdProbabilityOfPurchase(parameters, t, x, tx, T);
        const purchases = bgNbdExpectedPurchases(parameters, t, x, tx, T);
        expect(alive).toBeGreaterThanOrEqual(0);
        expect(alive).toBeLessThanOrEqual(1);
        expect(buys).toBeGreaterThanOrEqual(0);
        expect(buys).toBeLessThanOrEqual(alive);
        // Markov's inequality: at least one purchase is at most the expected number of them.
        expect(purchases).toBeGreaterThanOrEqual(buys * (1 - 1e-12) - 1e-300);
        const later = bgNbdExpectedPurchases(parameters, t + 1, x, tx, T);
        expect(later).toBeGreaterThanOrEqual(purchases * (1 - 1e-12));
      }),
    );
  });

  it('agree with simulated futures of newcomers', () => {
    const { frequency, T } = simulate(40_000, 11);
    const actual = frequency.reduce((sum, x) => sum + x, 0);
    const buyers = frequency.filter((x) => x > 0).length;
    const expected = T.reduce((sum, t) => sum + bgNbdExpectedPurchases(cdnow, t, 0, 0, 0), 0);
    const expectedBuyers = T.reduce((sum, t) => sum + bgNbdProbabilityOfPurchase(cdnow, t, 0, 0, 0), 0);
    expect(Math.abs(actual / expected - 1)).toBeLessThan(0.03);
    expect(Math.abs(buyers / expectedBuyers - 1)).toBeLessThan(0.02);
  });

  it('refuse what is no history, and a horizon out of proportion', () => {
    const calls: [number, number, number, number][] = [
      [Number.NaN, 1, 1, 2],
      [10, -1, 0, 2],
      [10, 1, 3, 2],
      [10, 0, 1, 2],
      [10, 1, 1, Infinity],
      [-1, 1, 1, 2],
      [1e12, 1, 1, 2],
    ];
    for (const [horizon, x, tx, T] of calls) {
      expect(() => bgNbdExpectedPurchases(cdnow, horizon, x, tx, T)).toThrowError(
        expect.objectContaining({ code: 'MODEL_BAD_INPUT', hint: expect.any(String) }),
      );
    }
  });
});

describe('fitBgNbd', () => {
  it('gets simulated parameters back within 3 standard errors', () => {
    for (const seed of [1, 2, 3]) {
      const truth = seed === 3 ? { r: 1.5, alpha: 8, a: 0.4, b: 3 } : cdnow;
      const data = simulate(20_000, seed, truth);
      const { parameters } = fitBgNbd(data);
      const fitted = [parameters.r, parameters.alpha, parameters.a, parameters.b].map(Math.log);
      const objective = bgNbdObjective(summarizeHistories(data));
      const h = 1e-4;
      const hessian = fitted.map((_, i) => {
        const gradientAt = (step: number) => {
          const gradient = new Float64Array(4);
          objective(
            Float64Array.from(fitted, (v, j) => (i === j ? v + step : v)),
            gradient,
          );
          return gradient;
        };
        const [up, down] = [gradientAt(h), gradientAt(-h)];
        return [...up].map((value, j) => (20_000 * (value - down[j]!)) / (2 * h));
      });
      const covariance = inverse(hessian);
      [truth.r, truth.alpha, truth.a, truth.b].map(Math.log).forEach((value, i) => {
        const standardError = Math.sqrt(covariance[i]![i]!);
        expect(standardError).toBeLessThan(0.2);
        expect(Math.abs(fitted[i]! - value)).toBeLessThan(3 * standardError);
      });
    }
  });

  it('stands at a maximum: no neighbour is more likely', () => {
    const data = simulate(2000, 5);
    const { parameters, diagnostics } = fitBgNbd(data);
    const statistics = summarizeHistories(data);
    for (const name of ['r', 'alpha', 'a', 'b'] as const) {
      for (const factor of [0.98, 1.02]) {
        const neighbour = { ...parameters, [name]: parameters[name] * factor };
        expect(bgNbdLogLikelihood(statistics, neighbour, new Float64Array(4))).toBeLessThan(
          diagnostics.logLikelihood,
        );
      }
    }
  });

  it('takes a weight for as many equal rows', () => {
    const data = simulate(500, 6);
    const twice = (values: Float64Array) => Float64Array.from([...values, ...values]);
    const repeated = fitBgNbd({
      frequency: twice(data.frequency),
      recency: twice(data.recency),
      T: twice(data.T),
    });
    const weighted = fitBgNbd({ ...data, weight: new Float64Array(500).fill(2) });
    expect(weighted.parameters.a).toBeCloseTo(repeated.parameters.a, 6);
    expect(weighted.diagnostics.customers).toBe(1000);
    expect(weighted.diagnostics.logLikelihood).toBeCloseTo(repeated.diagnostics.logLikelihood, 6);
  });

  it('names the row and the cure of bad input', () => {
    const good: Row = [1, 2, 3];
    const bad: [Row, string][] = [
      [[Number.NaN, 2, 3], 'frequency NaN'],
      [[1.5, 2, 3], 'frequency 1.5'],
      [[-1, 0, 3], 'frequency -1'],
      [[1, -2, 3], 'recency -2'],
      [[1, 4, 3], 'after the end'],
      [[0, 1, 3], 'without a repeat purchase'],
      [[1, 0, 3], 'recency 0'],
      [[1, 2, Number.NaN], 'T NaN'],
      [[1, 2, Infinity], 'T Infinity'],
    ];
    for (const [row, text] of bad) {
      expect(() => fitBgNbd(toData([good, good, row]))).toThrowError(
        expect.objectContaining({
          code: 'MODEL_BAD_INPUT',
          message: expect.stringMatching(new RegExp(`Row 2: .*${text}`)),
          details: expect.objectContaining({ row: 2 }),
          hint: expect.any(String),
        }),
      );
    }
    expect(() => fitBgNbd(toData([]))).toThrowError(/no customers/);
    expect(() => fitBgNbd({ ...toData([good]), T: Float64Array.of(3, 4) })).toThrowError(/length/);
    expect(() => fitBgNbd({ ...toData([good]), weight: Float64Array.of(-1) })).toThrowError(/weight -1/);
    expect(() => fitBgNbd({ ...toData([good]), weight: Float64Array.of(0) })).toThrowError(/weights/);
    expect(() => fitBgNbd(toData([good]), { penalty: -1 })).toThrowError(/penalty/);
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
      const data = toData(rows);
      const attempt = (options: PurchaseFitOptions) => fitBgNbd(data, options);
      expect(() => attempt({})).toThrowError(
        expect.objectContaining({
          code: expect.stringMatching(/^MODEL_(BAD_INPUT|NO_CONVERGENCE)$/),
          hint: expect.stringContaining('penalty'),
        }),
      );
      const model = attempt({ penalty: 0.1 });
      const [x, tx, T] = rows[0]!;
      for (const value of [
        ...Object.values(model.parameters),
        model.diagnostics.logLikelihood,
        model.expectedPurchases(52, x, tx, T),
        model.probabilityAlive(x, tx, T),
        model.probabilityOfPurchase(4, x, tx, T),
      ]) {
        expect(value).toSatisfy(Number.isFinite);
      }
    },
  );

  it('never answers with what is not finite, whatever the few customers', () => {
    const fewCustomers = fc.array(history, { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(fewCustomers, (rows) => {
        const model = fitBgNbd(toData(rows), { penalty: 0.1 });
        for (const [x, tx, T] of rows) {
          expect(model.expectedPurchases(52, x, tx, T)).toSatisfy(Number.isFinite);
          expect(model.probabilityOfPurchase(4, x, tx, T)).toBeLessThanOrEqual(1);
        }
        expect(model.diagnostics.gradientNorm).toBeLessThan(1e-5);
      }),
    );
  });

  it('says so when no dropout is visible: the model is then NBD', () => {
    const random = Random.fromSeed(4, 'nbd');
    const rows = Array.from({ length: 3000 }, (): Row => {
      const rate = random.gamma(0.8, 10);
      const T = 30;
      let [x, last] = [0, 0];
      for (let t = random.exponential(rate); t <= T; t += random.exponential(rate)) [x, last] = [x + 1, t];
      return [x, last, T];
    });
    const { parameters, diagnostics, probabilityAlive, expectedPurchases } = fitBgNbd(toData(rows));
    expect(diagnostics.noDropout).toBe(true);
    expect(probabilityAlive(3, 10, 30)).toBeGreaterThan(0.999);
    const nbd = ((parameters.r + 3) / (parameters.alpha + 30)) * 10;
    expect(Math.abs(expectedPurchases(10, 3, 10, 30) / nbd - 1)).toBeLessThan(1e-3);
  });

  it('hardly moves with a penalty of 0.1 where there are customers enough', () => {
    const data = simulate(5000, 7);
    const free = fitBgNbd(data);
    const penalised = fitBgNbd(data, { penalty: 0.1 });
    expect(penalised.diagnostics.logLikelihood).toBeLessThanOrEqual(free.diagnostics.logLikelihood);
    const [left, right] = [free, penalised].map((model) => model.expectedPurchases(52, 3, 20, 30)) as [
      number,
      number,
    ];
    expect(Math.abs(left / right - 1)).toBeLessThan(0.01);
  });
});

describe('the stored form', () => {
  it('comes back as the same model, frozen', () => {
    const model = fitBgNbd(simulate(500, 8));
    const restored = bgNbdFromJSON(JSON.parse(JSON.stringify(model)));
    expect(restored.parameters).toEqual(model.parameters);
    expect(restored.diagnostics).toEqual(model.diagnostics);
    expect(restored.expectedPurchases(52, 3, 20, 30)).toBe(model.expectedPurchases(52, 3, 20, 30));
    expect(
      Object.isFrozen(model) && Object.isFrozen(model.parameters) && Object.isFrozen(model.diagnostics),
    ).toBe(true);
  });

  it('is refused when it is another model, another version or broken', () => {
    const json = fitBgNbd(simulate(500, 8)).toJSON();
    const broken = [
      null,
      'text',
      {},
      { ...json, model: 'gamma-gamma' },
      { ...json, version: 2 },
      { ...json, diagnostics: undefined },
      { ...json, parameters: { ...json.parameters, a: -1 } },
      { ...json, parameters: { r: 1, alpha: 1, a: 1 } },
    ];
    for (const stored of broken) {
      expect(() => bgNbdFromJSON(stored)).toThrowError(expect.objectContaining({ code: 'MODEL_BAD_INPUT' }));
    }
  });
});
