import { AppError } from '../errors.ts';

/** One row per customer, held by column: eight bytes a cell, whatever the number of rows. */
export interface FeatureMatrix {
  /** One name for each column, each once. */
  readonly names: readonly string[];
  readonly rows: number;
  /** Each of length `rows`. */
  readonly columns: readonly Float64Array[];
}

/** @throws AppError MODEL_BAD_INPUT unless names, rows and columns fit together and there is something in them */
export function checkShape(matrix: FeatureMatrix): void {
  const { names, rows, columns } = matrix;
  const fail = (message: string): never => {
    throw new AppError('MODEL_BAD_INPUT', message, {
      details: { names, rows, columns: columns.length, lengths: columns.map((column) => column.length) },
    });
  };
  if (names.length === 0) fail('The matrix has no feature.');
  if (names.length !== columns.length) fail('The matrix has not as many names as columns.');
  if (new Set(names).size !== names.length) fail('Two features of the matrix have one name.');
  if (!(Number.isInteger(rows) && rows > 0)) fail(`The matrix has ${rows} rows.`);
  if (columns.some((column) => column.length !== rows)) fail('A column of the matrix has not one value a row.');
}

/** @throws AppError MODEL_BAD_INPUT with the first place, for models that have no use for a missing value */
export function checkFinite(matrix: FeatureMatrix): void {
  checkShape(matrix);
  matrix.columns.forEach((column, index) => {
    const row = column.findIndex((value) => !Number.isFinite(value));
    if (row < 0) return;
    const feature = matrix.names[index]!;
    throw new AppError('MODEL_BAD_INPUT', `Row ${row}: ${feature} is ${column[row]}.`, {
      details: { row, feature },
      hint: 'Give every customer a finite number, or leave the feature out.',
    });
  });
}

/** @throws AppError MODEL_BAD_INPUT unless the features are those that a model was fitted to, in its order */
export function checkNames(matrix: FeatureMatrix, expected: readonly string[]): void {
  if (matrix.names.length === expected.length && matrix.names.every((name, i) => name === expected[i])) return;
  throw new AppError('MODEL_BAD_INPUT', 'The features are not those that the model was fitted to.', {
    details: { given: matrix.names, expected },
    hint: 'Give the same features in the same order, or fit the model again.',
  });
}
