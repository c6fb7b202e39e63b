/**
 * The dense work that models hand out, so that a faster kernel (WebAssembly, threads) can take the place of the plain one. Matrices are
 * square or rectangular, row by row, of 32-bit floats.
 */
export interface LinearAlgebra {
  /**
   * The inverse of a symmetric positive definite matrix of `size` rows, whole (both triangles). Only the lower triangle is read; the
   * matrix may be overwritten.
   * @throws MODEL_NO_CONVERGENCE when it is not positive definite
   */
  invertPositiveDefinite(matrix: Float32Array, size: number): Promise<Float32Array>;
}
