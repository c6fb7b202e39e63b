import {
  checkMatrix,
  checkNormalEquations,
  checkProduct,
  checkSparseRows,
  checkSystems,
  notPositiveDefinite,
  PIVOT_FLOOR,
} from './checks.ts';
import type { LinearAlgebra, MultiplyOptions, NormalEquations, SparseRows } from './linear-algebra.ts';

/*
 * The reference that the kernel is tested against, and what runs where there is no SIMD: plain loops with sums of 64 bits.
 */

/** The lower Cholesky factor in place, the upper half untouched. Returns the row whose pivot is not above its floor, or -1. */
export function factorise(a: Float64Array, n: number): number {
  for (let i = 0; i < n; i++) {
    const floor = a[i * n + i]! * PIVOT_FLOOR;
    for (let j = 0; j <= i; j++) {
      let sum = a[i * n + j]!;
      for (let k = 0; k < j; k++) sum -= a[i * n + k]! * a[j * n + k]!;
      if (j < i) a[i * n + j] = sum / a[j * n + j]!;
      else if (sum > floor && sum > 0) a[i * n + i] = Math.sqrt(sum);
      else return i;
    }
  }
  return -1;
}

/** The inverse of a lower factor, zero above the diagonal. */
function invertFactor(l: Float64Array, n: number): Float64Array {
  const x = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) {
      const factor = l[i * n + k]!;
      for (let j = 0; j <= k; j++) x[i * n + j]! -= factor * x[k * n + j]!;
    }
    const pivot = l[i * n + i]!;
    for (let j = 0; j < i; j++) x[i * n + j]! /= pivot;
    x[i * n + i] = 1 / pivot;
  }
  return x;
}

function multiplyRows(
  a: (row: number, k: number) => number,
  b: Float32Array,
  { m, n, depth }: { m: number; n: number; depth: number },
  bDown: boolean,
  write: (row: number, sums: Float64Array) => void,
): void {
  const sums = new Float64Array(n);
  for (let i = 0; i < m; i++) {
    sums.fill(0);
    for (let k = 0; k < depth; k++) {
      const factor = a(i, k);
      if (bDown) for (let j = 0; j < n; j++) sums[j]! += factor * b[j * depth + k]!;
      else for (let j = 0; j < n; j++) sums[j]! += factor * b[k * n + j]!;
    }
    write(i, sums);
  }
}

async function gram(x: SparseRows): Promise<Float32Array> {
  checkSparseRows('x', x);
  const n = x.columnCount;
  const result = new Float32Array(n * n);
  for (let row = 0; row + 1 < x.offsets.length; row++) {
    for (let p = x.offsets[row]!; p < x.offsets[row + 1]!; p++) {
      const start = x.columns[p]! * n;
      const factor = x.values[p]!;
      for (let q = x.offsets[row]!; q < x.offsets[row + 1]!; q++)
        result[start + x.columns[q]!]! += factor * x.values[q]!;
    }
  }
  return result;
}

async function multiply(
  a: Float32Array,
  b: Float32Array,
  size: { m: number; n: number; depth: number },
  options: MultiplyOptions = {},
): Promise<Float32Array> {
  checkProduct(a, b, size, options);
  const { m, n, depth } = size;
  const { alpha = 1, add } = options;
  const times = add?.times ?? 1;
  const result = new Float32Array(m * n);
  const element = options.transposeA
    ? (row: number, k: number) => a[k * m + row]!
    : (row: number, k: number) => a[row * depth + k]!;
  multiplyRows(element, b, size, options.transposeB ?? false, (row, sums) => {
    for (let j = 0; j < n; j++)
      result[row * n + j] = alpha * sums[j]! + (add ? times * add.matrix[row * n + j]! : 0);
  });
  return result;
}

async function denseGram(a: Float32Array, rows: number, columns: number): Promise<Float32Array> {
  return multiply(a, a, { m: columns, n: columns, depth: rows }, { transposeA: true });
}

async function invertPositiveDefinite(matrix: Float32Array, n: number): Promise<Float32Array> {
  checkMatrix('matrix', matrix, n, n);
  const l = Float64Array.from(matrix);
  const failure = factorise(l, n);
  if (failure >= 0) throw notPositiveDefinite('The matrix', { pivot: failure });
  const x = invertFactor(l, n);
  for (let i = 0; i < n; i++) {
    const sums = new Float64Array(i + 1);
    for (let k = i; k < n; k++) {
      const factor = x[k * n + i]!;
      for (let j = 0; j <= i; j++) sums[j]! += factor * x[k * n + j]!;
    }
    for (let j = 0; j <= i; j++) matrix[i * n + j] = matrix[j * n + i] = sums[j]!;
  }
  return matrix;
}

/** L L^T x = b in place of b. */
function substitute(l: Float64Array, n: number, b: Float64Array): void {
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) b[i]! -= l[i * n + k]! * b[k]!;
    b[i]! /= l[i * n + i]!;
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) b[i]! -= l[k * n + i]! * b[k]!;
    b[i]! /= l[i * n + i]!;
  }
}

async function solveNormalEquations(problem: NormalEquations): Promise<Float32Array> {
  checkNormalEquations(problem);
  const { rows, targets, factors, k, gram: base, ridges } = problem;
  const count = rows.offsets.length - 1;
  const solutions = new Float32Array(count * k);
  const a = new Float64Array(k * k);
  const b = new Float64Array(k);
  for (let row = 0; row < count; row++) {
    a.set(base);
    for (let i = 0; i < k; i++) a[i * k + i]! += ridges?.[row] ?? 0;
    b.fill(0);
    for (let p = rows.offsets[row]!; p < rows.offsets[row + 1]!; p++) {
      const start = rows.columns[p]! * k;
      for (let i = 0; i < k; i++) {
        const f = factors[start + i]!;
        b[i]! += targets[p]! * f;
        const weighted = rows.values[p]! * f;
        for (let j = 0; j <= i; j++) a[i * k + j]! += weighted * factors[start + j]!;
      }
    }
    const failure = factorise(a, k);
    if (failure >= 0) throw notPositiveDefinite(`The system of row ${row}`, { row });
    substitute(a, k, b);
    solutions.set(b, row * k);
  }
  return solutions;
}

async function sparseProduct(x: SparseRows, b: Float32Array, n: number): Promise<Float32Array> {
  checkSparseRows('x', x);
  checkMatrix('b', b, x.columnCount, n);
  const count = x.offsets.length - 1;
  const result = new Float32Array(count * n);
  const sums = new Float64Array(n);
  for (let row = 0; row < count; row++) {
    sums.fill(0);
    for (let p = x.offsets[row]!; p < x.offsets[row + 1]!; p++) {
      const [start, factor] = [x.columns[p]! * n, x.values[p]!];
      for (let j = 0; j < n; j++) sums[j]! += factor * b[start + j]!;
    }
    result.set(sums, row * n);
  }
  return result;
}

async function solveSystems(matrices: Float32Array, rights: Float32Array, k: number): Promise<Float32Array> {
  checkSystems(matrices, rights, k);
  const solutions = new Float32Array(rights.length);
  for (let start = 0; start < rights.length; start += k) {
    const a = Float64Array.from(matrices.subarray(start * k, (start + k) * k));
    const b = Float64Array.from(rights.subarray(start, start + k));
    if (factorise(a, k) >= 0) b.fill(Number.NaN);
    else substitute(a, k, b);
    solutions.set(b, start);
  }
  return solutions;
}

/** In plain TypeScript, on the calling thread, which it holds until done. */
export const plainLinearAlgebra: LinearAlgebra = Object.freeze({
  name: 'plain',
  gram,
  denseGram,
  multiply,
  invertPositiveDefinite,
  solveNormalEquations,
  solveSystems,
  sparseProduct,
  close: async () => {},
});
