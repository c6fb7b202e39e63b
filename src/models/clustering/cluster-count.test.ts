import { describe, expect, it } from 'vitest';
import { Random } from '../random.ts';
import { chooseClusterCount } from './cluster-count.ts';
import { fewestByGap, gapScores } from './gap-statistic.ts';
import type { Points } from './points.ts';
import { meanSilhouettes } from './silhouette.ts';

function clouds(centres: readonly (readonly number[])[], rowsEach: number, spread: number): Points {
  const random = Random.fromSeed(4);
  const values = centres.flatMap((centre) =>
    Array.from({ length: rowsEach }, () => centre.map((value) => value + spread * random.normal())).flat(),
  );
  return {
    rows: centres.length * rowsEach,
    dimensions: centres[0]!.length,
    values: Float64Array.from(values),
  };
}

const three = clouds(
  [
    [0, 0],
    [5, 0],
    [0, 5],
  ],
  60,
  0.6,
);

describe('meanSilhouettes', () => {
  const line = { rows: 4, dimensions: 1, values: Float64Array.of(0, 1, 10, 11) };

  it('is Rousseeuw’s, by hand', () => {
    // Of 0: within 1, to the others (10 + 11) / 2; of 1: within 1, to the others (9 + 10) / 2; then the mirror image.
    const expected = ((10.5 - 1) / 10.5 + (9.5 - 1) / 9.5) / 2;
    const [pairs, mixed] = meanSilhouettes(line, [Int32Array.of(0, 0, 1, 1), Int32Array.of(0, 1, 0, 1)], 1);
    expect(pairs).toBeCloseTo(expected, 12);
    expect(mixed).toBeLessThan(0);
  });

  it('is 0 for a cluster of one and for points that all coincide', () => {
    const [alone] = meanSilhouettes(line, [Int32Array.of(0, 1, 1, 1)], 1);
    const of = (own: number, other: number) => (other - own) / Math.max(own, other);
    expect(alone).toBeCloseTo((0 + of(9.5, 1) + of(5, 10) + of(5.5, 11)) / 4, 12);
    const equal = { rows: 4, dimensions: 1, values: new Float64Array(4) };
    expect(meanSilhouettes(equal, [Int32Array.of(0, 0, 1, 1)], 1)).toEqual([0]);
  });

  it('has no value for a single cluster', () => {
    expect(meanSilhouettes(line, [new Int32Array(4), Int32Array.of(3, 3, 3, 3)], 1)).toEqual([null, null]);
  });

  it('of a sample is close to that of all', () => {
    const many = clouds([[0], [3]], 5000, 1);
    const labels = Int32Array.from({ length: 10_000 }, (_, i) => (i < 5000 ? 0 : 1));
    const few = clouds([[0], [3]], 2400, 1);
    const fewLabels = Int32Array.from({ length: 4800 }, (_, i) => (i < 2400 ? 0 : 1));
    const [sampled] = meanSilhouettes(many, [labels], 7);
    const [exact] = meanSilhouettes(few, [fewLabels], 7);
    expect(Math.abs(sampled! - exact!)).toBeLessThan(0.02);
    expect(meanSilhouettes(many, [labels], 7)).toEqual([sampled]);
  });
});

describe('gapScores', () => {
  it('finds three clouds, and one where there is only one', () => {
    expect(fewestByGap(gapScores(three, 6, 1))).toBe(3);
    const random = Random.fromSeed(8);
    const even = { rows: 200, dimensions: 2, values: new Float64Array(400).map(() => random.uniform()) };
    expect(fewestByGap(gapScores(even, 6, 1))).toBe(1);
  });

  it('ends at as many clusters as there are different points', () => {
    const values = Float64Array.of(1, 1, 1, 2, 2, 2);
    const scores = gapScores({ rows: 6, dimensions: 1, values }, 6, 1);
    expect(scores.map(({ clusters }) => clusters)).toEqual([1, 2]);
    expect(fewestByGap(scores)).toBe(2);
  });

  it('is decided by the rule of the paper', () => {
    const score = (clusters: number, gap: number, standardError: number) => ({
      clusters,
      gap,
      standardError,
    });
    expect(fewestByGap([score(1, 0.5, 0.1), score(2, 0.55, 0.1), score(3, 0.9, 0.1)])).toBe(1);
    expect(fewestByGap([score(1, 0.5, 0.01), score(2, 0.55, 0.01), score(3, 0.555, 0.01)])).toBe(2);
    expect(fewestByGap([score(1, 0.1, 0), score(2, 0.2, 0), score(3, 0.3, 0)])).toBe(3);
  });
});

describe('chooseClusterCount', () => {
  it('finds three clouds by either way and records the scores', () => {
    const options = { seed: 1, restarts: 5 };
    const silhouette = chooseClusterCount(three, 'silhouette', 6, options);
    expect(silhouette.chosen).toBe(3);
    expect(silhouette.scores.map(({ clusters }) => clusters)).toEqual([2, 3, 4, 5, 6]);
    expect(Math.max(...silhouette.scores.map(({ score }) => score!))).toBe(silhouette.scores[1]!.score);
    expect(chooseClusterCount(three, 'gap', 6, options).chosen).toBe(3);
    expect(chooseClusterCount(three, 4, 6, options)).toEqual({ method: 'given', chosen: 4, scores: [] });
  });

  it('tries no more clusters than there are different points', () => {
    const values = Float64Array.of(1, 1, 5, 5, 9, 9);
    const choice = chooseClusterCount({ rows: 6, dimensions: 1, values }, 'silhouette', 10, {
      seed: 1,
      restarts: 3,
    });
    expect(choice.chosen).toBe(3);
    expect(choice.scores.map(({ clusters }) => clusters)).toEqual([2, 3]);
  });
});
