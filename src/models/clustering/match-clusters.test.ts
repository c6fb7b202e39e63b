import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assignLeastCost } from './hungarian.ts';
import { matchClusters } from './match-clusters.ts';

function membership(groups: Record<number, number[]>) {
  const pairs = Object.entries(groups)
    .flatMap(([group, customers]) => customers.map((customer) => [customer, Number(group)] as const))
    .sort((a, b) => a[0] - b[0]);
  return { customerIds: pairs.map(([id]) => id), groups: pairs.map(([, group]) => group) };
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i);
}

function leastByTrying(cost: readonly number[][]): number {
  const tryRow = (row: number, taken: ReadonlySet<number>): number => {
    const costs = cost[row];
    if (!costs) return 0;
    return Math.min(
      ...costs.map((value, j) => (taken.has(j) ? Infinity : value + tryRow(row + 1, new Set([...taken, j])))),
    );
  };
  return tryRow(0, new Set());
}

describe('assignLeastCost', () => {
  it('costs as little as the best of all assignments', () => {
    const sizes = fc.tuple(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 0, max: 2 }));
    const matrices = sizes.chain(([rows, more]) =>
      fc.array(
        fc.array(fc.integer({ min: -9, max: 9 }), { minLength: rows + more, maxLength: rows + more }),
        {
          minLength: rows,
          maxLength: rows,
        },
      ),
    );
    fc.assert(
      fc.property(matrices, (cost) => {
        const columns = cost[0]!.length;
        const columnOf = assignLeastCost(Float64Array.from(cost.flat()), cost.length, columns);
        expect(new Set(columnOf).size).toBe(cost.length);
        const total = columnOf.reduce((sum, column, row) => sum + cost[row]![column]!, 0);
        expect(total).toBe(leastByTrying(cost));
      }),
    );
  });
});

describe('matchClusters', () => {
  it('numbers the first run from the next id, and keeps noise 0', () => {
    const first = matchClusters(membership({ 0: [9], 1: [1, 2], 2: [3] }), null, { nextSegmentId: 11 });
    expect(first).toEqual({
      matches: [
        { cluster: 1, segmentId: 11, overlap: null },
        { cluster: 2, segmentId: 12, overlap: null },
      ],
      retired: [],
      nextSegmentId: 13,
    });
  });

  it('gives clusters back their ids, however they are numbered', () => {
    const groups = fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 60 });
    fc.assert(
      fc.property(
        groups,
        fc.array(fc.double({ noNaN: true }), { minLength: 7, maxLength: 7 }),
        (labels, keys) => {
          const segmentOf = [0, 21, 22, 23, 24, 25, 26];
          const order = [1, 2, 3, 4, 5, 6].sort((a, b) => keys[a]! - keys[b]!);
          const customerIds = labels.map((_, i) => 3 * i);
          const previous = { customerIds, groups: labels.map((label) => segmentOf[label]!) };
          const current = { customerIds, groups: labels.map((label) => order.indexOf(label) + 1) };
          const { matches, retired } = matchClusters(current, previous, { nextSegmentId: 30 });
          for (const { cluster, segmentId, overlap } of matches) {
            expect(segmentId).toBe(segmentOf[order[cluster - 1]!]);
            expect(overlap).toBe(1);
          }
          expect(retired).toEqual([]);
        },
      ),
    );
  });

  it('takes the largest total overlap, not the first best', () => {
    // Cluster 1 overlaps more with segment 2 (6 / 14) than with 1 (4 / 10), but cluster 2 then has no segment left.
    const previous = membership({ 1: range(0, 4), 2: range(10, 20) });
    const current = membership({ 1: [...range(0, 4), ...range(10, 16)], 2: range(16, 20) });
    const { matches } = matchClusters(current, previous, { nextSegmentId: 3 });
    expect(matches).toEqual([
      { cluster: 1, segmentId: 1, overlap: 4 / 10 },
      { cluster: 2, segmentId: 2, overlap: 4 / 10 },
    ]);
  });

  it('leaves the id to the larger part of a cluster that fell apart, and retires what is gone', () => {
    const previous = membership({ 4: range(0, 100), 7: range(100, 110), 0: [500] });
    const current = membership({ 1: range(60, 100), 2: range(0, 60), 3: [500], 0: range(100, 110) });
    const result = matchClusters(current, previous, { nextSegmentId: 8 });
    expect(result.matches).toEqual([
      { cluster: 1, segmentId: 8, overlap: null },
      { cluster: 2, segmentId: 4, overlap: 0.6 },
      { cluster: 3, segmentId: 9, overlap: null },
    ]);
    expect(result.retired).toEqual([7]);
    expect(result.nextSegmentId).toBe(10);
  });

  it('takes an overlap too small for no heir', () => {
    const previous = membership({ 1: range(0, 10) });
    const current = membership({ 1: range(0, 2), 2: range(2, 10).map((id) => id + 100) });
    const found = matchClusters(current, previous, { nextSegmentId: 2, minimumOverlap: 0.5 });
    // Only customers of both runs count, so that the two left are all of segment 1 that there is.
    expect(found.matches[0]).toEqual({ cluster: 1, segmentId: 1, overlap: 1 });
    expect(found.matches[1]!.overlap).toBeNull();
    const spread = membership({ 1: [0], 2: [1, 2, 3, 4, 5, 6, 7, 8, 9] });
    const kept = matchClusters(spread, previous, { nextSegmentId: 2, minimumOverlap: 0.95 });
    expect(kept.matches.map(({ segmentId }) => segmentId)).toEqual([2, 3]);
  });

  it('never gives an id twice over many runs', () => {
    const run = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 30, maxLength: 30 });
    fc.assert(
      fc.property(fc.array(run, { minLength: 2, maxLength: 6 }), (runs) => {
        const customerIds = range(1, 31);
        let previous: { customerIds: number[]; groups: number[] } | null = null;
        let nextSegmentId = 1;
        const retired = new Set<number>();
        for (const groups of runs) {
          const result = matchClusters({ customerIds, groups }, previous, { nextSegmentId });
          const ids = result.matches.map(({ segmentId }) => segmentId);
          expect(new Set(ids).size).toBe(ids.length);
          for (const id of ids) expect(retired.has(id)).toBe(false);
          for (const id of result.retired) retired.add(id);
          expect(result.nextSegmentId).toBeGreaterThan(Math.max(0, ...ids));
          nextSegmentId = result.nextSegmentId;
          const idOf = new Map(result.matches.map(({ cluster, segmentId }) => [cluster, segmentId]));
          previous = { customerIds, groups: groups.map((group) => idOf.get(group) ?? 0) };
        }
      }),
    );
  });

  it('refuses customers out of order and an id that was given', () => {
    const refused = expect.objectContaining({ code: 'MODEL_BAD_INPUT' });
    const good = membership({ 1: [1, 2] });
    for (const bad of [
      { customerIds: [2, 1], groups: [1, 1] },
      { customerIds: [1, 1], groups: [1, 1] },
      { customerIds: [1], groups: [1, 1] },
      { customerIds: [1], groups: [-1] },
    ]) {
      expect(() => matchClusters(bad, null, { nextSegmentId: 1 })).toThrowError(refused);
      expect(() => matchClusters(good, bad, { nextSegmentId: 5 })).toThrowError(refused);
    }
    expect(() => matchClusters(good, good, { nextSegmentId: 1 })).toThrowError(refused);
  });
});
