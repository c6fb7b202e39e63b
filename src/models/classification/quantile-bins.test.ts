import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../random.ts';
import { binOf, binRows, missingBin, quantileEdges } from './quantile-bins.ts';

function countBins(values: Float64Array, edges: Float64Array): number[] {
  const counts = new Array<number>(edges.length + 1).fill(0);
  for (const value of values) counts[binOf(edges, value)]! += 1;
  return counts;
}

describe('quantileEdges', () => {
  it('cuts half-way between values, into equal parts', () => {
    expect([...quantileEdges(Float64Array.of(6, 1, 5, 2, 4, 3), 3)]).toEqual([2.5, 4.5]);
    expect([...quantileEdges(Float64Array.of(3, 1, 1, 2, 3, 3), 10)]).toEqual([1.5, 2.5]);
    expect([...quantileEdges(Float64Array.of(7, 7, 7), 5)]).toEqual([]);
    expect([...quantileEdges(Float64Array.of(), 5)]).toEqual([]);
  });

  it('spends one bin on a value that fills it, wherever that lies', () => {
    const zeros = Float64Array.from({ length: 1000 }, (_, i) => (i < 800 ? 0 : i));
    expect(countBins(zeros, quantileEdges(zeros, 11))).toEqual([800, ...new Array(10).fill(20)]);
    const middle = Float64Array.from({ length: 100 }, (_, i) => (i < 20 ? i : i < 70 ? 50 : i));
    expect(countBins(middle, quantileEdges(middle, 5))).toContain(50);
  });

  it('leaves missing values out', () => {
    expect([...quantileEdges(Float64Array.of(NaN, 1, NaN, 2), 4)]).toEqual([1.5]);
  });

  it('fills bins evenly on a sample of many values', () => {
    const random = Random.fromSeed(3);
    const values = Float64Array.from({ length: 300_000 }, () => random.normal());
    const counts = countBins(values, quantileEdges(values, 100));
    expect(counts).toHaveLength(100);
    expect(Math.min(...counts)).toBeGreaterThan(2500);
    expect(Math.max(...counts)).toBeLessThan(3500);
  });

  it('has ascending edges between values, no more than asked, and never parts equal values', () => {
    const value = fc.oneof(
      fc.integer({ min: -3, max: 3 }),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
    );
    fc.assert(
      fc.property(fc.array(value, { maxLength: 60 }), fc.integer({ min: 2, max: 12 }), (drawn, maxBins) => {
        const values = Float64Array.from(drawn);
        const edges = quantileEdges(values, maxBins);
        expect(edges.length).toBeLessThan(maxBins);
        for (let i = 1; i < edges.length; i++) expect(edges[i]!).toBeGreaterThan(edges[i - 1]!);
        // Every bin has a value in it, and few distinct values have one each.
        const counts = countBins(values, edges);
        if (drawn.length > 0) expect(Math.min(...counts)).toBeGreaterThan(0);
        const distinct = new Set(drawn.map((x) => x + 0)).size;
        if (distinct > 0 && distinct <= maxBins) expect(counts).toHaveLength(distinct);
      }),
    );
  });

  it('refuses fewer than two bins', () => {
    expect(() => quantileEdges(Float64Array.of(1), 1)).toThrow(/2 bins/);
  });
});

describe('binOf and binRows', () => {
  const edges = Float64Array.of(-1, 0, 2.5);

  it('counts the edges below a value, which an edge itself is not', () => {
    const values = [-Infinity, -1, -0.5, 0, 0.1, 2.5, 2.6, Infinity];
    expect(values.map((value) => binOf(edges, value))).toEqual([0, 0, 1, 1, 2, 2, 3, 3]);
  });

  it('writes rows one after the other, missing values as 255', () => {
    const bins = new Uint8Array(4);
    binRows(
      [edges, new Float64Array(0)],
      [Float64Array.of(9, 1, NaN), Float64Array.of(9, NaN, 4)],
      1,
      3,
      bins,
    );
    expect([...bins]).toEqual([2, missingBin, missingBin, 0]);
  });
});
