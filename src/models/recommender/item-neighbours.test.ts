import { describe, expect, it } from 'vitest';
import type { Interactions } from './interactions.ts';
import { fitItemNeighbours, type ItemNeighbourOptions } from './item-neighbours.ts';

const neighboursOf = (data: Interactions, options: ItemNeighbourOptions) =>
  fitItemNeighbours(data, options).toNeighbours(options.neighbours);

function interactions(rows: number[][], itemCount: number): Interactions {
  const offsets = [0];
  for (const row of rows) offsets.push(offsets.at(-1)! + row.length);
  const items = Int32Array.from(rows.flat());
  return {
    itemCount,
    offsets: Int32Array.from(offsets),
    items,
    weights: new Float32Array(items.length).fill(1),
  };
}

describe('item neighbours', () => {
  it('finds the two halves of a checkerboard: even items go with even, odd with odd', () => {
    const rows = Array.from({ length: 40 }, (_, user) =>
      [0, 1, 2, 3, 4].filter((k) => k !== user % 5).map((k) => 2 * k + (user % 2)),
    );
    const model = neighboursOf(interactions(rows, 10), { neighbours: 4, shrinkage: 0 });
    model.ids.forEach((ids, item) => {
      expect(ids.length).toBe(4);
      for (const other of ids) expect(other % 2).toBe(item % 2);
    });
  });

  it('is the cosine: 2 common of 2 and 4 buyers gives 2 / sqrt(8)', () => {
    const model = neighboursOf(interactions([[0, 1], [0, 1], [1], [1]], 2), {
      neighbours: 5,
      shrinkage: 0,
    });
    expect(model.weights[0]![0]).toBeCloseTo(2 / Math.sqrt(8), 6);
    expect(model.weights[1]![0]).toBeCloseTo(2 / Math.sqrt(8), 6);
  });

  it('shrinks what rests on one customer below what rests on many', () => {
    const rows = [[0, 1], ...Array.from({ length: 20 }, () => [2, 3])];
    const model = neighboursOf(interactions(rows, 4), { neighbours: 1, shrinkage: 5 });
    expect(model.weights[0]![0]!).toBeLessThan(model.weights[2]![0]! / 2);
  });

  it('bears no users, one user, one item, an item nobody took, and an item that everybody took', () => {
    expect(neighboursOf(interactions([], 0), { neighbours: 3, shrinkage: 1 }).ids).toEqual([]);
    const model = neighboursOf(interactions([[0], [0, 1], [0]], 3), { neighbours: 3, shrinkage: 1 });
    expect([...model.ids[2]!]).toEqual([]);
    expect([...model.ids[1]!]).toEqual([0]);
    for (const list of model.weights) for (const value of list) expect(value > 0 && value <= 1).toBe(true);
  });

  it('refuses items outside the catalogue and weights that are no positive numbers', () => {
    expect(() => fitItemNeighbours(interactions([[3]], 2), { neighbours: 1, shrinkage: 0 })).toThrow(
      /item 3/,
    );
    const zero = { ...interactions([[0]], 1), weights: Float32Array.of(0) };
    expect(() => fitItemNeighbours(zero, { neighbours: 1, shrinkage: 0 })).toThrow(/weight/);
  });
});
