import { AppError } from '../../errors.ts';
import type { FeatureMatrix } from '../classification/feature-matrix.ts';
import { Random } from '../random.ts';
import { type ClusterCountChoice, chooseClusterCount } from './cluster-count.ts';
import { isRecord, readNumber, readNumbers } from './clustering-json.ts';
import { type ClusteringOptions, checkOptions, maxSampleRows } from './clustering-options.ts';
import { assignToCores, type DbscanCores, type DbscanParameters, fitDbscan } from './dbscan.ts';
import { bestOfRestarts, orderedCentres, refine } from './k-means.ts';
import { nearestCentres } from './lloyd.ts';
import { type Points, samplePlaces, takeRows } from './points.ts';
import { meanSilhouettes } from './silhouette.ts';
import {
  type FittedStandardiseLog,
  fitStandardiseLog,
  type StandardiseLogJson,
  standardiseLogFromJSON,
} from './standardise-log.ts';

interface ClusteringDiagnostics {
  readonly rows: number;
  readonly sampleRows: number;
  /** Mean silhouette on (at most 5,000 rows of) the sample, noise left out; null where there are not two clusters. */
  readonly silhouette: number | null;
  /** k-means: how the number of clusters was found. */
  readonly choice?: ClusterCountChoice;
  /** k-means: over all rows, in squared standard deviations of the logarithms. */
  readonly inertia?: number;
  /** DBSCAN: share of the sample in no cluster. */
  readonly noiseShare?: number;
}

type Parameters =
  | { readonly algorithm: 'k-means'; readonly centres: Points }
  | ({ readonly algorithm: 'dbscan' } & DbscanParameters & DbscanCores);

interface ClusteringJson {
  readonly model: 'clustering';
  readonly version: 1;
  readonly algorithm: Clustering['algorithm'];
  readonly standardisation: StandardiseLogJson;
  readonly parameters: Record<string, number | readonly number[]>;
  readonly diagnostics: ClusteringDiagnostics;
}

export interface Clustering {
  readonly algorithm: 'k-means' | 'dbscan';
  /** Clusters are numbered 1 … clusterCount, the largest first; noise (DBSCAN only) is 0 and not counted. */
  readonly clusterCount: number;
  readonly standardisation: FittedStandardiseLog;
  readonly diagnostics: ClusteringDiagnostics;
  /**
   * The cluster of each row, by the same rule for rows of the fit and new ones.
   * @throws AppError MODEL_BAD_INPUT for other features than the fit's or a value that is not finite
   */
  assign(matrix: FeatureMatrix): Int32Array;
  /** DBSCAN's holds every core point of the sample: up to some 2 MB. */
  toJSON(): ClusteringJson;
}

function assignPoints(points: Points, parameters: Parameters): Int32Array {
  if (parameters.algorithm === 'dbscan') return assignToCores(points, parameters, parameters.epsilon);
  return nearestCentres(points, parameters.centres).labels.map((label) => label + 1);
}

function parametersJson(parameters: Parameters): ClusteringJson['parameters'] {
  if (parameters.algorithm === 'k-means') return { centres: [...parameters.centres.values] };
  const { epsilon, minPoints, cores, labels } = parameters;
  return { epsilon, minPoints, cores: [...cores.values], labels: [...labels] };
}

function fitted(
  standardisation: FittedStandardiseLog,
  parameters: Parameters,
  diagnostics: ClusteringDiagnostics,
): Clustering {
  const { algorithm } = parameters;
  return Object.freeze<Clustering>({
    algorithm,
    clusterCount: parameters.algorithm === 'k-means' ? parameters.centres.rows : parameters.clusters,
    standardisation,
    diagnostics: Object.freeze(diagnostics),
    assign: (matrix) => assignPoints(standardisation.transform(matrix), parameters),
    toJSON: () => ({
      model: 'clustering',
      version: 1,
      algorithm,
      standardisation: standardisation.toJSON(),
      parameters: parametersJson(parameters),
      diagnostics,
    }),
  });
}

/** Mean silhouette of the sample's points that are no noise. */
function sampleSilhouette(sample: Points, labels: Int32Array, seed: number): number | null {
  const places = Uint32Array.from(labels.keys()).filter((place) => labels[place]! > 0);
  const kept = Int32Array.from(places, (place) => labels[place]!);
  return meanSilhouettes(takeRows(sample, places), [kept], seed)[0]!;
}

function fitParameters(
  points: Points,
  sample: Points,
  options: ClusteringOptions,
): { parameters: Parameters; details: Partial<ClusteringDiagnostics> } {
  if (options.algorithm === 'dbscan') {
    const parameters: Parameters = { algorithm: 'dbscan', ...fitDbscan(sample, options) };
    const noise = assignPoints(sample, parameters).filter((label) => label === 0);
    return { parameters, details: { noiseShare: noise.length / sample.rows } };
  }
  const { seed, clusterCount = 'silhouette', maxClusters = 10, restarts = 10 } = options;
  const choice = chooseClusterCount(sample, clusterCount, maxClusters, { seed, restarts });
  const start = bestOfRestarts(sample, choice.chosen, { seed, restarts });
  const partition = sample.rows < points.rows ? refine(points, start.centres) : start;
  const centres = orderedCentres(partition);
  return { parameters: { algorithm: 'k-means', centres }, details: { choice, inertia: partition.inertia } };
}

/**
 * Groups customers by their features, standardised on the logarithm. Deterministic to the bit by the seed.
 *
 * k-means: the number of clusters and the best of the seedings come from a seeded sample; the centres are then fitted to
 * all rows. DBSCAN: clusters are those of the sample, whose density minPoints and epsilon are about; every other row
 * goes to the nearest core point within epsilon, else to noise.
 * @throws AppError MODEL_BAD_INPUT for no rows, no features, a value that is not finite or an option out of its range
 */
export function fitClusters(matrix: FeatureMatrix, options: ClusteringOptions): Clustering {
  checkOptions(options);
  const standardisation = fitStandardiseLog(matrix);
  const points = standardisation.transform(matrix);
  const sampleRows = options.sampleRows ?? maxSampleRows;
  const random = Random.fromSeed(options.seed, 'clustering sample');
  const sample = takeRows(points, samplePlaces(points.rows, sampleRows, random));
  const { parameters, details } = fitParameters(points, sample, options);
  const silhouette = sampleSilhouette(sample, assignPoints(sample, parameters), options.seed);
  return fitted(standardisation, parameters, {
    rows: points.rows,
    sampleRows: sample.rows,
    silhouette,
    ...details,
  });
}

function pointsFromJSON(json: Record<string, unknown>, name: string, dimensions: number): Points {
  const length = Array.isArray(json[name]) ? json[name].length : -1;
  const rows = Math.floor(length / dimensions);
  return { rows, dimensions, values: Float64Array.from(readNumbers(json, name, rows * dimensions)) };
}

function parametersFromJSON(
  algorithm: unknown,
  json: Record<string, unknown>,
  dimensions: number,
): Parameters {
  if (algorithm === 'k-means') return { algorithm, centres: pointsFromJSON(json, 'centres', dimensions) };
  const cores = pointsFromJSON(json, 'cores', dimensions);
  const labels = Int32Array.from(readNumbers(json, 'labels', cores.rows));
  const clusters = labels.reduce((most, label) => Math.max(most, label), 0);
  const epsilon = readNumber(json, 'epsilon');
  const minPoints = readNumber(json, 'minPoints');
  return { algorithm: 'dbscan', epsilon, minPoints, cores, labels, clusters };
}

/** Restores what `toJSON` wrote; it assigns as the original does. @throws AppError MODEL_BAD_INPUT for anything else */
export function clusteringFromJSON(json: unknown): Clustering {
  const known = isRecord(json) && json['model'] === 'clustering' && json['version'] === 1;
  const algorithm = isRecord(json) ? json['algorithm'] : undefined;
  const parameters = isRecord(json) ? json['parameters'] : undefined;
  const diagnostics = isRecord(json) ? json['diagnostics'] : undefined;
  const isAlgorithm = algorithm === 'k-means' || algorithm === 'dbscan';
  if (!known || !isAlgorithm || !isRecord(parameters) || !isRecord(diagnostics)) {
    throw new AppError('MODEL_BAD_INPUT', 'Not a stored clustering of version 1.', {
      hint: 'Fit the model again with this version of the program.',
    });
  }
  const standardisation = standardiseLogFromJSON(json['standardisation']);
  return fitted(
    standardisation,
    parametersFromJSON(algorithm, parameters, standardisation.names.length),
    diagnostics as unknown as ClusteringDiagnostics,
  );
}
