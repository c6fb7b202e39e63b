import { Random } from '../random.ts';
import { fewestByGap, gapScores } from './gap-statistic.ts';
import { allEqual, bestOfRestarts, type KMeansOptions } from './k-means.ts';
import { type Points, samplePlaces, takeRows } from './points.ts';
import { meanSilhouettes } from './silhouette.ts';

/** The gap statistic fits each count eleven times over, so it makes do with fewer rows. */
const maxGapRows = 5000;

/** How the number of clusters came about. `score` is the mean silhouette or the gap; null where it is not finite. */
export interface ClusterCountChoice {
  readonly method: 'given' | 'silhouette' | 'gap';
  readonly chosen: number;
  readonly scores: readonly {
    readonly clusters: number;
    readonly score: number | null;
    readonly standardError?: number;
  }[];
}

function bySilhouette(sample: Points, maxClusters: number, options: KMeansOptions): ClusterCountChoice {
  if (allEqual(sample)) return { method: 'silhouette', chosen: 1, scores: [] };
  const labelings: Int32Array[] = [];
  for (let clusters = 2; clusters <= Math.min(maxClusters, sample.rows); clusters++) {
    const { centres, labels } = bestOfRestarts(sample, clusters, options);
    // Fewer centres than asked for: there are no more different points.
    if (centres.rows < clusters) break;
    labelings.push(labels);
  }
  const silhouettes = meanSilhouettes(sample, labelings, options.seed);
  const scores = silhouettes.map((score, i) => ({ clusters: i + 2, score }));
  let best = scores[0]!;
  for (const candidate of scores) if ((candidate.score ?? -1) > (best.score ?? -1)) best = candidate;
  return { method: 'silhouette', chosen: best.clusters, scores };
}

function byGap(sample: Points, maxClusters: number, seed: number): ClusterCountChoice {
  const places = samplePlaces(sample.rows, maxGapRows, Random.fromSeed(seed, 'gap sample'));
  const gaps = gapScores(takeRows(sample, places), maxClusters, seed);
  const scores = gaps.map(({ clusters, gap, standardError }) => ({
    clusters,
    score: Number.isFinite(gap) ? gap : null,
    standardError,
  }));
  return { method: 'gap', chosen: fewestByGap(gaps), scores };
}

/**
 * Chooses the number of clusters on a sample: by silhouette from 2 … maxClusters the best (the fewest of equals), which
 * cannot say that there are no clusters; by gap from 1 … maxClusters.
 */
export function chooseClusterCount(
  sample: Points,
  wanted: number | 'silhouette' | 'gap',
  maxClusters: number,
  options: KMeansOptions,
): ClusterCountChoice {
  if (wanted === 'silhouette') return bySilhouette(sample, maxClusters, options);
  if (wanted === 'gap') return byGap(sample, maxClusters, options.seed);
  return { method: 'given', chosen: wanted, scores: [] };
}
