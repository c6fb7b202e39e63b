import type { Interactions } from './interactions.ts';

/** What users did, one row a user, in order of time; the same item as often as it was taken. */
export interface EventLog {
  readonly itemCount: number;
  /** Row u is at offsets[u] … offsets[u+1]-1; length users + 1. */
  readonly offsets: Int32Array;
  readonly items: Int32Array;
  /** Days since any moment; all 0 where times are not known. */
  readonly times: Float64Array;
  /** > 0; a rating, or the weight of the kind of event. */
  readonly strengths: Float32Array;
  /** 1 where the event is of the kind that is asked for and, without repeats, left out afterwards (a purchase, not a look); all unless given. */
  readonly isTaken?: Uint8Array;
}

/** h_i = (the sum over the events with item i of strength * 2^(-age / halfLifeDays)) ^ power. */
export interface StrengthOptions {
  /** 0: taken or not; 1: as often, as much and as lately as it was. 0 unless given. */
  readonly power?: number;
  /** No decay unless given. */
  readonly halfLifeDays?: number | undefined;
}

/** Halved a hundred times a weight is nothing; on, it would leave the range of 32 bits. */
const MAX_HALVINGS = 100;

/** Each item once in a row, by item number. @param now in the days of `times`; what is later counts as of now */
export function interactionsOf(log: EventLog, now: number, options: StrengthOptions = {}): Interactions {
  const { power = 0, halfLifeDays } = options;
  const offsets = new Int32Array(log.offsets.length);
  const items = new Int32Array(log.items.length);
  const weights = new Float32Array(log.items.length);
  const sums = new Float64Array(log.itemCount);
  let size = 0;
  for (let user = 0; user + 1 < log.offsets.length; user++) {
    const [from, to] = [log.offsets[user]!, log.offsets[user + 1]!];
    const start = size;
    for (let k = from; k < to; k++) {
      const halvings = halfLifeDays === undefined ? 0 : Math.max(0, now - log.times[k]!) / halfLifeDays;
      const item = log.items[k]!;
      if (sums[item] === 0) items[size++] = item;
      sums[item]! += log.strengths[k]! * 2 ** -Math.min(MAX_HALVINGS, halvings);
    }
    items.subarray(start, size).sort();
    for (let k = start; k < size; k++) {
      weights[k] = Math.max(1e-30, sums[items[k]!]! ** power);
      sums[items[k]!] = 0;
    }
    offsets[user + 1] = size;
  }
  return { itemCount: log.itemCount, offsets, items: items.slice(0, size), weights: weights.slice(0, size) };
}
