import { AppError } from '../errors.ts';

/** Measures of a division of customers into segments. A segment is a whole number; `segments` has one a customer. */
type Segments = ArrayLike<number>;

function checkLengths(segments: Segments, values: ArrayLike<number>): void {
  if (segments.length === values.length) return;
  throw new AppError('MODEL_BAD_INPUT', 'Each customer needs one segment and one value.', {
    details: { segments: segments.length, values: values.length },
  });
}

function tally(labels: Segments): number[] {
  const counts = new Map<number, number>();
  for (let i = 0; i < labels.length; i++) counts.set(labels[i]!, (counts.get(labels[i]!) ?? 0) + 1);
  return [...counts.values()];
}

/** How often each pair of segments meets in one customer. */
function crossTally(left: Segments, right: Segments): number[] {
  const counts = new Map<number, Map<number, number>>();
  for (let i = 0; i < left.length; i++) {
    const row = counts.get(left[i]!) ?? new Map<number, number>();
    row.set(right[i]!, (row.get(right[i]!) ?? 0) + 1);
    counts.set(left[i]!, row);
  }
  return [...counts.values()].flatMap((row) => [...row.values()]);
}

const pairs = (counts: readonly number[]): number =>
  counts.reduce((sum, count) => sum + (count * (count - 1)) / 2, 0);

/**
 * Agreement of two divisions of the same customers, whatever the segments are called: 1 the same, 0 as by chance (Hubert & Arabie, Journal
 * of Classification 2, 1985). Null for fewer than two customers, or where neither division parts any or both part all.
 * @throws AppError MODEL_BAD_INPUT for unequal lengths
 */
export function adjustedRandIndex(left: Segments, right: Segments): number | null {
  checkLengths(left, right);
  const all = pairs([left.length]);
  const ofLeft = pairs(tally(left));
  const ofRight = pairs(tally(right));
  const expected = (ofLeft * ofRight) / all;
  const most = (ofLeft + ofRight) / 2;
  return most - expected > 0 ? (pairs(crossTally(left, right)) - expected) / (most - expected) : null;
}

/**
 * Share of the variance of a value that lies between the segments, corrected for their number: omega squared (Hays, Statistics for
 * Psychologists, 1963); about 0 where they say nothing, slightly below it by chance, 0 for one segment. Null where the value is constant or
 * every customer is a segment. @throws AppError MODEL_BAD_INPUT for unequal lengths
 */
export function omegaSquared(segments: Segments, values: Float64Array): number | null {
  checkLengths(segments, values);
  const groups = groupSums(segments, values);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const total = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  if (!(total > 0) || groups.size === values.length) return null;
  const between = [...groups.values()].reduce(
    (sum, group) => sum + group.count * (group.sum / group.count - mean) ** 2,
    0,
  );
  const within = (total - between) / (values.length - groups.size);
  return (between - (groups.size - 1) * within) / (total + within);
}

function groupSums(segments: Segments, values: Float64Array): Map<number, { count: number; sum: number }> {
  const groups = new Map<number, { count: number; sum: number }>();
  for (let i = 0; i < values.length; i++) {
    const group = groups.get(segments[i]!) ?? { count: 0, sum: 0 };
    group.count++;
    group.sum += values[i]!;
    groups.set(segments[i]!, group);
  }
  return groups;
}

/**
 * The forecast that a segment is: the mean of its customers, pulled to the mean of all by one pseudo-observation (Laplace), so that no rate
 * is certain; a segment that nobody was in gets the mean of all. @throws AppError MODEL_BAD_INPUT for unequal lengths or no customers
 */
export function segmentMeans(segments: Segments, values: Float64Array): (segment: number) => number {
  checkLengths(segments, values);
  if (values.length === 0) throw new AppError('MODEL_BAD_INPUT', 'No customers: there is no mean.');
  const overall = values.reduce((sum, value) => sum + value, 0) / values.length;
  const groups = groupSums(segments, values);
  return (segment) => {
    const { count, sum } = groups.get(segment) ?? { count: 0, sum: 0 };
    return (sum + overall) / (count + 1);
  };
}

/**
 * Share of the squared error of a baseline that a forecast saves, both made beforehand: 1 is perfect, 0 no better, below 0 worse (Campbell &
 * Thompson, Review of Financial Studies 21, 2008). Null where the baseline is perfect. @throws AppError MODEL_BAD_INPUT for unequal lengths
 */
export function outOfSampleR2(
  predicted: Float64Array,
  baseline: Float64Array,
  actual: Float64Array,
): number | null {
  checkLengths(predicted, actual);
  checkLengths(baseline, actual);
  const squares = (forecast: Float64Array): number =>
    forecast.reduce((sum, value, i) => sum + (value - actual[i]!) ** 2, 0);
  const most = squares(baseline);
  return most > 0 ? 1 - squares(predicted) / most : null;
}
