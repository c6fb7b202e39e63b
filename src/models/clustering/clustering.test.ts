import { describe, expect, it } from 'vitest';
import type { FeatureMatrix } from '../classification/feature-matrix.ts';
import { Random } from '../random.ts';
import { clusteringFromJSON, fitClusters } from './clustering.ts';
import type { ClusteringOptions } from './clustering-options.ts';

function matrixOf(rows: readonly (readonly number[])[], names = ['recency_days', 'orders']): FeatureMatrix {
  const columns = names.map((_, f) => Float64Array.from(rows, (row) => row[f]!));
  return { names, rows: rows.length, columns };
}

/** Logarithms are normal about the centres, so that the standardised features are clouds. */
function blobs(rowsEach: readonly number[], seed = 1) {
  const centres = [
    [1, 1],
    [5, 1],
    [1, 5],
    [5, 5],
  ] as const;
  const random = Random.fromSeed(seed);
  const rows: number[][] = [];
  const truth: number[] = [];
  rowsEach.forEach((count, blob) => {
    for (let i = 0; i < count; i++) {
      rows.push(centres[blob]!.map((value) => Math.expm1(value + 0.2 * random.normal())));
      truth.push(blob);
    }
  });
  return { matrix: matrixOf(rows), truth };
}

function twoMoons(rowsEach: number) {
  const random = Random.fromSeed(6);
  const rows: number[][] = [];
  for (let i = 0; i < 2 * rowsEach; i++) {
    const angle = Math.PI * random.uniform();
    const [x, y] =
      i < rowsEach ? [Math.cos(angle), Math.sin(angle)] : [1 - Math.cos(angle), 0.5 - Math.sin(angle)];
    rows.push([x + 0.05 * random.normal() + 3, y + 0.05 * random.normal() + 3].map(Math.expm1));
  }
  return matrixOf(rows);
}

/** Share of rows in the cluster that most rows of their own truth are in. */
function agreement(assigned: Int32Array, truth: readonly number[]): number {
  let agreeing = 0;
  for (const group of new Set(truth)) {
    const own = assigned.filter((_, row) => truth[row] === group);
    agreeing += Math.max(...[...new Set(own)].map((label) => own.filter((other) => other === label).length));
  }
  return agreeing / truth.length;
}

const options: Record<string, ClusteringOptions> = {
  'k-means': { algorithm: 'k-means', seed: 1 },
  'k-means by gap': { algorithm: 'k-means', seed: 1, clusterCount: 'gap', maxClusters: 6 },
  'k-means on a sample': { algorithm: 'k-means', seed: 1, sampleRows: 200 },
  dbscan: { algorithm: 'dbscan', seed: 1 },
  'dbscan on a sample': { algorithm: 'dbscan', seed: 1, sampleRows: 400 },
};

describe.each(Object.entries(options))('fitClusters: %s', (_, option) => {
  it('finds four clouds, numbered by size, for new rows too', () => {
    const { matrix, truth } = blobs([400, 300, 250, 200]);
    const clustering = fitClusters(matrix, option);
    expect(clustering.clusterCount).toBe(4);
    const assigned = clustering.assign(matrix);
    expect(agreement(assigned, truth)).toBeGreaterThan(0.9);
    const sizes = [1, 2, 3, 4].map((cluster) => assigned.filter((label) => label === cluster).length);
    expect(sizes).toEqual(sizes.toSorted((a, b) => b - a));
    const fresh = blobs([50, 50, 50, 50], 2);
    expect(agreement(clustering.assign(fresh.matrix), fresh.truth)).toBeGreaterThan(0.9);
    // The first cloud is the largest.
    expect(clustering.assign(matrixOf([[Math.expm1(1), Math.expm1(1)]]))[0]).toBe(1);
    expect(clustering.diagnostics.silhouette).toBeGreaterThan(0.7);
  });

  it('gives the same to the bit again, and after JSON', () => {
    const { matrix } = blobs([120, 100, 90, 80]);
    const clustering = fitClusters(matrix, option);
    const json = JSON.stringify(clustering);
    expect(JSON.stringify(fitClusters(matrix, option))).toBe(json);
    const restored = clusteringFromJSON(JSON.parse(json));
    expect(JSON.stringify(restored)).toBe(json);
    expect(restored.clusterCount).toBe(clustering.clusterCount);
    const random = Random.fromSeed(9);
    const anywhere = matrixOf(
      Array.from({ length: 500 }, () => [200 * random.uniform(), 200 * random.uniform()]),
    );
    expect(restored.assign(anywhere)).toEqual(clustering.assign(anywhere));
  });

  it('stands a feature that is constant, and leaves it without a say', () => {
    const { matrix } = blobs([200, 180, 160, 150]);
    const withConstant = {
      names: [...matrix.names, 'items'],
      rows: 690,
      columns: [...matrix.columns, new Float64Array(690).fill(0.1)],
    };
    const clustering = fitClusters(withConstant, option);
    const moved = { ...withConstant, columns: [...matrix.columns, new Float64Array(690).fill(1e6)] };
    expect(clustering.clusterCount).toBe(4);
    expect(clustering.assign(moved)).toEqual(clustering.assign(withConstant));
  });

  it('stands extreme amounts and negative ones', () => {
    const rows = Array.from({ length: 60 }, (_, i) => [
      i % 3 === 0 ? 1e9 + i : 0.01 * i,
      i % 2 ? -500 - i : 20,
    ]);
    const clustering = fitClusters(matrixOf(rows), option);
    const assigned = clustering.assign(matrixOf(rows));
    expect(assigned.every((label) => label >= 0 && label <= clustering.clusterCount)).toBe(true);
    expect(assigned.some((label) => label > 0)).toBe(true);
    // 1e9 and nothing may share a cluster only where there is no more than one.
    if (clustering.clusterCount > 1) expect(assigned[0]).not.toBe(assigned[1]);
  });

  it('groups equal rows together', () => {
    const rows = matrixOf(Array(60).fill([10, 2]));
    const clustering = fitClusters(rows, option);
    expect(clustering.clusterCount).toBe(1);
    expect(new Set(clustering.assign(rows))).toEqual(new Set([1]));
    expect(clustering.diagnostics.silhouette).toBeNull();
  });

  it('refuses what is no data, naming the row', () => {
    const refused = expect.objectContaining({ code: 'MODEL_BAD_INPUT' });
    expect(() => fitClusters(matrixOf([]), option)).toThrowError(refused);
    expect(() => fitClusters({ names: [], rows: 3, columns: [] }, option)).toThrowError(refused);
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() =>
        fitClusters(
          matrixOf([
            [1, 2],
            [3, bad],
          ]),
          option,
        ),
      ).toThrowError(
        expect.objectContaining({ code: 'MODEL_BAD_INPUT', message: expect.stringContaining('Row 1') }),
      );
    }
    const { matrix } = blobs([60, 60]);
    const clustering = fitClusters(matrix, option);
    expect(() => clustering.assign(matrixOf([[1, 2]], ['orders', 'recency_days']))).toThrowError(refused);
    expect(() => clustering.assign(matrixOf([[1, Number.NaN]]))).toThrowError(refused);
  });
});

describe('fitClusters', () => {
  it('makes one cluster of one row by k-means, and noise of it by DBSCAN', () => {
    const one = matrixOf([[10, 2]]);
    expect([...fitClusters(one, { algorithm: 'k-means', seed: 1 }).assign(one)]).toEqual([1]);
    const dbscan = fitClusters(one, { algorithm: 'dbscan', seed: 1 });
    expect([dbscan.clusterCount, ...dbscan.assign(one)]).toEqual([0, 0]);
    expect(clusteringFromJSON(JSON.parse(JSON.stringify(dbscan))).assign(one)[0]).toBe(0);
  });

  it('makes no more clusters than there are different rows', () => {
    const rows = matrixOf([
      [1, 1],
      [9, 9],
      [9, 9],
    ]);
    const clustering = fitClusters(rows, { algorithm: 'k-means', seed: 1, clusterCount: 7 });
    expect(clustering.clusterCount).toBe(2);
    expect([...clustering.assign(rows)]).toEqual([2, 1, 1]);
  });

  it('by DBSCAN follows two moons, which k-means cuts through', () => {
    const moons = twoMoons(500);
    const truth = Array.from({ length: 1000 }, (_, i) => (i < 500 ? 0 : 1));
    const dbscan = fitClusters(moons, { algorithm: 'dbscan', seed: 1 });
    expect(dbscan.clusterCount).toBe(2);
    expect(agreement(dbscan.assign(moons), truth)).toBeGreaterThan(0.95);
    const kMeans = fitClusters(moons, { algorithm: 'k-means', seed: 1, clusterCount: 2 });
    expect(agreement(kMeans.assign(moons), truth)).toBeLessThan(0.95);
  });

  it('by DBSCAN calls what lies apart noise', () => {
    const { matrix } = blobs([300, 300]);
    const clustering = fitClusters(matrix, { algorithm: 'dbscan', seed: 1 });
    expect(clustering.assign(matrixOf([[Math.expm1(3), Math.expm1(9)]]))[0]).toBe(0);
    expect(clustering.diagnostics.noiseShare).toBeLessThan(0.1);
  });

  it('records how the number of clusters was found', () => {
    const { matrix } = blobs([100, 100, 100]);
    const { diagnostics } = fitClusters(matrix, { algorithm: 'k-means', seed: 1, maxClusters: 5 });
    expect(diagnostics.choice).toMatchObject({ method: 'silhouette', chosen: 3 });
    expect(diagnostics.choice!.scores).toHaveLength(4);
    expect(diagnostics).toMatchObject({ rows: 300, sampleRows: 300 });
  });

  it('refuses options out of their range and JSON of something else', () => {
    const { matrix } = blobs([20, 20]);
    const bad: ClusteringOptions[] = [
      { algorithm: 'k-means', seed: 1, clusterCount: 0 },
      { algorithm: 'k-means', seed: 1, clusterCount: 2.5 },
      { algorithm: 'k-means', seed: 1, maxClusters: 1 },
      { algorithm: 'k-means', seed: 1, restarts: 0 },
      { algorithm: 'k-means', seed: -1 },
      { algorithm: 'k-means', seed: 1, sampleRows: 20_001 },
      { algorithm: 'dbscan', seed: 1, epsilon: 0 },
      { algorithm: 'dbscan', seed: 1, epsilon: Number.NaN },
      { algorithm: 'dbscan', seed: 1, minPoints: 0 },
    ];
    const refused = expect.objectContaining({ code: 'MODEL_BAD_INPUT' });
    for (const option of bad)
      expect(() => fitClusters(matrix, option), JSON.stringify(option)).toThrowError(refused);
    const json = JSON.parse(JSON.stringify(fitClusters(matrix, { algorithm: 'dbscan', seed: 1 })));
    const wrong = [
      null,
      [],
      { ...json, version: 2 },
      { ...json, algorithm: 'spectral' },
      { ...json, standardisation: { ...json.standardisation, means: [1] } },
      { ...json, parameters: { ...json.parameters, labels: [1] } },
      { ...json, parameters: { ...json.parameters, cores: [1, null, 3] } },
      { ...json, parameters: { ...json.parameters, epsilon: 'wide' } },
    ];
    for (const value of wrong) expect(() => clusteringFromJSON(value)).toThrowError(refused);
  });
});
