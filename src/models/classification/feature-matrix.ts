import { AppError } from '../../errors.ts';

/**
 * Rows of named numbers, column by column: `columns[j][i]` is feature `names[j]` of row i.
 * Column-major typed arrays cost 8 bytes a value, and one feature of a million customers is one contiguous run.
 */
export interface FeatureMatrix {
  readonly names: readonly string[];
  readonly rows: number;
  readonly columns: readonly Float64Array[];
}

/** What a NaN in a matrix means to the reader: a missing value, or a mistake. */
type MissingValues = 'allowed' | 'refused';

function checkColumn(name: string, column: Float64Array, missing: MissingValues): void {
  for (let row = 0; row < column.length; row++) {
    const value = column[row]!;
    if (Number.isFinite(value) || (missing === 'allowed' && Number.isNaN(value))) continue;
    throw new AppError('MODEL_BAD_INPUT', `Row ${row}: feature ${name} is ${value}.`, {
      details: { row, feature: name },
      hint:
        missing === 'allowed'
          ? 'Give finite numbers, or NaN for a missing value.'
          : 'Give finite numbers: replace missing values before this model, by a feature that says so.',
    });
  }
}

/**
 * @throws AppError MODEL_BAD_INPUT unless the names are distinct, each has a column, each column has `rows` values, and
 * each value is finite (or NaN, where missing values are allowed).
 */
export function checkFeatureMatrix(matrix: FeatureMatrix, missing: MissingValues): void {
  const { names, rows, columns } = matrix;
  if (new Set(names).size !== names.length) {
    throw new AppError('MODEL_BAD_INPUT', 'Two features have one name.', { details: { names } });
  }
  if (names.length !== columns.length) {
    throw new AppError('MODEL_BAD_INPUT', 'A feature matrix needs one column for each name.', {
      details: { names: names.length, columns: columns.length },
    });
  }
  names.forEach((name, j) => {
    const column = columns[j]!;
    if (column.length !== rows) {
      throw new AppError('MODEL_BAD_INPUT', `Feature ${name} has ${column.length} values for ${rows} rows.`, {
        details: { feature: name, values: column.length, rows },
      });
    }
    checkColumn(name, column, missing);
  });
}

/** @throws AppError MODEL_BAD_INPUT unless the matrix has the features that a model was fitted on, in that order. */
export function checkSameFeatures(fitted: readonly string[], matrix: FeatureMatrix): void {
  const { names } = matrix;
  if (names.length === fitted.length && names.every((name, j) => name === fitted[j])) return;
  throw new AppError('MODEL_BAD_INPUT', 'The features are not those that the model was fitted on.', {
    details: { fitted, given: names },
    hint: 'Build the matrix with the same version of the features, or fit the model again.',
  });
}

/** The given rows, in the given order, as a matrix of its own. */
export function selectRows(matrix: FeatureMatrix, rows: ArrayLike<number>): FeatureMatrix {
  const columns = matrix.columns.map((column) => Float64Array.from(rows, (row) => column[row]!));
  return { names: matrix.names, rows: rows.length, columns };
}
