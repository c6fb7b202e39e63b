import { describe, expect, it } from 'vitest';
import { fitBgNbd } from './bg-nbd.ts';
import { bgNbdLikelihood } from './bg-nbd-hessian.ts';
import { minimize } from './optimize.ts';
import { Random } from './random.ts';
import { minimizeFromSample } from './warm-start.ts';

const customers = 80_000;

/** BG/NBD with CDNOW's parameters, moments in weeks that are all distinct. */
function simulate() {
  const random = Random.fromSeed(1, 'warm start');
  const [frequency, recency, T] = [1, 2, 3].map(() => new Float64Array(customers)) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  for (let i = 0; i < customers; i++) {
    T[i] = 27 + 12 * random.uniform();
    const [rate, dropout] = [Math.max(1e-12, random.gamma(0.243, 4.414)), random.beta(0.793, 2.426)];
    for (let t = random.exponential(rate); t <= T[i]!; t += random.exponential(rate)) {
      frequency[i]! += 1;
      recency[i] = t;
      if (random.bernoulli(dropout)) break;
    }
  }
  return { frequency, recency, T };
}

describe('a fit that starts from a sample', () => {
  const data = simulate();
  const { objective } = bgNbdLikelihood(data, 0);
  const cold = minimize(objective, new Float64Array(4));
  const objectiveOf = (part: typeof data) => bgNbdLikelihood(part, 0).objective;

  it('ends where the fit without one ends, after less than half of the evaluations', () => {
    const warm = minimizeFromSample(objective, data, objectiveOf, new Float64Array(4));
    expect(warm.evaluations).toBeLessThan(cold.evaluations / 2);
    cold.point.forEach((value, i) => {
      expect(Math.abs(warm.point[i]! - value)).toBeLessThan(1e-5);
    });
  });

  it('starts without one where the sample has no minimum', () => {
    // Every sixteenth customer, those of the sample, bought once.
    const frequency = data.frequency.map((x, i) => (i % 16 === 0 ? 0 : x));
    const recency = data.recency.map((tx, i) => (i % 16 === 0 ? 0 : tx));
    const lopsided = { ...data, frequency, recency };
    const centre = Float64Array.of(0, 3.5, 0, 0);
    const found = minimizeFromSample(objectiveOf(lopsided), lopsided, objectiveOf, centre);
    expect(found.point).toEqual(minimize(objectiveOf(lopsided), centre).point);
    expect(fitBgNbd(lopsided).diagnostics.hessianPositiveDefinite).toBe(true);
  });
});
