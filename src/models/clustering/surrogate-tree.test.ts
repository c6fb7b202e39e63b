import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FeatureMatrix } from '../classification/feature-matrix.ts';
import { Random } from '../random.ts';
import { binFeatures } from './binned-features.ts';
import { findClusterRules } from './cluster-rules.ts';
import { roughness, roundestBetween } from './round-threshold.ts';
import { fitSurrogateTree, type RuleCondition } from './surrogate-tree.ts';

const inDays = (name: string) => name.endsWith('_days');

function randomMatrix(rows: number, seed: number): FeatureMatrix {
  const random = Random.fromSeed(seed);
  const column = (draw: () => number) => Float64Array.from({ length: rows }, draw);
  return {
    names: ['recency_days', 'orders', 'monetary'],
    rows,
    columns: [
      column(() => random.integer(400)),
      column(() => 1 + random.poisson(4)),
      column(() => Math.exp(5 + random.normal())),
    ],
  };
}

function satisfies(matrix: FeatureMatrix, row: number, conditions: readonly RuleCondition[]): boolean {
  return conditions.every(({ feature, above, atMost }) => {
    const value = matrix.columns[matrix.names.indexOf(feature)]![row]!;
    return (above === null || value > above) && (atMost === null || value <= atMost);
  });
}

describe('roundestBetween', () => {
  it.each([
    [5, 6, 5],
    [487.5, 512.1, 500],
    [0.93, 1.2, 1],
    [31.7, 33.2, 32],
    [1234.5, 1234.9, 1234.5],
    [0, 1, 0],
    [-3, 4, 0],
    [-487, -312, -400],
    [0.29, 0.31, 0.3],
    [999, 1001, 1000],
    [44, 58, 50],
    [41, 49, 45],
  ])('of %d and %d is %d', (low, high, expected) => {
    expect(roundestBetween(low, high, false)).toBe(expected);
  });

  it('prefers the spans of the calendar for days', () => {
    expect(roundestBetween(28, 33, true)).toBe(30);
    expect(roundestBetween(340, 420, true)).toBe(365);
    expect(roundestBetween(340, 420, false)).toBe(400);
    expect(roundestBetween(31, 40, true)).toBe(35);
  });

  it('always lies between, so that it parts the two', () => {
    const number = fc.oneof(
      fc.double({ min: -1e12, max: 1e12, noNaN: true }),
      fc.integer({ min: -100, max: 100 }),
    );
    fc.assert(
      fc.property(number, number, fc.boolean(), (a, b, days) => {
        if (a === b) return;
        const [low, high] = [Math.min(a, b), Math.max(a, b)];
        const threshold = roundestBetween(low, high, days);
        expect(threshold).toBeGreaterThanOrEqual(low);
        expect(threshold).toBeLessThan(high);
      }),
    );
  });

  it('is measured by digits', () => {
    expect([0, 500, 450, 460, 512, 0.25].map((value) => roughness(value, false))).toEqual([
      0, 0.5, 1.5, 2, 3, 1.5,
    ]);
    expect(roughness(365, true)).toBe(0);
    expect(roughness(5, false)).toBeLessThan(roughness(4, false));
  });
});

describe('fitSurrogateTree', () => {
  it('counts its rules truly, at any node, with thresholds as they are read', () => {
    for (const seed of [1, 2, 3]) {
      const matrix = randomMatrix(700, seed);
      const random = Random.fromSeed(seed, 'labels');
      const labels = Int32Array.from({ length: 700 }, (_, row) =>
        random.bernoulli(0.2)
          ? random.integer(4)
          : matrix.columns[0]![row]! > 150
            ? 3
            : matrix.columns[1]![row]! > 4
              ? 1
              : 0,
      );
      const { rules } = fitSurrogateTree(binFeatures(matrix, inDays), labels, { classes: 4, maxDepth: 3 });
      expect(rules.length).toBeGreaterThan(5);
      for (const rule of rules) {
        const matched = [...labels.keys()].filter((row) => satisfies(matrix, row, rule.conditions));
        expect(rule.rows).toBe(matched.length);
        for (let label = 0; label < 4; label++) {
          expect(rule.labelRows[label]).toBe(matched.filter((row) => labels[row] === label).length);
        }
      }
    }
  });

  it('takes the split of least Gini impurity', () => {
    // By hand: x <= 2 leaves 2 of (3 | 0) and (1 | 4), the sum of squares over rows 3 + 17 / 5; no other split has more.
    const matrix = { names: ['x'], rows: 8, columns: [Float64Array.of(0, 1, 2, 3, 4, 5, 6, 7)] };
    const labels = Int32Array.of(0, 0, 0, 1, 0, 1, 1, 1);
    const { rules, accuracy } = fitSurrogateTree(binFeatures(matrix, inDays), labels, {
      classes: 2,
      maxDepth: 1,
    });
    expect(rules.map(({ conditions }) => conditions)).toEqual([
      [],
      [{ feature: 'x', above: null, atMost: 2 }],
      [{ feature: 'x', above: 2, atMost: null }],
    ]);
    expect(accuracy).toBe(7 / 8);
  });

  it('does not split what cannot be told apart', () => {
    const matrix = { names: ['x'], rows: 4, columns: [new Float64Array(4).fill(3)] };
    const data = binFeatures(matrix, inDays);
    expect(fitSurrogateTree(data, Int32Array.of(0, 1, 0, 1), { classes: 2, maxDepth: 3 }).rules).toHaveLength(
      1,
    );
  });
});

describe('findClusterRules', () => {
  it('finds the rules that made the clusters, in round numbers', () => {
    const matrix = randomMatrix(20_000, 4);
    const clusters = Int32Array.from({ length: 20_000 }, (_, row) => {
      const [recency, orders, monetary] = matrix.columns.map((column) => column[row]!) as [
        number,
        number,
        number,
      ];
      if (recency > 90) return 1;
      return orders > 5 && monetary > 200 ? 3 : 2;
    });
    const { rules, treeAccuracy } = findClusterRules(matrix, clusters, inDays);
    expect(treeAccuracy).toBeGreaterThan(0.995);
    expect(rules[0]).toEqual({
      cluster: 1,
      conditions: [{ feature: 'recency_days', above: 90, atMost: null }],
      precision: 1,
      recall: 1,
    });
    expect(rules[2]!.conditions).toEqual([
      { feature: 'recency_days', above: null, atMost: 90 },
      { feature: 'orders', above: 5, atMost: null },
      { feature: 'monetary', above: 200, atMost: null },
    ]);
    expect(rules[2]!.precision * rules[2]!.recall).toBeGreaterThan(0.99);
  });

  it('gives every cluster a rule of its own with true precision and recall, ten clusters or noise among them', () => {
    const matrix = randomMatrix(5000, 5);
    const clusters = Int32Array.from(matrix.columns[0]!, (days, row) =>
      row % 50 === 0 ? 0 : 1 + Math.floor(days / 40),
    );
    const { rules } = findClusterRules(matrix, clusters, inDays);
    expect(rules.map(({ cluster }) => cluster)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    for (const { cluster, conditions, precision, recall } of rules) {
      expect(conditions.length).toBeLessThanOrEqual(3);
      const matched = [...clusters.keys()].filter((row) => satisfies(matrix, row, conditions));
      const hits = matched.filter((row) => clusters[row] === cluster).length;
      expect(precision).toBeCloseTo(hits / matched.length, 12);
      expect(recall).toBeCloseTo(hits / clusters.filter((other) => other === cluster).length, 12);
      if (cluster > 0) expect(Math.min(precision, recall)).toBeGreaterThan(0.85);
    }
  });

  it('has no condition for a cluster of all, and refuses what is no number', () => {
    const matrix = randomMatrix(50, 6);
    const all = findClusterRules(matrix, new Int32Array(50).fill(1), inDays);
    expect(all.rules).toEqual([{ cluster: 1, conditions: [], precision: 1, recall: 1 }]);
    matrix.columns[1]![7] = Number.NaN;
    expect(() => findClusterRules(matrix, new Int32Array(50), inDays)).toThrowError(
      expect.objectContaining({ code: 'MODEL_BAD_INPUT' }),
    );
  });
});
