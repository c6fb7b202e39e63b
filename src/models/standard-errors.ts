import { AppError } from '../errors.ts';
import type { Objective } from './line-search.ts';

/** How well the data determine a fit. */
export interface Precision<Name extends string> {
  /** The curvature is positive in every direction beyond rounding: the point is a proper maximum of the likelihood. */
  readonly hessianPositiveDefinite: boolean;
  /** Largest over smallest eigenvalue of the Hessian in the optimiser's coordinates; null where it is not positive definite. */
  readonly conditionNumber: number | null;
  /** Of each parameter, in its own unit; null where the Hessian is not positive definite. */
  readonly standardErrors: Readonly<Record<Name, number | null>>;
  /** Of the parameters in the order of their names; null where the standard errors are. */
  readonly covariance: readonly (readonly number[])[] | null;
}

/** Where the data say nothing about the precision of a fit. */
export function unknownPrecision<Name extends string>(names: readonly Name[]): Precision<Name> {
  const standardErrors = Object.fromEntries(names.map((name) => [name, null])) as Record<Name, null>;
  return Object.freeze({
    hessianPositiveDefinite: false,
    conditionNumber: null,
    standardErrors,
    covariance: null,
  });
}

/** Completes what a fit stored before it had standard errors, or their covariance. */
export function withPrecision<Name extends string, Diagnostics extends Precision<Name>>(
  stored: Diagnostics,
  names: readonly Name[],
): Diagnostics {
  // Twice, so that what is stored keeps both its values and its order.
  return { ...stored, ...unknownPrecision(names), ...stored };
}

// The gradient of a mean over 10^6 rows is good to some 1e-14; at this step truncation and rounding both stay near 1e-8.
const differenceStep = 1e-4;
// An eigenvalue this small beside the largest is rounding, of either sign.
const singularBelow = 1e-9;

/** Hessian by central differences of the analytic gradient, made symmetric. */
export function hessianOf(objective: Objective, point: Float64Array): number[][] {
  const gradientAt = (i: number, step: number) => {
    const gradient = new Float64Array(point.length);
    objective(
      point.map((value, j) => (i === j ? value + step : value)),
      gradient,
    );
    return gradient;
  };
  const rows = Array.from(point, (_, i) => {
    const up = gradientAt(i, differenceStep);
    const down = gradientAt(i, -differenceStep);
    return Array.from(up, (value, j) => (value - down[j]!) / (2 * differenceStep));
  });
  return rows.map((row, i) => row.map((value, j) => (value + rows[j]![i]!) / 2));
}

/** One Jacobi rotation that makes element (p, q) vanish; `vectors` collects the eigenvectors as columns. */
function rotate(matrix: number[][], vectors: number[][], p: number, q: number): void {
  const offDiagonal = matrix[p]![q]!;
  if (offDiagonal === 0) return;
  const theta = (matrix[q]![q]! - matrix[p]![p]!) / (2 * offDiagonal);
  const t = (theta < 0 ? -1 : 1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1));
  const cosine = 1 / Math.sqrt(t * t + 1);
  const sine = t * cosine;
  const turn = (rows: number[][]) => {
    for (const row of rows) {
      const [left, right] = [row[p]!, row[q]!];
      row[p] = cosine * left - sine * right;
      row[q] = sine * left + cosine * right;
    }
  };
  turn(matrix);
  turn(vectors);
  for (let j = 0; j < matrix.length; j++) {
    const [upper, lower] = [matrix[p]![j]!, matrix[q]![j]!];
    matrix[p]![j] = cosine * upper - sine * lower;
    matrix[q]![j] = sine * upper + cosine * lower;
  }
}

/** Eigenvalues and eigenvectors (columns) of a small symmetric matrix: Golub & Van Loan (2013), section 8.5, cyclic Jacobi. */
export function symmetricEigen(symmetric: readonly (readonly number[])[]): {
  values: number[];
  vectors: number[][];
} {
  const matrix = symmetric.map((row) => [...row]);
  const n = matrix.length;
  const vectors = matrix.map((_, i) => matrix.map((_, j) => (i === j ? 1 : 0)));
  // Convergence is quadratic: six sweeps do for such sizes, the rest turns by nothing.
  for (let sweep = 0; sweep < 12; sweep++) {
    for (let p = 0; p < n; p++) for (let q = p + 1; q < n; q++) rotate(matrix, vectors, p, q);
  }
  return { values: matrix.map((row, i) => row[i]!), vectors };
}

/**
 * Standard errors and covariances from the observed information: the Hessian of the mean negative log-likelihood (with the priors of a
 * penalty, where there is one) times the number of observations, inverted, and taken to the parameters by the delta method.
 * Efron & Hinkley (1978), Biometrika 65:457, on why observed and not expected; Wasserman (2004), All of Statistics, 9.10.
 * @param hessian of that mean, at the point, which only an error names
 * @param jacobian one row per name: derivatives of the parameter in the optimiser's coordinates.
 * @throws AppError MODEL_NO_CONVERGENCE where the point is a saddle, which a small gradient alone does not show.
 */
export function observedPrecision<Name extends string>(
  hessian: readonly (readonly number[])[],
  point: Float64Array,
  observations: number,
  names: readonly Name[],
  jacobian: readonly (readonly number[])[],
): Precision<Name> {
  const { values, vectors } = symmetricEigen(hessian);
  const least = Math.min(...values);
  const largest = Math.max(...values);
  if (least < -Math.max(1e-6 * largest, 1e-8)) {
    throw new AppError('MODEL_NO_CONVERGENCE', 'The fit stopped at a saddle of the likelihood, no maximum.', {
      details: { leastEigenvalue: least, largestEigenvalue: largest, point: [...point] },
      hint: 'Give the model more customers or a longer history, or fit it with a penalty greater than 0.',
    });
  }
  if (!(least > singularBelow * largest)) return unknownPrecision(names);
  const along = jacobian.map((row) =>
    values.map((value, k) => {
      const slope = row.reduce((sum, derivative, j) => sum + derivative * vectors[j]![k]!, 0);
      return slope / Math.sqrt(value * observations);
    }),
  );
  const covariance = along.map((left) =>
    along.map((right) => left.reduce((sum, slope, k) => sum + slope * right[k]!, 0)),
  );
  const standardErrors = Object.fromEntries(
    names.map((name, i) => [name, Math.sqrt(covariance[i]![i]!)]),
  ) as Record<Name, number>;
  return Object.freeze({
    hessianPositiveDefinite: true,
    conditionNumber: largest / least,
    standardErrors: Object.freeze(standardErrors),
    covariance,
  });
}
