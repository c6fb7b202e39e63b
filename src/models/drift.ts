import { AppError } from '../errors.ts';
import {
  checkFeatureMatrix,
  checkSameFeatures,
  type FeatureMatrix,
} from './classification/feature-matrix.ts';
import { binOf, quantileEdges } from './classification/quantile-bins.ts';
import { openStoredModel } from './classification/stored-model.ts';

/**
 * Below 0.1 little has changed, from 0.25 on much has: the thresholds of credit scoring (Lewis 1994, "An Introduction
 * to Credit Scoring"; Siddiqi 2006, "Credit Risk Scorecards", chapter 9). They are conventions and know nothing of
 * the number of rows: hence `noiseLimit`.
 */
export const driftThresholds = Object.freeze({ moderate: 0.1, major: 0.25 });

type DriftLevel = 'stable' | 'moderate' | 'major';

export interface FeatureDrift {
  readonly name: string;
  /** Population stability index: sum over bins of (now - then) * ln(now / then), in nats; 0 or more. */
  readonly psi: number;
  /**
   * What the index stays below in 95 of 100 comparisons without any drift: (1/n + 1/m) times the 95 % point of
   * chi-squared with one degree of freedom less than there are bins (Yurdakul & Naranjo 2020, Journal of Risk Model
   * Validation 14(4)). With few rows it is above the thresholds, and an index below it says nothing.
   */
  readonly noiseLimit: number;
  /** By the thresholds; 'stable' also for what is within the noise. */
  readonly level: DriftLevel;
}

interface DriftJson {
  readonly model: 'drift-reference';
  readonly version: 1;
  readonly parameters: {
    readonly names: readonly string[];
    readonly edges: readonly (readonly number[])[];
    /** Rows of the reference in each bin, by feature; the last is that of missing values. */
    readonly counts: readonly (readonly number[])[];
  };
  readonly diagnostics: { readonly rows: number };
}

export interface FittedDriftReference {
  readonly names: readonly string[];
  readonly rows: number;
  /** One entry a feature, in order. @throws AppError MODEL_BAD_INPUT for other features, or no rows */
  compare(matrix: FeatureMatrix): FeatureDrift[];
  toJSON(): DriftJson;
}

/** Rows in each bin, those with a missing value last: that more are missing is drift too. */
function countBins(edges: Float64Array, values: Float64Array): Float64Array {
  const counts = new Float64Array(edges.length + 2);
  for (const value of values) counts[Number.isNaN(value) ? edges.length + 1 : binOf(edges, value)]! += 1;
  return counts;
}

/** The 95 % point of chi-squared (Wilson & Hilferty 1931), within 3 % from one degree of freedom on. */
function chiSquared95(degrees: number): number {
  const spread = 2 / (9 * degrees);
  return degrees * (1 - spread + 1.6448536269514722 * Math.sqrt(spread)) ** 3;
}

function compareCounts(name: string, then: Float64Array, now: Float64Array): FeatureDrift {
  const [rowsThen, rowsNow] = [then, now].map((counts) => counts.reduce((sum, count) => sum + count, 0));
  const used = [...then.keys()].filter((bin) => then[bin]! > 0 || now[bin]! > 0);
  // Half a row more in every bin: the logarithm of an empty one is infinite, and one row there no proof of a new world.
  const share = (count: number, rows: number) => (count + 0.5) / (rows + used.length / 2);
  let psi = 0;
  for (const bin of used) {
    const [before, after] = [share(then[bin]!, rowsThen!), share(now[bin]!, rowsNow!)];
    psi += (after - before) * Math.log(after / before);
  }
  const noiseLimit = used.length < 2 ? 0 : (1 / rowsThen! + 1 / rowsNow!) * chiSquared95(used.length - 1);
  const { moderate, major } = driftThresholds;
  const shifted = psi >= major ? 'major' : 'moderate';
  return { name, psi, noiseLimit, level: psi < moderate || psi <= noiseLimit ? 'stable' : shifted };
}

function checkRows(matrix: FeatureMatrix): void {
  checkFeatureMatrix(matrix, 'allowed');
  if (matrix.rows > 0) return;
  throw new AppError('MODEL_BAD_INPUT', 'Drift cannot be measured on no rows.');
}

function fitted(
  names: readonly string[],
  rows: number,
  edges: readonly Float64Array[],
  counts: readonly Float64Array[],
): FittedDriftReference {
  return Object.freeze<FittedDriftReference>({
    names,
    rows,
    compare: (matrix) => {
      checkSameFeatures(names, matrix);
      checkRows(matrix);
      return names.map((name, j) =>
        compareCounts(name, counts[j]!, countBins(edges[j]!, matrix.columns[j]!)),
      );
    },
    toJSON: () => ({
      model: 'drift-reference',
      version: 1,
      parameters: {
        names,
        edges: edges.map((ofFeature) => [...ofFeature]),
        counts: counts.map((ofFeature) => [...ofFeature]),
      },
      diagnostics: { rows },
    }),
  });
}

/**
 * Remembers how features, or scores as a matrix of one column, are distributed: rows by bins of about equal size (`bins`
 * of them, 10 unless given), the bins being those of this reference. NaN counts as a bin of its own.
 * @throws AppError MODEL_BAD_INPUT for no rows or infinite values.
 */
export function fitDriftReference(matrix: FeatureMatrix, bins = 10): FittedDriftReference {
  checkRows(matrix);
  const edges = matrix.columns.map((column) => quantileEdges(column, bins));
  const counts = matrix.columns.map((column, j) => countBins(edges[j]!, column));
  return fitted(Object.freeze([...matrix.names]), matrix.rows, edges, counts);
}

/** Restores a reference from what `toJSON` wrote. @throws AppError MODEL_BAD_INPUT for anything else. */
export function driftReferenceFromJSON(json: unknown): FittedDriftReference {
  const stored = openStoredModel<DriftJson['diagnostics']>(json, 'drift-reference', 1);
  const names = stored.names('names');
  const edges = stored.lists('edges', names.length);
  const counts = stored.lists('counts', names.length, { min: 0, integer: true });
  if (edges.some((list, j) => list.length + 2 !== counts[j]!.length)) stored.fail('bins and counts differ');
  const { rows } = stored.diagnostics;
  if (counts.some((list) => list.reduce((sum, count) => sum + count, 0) !== rows)) {
    stored.fail('its counts do not add up to its rows');
  }
  return fitted(names, rows, edges, counts);
}
