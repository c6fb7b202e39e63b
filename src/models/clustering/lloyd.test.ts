import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../random.ts';
import { seedCentres } from './k-means-seeding.ts';
import { lloyd, nearestCentres } from './lloyd.ts';
import { type Points, squaredDistance, takeRows } from './points.ts';

function normalPoints(rows: number, dimensions: number, seed: number): Points {
  const random = Random.fromSeed(seed);
  return { rows, dimensions, values: new Float64Array(rows * dimensions).map(() => random.normal()) };
}

/** The iteration as it is written down: every distance, every time. */
function plainLloyd(points: Points, start: Points, iterations: number): Points {
  let centres = start;
  for (let i = 0; i < iterations; i++) {
    const { labels } = nearestCentres(points, centres);
    const values = centres.values.slice();
    for (let j = 0; j < centres.rows; j++) {
      const own = [...labels.keys()].filter((row) => labels[row] === j);
      for (let d = 0; d < points.dimensions && own.length > 0; d++) {
        values[j * points.dimensions + d] =
          own.reduce((sum, row) => sum + points.values[row * points.dimensions + d]!, 0) / own.length;
      }
    }
    centres = { ...centres, values };
  }
  return centres;
}

describe('lloyd', () => {
  it('with bounds takes the same steps as without', () => {
    const cases = fc.tuple(
      fc.integer({ min: 10, max: 120 }),
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 7 }),
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 0, max: 1e6 }),
    );
    fc.assert(
      fc.property(cases, ([rows, dimensions, clusters, iterations, seed]) => {
        const points = normalPoints(rows, dimensions, seed);
        const start = takeRows(
          points,
          Array.from({ length: clusters }, (_, j) => j),
        );
        const { centres, labels } = lloyd(points, start, { maxIterations: iterations, tolerance: -1 });
        const expected = plainLloyd(points, start, iterations);
        // A centre that starts on a point keeps that point in a first step, so that none is ever empty before it.
        expect(Math.max(...centres.values.map((v, i) => Math.abs(v - expected.values[i]!)))).toBeLessThan(
          1e-9,
        );
        expect(labels).toEqual(nearestCentres(points, expected).labels);
      }),
    );
  });

  it('ends where every centre is the mean of its points', () => {
    const points = normalPoints(2000, 3, 5);
    const start = seedCentres(points, 6, Random.fromSeed(1));
    const { centres, converged } = lloyd(points, start, { maxIterations: 1000, tolerance: 0 });
    expect(converged).toBe(true);
    const again = plainLloyd(points, centres, 1);
    expect(Math.max(...again.values.map((v, i) => Math.abs(v - centres.values[i]!)))).toBeLessThan(1e-12);
  });

  it('fills a cluster that lost all its points with the worst fitting one', () => {
    const values = Float64Array.of(0, 1, 3, 4, 50);
    const start = { rows: 3, dimensions: 1, values: Float64Array.of(1, 1000, 2000) };
    const { labels, counts, centres } = lloyd({ rows: 5, dimensions: 1, values }, start, {
      maxIterations: 50,
      tolerance: 0,
    });
    expect(Math.min(...counts)).toBeGreaterThan(0);
    expect(labels[4]).not.toBe(labels[3]);
    expect([...centres.values].sort((a, b) => a - b)).toEqual([0.5, 3.5, 50]);
  });

  it('gives labels of the very centres it returns, and their inertia', () => {
    const points = normalPoints(500, 2, 9);
    const { labels, centres, inertia } = lloyd(points, seedCentres(points, 4, Random.fromSeed(3)), {
      maxIterations: 100,
      tolerance: 1e-4,
    });
    const sum = labels.reduce(
      (total, label, row) => total + squaredDistance(points.values, row * 2, centres.values, label * 2, 2),
      0,
    );
    expect(inertia).toBeCloseTo(sum, 9);
    expect(labels).toEqual(nearestCentres(points, centres).labels);
  });
});

describe('seedCentres', () => {
  it('takes different points, and no more than there are', () => {
    const values = Float64Array.of(1, 1, 1, 2, 2, 3);
    const centres = seedCentres({ rows: 6, dimensions: 1, values }, 5, Random.fromSeed(1));
    expect([...centres.values].sort()).toEqual([1, 2, 3]);
  });

  it('takes the next centre in proportion to the squared distance', () => {
    // From the first centre 0 the others are drawn 1 : 9; a first centre of 1 or 3 counts in no case below.
    const points = { rows: 3, dimensions: 1, values: Float64Array.of(0, 1, 3) };
    let near = 0;
    let total = 0;
    for (let seed = 0; seed < 6000; seed++) {
      const [first, second] = seedCentres(points, 2, Random.fromSeed(seed)).values;
      if (first !== 0) continue;
      total++;
      if (second === 1) near++;
    }
    expect(total).toBeGreaterThan(1800);
    expect(near / total).toBeGreaterThan(0.08);
    expect(near / total).toBeLessThan(0.12);
  });
});
