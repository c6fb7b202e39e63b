import { ascendingOrder } from './paired-arrays.ts';

/**
 * The rows of each of `count` bins of equal count, by ascending value. Equal values always share a bin, which then is larger and leaves
 * fewer bins: to cut a tie would let the order of the rows decide.
 */
export function equalCountBins(values: Float64Array, count: number): Uint32Array[] {
  const order = ascendingOrder(values);
  const total = order.length;
  const bins: Uint32Array[] = [];
  let from = 0;
  for (let to = 1; to <= total; to++) {
    if (to < total && values[order[to]!] === values[order[to - 1]!]) continue;
    if (to * count < (Math.floor((from * count) / total) + 1) * total) continue;
    bins.push(order.subarray(from, to));
    from = to;
  }
  return bins;
}
