import { AppError } from '../../errors.ts';
import { Random } from '../random.ts';

// Edges of 255 bins out of 200,000 values are off by about 0.1 % of the rows (scikit-learn takes as many).
const sampleSize = 200_000;

/** Finite values, ascending; a seeded sample of them where there are many. */
function sortedSample(values: Float64Array): Float64Array {
  const finite = values.filter((value) => Number.isFinite(value));
  if (finite.length <= sampleSize) return finite.sort();
  const random = Random.fromSeed(0, 'quantile bins');
  return Float64Array.from({ length: sampleSize }, () => finite[random.integer(finite.length)]!).sort();
}

/** Number of equal values from `from` on. */
function runLength(sorted: Float64Array, from: number): number {
  let to = from + 1;
  while (to < sorted.length && sorted[to] === sorted[from]) to++;
  return to - from;
}

/** A number with low <= edge < high, half-way where doubles allow. */
function edgeBetween(low: number, high: number): number {
  const middle = low / 2 + high / 2;
  return middle >= low && middle < high ? middle : low;
}

/** The edges; `allDistinct` gives every value a bin of its own. */
function cut(sorted: Float64Array, maxBins: number, allDistinct: boolean): number[] {
  const edges: number[] = [];
  let held = 0;
  for (let from = 0; from < sorted.length; ) {
    const run = runLength(sorted, from);
    const binsLeft = maxBins - edges.length;
    const target = (sorted.length - from + held) / binsLeft;
    // A value that fills a bin by itself starts one: its neighbours below must not be lost in it.
    const startsBin = held > 0 && (allDistinct || held >= target || (run >= target && held >= target / 2));
    if (startsBin && binsLeft > 1) {
      edges.push(edgeBetween(sorted[from - 1]!, sorted[from]!));
      held = 0;
    }
    held += run;
    from += run;
  }
  return edges;
}

/**
 * Edges, ascending, of at most `maxBins` bins with about equal numbers of values: a value belongs to the bin whose
 * number is the count of edges below it. Equal values share a bin, and few distinct values get a bin each. The target is
 * renewed after each bin, so that the many zeros of a shop's features use up one bin and not half of them.
 * NaN belongs to no bin and is left out.
 */
export function quantileEdges(values: Float64Array, maxBins: number): Float64Array {
  if (!Number.isInteger(maxBins) || maxBins < 2) {
    throw new AppError('MODEL_BAD_INPUT', `At least 2 bins are needed, not ${maxBins}.`);
  }
  const sorted = sortedSample(values);
  let distinct = 0;
  for (let from = 0; from < sorted.length; from += runLength(sorted, from)) distinct++;
  return Float64Array.from(cut(sorted, maxBins, distinct <= maxBins));
}

/** Number of edges below the value, by bisection: the value's bin. */
export function binOf(edges: Float64Array, value: number): number {
  let low = 0;
  let high = edges.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (edges[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The bin of a missing value; bins of values are 0 … 254. */
export const missingBin = 255;

/** Most bins of values that a byte holds beside the one for missing values. */
export const maxValueBins = 255;

/**
 * Bins of the rows `from` to `to` (exclusive), row after row: a row's bins then share a cache line, and histograms of
 * a tenth of 200,000 rows with 20 features were 1.8 times as fast as from bins in columns.
 */
export function binRows(
  edges: readonly Float64Array[],
  columns: readonly Float64Array[],
  from: number,
  to: number,
  target: Uint8Array,
): void {
  const width = columns.length;
  columns.forEach((column, j) => {
    const ofColumn = edges[j]!;
    for (let row = from; row < to; row++) {
      const value = column[row]!;
      target[(row - from) * width + j] = Number.isNaN(value) ? missingBin : binOf(ofColumn, value);
    }
  });
}
