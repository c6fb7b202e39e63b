import { codeValues } from './purchase-histories.ts';
import type { PurchaseHistories } from './purchase-model.ts';

/**
 * The histories as pairs of a count x and a time t, either t_x or T. All that is costly hangs on one such pair, of which
 * whole days leave few: some 20,000 for 1,000,000 customers of a year. One-time buyers of equal T are one row.
 */
export interface PairedHistories {
  readonly totalWeight: number;
  readonly distinctX: Float64Array;
  readonly weightOfX: Float64Array;
  readonly distinctT: Float64Array;
  readonly weightOfT: Float64Array;
  readonly purchasesOfT: Float64Array;
  readonly pairX: Float64Array;
  readonly pairTime: Float64Array;
  readonly rowLast: Int32Array;
  readonly rowEnd: Int32Array;
  readonly rowWeight: Float64Array;
}

/** Numbers the pairs (x, t) in the order of their first appearance. */
class PairCodes {
  private readonly codeOfX: Int32Array;
  private readonly codeOfKey = new Map<number, number>();
  private readonly codeOfTime = new Map<number, number>();
  readonly xs: number[] = [];
  readonly times: number[] = [];

  constructor(codesOfX: Int32Array) {
    this.codeOfX = codesOfX;
  }

  code(row: number, x: number, time: number): number {
    let timeCode = this.codeOfTime.get(time);
    if (timeCode === undefined) {
      timeCode = this.codeOfTime.size;
      this.codeOfTime.set(time, timeCode);
    }
    // Whole and exact up to 2^53: a million distinct counts of a billion distinct times.
    const key = timeCode * 1_048_576 + this.codeOfX[row]!;
    let code = this.codeOfKey.get(key);
    if (code === undefined) {
      code = this.xs.length;
      this.codeOfKey.set(key, code);
      this.xs.push(x);
      this.times.push(time);
    }
    return code;
  }
}

export function pairHistories(data: PurchaseHistories): PairedHistories {
  const { frequency, recency, T, weight } = data;
  const x = codeValues(frequency);
  const t = codeValues(T);
  const pairs = new PairCodes(x.codes);
  const weightOfX = new Float64Array(x.distinct.length);
  const weightOfT = new Float64Array(t.distinct.length);
  const purchasesOfT = new Float64Array(t.distinct.length);
  const rowOfOneTime = new Int32Array(t.distinct.length).fill(-1);
  const rowLast = new Int32Array(T.length);
  const rowEnd = new Int32Array(T.length);
  const rowWeight = new Float64Array(T.length);
  let rows = 0;
  for (let i = 0; i < T.length; i++) {
    const w = weight ? weight[i]! : 1;
    if (w === 0) continue;
    const count = frequency[i]!;
    const end = t.codes[i]!;
    weightOfX[x.codes[i]!]! += w;
    weightOfT[end]! += w;
    purchasesOfT[end]! += w * count;
    const known = count === 0 ? rowOfOneTime[end]! : -1;
    if (known >= 0) {
      rowWeight[known]! += w;
      continue;
    }
    if (count === 0) rowOfOneTime[end] = rows;
    rowLast[rows] = pairs.code(i, count, recency[i]!);
    rowEnd[rows] = pairs.code(i, count, T[i]!);
    rowWeight[rows++] = w;
  }
  return {
    totalWeight: weightOfX.reduce((sum, w) => sum + w, 0),
    distinctX: x.distinct,
    weightOfX,
    distinctT: t.distinct,
    weightOfT,
    purchasesOfT,
    pairX: Float64Array.from(pairs.xs),
    pairTime: Float64Array.from(pairs.times),
    rowLast: rowLast.slice(0, rows),
    rowEnd: rowEnd.slice(0, rows),
    rowWeight: rowWeight.slice(0, rows),
  };
}
