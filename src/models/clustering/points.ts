import type { Random } from '../random.ts';

/** Points in Euclidean space, row by row: what a distance reads stands together in memory. */
export interface Points {
  readonly rows: number;
  readonly dimensions: number;
  /** rows x dimensions, row-major. */
  readonly values: Float64Array;
}

/** Squared Euclidean distance between the points that begin at two offsets. */
export function squaredDistance(
  left: Float64Array,
  leftOffset: number,
  right: Float64Array,
  rightOffset: number,
  dimensions: number,
): number {
  let sum = 0;
  for (let d = 0; d < dimensions; d++) {
    const difference = left[leftOffset + d]! - right[rightOffset + d]!;
    sum += difference * difference;
  }
  return sum;
}

/** The rows at the given places, in that order. */
export function takeRows(points: Points, places: ArrayLike<number>): Points {
  const { dimensions } = points;
  const values = new Float64Array(places.length * dimensions);
  for (let i = 0; i < places.length; i++) {
    const from = places[i]! * dimensions;
    values.set(points.values.subarray(from, from + dimensions), i * dimensions);
  }
  return { rows: places.length, dimensions, values };
}

/**
 * `count` of `rows` places without replacement, ascending; all of them where there are no more.
 * Selection sampling, algorithm S of Knuth, The Art of Computer Programming 2, section 3.4.2.
 */
export function samplePlaces(rows: number, count: number, random: Random): Uint32Array {
  const places = new Uint32Array(Math.min(rows, count));
  if (rows <= count) return places.map((_, i) => i);
  let taken = 0;
  for (let row = 0; taken < count; row++) {
    if ((rows - row) * random.uniform() < count - taken) places[taken++] = row;
  }
  return places;
}
