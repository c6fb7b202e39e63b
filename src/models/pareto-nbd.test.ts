import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fitParetoNbd } from './pareto-nbd.ts';
import { dropoutIntegral } from './pareto-nbd-integral.ts';
import { type ParetoNbdParameters, paretoNbdObjective } from './pareto-nbd-likelihood.ts';
import { pairHistories } from './pareto-nbd-pairs.ts';
import {
  paretoNbdDiscountedPurchases,
  paretoNbdExpectedPurchases,
  paretoNbdProbabilityAlive,
  paretoNbdProbabilityOfPurchase,
  paretoNbdRowLogLikelihood,
} from './pareto-nbd-prediction.ts';
import { Random } from './random.ts';

const published = { r: 0.55315, alpha: 10.57633, s: 0.60625, beta: 11.6715 };
const steep = { r: 0.3, alpha: 0.5, s: 3, beta: 90 };
const dying = { r: 2, alpha: 60, s: 0.2, beta: 1 };

function relativeError(value: number, expected: number): number {
  return Math.abs(value / expected - 1);
}

function integral(k: number, s: number, c: number) {
  const out = { value: 0, byK: 0, byS: 0, byC: 0 };
  dropoutIntegral(k, s, c, out);
  return out;
}

describe('the integral of dropout', () => {
  it('equals its 2F1, evaluated with 40 digits, by either series and by the trapezoidal rule', () => {
    const cases = [
      [0.55, 0.61, 1.1, 0.5130911709182532],
      [26.55, 0.61, 0.98, 0.02289116451890199],
      [10000.5, 0.6, 1.02, 5.881724402152248e-5],
      [0.05, 0.05, 3000, 0.3377211414496241],
      [0.3, 2, 0.001, 0.9997022405517779],
      [40, 8, 0.01, 0.9464648613165908],
      [12, 0.2, 50, 0.00036276786929964],
      [0.7, 30, 1000, 0.1616444259693238],
      [10000.5, 0.6, 0.05, 0.001196239069288837],
      [3, 1, 1, 0.25],
      [2.5, 1.5, 0.2500001, 0.6419752362140032],
      [2.5, 1.5, 0.2499999, 0.6419753810699703],
      [2.5, 1.5, 3.9999, 0.1604967078738008],
      [2.5, 1.5, 4.0001, 0.1604909465569262],
    ] as const;
    for (const [k, s, c, expected] of cases) {
      expect(relativeError(integral(k, s, c).value, expected)).toBeLessThan(1e-13);
    }
  });

  it('has the derivatives of its finite differences', () => {
    const logShape = fc.double({ min: -3, max: 4, noNaN: true });
    const logScale = fc.double({ min: -6, max: 6, noNaN: true });
    fc.assert(
      fc.property(logShape, logShape, logScale, (...logs) => {
        const [k, s, c] = logs.map(Math.exp) as [number, number, number];
        const { value, byK, byS, byC } = integral(k, s, c);
        const analytic = [byK * k, byS * s, byC * c];
        logs.forEach((_, i) => {
          const at = (step: number) => {
            const [k1, s1, c1] = logs.map((v, j) => Math.exp(i === j ? v + step : v)) as [
              number,
              number,
              number,
            ];
            return integral(k1, s1, c1).value;
          };
          const h = 1e-3;
          const slope = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
          expect(Math.abs(slope - analytic[i]!)).toBeLessThan(1e-9 * value + 1e-8 * Math.abs(slope));
        });
      }),
    );
  });

  it('is a probability, and falls with the rate of purchases', () => {
    const shape = fc.double({ min: 0.01, max: 1000, noNaN: true });
    fc.assert(
      fc.property(shape, shape, fc.double({ min: 1e-4, max: 1e4, noNaN: true }), (k, s, c) => {
        const { value, byK } = integral(k, s, c);
        expect(value).toBeGreaterThan(0);
        expect(value).toBeLessThanOrEqual(1 + 1e-13);
        expect(byK).toBeLessThanOrEqual(0);
      }),
    );
  });
});

describe('predictions', () => {
  it('equal their integrals, evaluated with 40 digits: log-likelihood, P(alive), P(at least one), DERT', () => {
    const cases: [ParetoNbdParameters, number, number, number, number, number[]][] = [
      [
        published,
        ...([26, 30.857, 31, 52] as const),
        [-39.13033238882805, 0.9978712782907595, 0.9761367038525949, 86.02759974085413],
      ],
      [
        published,
        ...([2, 30.43, 38.86, 39] as const),
        [-9.554361447053978, 0.869121571145287, 0.5919028805176101, 6.481984507293987],
      ],
      [
        published,
        ...([0, 0, 38.86, 0.01] as const),
        [-0.521161653184664, 0.2951534283137148, 3.301796191285593e-5, 0.4769159834404425],
      ],
      [
        published,
        ...([10_000, 51, 52, 52] as const),
        [40889.84019989068, 1.795300217917765e-66, 1.795193262030883e-66, 4.527686644790766e-62],
      ],
      [published, ...([0, 0, 0, 52] as const), [0, 1, 0.4261923513108832, 3.9546688013576]],
      [
        steep,
        ...([5, 10, 40, 200] as const),
        [-13.16378225525233, 0.005405174044081821, 0.004518955161366704, 0.03621361228319465],
      ],
      [
        dying,
        ...([1, 3, 100, 10] as const),
        [-5.021105868178942, 0.1058636455281954, 0.0174433363548753, 0.5744026152693732],
      ],
    ];
    for (const [parameters, x, tx, T, horizon, [logLikelihood, alive, buys, dert]] of cases) {
      const value = paretoNbdRowLogLikelihood(parameters, x, tx, T);
      expect(Math.abs(value - logLikelihood!)).toBeLessThan(1e-13 * Math.max(1, Math.abs(logLikelihood!)));
      // Of the order of e^-150 in one case: the exponent's rounding is then that of 150.
      expect(relativeError(paretoNbdProbabilityAlive(parameters, x, tx, T), alive!)).toBeLessThan(1e-11);
      expect(
        relativeError(paretoNbdProbabilityOfPurchase(parameters, horizon, x, tx, T), buys!),
      ).toBeLessThan(1e-11);
      expect(relativeError(paretoNbdDiscountedPurchases(parameters, 0.0027, x, tx, T), dert!)).toBeLessThan(
        1e-11,
      );
    }
  });

  it('are those published for the published parameters of the CDNOW sample', () => {
    expect(paretoNbdExpectedPurchases(published, 52, 26, 30.857, 31)).toBeCloseTo(25.456, 3);
    expect(paretoNbdProbabilityAlive(published, 26, 30.857, 31)).toBeCloseTo(0.99787, 5);
    expect(paretoNbdProbabilityOfPurchase(published, 39, 2, 30.43, 38.86)).toBeCloseTo(0.5919, 4);
    expect(paretoNbdProbabilityOfPurchase(published, 30 / 7, 0, 0, 38.86)).toBeCloseTo(0.01295, 5);
  });

  it('pass smoothly through s = 1, where the published formula divides by 0', () => {
    const [below, at, above] = [1 - 1e-9, 1, 1 + 1e-9].map((s) =>
      paretoNbdExpectedPurchases({ ...published, s }, 39, 2, 30.43, 38.86),
    ) as [number, number, number];
    expect(relativeError((below + above) / 2, at)).toBeLessThan(1e-14);
    expect(above).toBeLessThan(below);
  });

  it('take a shape of dropout near 0 as no dropout, in DERT as well', () => {
    const nobody = { ...published, s: 1e-12 };
    const rate = (published.r + 2) / (published.alpha + 38.86);
    expect(relativeError(paretoNbdDiscountedPurchases(nobody, 0.01, 2, 30, 38.86), rate / 0.01)).toBeLessThan(
      1e-9,
    );
    const [below, above] = [0.0499999, 0.0500001].map((s) =>
      paretoNbdDiscountedPurchases({ ...published, s }, 0.01, 2, 30, 38.86),
    ) as [number, number];
    expect(relativeError(below, above)).toBeLessThan(1e-5);
  });
});

function simulateDays(customers: number, seed: number) {
  const random = Random.fromSeed(seed, 'pareto-days');
  const rows = Array.from({ length: customers }, () => {
    const T = 20 + random.integer(10);
    const x = random.integer(4);
    return [x, x === 0 ? 0 : 1 + random.integer(T - 1), T] as const;
  });
  return {
    frequency: Float64Array.from(rows, (row) => row[0]),
    recency: Float64Array.from(rows, (row) => row[1]),
    T: Float64Array.from(rows, (row) => row[2]),
  };
}

describe('the sum over pairs', () => {
  it('holds fewer pairs and rows than customers, and the weight of all', () => {
    const paired = pairHistories(simulateDays(5000, 1));
    expect(paired.pairX.length).toBeLessThan(170);
    // 1/4 are one-time buyers, one row for each of the 10 lengths of observation.
    expect(paired.rowLast.length).toBeLessThan(4000);
    expect(paired.rowWeight.reduce((sum, w) => sum + w, 0)).toBe(5000);
  });

  it('is the sum of the single log-likelihoods', () => {
    const data = simulateDays(300, 2);
    for (const parameters of [published, steep, dying]) {
      const { r, alpha, s, beta } = parameters;
      const point = Float64Array.of(r, alpha, s, beta).map(Math.log);
      const mean = paretoNbdObjective(data)(point, new Float64Array(4));
      const sum = data.T.reduce(
        (total, T, i) =>
          total + paretoNbdRowLogLikelihood(parameters, data.frequency[i]!, data.recency[i]!, T),
        0,
      );
      expect(relativeError(-300 * mean, sum)).toBeLessThan(1e-12);
    }
  });
});

describe('fitParetoNbd', () => {
  it('says so when no dropout is visible, instead of one of the many fits that mean it', () => {
    const random = Random.fromSeed(6, 'nbd');
    const rows = Array.from({ length: 3000 }, () => {
      const rate = random.gamma(0.8, 10);
      let [x, last] = [0, 0];
      for (let t = random.exponential(rate); t <= 30; t += random.exponential(rate)) [x, last] = [x + 1, t];
      return [x, last] as const;
    });
    const model = fitParetoNbd({
      frequency: Float64Array.from(rows, (row) => row[0]),
      recency: Float64Array.from(rows, (row) => row[1]),
      T: new Float64Array(3000).fill(30),
    });
    expect(model.diagnostics.noDropout).toBe(true);
    expect(model.diagnostics.hessianPositiveDefinite).toBe(false);
    expect(model.diagnostics.standardErrors).toEqual({ r: null, alpha: null, s: null, beta: null });
    expect(model.probabilityAlive(3, 10, 30)).toBeGreaterThan(0.999);
    const nbd = ((model.parameters['r'] + 3) / (model.parameters['alpha'] + 30)) * 10;
    expect(relativeError(model.expectedPurchases(10, 3, 10, 30), nbd)).toBeLessThan(1e-3);
  });
});
