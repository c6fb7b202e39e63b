import { describe, expect, it } from 'vitest';
import type { Objective } from './line-search.ts';
import { hessianOf, observedPrecision, symmetricEigen, unknownPrecision } from './standard-errors.ts';

const names = ['u', 'v'] as const;
const identity = [
  [1, 0],
  [0, 1],
];

/** (A p) p / 2 for a symmetric A. */
function quadratic(matrix: readonly (readonly number[])[]): Objective {
  return (point, gradient) => {
    const product = matrix.map((row) => row.reduce((sum, value, j) => sum + value * point[j]!, 0));
    gradient.set(product);
    return product.reduce((sum, value, i) => sum + (value * point[i]!) / 2, 0);
  };
}

describe('symmetricEigen', () => {
  it('diagonalises: values and vectors give the matrix back', () => {
    const matrix = [
      [4, 1, -2, 0.5],
      [1, 3, 0, 0],
      [-2, 0, 5, 1e-3],
      [0.5, 0, 1e-3, 1e-6],
    ];
    const { values, vectors } = symmetricEigen(matrix);
    for (let i = 0; i < 4; i++) {
      for (let j = 0; j < 4; j++) {
        const product = values.reduce((sum, value, k) => sum + vectors[i]![k]! * value * vectors[j]![k]!, 0);
        expect(product).toBeCloseTo(matrix[i]![j]!, 13);
        const dot = vectors.reduce((sum, row) => sum + row[i]! * row[j]!, 0);
        expect(dot).toBeCloseTo(i === j ? 1 : 0, 13);
      }
    }
  });

  it('meets the closed form for two by two', () => {
    const { values } = symmetricEigen([
      [2, 1],
      [1, 2],
    ]);
    expect(values.toSorted()).toEqual([expect.closeTo(1, 14), expect.closeTo(3, 14)]);
  });
});

describe('observedPrecision', () => {
  const matrix = [
    [2, 0.6],
    [0.6, 0.5],
  ];
  const determinant = 2 * 0.5 - 0.36;

  it('inverts the Hessian times the observations', () => {
    const precision = observedPrecision(
      hessianOf(quadratic(matrix), new Float64Array(2)),
      new Float64Array(2),
      100,
      names,
      identity,
    );
    expect(precision.hessianPositiveDefinite).toBe(true);
    expect(precision.standardErrors.u).toBeCloseTo(Math.sqrt(0.5 / determinant / 100), 10);
    expect(precision.standardErrors.v).toBeCloseTo(Math.sqrt(2 / determinant / 100), 10);
    const [[, mixed] = [], [mirrored] = []] = precision.covariance!;
    expect(mixed).toBeCloseTo(-0.6 / determinant / 100, 10);
    expect(mirrored).toBe(mixed);
    const spread = Math.sqrt(1.5 ** 2 + 4 * 0.36);
    expect(precision.conditionNumber).toBeCloseTo((2.5 + spread) / (2.5 - spread), 8);
  });

  it('goes to the parameters by the delta method', () => {
    const jacobian = [
      [3, 0],
      [1, -1],
    ];
    const { standardErrors } = observedPrecision(
      hessianOf(quadratic(matrix), new Float64Array(2)),
      new Float64Array(2),
      1,
      names,
      jacobian,
    );
    expect(standardErrors.u).toBeCloseTo(3 * Math.sqrt(0.5 / determinant), 8);
    expect(standardErrors.v).toBeCloseTo(Math.sqrt((0.5 + 2 + 2 * 0.6) / determinant), 8);
  });

  it('takes the Hessian where it stands, and makes it symmetric', () => {
    // u^2 v, whose Hessian is [[2 v, 2 u], [2 u, 0]].
    const cubic: Objective = ([u, v], gradient) => {
      gradient.set([2 * u! * v!, u! * u!]);
      return u! * u! * v!;
    };
    const [[first, mixed] = [], [mirrored] = []] = hessianOf(cubic, Float64Array.of(3, 5));
    expect(first).toBeCloseTo(10, 8);
    expect(mixed).toBeCloseTo(6, 8);
    expect(mirrored).toBe(mixed);
  });

  it('gives null where a direction is flat, and raises a saddle', () => {
    const flat = quadratic([
      [1, 1],
      [1, 1],
    ]);
    expect(
      observedPrecision(hessianOf(flat, new Float64Array(2)), new Float64Array(2), 10, names, identity),
    ).toEqual(unknownPrecision(names));
    expect(unknownPrecision(names)).toEqual({
      hessianPositiveDefinite: false,
      conditionNumber: null,
      standardErrors: { u: null, v: null },
      covariance: null,
    });
    const saddle = quadratic([
      [1, 0],
      [0, -0.1],
    ]);
    expect(() =>
      observedPrecision(hessianOf(saddle, new Float64Array(2)), new Float64Array(2), 10, names, identity),
    ).toThrowError(
      expect.objectContaining({ code: 'MODEL_NO_CONVERGENCE', hint: expect.stringContaining('penalty') }),
    );
  });
});
