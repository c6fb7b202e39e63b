import { AppError } from '../../errors.ts';
import type { MultiplyOptions, NormalEquations, SparseRows } from './linear-algebra.ts';

/** Pivots of at most this share of their diagonal element count as none: 16 roundings of 32 bits. */
export const PIVOT_FLOOR = 2 ** -20;

function bad(message: string, hint?: string): never {
  throw new AppError('MODEL_BAD_INPUT', message, hint === undefined ? {} : { hint });
}

export function notPositiveDefinite(what: string, place: { pivot: number } | { row: number }): AppError {
  const where = 'pivot' in place ? `: no positive pivot in row ${place.pivot}` : '';
  return new AppError('MODEL_BAD_INPUT', `${what} is not positive definite${where}.`, {
    details: place,
    hint: 'Add more to the diagonal (regularisation).',
  });
}

/** @throws MODEL_BAD_INPUT unless there are just `count` numbers, all finite */
export function checkMatrix(name: string, values: Float32Array, rows: number, columns: number): void {
  for (const size of [rows, columns]) {
    if (!Number.isSafeInteger(size) || size < 0) bad(`${name}: ${size} is not a number of rows or columns.`);
  }
  if (values.length !== rows * columns)
    bad(`${name} has ${values.length} numbers, not ${rows} x ${columns}.`);
  // 0 times NaN or infinity is NaN and stays it: one test for all.
  let rubbish = 0;
  for (let i = 0; i < values.length; i++) rubbish += values[i]! * 0;
  if (rubbish !== 0) {
    const position = values.findIndex((value) => !Number.isFinite(value));
    bad(`${name} is not finite at row ${Math.floor(position / columns)}, column ${position % columns}.`);
  }
}

/** @throws MODEL_BAD_INPUT when offsets, columns and values are not a sparse matrix of finite numbers */
export function checkSparseRows(name: string, rows: SparseRows): void {
  const { columnCount, offsets, columns, values } = rows;
  if (offsets[0] !== 0 || offsets.at(-1) !== values.length || columns.length !== values.length)
    bad(`${name}: offsets, columns and values do not fit each other.`);
  for (let row = 1; row < offsets.length; row++) {
    if (offsets[row]! < offsets[row - 1]!) bad(`${name}: offsets fall after row ${row - 1}.`);
  }
  for (let i = 0; i < columns.length; i++) {
    if (columns[i]! < 0 || columns[i]! >= columnCount)
      bad(`${name}: column ${columns[i]} at position ${i} is not among the ${columnCount}.`);
  }
  checkMatrix(`${name}: values`, values, 1, values.length);
}

export function checkProduct(
  a: Float32Array,
  b: Float32Array,
  size: { m: number; n: number; depth: number },
  options: MultiplyOptions,
): void {
  const { m, n, depth } = size;
  checkMatrix('a', a, options.transposeA ? depth : m, options.transposeA ? m : depth);
  checkMatrix('b', b, options.transposeB ? n : depth, options.transposeB ? depth : n);
  if (options.add) checkMatrix('add', options.add.matrix, m, n);
  if (!Number.isFinite(options.alpha ?? 1) || !Number.isFinite(options.add?.times ?? 1))
    bad('alpha and times have to be finite.');
}

export function checkNormalEquations(problem: NormalEquations): void {
  checkSparseRows('rows', problem.rows);
  checkMatrix('targets', problem.targets, 1, problem.rows.values.length);
  checkMatrix('factors', problem.factors, problem.rows.columnCount, problem.k);
  checkMatrix('gram', problem.gram, problem.k, problem.k);
  if (problem.ridges) checkMatrix('ridges', problem.ridges, problem.rows.offsets.length - 1, 1);
}

export function checkSystems(matrices: Float32Array, rights: Float32Array, k: number): void {
  if (!(k >= 1)) bad(`${k} unknowns are no system.`);
  checkMatrix('rights', rights, Math.ceil(rights.length / k), k);
  checkMatrix('matrices', matrices, rights.length, k);
}
