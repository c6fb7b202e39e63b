import { AppError } from '../../errors.ts';

/** What DBSCAN, the seedings and the choice of a number of clusters look at: their cost grows faster than the rows. */
export const maxSampleRows = 20_000;

interface CommonOptions {
  readonly seed: number;
  /** 1 … 20,000, the default. */
  readonly sampleRows?: number;
}

interface KMeansClusteringOptions extends CommonOptions {
  readonly algorithm: 'k-means';
  /** A number of 1 or more, or how to find it: by silhouette (the default) or by gap statistic. */
  readonly clusterCount?: number | 'silhouette' | 'gap';
  /** The most to try; 10 unless given. */
  readonly maxClusters?: number;
  /** Seedings; 10 unless given. */
  readonly restarts?: number;
}

interface DbscanClusteringOptions extends CommonOptions {
  readonly algorithm: 'dbscan';
  /** In standard deviations of the logarithms; the knee of the distances to the minPoints-th neighbour unless given. */
  readonly epsilon?: number;
  /** Points of the sample, itself included; the larger of 2 x features and 2 ln(rows) unless given. */
  readonly minPoints?: number;
}

export type ClusteringOptions = KMeansClusteringOptions | DbscanClusteringOptions;

function requireWhole(name: string, value: number, most = Number.MAX_SAFE_INTEGER): void {
  if (Number.isInteger(value) && value >= 1 && value <= most) return;
  throw new AppError('MODEL_BAD_INPUT', `${name} must be a whole number from 1 to ${most}, not ${value}.`, {
    details: { [name]: value },
  });
}

/** @throws AppError MODEL_BAD_INPUT for an option out of its range */
export function checkOptions(options: ClusteringOptions): void {
  requireWhole('sampleRows', options.sampleRows ?? maxSampleRows, maxSampleRows);
  if (options.algorithm === 'k-means') {
    const { clusterCount = 'silhouette', maxClusters = 10, restarts = 10 } = options;
    if (typeof clusterCount === 'number') requireWhole('clusterCount', clusterCount);
    requireWhole('maxClusters', maxClusters);
    if (maxClusters < 2) throw new AppError('MODEL_BAD_INPUT', 'maxClusters must be 2 or more.');
    requireWhole('restarts', restarts);
    return;
  }
  requireWhole('minPoints', options.minPoints ?? 1);
  const { epsilon = 1 } = options;
  if (!(epsilon > 0 && epsilon < Infinity)) {
    throw new AppError('MODEL_BAD_INPUT', `epsilon must be a positive finite number, not ${epsilon}.`);
  }
}
