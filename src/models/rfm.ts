import { AppError } from '../errors.ts';
import { rfmSegments } from './rfm-segments.ts';

/** One row per customer who ever bought. */
export interface RfmData {
  /** Days since the last purchase, 0 or more. */
  readonly recencyDays: Float64Array;
  /** Orders, or days with an order: 0 or more. */
  readonly frequency: Float64Array;
  /** Money spent; may be negative where refunds outweigh. */
  readonly monetary: Float64Array;
}

/** Row by row as in the data; scores run from 1 (worst) to 5 (best). */
export interface RfmAssignment {
  /** Ids of rfmSegments. */
  readonly segmentIds: Uint8Array;
  readonly recencyScores: Uint8Array;
  readonly frequencyScores: Uint8Array;
  readonly monetaryScores: Uint8Array;
}

const cellCount = 125;

function cellOf(recency: number, frequency: number, monetary: number): number {
  return (recency - 1) * 25 + (frequency - 1) * 5 + (monetary - 1);
}

const segmentOfCell = new Uint8Array(cellCount);
for (const { id, rules } of rfmSegments) {
  for (const { recency, frequency, monetary } of rules) {
    for (let r = recency[0]; r <= recency[1]; r++)
      for (let f = frequency[0]; f <= frequency[1]; f++)
        for (let m = monetary[0]; m <= monetary[1]; m++) segmentOfCell[cellOf(r, f, m)] = id;
  }
}

/** The first position of the sorted values that is at least `value`. */
function firstAtLeast(sorted: Float64Array, value: number): number {
  let low = 0;
  let high = sorted.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! >= value) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** The smallest values that earn a score of 2, 3, 4 and 5. The values must not all be equal. */
function scoreThresholds(sorted: Float64Array): [number, number, number, number] {
  const belowLargest = firstAtLeast(sorted, sorted.at(-1)!);
  const thresholds = [1, 2, 3, 4].map((step) => {
    // The smallest place at or beyond `step` fifths of the way; where a tie begins before it, the next value's.
    let place = Math.ceil((step * belowLargest) / 5);
    if (sorted[place - 1] === sorted[place]) {
      const tied = sorted[place]!;
      while (sorted[place] === tied) place++;
    }
    return sorted[place]!;
  });
  return thresholds as [number, number, number, number];
}

/**
 * Quintile scores 1-5, larger values scoring higher. A value's place is the share of customers strictly below it,
 * stretched so that the smallest value is at 0 and the largest at 1: equal values get equal scores, the smallest always 1,
 * the largest always 5, and without ties the fifths are equal. By mean ranks a shop where 60 % bought once would have
 * no score 1. All equal values say nothing and score 3.
 */
export function quintileScores(values: Float64Array): Uint8Array {
  const scores = new Uint8Array(values.length);
  if (values.length === 0) return scores;
  const sorted = values.toSorted();
  if (sorted[0] === sorted.at(-1)) return scores.fill(3);
  const [two, three, four, five] = scoreThresholds(sorted);
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (value < three) scores[i] = value < two ? 1 : 2;
    else if (value < four) scores[i] = 3;
    else scores[i] = value < five ? 4 : 5;
  }
  return scores;
}

function checkRfm({ recencyDays, frequency, monetary }: RfmData): void {
  const rows = recencyDays.length;
  if (frequency.length !== rows || monetary.length !== rows) {
    throw new AppError('MODEL_BAD_INPUT', 'recencyDays, frequency and monetary differ in length.', {
      details: { recencyDays: rows, frequency: frequency.length, monetary: monetary.length },
    });
  }
  for (let row = 0; row < rows; row++) {
    const [days, orders, money] = [recencyDays[row]!, frequency[row]!, monetary[row]!];
    if (days >= 0 && days < Infinity && orders >= 0 && orders < Infinity && Number.isFinite(money)) continue;
    throw new AppError(
      'MODEL_BAD_INPUT',
      `Row ${row}: recency ${days}, frequency ${orders}, monetary ${money}.`,
      {
        details: { row, recencyDays: days, frequency: orders, monetary: money },
        hint: 'Give finite numbers, recency and frequency 0 or more.',
      },
    );
  }
}

/** Scores every customer among the others and names the segment. Depends on the values only, not on the order of rows. */
export function assignRfmSegments(data: RfmData): RfmAssignment {
  checkRfm(data);
  // Few days ago is good: the score of the negative.
  const recencyScores = quintileScores(data.recencyDays.map((days) => -days));
  const frequencyScores = quintileScores(data.frequency);
  const monetaryScores = quintileScores(data.monetary);
  const segmentIds = recencyScores.map(
    (recency, i) => segmentOfCell[cellOf(recency, frequencyScores[i]!, monetaryScores[i]!)]!,
  );
  return { segmentIds, recencyScores, frequencyScores, monetaryScores };
}
