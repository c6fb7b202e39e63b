import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../random.ts';
import { assignToCores, fitDbscan } from './dbscan.ts';
import { KdTree } from './kd-tree.ts';
import { type Points, samplePlaces, squaredDistance } from './points.ts';

function pointsOf(rows: readonly (readonly number[])[]): Points {
  return { rows: rows.length, dimensions: rows[0]!.length, values: Float64Array.from(rows.flat()) };
}

// Few coordinates, so that equal points and equal distances occur.
const plane = fc.array(fc.tuple(fc.integer({ min: 0, max: 12 }), fc.integer({ min: 0, max: 12 })), {
  minLength: 1,
  maxLength: 80,
});

function distancesFrom(points: Points, row: number): number[] {
  return Array.from({ length: points.rows }, (_, other) =>
    squaredDistance(
      points.values,
      row * points.dimensions,
      points.values,
      other * points.dimensions,
      points.dimensions,
    ),
  );
}

describe('KdTree', () => {
  it('finds what a scan finds', () => {
    fc.assert(
      fc.property(plane, fc.integer({ min: 0, max: 40 }), (rows, squaredRadius) => {
        const points = pointsOf(rows);
        const tree = new KdTree(points);
        for (let row = 0; row < points.rows; row++) {
          const found: number[] = [];
          tree.search(points.values, row * 2, squaredRadius, (place) => {
            found.push(place);
            return squaredRadius;
          });
          const distances = distancesFrom(points, row);
          const expected = [...distances.keys()].filter((place) => distances[place]! <= squaredRadius);
          expect(found.sort((a, b) => a - b)).toEqual(expected);
        }
      }),
    );
  });

  it('finds nothing in boxes whose points are all removed, and the rest still', () => {
    const random = Random.fromSeed(3);
    const points = pointsOf(Array.from({ length: 400 }, () => [random.normal(), random.normal()]));
    const tree = new KdTree(points);
    const isGone = points.values.filter((_, i) => i % 2 === 0).map((x) => (x < 0 ? 1 : 0));
    isGone.forEach((gone, place) => {
      if (gone === 1) tree.remove(place);
    });
    const found = new Set<number>();
    tree.search(points.values, 0, Number.POSITIVE_INFINITY, (place) => {
      found.add(place);
      return Number.POSITIVE_INFINITY;
    });
    for (let place = 0; place < 400; place++) if (isGone[place] === 0) expect(found.has(place)).toBe(true);
    const rest = isGone.filter((gone) => gone === 0).length;
    expect(found.size).toBeLessThan(rest + 40);
  });
});

describe('samplePlaces', () => {
  it('takes every row with the same probability, in order', () => {
    const counts = new Float64Array(10);
    for (let seed = 0; seed < 3000; seed++) {
      const places = samplePlaces(10, 3, Random.fromSeed(seed));
      expect(places).toHaveLength(3);
      expect([...places]).toEqual([...new Set(places)].sort((a, b) => a - b));
      for (const place of places) counts[place]!++;
    }
    for (const count of counts) expect(Math.abs(count - 900)).toBeLessThan(5 * Math.sqrt(3000 * 0.3 * 0.7));
    expect([...samplePlaces(3, 5, Random.fromSeed(1))]).toEqual([0, 1, 2]);
  });
});

/** DBSCAN as defined: which points are core, which cores are density-connected, which points are within reach of one. */
function definition(points: Points, epsilon: number, minPoints: number) {
  const near = Array.from({ length: points.rows }, (_, row) => {
    const distances = distancesFrom(points, row);
    return [...distances.keys()].filter((other) => distances[other]! <= epsilon * epsilon);
  });
  const isCore = near.map((neighbours) => neighbours.length >= minPoints);
  const component = isCore.map((core, row) => (core ? row : -1));
  for (let changed = true; changed; ) {
    changed = false;
    near.forEach((neighbours, row) => {
      for (const other of neighbours) {
        if (!isCore[row] || !isCore[other] || component[other]! <= component[row]!) continue;
        component[other] = component[row]!;
        changed = true;
      }
    });
  }
  const isNoise = near.map((neighbours) => !neighbours.some((other) => isCore[other]));
  return { isCore, component, isNoise };
}

describe('fitDbscan', () => {
  it('is DBSCAN as the paper defines it', () => {
    fc.assert(
      fc.property(
        plane,
        fc.constantFrom(1, 1.5, 2.3),
        fc.integer({ min: 1, max: 8 }),
        (rows, epsilon, minPoints) => {
          const points = pointsOf(rows);
          const fit = fitDbscan(points, { epsilon, minPoints });
          const assigned = assignToCores(points, fit, epsilon);
          const { isCore, component, isNoise } = definition(points, epsilon, minPoints);
          const componentOf = new Map<number, number>();
          assigned.forEach((label, row) => {
            expect(label === 0).toBe(isNoise[row]);
            if (!isCore[row]) return;
            expect(componentOf.get(label) ?? component[row]).toBe(component[row]);
            componentOf.set(label, component[row]!);
          });
          expect(componentOf.size).toBe(fit.clusters);
          expect(new Set(componentOf.values()).size).toBe(fit.clusters);
        },
      ),
    );
  });

  it('numbers the largest cluster first', () => {
    const points = pointsOf([...Array(5).fill([0]), ...Array(9).fill([10]), ...Array(7).fill([20])]);
    const fit = fitDbscan(points, { epsilon: 1, minPoints: 3 });
    expect([...assignToCores(pointsOf([[0], [10], [20], [15]]), fit, 1)]).toEqual([3, 1, 2, 0]);
  });

  it('finds a radius by itself that parts clouds of any scale', () => {
    for (const scale of [0.01, 1, 100]) {
      const random = Random.fromSeed(2);
      const cloud = (x: number) =>
        Array.from({ length: 300 }, () => [scale * (x + random.normal()), scale * random.normal()]);
      const points = pointsOf([...cloud(0), ...cloud(20)]);
      const fit = fitDbscan(points, {});
      const assigned = assignToCores(points, fit, fit.epsilon);
      const largest = [1, 2].map((label) => assigned.filter((value) => value === label).length);
      expect(Math.min(...largest)).toBeGreaterThan(250);
      // No cluster holds points of both clouds.
      const left = new Set(assigned.slice(0, 300).filter((label) => label > 0));
      expect(assigned.slice(300).some((label) => left.has(label))).toBe(false);
    }
  });

  it('stands equal points, and too few', () => {
    const equal = fitDbscan(pointsOf(Array(50).fill([1, 1])), {});
    expect(equal.clusters).toBe(1);
    const few = fitDbscan(pointsOf([[0], [1]]), {});
    expect([few.clusters, few.cores.rows]).toEqual([0, 0]);
    expect([...assignToCores(pointsOf([[0]]), few, few.epsilon)]).toEqual([0]);
  });
});
