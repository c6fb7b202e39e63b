import { AppError } from '../../errors.ts';
import { transposeRows } from '../linear-algebra/sparse-rows.ts';

/** Who took what, one row a user (compressed sparse rows). Items are numbered 0 … itemCount-1; an item stands once in a row. */
export interface Interactions {
  itemCount: number;
  /** Row u is items[offsets[u]] … items[offsets[u+1]-1]; length users + 1. */
  offsets: Int32Array;
  items: Int32Array;
  /** Strength of each interaction, > 0. */
  weights: Float32Array;
}

/** What one customer took: a row of `Interactions`, or what the database says of the customer now. */
export interface History {
  readonly items: Int32Array;
  readonly weights: Float32Array;
}

/** A matrix by columns: who took item i, at offsets[i] … offsets[i+1]-1. */
export interface Columns {
  readonly offsets: Int32Array;
  readonly users: Int32Array;
  readonly weights: Float32Array;
}

export function userCount(data: Interactions): number {
  return Math.max(0, data.offsets.length - 1);
}

/** A view on row `user`, not a copy. */
export function historyOf(data: Interactions, user: number): History {
  const [from, to] = [data.offsets[user]!, data.offsets[user + 1]!];
  return { items: data.items.subarray(from, to), weights: data.weights.subarray(from, to) };
}

/** Who took each item, users ascending. */
export function transpose({ itemCount, offsets, items, weights }: Interactions): Columns {
  const turned = transposeRows({ columnCount: itemCount, offsets, columns: items, values: weights });
  return { offsets: turned.offsets, users: turned.columns, weights: turned.values };
}

/** How many users took each item. */
export function itemUserCounts(data: Interactions): Float64Array {
  const counts = new Float64Array(data.itemCount);
  for (const item of data.items) counts[item]! += 1;
  return counts;
}

/**
 * Each row divided by its Euclidean norm to the power `exponent`: at 0 a customer with a hundred products says ten thousand times as
 * much about pairs of products as one with one, at 1 as much.
 */
export function normaliseRows(data: Interactions, exponent: number): Interactions {
  if (exponent === 0) return data;
  const weights = new Float32Array(data.weights.length);
  for (let user = 0; user + 1 < data.offsets.length; user++) {
    const [from, to] = [data.offsets[user]!, data.offsets[user + 1]!];
    let squares = 0;
    for (let k = from; k < to; k++) squares += data.weights[k]! ** 2;
    const scale = squares ** (-exponent / 2);
    for (let k = from; k < to; k++) weights[k] = data.weights[k]! * scale;
  }
  return { ...data, weights };
}

/** @throws MODEL_BAD_INPUT when the arrays do not fit each other, or an item or a weight cannot be one */
export function checkInteractions(data: Interactions): void {
  const size = data.items.length;
  const bad = (what: string): never => {
    throw new AppError('MODEL_BAD_INPUT', `interactions: ${what}`);
  };
  if (data.weights.length !== size || data.offsets.at(-1) !== size)
    bad('offsets, items and weights do not fit each other');
  for (let k = 0; k < size; k++) {
    const item = data.items[k]!;
    if (item < 0 || item >= data.itemCount)
      bad(`item ${item} at position ${k} is not among the ${data.itemCount} items`);
    if (!(data.weights[k]! > 0) || !Number.isFinite(data.weights[k]!))
      bad(`weight at position ${k} is not a positive number`);
  }
}
