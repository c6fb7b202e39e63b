import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fitGammaGamma, gammaGammaFromJSON } from './gamma-gamma.ts';
import { gammaGammaObjective, summarizeSpend } from './gamma-gamma-likelihood.ts';
import { Random } from './random.ts';
import { lgamma } from './special-functions.ts';

const cdnow = { p: 6.25, q: 3.74, gamma: 15.44 };

function simulate(customers: number, seed: number, { p, q, gamma } = cdnow) {
  const random = Random.fromSeed(seed, 'gamma-gamma');
  const frequency = Float64Array.from({ length: customers }, () => random.integer(6));
  // The mean of x gammas of shape p and rate nu is a gamma of shape px and rate nu x.
  const monetaryValue = frequency.map((x) => (x === 0 ? 0 : random.gamma(p * x, random.gamma(q, gamma) * x)));
  return { frequency, monetaryValue };
}

const row = fc.tuple(fc.integer({ min: 1, max: 300 }), fc.double({ min: 0.01, max: 1e6, noNaN: true }));

function toData(rows: readonly (readonly [number, number])[]) {
  return {
    frequency: Float64Array.from(rows, ([x]) => x),
    monetaryValue: Float64Array.from(rows, ([, m]) => m),
  };
}

describe('the log-likelihood', () => {
  const natural = fc.double({ min: 0.1, max: 30, noNaN: true });

  it('is eq. (1a) of the note, term by term', () => {
    fc.assert(
      fc.property(
        fc.array(row, { minLength: 1, maxLength: 8 }),
        natural,
        natural,
        natural,
        (rows, p, q, gamma) => {
          const { frequency, monetaryValue } = toData(rows);
          const statistics = summarizeSpend(frequency, monetaryValue);
          const v = gamma * statistics.scale;
          const expected = rows.reduce((sum, [x, m]) => {
            const gammas = lgamma(p * x + q) - lgamma(p * x) - lgamma(q);
            const powers = q * Math.log(v) + (p * x - 1) * Math.log(m) + p * x * Math.log(x);
            return sum + gammas + powers - (p * x + q) * Math.log(x * m + v);
          }, 0);
          const point = Float64Array.of(Math.log(p), Math.log(q), Math.log(gamma));
          const mean = gammaGammaObjective(statistics)(point, new Float64Array(3));
          const value = -rows.length * (mean + Math.log(statistics.scale));
          expect(Math.abs(value - expected)).toBeLessThan(1e-8 * Math.max(1, Math.abs(expected)));
        },
      ),
    );
  });

  it('has the gradient of its finite differences', () => {
    const point = fc.array(fc.double({ min: -2, max: 3, noNaN: true }), { minLength: 3, maxLength: 3 });
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 10 }), point, (rows, start) => {
        const { frequency, monetaryValue } = toData(rows);
        const objective = gammaGammaObjective(summarizeSpend(frequency, monetaryValue));
        const gradient = new Float64Array(3);
        objective(Float64Array.from(start), gradient);
        for (let i = 0; i < 3; i++) {
          const at = (step: number) =>
            objective(
              Float64Array.from(start, (v, j) => (i === j ? v + step : v)),
              new Float64Array(3),
            );
          const h = 1e-4;
          const slope = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
          expect(Math.abs(slope - gradient[i]!)).toBeLessThan(1e-6 * Math.max(1, Math.abs(slope)));
        }
      }),
    );
  });
});

describe('fitGammaGamma', () => {
  it('gets simulated parameters back within 3 of its own standard errors', () => {
    for (const seed of [1, 2]) {
      const { parameters, diagnostics } = fitGammaGamma(simulate(40_000, seed));
      expect(diagnostics.hessianPositiveDefinite).toBe(true);
      for (const name of ['p', 'q', 'gamma'] as const) {
        const standardError = diagnostics.standardErrors[name]!;
        expect(standardError / cdnow[name]).toBeLessThan(0.06);
        expect(Math.abs(parameters[name] - cdnow[name])).toBeLessThan(3 * standardError);
      }
    }
  });

  it('has standard errors of the size by which fits to other customers scatter', () => {
    const fits = Array.from({ length: 30 }, (_, i) => fitGammaGamma(simulate(4000, 50 + i)));
    for (const name of ['p', 'q', 'gamma'] as const) {
      const logs = fits.map(({ parameters }) => Math.log(parameters[name]));
      const mean = logs.reduce((sum, value) => sum + value, 0) / 30;
      const scatter = Math.sqrt(logs.reduce((sum, value) => sum + (value - mean) ** 2, 0) / 29);
      const stated = fits
        .map(({ parameters, diagnostics }) => diagnostics.standardErrors[name]! / parameters[name])
        .toSorted((u, v) => u - v)[15]!;
      // The standard deviation of 30 values is itself known to 13 %.
      expect(scatter / stated).toBeGreaterThan(0.6);
      expect(scatter / stated).toBeLessThan(1.5);
    }
  });

  it('reports the log-likelihood that its customers sum up to, 0 for one-time buyers', () => {
    const data = simulate(500, 8);
    const model = fitGammaGamma(data);
    const rows = model.logLikelihoods(data);
    expect(rows.reduce((sum, value) => sum + value, 0)).toBeCloseTo(model.diagnostics.logLikelihood, 8);
    expect(data.frequency.every((x, i) => x > 0 || rows[i] === 0)).toBe(true);
    const { standardErrors, conditionNumber, hessianPositiveDefinite, ...older } = model.diagnostics;
    const restored = gammaGammaFromJSON({ ...model.toJSON(), diagnostics: older });
    expect(restored.diagnostics.standardErrors).toEqual({ p: null, q: null, gamma: null });
  });

  it('expects something between the population and the customer, nearer to the customer with each purchase', () => {
    const model = fitGammaGamma(simulate(5000, 3));
    const population = model.diagnostics.populationMean;
    expect(model.expectedSpend(0, 0)).toBe(population);
    let previous = population;
    for (const x of [1, 2, 5, 20, 10_000]) {
      const spend = model.expectedSpend(x, 100);
      expect(spend).toBeGreaterThan(previous);
      expect(spend).toBeLessThan(100);
      previous = spend;
    }
    expect(model.expectedSpend(10_000, 100)).toBeCloseTo(100, 1);
    expect(model.expectedSpend(3, 0)).toBeGreaterThan(0);
    expect(model.expectedSpend(3, 1e9)).toBeLessThan(1e9);
  });

  it('does not hang on the unit of money', () => {
    const data = simulate(2000, 4);
    const roubles = fitGammaGamma(data);
    const kopecks = fitGammaGamma({ ...data, monetaryValue: data.monetaryValue.map((m) => 100 * m) });
    expect(kopecks.parameters.q).toBeCloseTo(roubles.parameters.q, 4);
    expect(kopecks.expectedSpend(2, 5000) / 100).toBeCloseTo(roubles.expectedSpend(2, 50), 4);
    const shift = roubles.diagnostics.customers * Math.log(100);
    expect(kopecks.diagnostics.logLikelihood).toBeCloseTo(roubles.diagnostics.logLikelihood - shift, 4);
  });

  it('ties the population mean to the observed one where tails are so heavy that the free fit has none', () => {
    const data = simulate(3000, 5, { p: 2, q: 0.7, gamma: 5 });
    const { diagnostics, parameters, expectedSpend } = fitGammaGamma(data);
    const values = data.monetaryValue.filter((_, i) => data.frequency[i]! > 0);
    const observed = values.reduce((sum, m) => sum + m, 0) / values.length;
    expect(diagnostics.meanTied).toBe(true);
    // On the surface p gamma = mean (q - 1), with the mean taken for known, gamma has the error of (q - 1) / p.
    const { p, q, gamma } = diagnostics.standardErrors;
    const share = [p! / parameters.p, q! / (parameters.q - 1)] as const;
    expect(gamma! / parameters.gamma).toBeLessThanOrEqual(share[0] + share[1]);
    expect(gamma! / parameters.gamma).toBeGreaterThanOrEqual(Math.abs(share[0] - share[1]));
    expect(parameters.q).toBeGreaterThan(1);
    expect(expectedSpend(0, 0) / observed).toBeCloseTo(1, 9);
    expect(expectedSpend(1, 10)).toSatisfy(Number.isFinite);
  });

  it('throws with advice without a penalty, and has finite answers with one, where data are degenerate', () => {
    const degenerate = [
      toData([[1, 20]]),
      toData([[10_000, 1e9]]),
      toData(Array.from({ length: 40 }, () => [2, 25] as const)),
    ];
    for (const data of degenerate) {
      expect(() => fitGammaGamma(data)).toThrowError(
        expect.objectContaining({ code: 'MODEL_NO_CONVERGENCE', hint: expect.stringContaining('penalty') }),
      );
      const model = fitGammaGamma(data, { penalty: 0.1 });
      expect(model.expectedSpend(0, 0)).toSatisfy(Number.isFinite);
      expect(model.expectedSpend(5, 30)).toSatisfy(Number.isFinite);
    }
  });

  it('has positive finite answers for any few customers with a penalty', () => {
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 12 }), (rows) => {
        const model = fitGammaGamma(toData(rows), { penalty: 0.1 });
        const spend = model.expectedSpend(...rows[0]!);
        expect(spend).toSatisfy(Number.isFinite);
        expect(spend).toBeGreaterThan(0);
        expect(model.diagnostics.populationMean).toBeLessThan(1e12);
      }),
    );
  });

  it('names the row of bad input, and says when there is none to fit', () => {
    for (const bad of [
      [1, 0],
      [1, -5],
      [1, Number.NaN],
      [1, Infinity],
      [-1, 5],
      [1.5, 5],
    ] as const) {
      expect(() => fitGammaGamma(toData([[1, 20], bad]))).toThrowError(
        expect.objectContaining({ code: 'MODEL_BAD_INPUT', details: expect.objectContaining({ row: 1 }) }),
      );
    }
    expect(() => fitGammaGamma(toData([]))).toThrowError(/No customer/);
    expect(() => fitGammaGamma(toData([[0, 0]]))).toThrowError(/No customer/);
    expect(() => fitGammaGamma({ ...toData([[1, 20]]), frequency: Float64Array.of(1, 2) })).toThrowError(
      /length/,
    );
    const model = fitGammaGamma(simulate(500, 6));
    expect(() => model.expectedSpend(Number.NaN, 5)).toThrowError(/Not a spend history/);
    expect(() => model.expectedSpend(1, -5)).toThrowError(/Not a spend history/);
  });

  it('comes back from its stored form, repeats itself to the bit, and passes over one-time buyers', () => {
    const data = simulate(500, 7);
    const model = fitGammaGamma(data);
    const restored = gammaGammaFromJSON(JSON.parse(JSON.stringify(model)));
    expect(restored.expectedSpend(2, 30)).toBe(model.expectedSpend(2, 30));
    expect(restored.diagnostics).toEqual(model.diagnostics);
    expect(JSON.stringify(fitGammaGamma(data))).toBe(JSON.stringify(model));
    expect(model.diagnostics.customers).toBe(data.frequency.filter((x) => x > 0).length);
    expect(() => gammaGammaFromJSON({ ...model.toJSON(), version: 0 })).toThrowError(/version/);
  });
});
