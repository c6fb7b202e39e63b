import { AppError } from '../../errors.ts';

/** Who took what, one row a user (compressed sparse rows). Items are numbered 0 … itemCount-1; an item stands once in a row. */
export interface Interactions {
  itemCount: number;
  /** Row u is items[offsets[u]] … items[offsets[u+1]-1]; length users + 1. */
  offsets: Int32Array;
  items: Int32Array;
  /** Strength of each interaction, > 0. */
  weights: Float32Array;
}

export interface ItemNeighbourOptions {
  /** Neighbours kept for each item, most similar first. */
  neighbours: number;
  /** Added to the product of the norms: pulls similarities that rest on one or two customers towards 0. */
  shrinkage: number;
}

export interface ItemNeighbours {
  /** For each item its neighbours, most similar first; ties by item number. */
  readonly ids: readonly Int32Array[];
  /** Cosine similarity 0-1, aligned with `ids`. */
  readonly similarities: readonly Float32Array[];
}

function transpose(data: Interactions): { offsets: Int32Array; users: Int32Array; weights: Float32Array } {
  const offsets = new Int32Array(data.itemCount + 1);
  for (const item of data.items) offsets[item + 1]! += 1;
  for (let i = 0; i < data.itemCount; i++) offsets[i + 1]! += offsets[i]!;
  const next = offsets.slice();
  const users = new Int32Array(data.items.length);
  const weights = new Float32Array(data.items.length);
  for (let user = 0; user + 1 < data.offsets.length; user++) {
    for (let k = data.offsets[user]!; k < data.offsets[user + 1]!; k++) {
      const position = next[data.items[k]!]!++;
      users[position] = user;
      weights[position] = data.weights[k]!;
    }
  }
  return { offsets, users, weights };
}

function check(data: Interactions): void {
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

/**
 * Item-item cosine similarity (Sarwar et al. 2001, "Item-based collaborative filtering recommendation algorithms", eq. 3) with
 * shrinkage: sim(i, j) = <x_i, x_j> / (|x_i| |x_j| + shrinkage). One pass over each item's users and their rows: the cost is the sum of
 * squared row lengths, the memory that of the catalogue. Deterministic.
 * @throws MODEL_BAD_INPUT
 */
export function fitItemNeighbours(data: Interactions, options: ItemNeighbourOptions): ItemNeighbours {
  check(data);
  const columns = transpose(data);
  const norms = new Float64Array(data.itemCount);
  for (let k = 0; k < data.items.length; k++) norms[data.items[k]!]! += data.weights[k]! ** 2;
  for (let i = 0; i < data.itemCount; i++) norms[i] = Math.sqrt(norms[i]!);

  const dot = new Float64Array(data.itemCount);
  const touched = new Int32Array(data.itemCount);
  const ids: Int32Array[] = [];
  const similarities: Float32Array[] = [];
  for (let item = 0; item < data.itemCount; item++) {
    let count = 0;
    for (let k = columns.offsets[item]!; k < columns.offsets[item + 1]!; k++) {
      const user = columns.users[k]!;
      const weight = columns.weights[k]!;
      for (let m = data.offsets[user]!; m < data.offsets[user + 1]!; m++) {
        const other = data.items[m]!;
        if (dot[other] === 0) touched[count++] = other;
        dot[other]! += weight * data.weights[m]!;
      }
    }
    const candidates = touched.subarray(0, count);
    for (const other of candidates)
      dot[other] = dot[other]! / (norms[item]! * norms[other]! + options.shrinkage);
    dot[item] = 0;
    const best = [...candidates]
      .filter((other) => other !== item)
      .sort((a, b) => dot[b]! - dot[a]! || a - b)
      .slice(0, options.neighbours);
    ids.push(Int32Array.from(best));
    similarities.push(Float32Array.from(best, (other) => dot[other]!));
    for (const other of candidates) dot[other] = 0;
  }
  return Object.freeze({ ids, similarities });
}
