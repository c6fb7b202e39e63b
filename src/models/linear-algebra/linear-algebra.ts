/** A sparse matrix by rows: row r has values[offsets[r]] … values[offsets[r + 1] - 1], in the columns that `columns` names beside them. */
export interface SparseRows {
  readonly columnCount: number;
  /** Rows + 1 numbers from 0 up; never falling. */
  readonly offsets: Int32Array;
  readonly columns: Int32Array;
  readonly values: Float32Array;
}

export interface MultiplyOptions {
  /** `a` is given as depth x m. */
  readonly transposeA?: boolean;
  /** `b` is given as n x depth. */
  readonly transposeB?: boolean;
  /** Times the product; 1 unless given. */
  readonly alpha?: number;
  /** `times` (1 unless given) this matrix of m x n is added. It is not changed. */
  readonly add?: { readonly matrix: Float32Array; readonly times?: number };
}

/** The least-squares problems of one side of ALS: Hu, Koren, Volinsky, "Collaborative Filtering for Implicit Feedback Datasets" (2008). */
export interface NormalEquations {
  /** One row a problem. Values are weights c: confidence less what `gram` has already. */
  readonly rows: SparseRows;
  /** t, beside the values: confidence times preference. */
  readonly targets: Float32Array;
  /** columnCount x k: the other side's factors f. */
  readonly factors: Float32Array;
  readonly k: number;
  /** k x k, symmetric: F^T F + lambda I. */
  readonly gram: Float32Array;
  /** One number a row, added to the diagonal of its equations; none unless given. */
  readonly ridges?: Float32Array;
}

/**
 * Dense work in 32 bits. Matrices are row-major, rows without gaps; results are new arrays unless said otherwise. Calls may overlap: they
 * are done one after the other, and what was passed in has to stay as it is until then. Every input has to be finite.
 *
 * @throws MODEL_BAD_INPUT from each: an array that does not fit its sizes, NaN or infinity, a matrix that is not positive definite (with
 * the row of the pivot), more memory than there is (said before anything is computed)
 */
export interface LinearAlgebra {
  readonly name: 'plain' | 'simd';

  /** X^T X, columnCount x columnCount. */
  gram(x: SparseRows): Promise<Float32Array>;

  /** A^T A of a dense matrix of rows x columns: columns x columns. */
  denseGram(a: Float32Array, rows: number, columns: number): Promise<Float32Array>;

  /** alpha op(A) op(B) + times C, m x n, where op(A) is m x depth and op(B) depth x n. */
  multiply(
    a: Float32Array,
    b: Float32Array,
    size: { readonly m: number; readonly n: number; readonly depth: number },
    options?: MultiplyOptions,
  ): Promise<Float32Array>;

  /** X B of a sparse X and a dense B of columnCount x n: one row for each of X. */
  sparseProduct(x: SparseRows, b: Float32Array, n: number): Promise<Float32Array>;

  /**
   * The solutions x of A x = b for many small symmetric positive definite A of k x k, given whole, one after the other. A system that is
   * not positive definite (see below) has NaN for its solution: one of thousands is no failure of the others.
   */
  solveSystems(matrices: Float32Array, rights: Float32Array, k: number): Promise<Float32Array>;

  /**
   * The inverse of a symmetric positive definite matrix of n x n, whole and symmetric to the bit, in place of the matrix (its array is
   * what comes back: at 10,000 rows a second one would cost 400 MB). Only the lower half is read. A pivot below 2^-20 of its diagonal
   * element counts as none: no digit of it would be right. After a failure the matrix is as it was.
   */
  invertPositiveDefinite(matrix: Float32Array, n: number): Promise<Float32Array>;

  /** For each row the x of (gram + ridge I + sum of c f f^T) x = sum of t f: rows x k. */
  solveNormalEquations(problem: NormalEquations): Promise<Float32Array>;

  /** Stops threads and frees memory. Work that is under way fails. */
  close(): Promise<void>;
}
