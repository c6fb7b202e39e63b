import { describe, expect, it } from 'vitest';
import { AliasTable, Random } from './random.ts';

const draws = 200_000;

/** Mean and variance, with the standard errors that a sample of this size has for them (fourth moment included). */
function moments(next: () => number): {
  mean: number;
  variance: number;
  meanError: number;
  varianceError: number;
} {
  const sample = Float64Array.from({ length: draws }, next);
  const mean = sample.reduce((sum, x) => sum + x, 0) / draws;
  let second = 0;
  let fourth = 0;
  for (const x of sample) {
    second += (x - mean) ** 2 / draws;
    fourth += (x - mean) ** 4 / draws;
  }
  return {
    mean,
    variance: second,
    meanError: Math.sqrt(second / draws),
    varianceError: Math.sqrt((fourth - second * second) / draws),
  };
}

/** Within 4 standard errors: with a fixed seed this either always passes or always fails. */
function expectMoments(next: () => number, mean: number, variance: number): void {
  const found = moments(next);
  expect(Math.abs(found.mean - mean)).toBeLessThan(4 * found.meanError);
  expect(Math.abs(found.variance - variance)).toBeLessThan(4 * found.varianceError);
}

describe('xoshiro128**', () => {
  it("gives the reference implementation's numbers from state 1, 2, 3, 4 (xoshiro128starstar.c 1.1)", () => {
    const random = Random.fromState([1, 2, 3, 4]);
    expect(Array.from({ length: 10 }, () => random.uint32())).toEqual([
      11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804,
    ]);
  });

  it('is the same to the bit for the same seed and stream, and never changes between releases', () => {
    const sequence = (seed: number, stream?: string) => {
      const random = Random.fromSeed(seed, stream);
      return [random.uint32(), random.uint32(), random.uint32()];
    };
    expect(sequence(42, 'catalogue')).toEqual(sequence(42, 'catalogue'));
    expect(sequence(42)).toEqual([1263912793, 3279471478, 3061120254]);
  });

  it('gives other numbers for another seed, another stream, and seeds above 32 bits', () => {
    const first = new Set<string>();
    const seeds = [0, 1, 42, 43, 2 ** 32, 2 ** 32 + 42, 2 ** 53 - 1];
    const streams = ['', 'a', 'b', 'ab', 'ba', 'customer 1', 'customer 2', '\0', '\0\0'];
    for (const seed of seeds) {
      for (const stream of streams) {
        const random = Random.fromSeed(seed, stream);
        first.add(`${random.uint32()} ${random.uint32()}`);
      }
    }
    expect(first.size).toBe(seeds.length * streams.length);
  });

  it('makes streams that do not go together', () => {
    // First numbers of 200,000 neighbouring streams: uniform, and uncorrelated from one stream to the next.
    const firsts = Float64Array.from({ length: draws }, (_, i) =>
      Random.fromSeed(7, `customer ${i}`).uniform(),
    );
    let i = 0;
    expectMoments(() => firsts[i++] as number, 1 / 2, 1 / 12);
    let covariance = 0;
    for (let k = 1; k < draws; k++)
      covariance += ((firsts[k] as number) - 0.5) * ((firsts[k - 1] as number) - 0.5);
    expect(Math.abs(covariance / draws)).toBeLessThan(4 / 12 / Math.sqrt(draws));
  });

  it.each([-1, 1.5, Number.NaN, 2 ** 53])('refuses the seed %s', (seed) => {
    expect(() => Random.fromSeed(seed)).toThrow(/seed/);
  });
});

describe('distributions have their textbook moments', () => {
  const random = Random.fromSeed(1, 'moments');
  it('uniform', () => expectMoments(() => random.uniform(), 1 / 2, 1 / 12));
  it('normal', () => expectMoments(() => random.normal(3, 2), 3, 4));
  it('exponential', () => expectMoments(() => random.exponential(4), 1 / 4, 1 / 16));
  it.each([
    [0.05, 2],
    [0.243, 4.414],
    [1, 1],
    [6.25, 0.5],
    [400, 3],
  ])('gamma(%f, %f)', (shape, rate) =>
    expectMoments(() => random.gamma(shape, rate), shape / rate, shape / rate ** 2),
  );
  it.each([
    [0.793, 2.426],
    [0.02, 0.03],
    [50, 7],
  ])('beta(%f, %f)', (a, b) =>
    expectMoments(() => random.beta(a, b), a / (a + b), (a * b) / ((a + b) ** 2 * (a + b + 1))),
  );
  it.each([0.2, 3, 16, 100.5])('poisson(%f)', (mean) =>
    expectMoments(() => random.poisson(mean), mean, mean),
  );
  it('bernoulli', () => expectMoments(() => Number(random.bernoulli(0.3)), 0.3, 0.21));
  it('integer', () => expectMoments(() => random.integer(6), 2.5, 35 / 12));
});

describe('edges', () => {
  it('beta stays a number where both gammas would underflow', () => {
    const random = Random.fromSeed(3);
    for (let i = 0; i < 1000; i++) {
      const p = random.beta(1e-4, 1e-4);
      expect(p >= 0 && p <= 1).toBe(true);
    }
  });

  it('poisson of 0 is 0', () => expect(Random.fromSeed(3).poisson(0)).toBe(0));

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('refuses the shape %s', (shape) => {
    expect(() => Random.fromSeed(3).gamma(shape)).toThrow(/shape/);
  });
});

describe('choosing', () => {
  const weights = [5, 0, 1, 3, 1];

  it.each(['categorical', 'alias table'])(
    '%s draws in proportion to the weights, and never a weight of 0',
    (how) => {
      const random = Random.fromSeed(9, how);
      const table = new AliasTable(weights);
      const counts = new Float64Array(weights.length);
      for (let i = 0; i < draws; i++) {
        const drawn = how === 'categorical' ? random.categorical(weights) : table.sample(random);
        counts[drawn] = (counts[drawn] as number) + 1;
      }
      weights.forEach((weight, i) => {
        const p = weight / 10;
        expect(Math.abs((counts[i] as number) / draws - p)).toBeLessThanOrEqual(
          4 * Math.sqrt((p * (1 - p)) / draws),
        );
      });
    },
  );

  it('an alias table of a thousand weights agrees with them', () => {
    const random = Random.fromSeed(11);
    const many = Float64Array.from({ length: 1000 }, (_, i) => 1 / (i + 1));
    const total = many.reduce((sum, w) => sum + w, 0);
    const table = new AliasTable(many);
    const counts = new Float64Array(1000);
    for (let i = 0; i < draws; i++) {
      const drawn = table.sample(random);
      counts[drawn] = (counts[drawn] as number) + 1;
    }
    // Pearson's statistic of 999 degrees of freedom: mean 999, standard deviation 44.7.
    const statistic = counts.reduce((sum, c, i) => {
      const expected = ((many[i] as number) / total) * draws;
      return sum + (c - expected) ** 2 / expected;
    }, 0);
    expect(statistic).toBeGreaterThan(820);
    expect(statistic).toBeLessThan(1180);
  });

  it('refuses weights that sum to nothing', () => {
    expect(() => new AliasTable([0, 0])).toThrow(/weights/);
    expect(() => Random.fromSeed(1).categorical([])).toThrow(/weights/);
  });

  it('shuffles every order about equally often', () => {
    const random = Random.fromSeed(13);
    const counts = new Map<string, number>();
    for (let i = 0; i < 60_000; i++) {
      const order = random.shuffle(['a', 'b', 'c']).join('');
      counts.set(order, (counts.get(order) ?? 0) + 1);
    }
    expect(counts.size).toBe(6);
    for (const count of counts.values())
      expect(Math.abs(count - 10_000)).toBeLessThan(4 * Math.sqrt(60_000 * (5 / 36)));
  });
});
