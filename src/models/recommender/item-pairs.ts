import type { LinearAlgebra } from '../linear-algebra/linear-algebra.ts';
import type { Interactions } from './interactions.ts';
import { CoOccurrences } from './item-neighbours.ts';
import { TopItems } from './top-items.ts';

/** X^T X as the sparse ridge needs it, dense or by pairs; holds for every lambda. */
export interface ItemPairs {
  readonly itemCount: number;
  readonly diagonal: Float64Array;
  /** The at most `count` items most alike (cosine) to `item`, the most alike first. */
  candidates(item: number, count: number): Int32Array;
  /** The products of `item` with each of `others`. */
  products(item: number, others: Int32Array): Float32Array;
  /** Writes the products among `members` into a zeroed `target`, whose rows are `width` numbers apart, without the diagonal. */
  fill(members: Int32Array, target: Float32Array, width: number): void;
}

/** X^T X, both triangles, row by row. @throws MODEL_BAD_INPUT */
export function gramMatrix(data: Interactions, algebra: LinearAlgebra): Promise<Float32Array> {
  const { itemCount, offsets, items, weights } = data;
  return algebra.gram({ columnCount: itemCount, offsets, columns: items, values: weights });
}

export function densePairs(gram: Float32Array, itemCount: number): ItemPairs {
  const diagonal = Float64Array.from({ length: itemCount }, (_, i) => gram[i * itemCount + i]!);
  const scale = diagonal.map((own) => (own > 0 ? 1 / Math.sqrt(own) : 0));
  const cosines = new Float64Array(itemCount);
  const select = (item: number, top: TopItems): Int32Array => {
    const row = item * itemCount;
    for (let j = 0; j < itemCount; j++) {
      const common = gram[row + j]!;
      cosines[j] = common === 0 || j === item ? Number.NEGATIVE_INFINITY : common * scale[j]!;
    }
    return top.select(cosines);
  };
  // Every lambda of a search asks for the same.
  let top: { readonly count: number; readonly items: TopItems } | undefined;
  const known: Int32Array[] = [];
  return Object.freeze({
    itemCount,
    diagonal,
    candidates(item: number, count: number): Int32Array {
      if (top?.count !== count) {
        top = { count, items: new TopItems(Math.min(count, itemCount)) };
        known.length = 0;
      }
      known[item] ??= select(item, top.items);
      return known[item];
    },
    products: (item: number, others: Int32Array) =>
      Float32Array.from(others, (other) => gram[item * itemCount + other]!),
    fill(members: Int32Array, target: Float32Array, width: number): void {
      for (let a = 1; a < members.length; a++) {
        const row = members[a]! * itemCount;
        for (let b = 0; b < a; b++) target[a * width + b] = target[b * width + a] = gram[row + members[b]!]!;
      }
    },
  });
}

/**
 * The same, which keeps the products that it gathered, for a search that asks for them with one lambda after another: each comes from a
 * place of its own in a matrix that no cache holds, 40 ns, and all in a row from here in a twentieth of that. 80 MB for 4,000 items with 100 candidates.
 */
export function rememberedPairs(pairs: ItemPairs): ItemPairs {
  const triangles = new Map<Int32Array, Float32Array>();
  return Object.freeze({
    ...pairs,
    fill(members: Int32Array, target: Float32Array, width: number): void {
      const known = triangles.get(members);
      if (known === undefined) {
        pairs.fill(members, target, width);
        const triangle = new Float32Array((members.length * (members.length - 1)) / 2);
        for (let a = 1, at = 0; a < members.length; at += a++)
          triangle.set(target.subarray(a * width, a * width + a), at);
        triangles.set(members, triangle);
        return;
      }
      for (let a = 1, at = 0; a < members.length; a++)
        for (let b = 0; b < a; b++, at++) target[a * width + b] = target[b * width + a] = known[at]!;
    },
  });
}

/**
 * Pairs kept for an item. A pair that is missing counts as one that nobody took, which ruins the regression where it is not true: on
 * dense data with rows cut at 200 of 1,682 the nDCG fell from .41 to .05. Cut this far down are only pairs with next to nothing in common.
 */
const ROW_LIMIT = 2048;

/** For catalogues whose matrix does not fit: for each item its pairs, at most 2,048, of which the first `candidates` are most alike. */
export function sparsePairs(data: Interactions, candidates: number): ItemPairs {
  const { itemCount } = data;
  const diagonal = new Float64Array(itemCount);
  for (let k = 0; k < data.items.length; k++) diagonal[data.items[k]!]! += data.weights[k]! ** 2;
  const occurrences = new CoOccurrences(data);
  const top = new TopItems(Math.min(ROW_LIMIT, itemCount));
  const cosines = new Float64Array(itemCount);
  const ids: Int32Array[] = [];
  const values: Float32Array[] = [];
  for (let item = 0; item < itemCount; item++) {
    const others = occurrences.load(item);
    for (let k = 0; k < others.length; k++) {
      const other = others[k]!;
      cosines[k] =
        other === item ? Number.NEGATIVE_INFINITY : occurrences.dot[other]! / Math.sqrt(diagonal[other]!);
    }
    const chosen = top.select(cosines.subarray(0, others.length), others, candidates);
    ids.push(chosen);
    values.push(Float32Array.from(chosen, (other) => occurrences.dot[other]!));
  }
  return keptPairs(diagonal, ids, values);
}

/** What neither row of a pair kept is 0. */
function keptPairs(
  diagonal: Float64Array,
  ids: readonly Int32Array[],
  values: readonly Float32Array[],
): ItemPairs {
  // Of each item, one more than its place among the members: two bytes, so that the caches hold more of them.
  const place = new Uint16Array(diagonal.length);
  return Object.freeze({
    itemCount: diagonal.length,
    diagonal,
    candidates: (item: number, count: number) => ids[item]!.subarray(0, count),
    products: (item: number, others: Int32Array) => values[item]!.slice(0, others.length),
    fill(members: Int32Array, target: Float32Array, width: number): void {
      members.forEach((item, at) => {
        place[item] = at + 1;
      });
      for (let a = 0; a < members.length; a++) {
        const others = ids[members[a]!]!;
        const products = values[members[a]!]!;
        for (let k = 0; k < others.length; k++) {
          const b = place[others[k]!]! - 1;
          if (b >= 0) target[a * width + b] = target[b * width + a] = products[k]!;
        }
      }
      for (const item of members) place[item] = 0;
    },
  });
}
