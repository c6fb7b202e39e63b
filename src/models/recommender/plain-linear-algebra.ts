import { AppError } from '../../errors.ts';
import type { LinearAlgebra } from './linear-algebra.ts';

/*
 * Cholesky, the inverse of the factor, and its product with itself, all as dot products of rows in tiles of four by four: sixteen
 * multiplications for eight loads, where one dot product has one for two. Sums are of 64 bits, storage of 32. n^3 / 2 multiplications in all.
 */

const TILE = 4;
const sums = new Float64Array(TILE * TILE);

/** sums[4 p + q] = the dot product of rows i + p of `a` and j + q of `b`, columns from … to - 1. */
// biome-ignore lint/complexity/noExcessiveLinesPerFunction: sixteen sums in registers; in an array they would be in memory
function dotTile(
  a: Float32Array,
  i: number,
  b: Float32Array,
  j: number,
  size: number,
  from: number,
  to: number,
): void {
  const a0 = i * size,
    a1 = a0 + size,
    a2 = a1 + size,
    a3 = a2 + size;
  const b0 = j * size,
    b1 = b0 + size,
    b2 = b1 + size,
    b3 = b2 + size;
  let s00 = 0,
    s01 = 0,
    s02 = 0,
    s03 = 0,
    s10 = 0,
    s11 = 0,
    s12 = 0,
    s13 = 0;
  let s20 = 0,
    s21 = 0,
    s22 = 0,
    s23 = 0,
    s30 = 0,
    s31 = 0,
    s32 = 0,
    s33 = 0;
  for (let k = from; k < to; k++) {
    const x0 = a[a0 + k]!,
      x1 = a[a1 + k]!,
      x2 = a[a2 + k]!,
      x3 = a[a3 + k]!;
    const y0 = b[b0 + k]!,
      y1 = b[b1 + k]!,
      y2 = b[b2 + k]!,
      y3 = b[b3 + k]!;
    s00 += x0 * y0;
    s01 += x0 * y1;
    s02 += x0 * y2;
    s03 += x0 * y3;
    s10 += x1 * y0;
    s11 += x1 * y1;
    s12 += x1 * y2;
    s13 += x1 * y3;
    s20 += x2 * y0;
    s21 += x2 * y1;
    s22 += x2 * y2;
    s23 += x2 * y3;
    s30 += x3 * y0;
    s31 += x3 * y1;
    s32 += x3 * y2;
    s33 += x3 * y3;
  }
  sums[0] = s00;
  sums[1] = s01;
  sums[2] = s02;
  sums[3] = s03;
  sums[4] = s10;
  sums[5] = s11;
  sums[6] = s12;
  sums[7] = s13;
  sums[8] = s20;
  sums[9] = s21;
  sums[10] = s22;
  sums[11] = s23;
  sums[12] = s30;
  sums[13] = s31;
  sums[14] = s32;
  sums[15] = s33;
}

/** Lower factor L of the lower triangle, in place. `size` is a multiple of four. */
function factorise(matrix: Float32Array, size: number): void {
  for (let i = 0; i < size; i += TILE) {
    for (let j = 0; j <= i; j += TILE) {
      dotTile(matrix, i, matrix, j, size, 0, j);
      for (let p = 0; p < TILE; p++) {
        const row = (i + p) * size;
        const last = i === j ? p : TILE - 1;
        for (let q = 0; q <= last; q++) {
          const other = (j + q) * size;
          let value = matrix[row + j + q]! - sums[TILE * p + q]!;
          for (let m = 0; m < q; m++) value -= matrix[row + j + m]! * matrix[other + j + m]!;
          if (i + p !== j + q) matrix[row + j + q] = value / matrix[other + j + q]!;
          else if (value > 0) matrix[row + j + q] = Math.sqrt(value);
          else
            throw new AppError('MODEL_NO_CONVERGENCE', `The matrix is not positive definite (row ${i + p}).`);
        }
      }
    }
  }
}

/** The transposed inverse of the lower factor: row j has column j of the inverse, from the diagonal on. */
function invertFactor(factor: Float32Array, size: number): Float32Array {
  const inverse = new Float32Array(size * size);
  for (let j = 0; j < size; j += TILE) {
    for (let i = j; i < size; i += TILE) {
      dotTile(factor, i, inverse, j, size, j, i);
      for (let q = 0; q < TILE; q++) {
        const column = (j + q) * size;
        for (let p = i === j ? q : 0; p < TILE; p++) {
          const row = (i + p) * size;
          let value = (i + p === j + q ? 1 : 0) - sums[TILE * p + q]!;
          for (let m = 0; m < p; m++) value -= factor[row + i + m]! * inverse[column + i + m]!;
          inverse[column + i + p] = value / factor[row + i + p]!;
        }
      }
    }
  }
  return inverse;
}

function multiplyFactors(upper: Float32Array, size: number, target: Float32Array): void {
  for (let i = 0; i < size; i += TILE) {
    for (let j = 0; j <= i; j += TILE) {
      dotTile(upper, i, upper, j, size, i, size);
      for (let p = 0; p < TILE; p++) {
        for (let q = 0; q < TILE; q++) {
          target[(i + p) * size + j + q] = sums[TILE * p + q]!;
          target[(j + q) * size + i + p] = sums[TILE * p + q]!;
        }
      }
    }
  }
}

/** The same values in rows of another length; what is new has ones on the diagonal. */
function resize(matrix: Float32Array, size: number, wanted: number): Float32Array {
  const resized = new Float32Array(wanted * wanted);
  const kept = Math.min(size, wanted);
  for (let i = 0; i < kept; i++) resized.set(matrix.subarray(i * size, i * size + kept), i * wanted);
  for (let i = kept; i < wanted; i++) resized[i * wanted + i] = 1;
  return resized;
}

async function invertPositiveDefinite(matrix: Float32Array, size: number): Promise<Float32Array> {
  const padded = Math.ceil(size / TILE) * TILE;
  const work = padded === size ? matrix : resize(matrix, size, padded);
  factorise(work, padded);
  multiplyFactors(invertFactor(work, padded), padded, work);
  return padded === size ? work : resize(work, padded, size);
}

/** Plain TypeScript: the reference, and what remains where nothing faster runs. */
export const plainLinearAlgebra: LinearAlgebra = Object.freeze({ invertPositiveDefinite });
