import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AppError } from '../errors.ts';
import type { Objective } from './line-search.ts';
import { minimize } from './optimize.ts';

/** Rosenbrock's valley in pairs of coordinates: one minimum of 0 at (1, 1, …), reached only around a bend. */
const rosenbrock: Objective = (point, gradient) => {
  let value = 0;
  for (let i = 0; i < point.length; i += 2) {
    const u = point[i]!;
    const v = point[i + 1]!;
    value += 100 * (v - u * u) ** 2 + (1 - u) ** 2;
    gradient[i] = -400 * u * (v - u * u) - 2 * (1 - u);
    gradient[i + 1] = 200 * (v - u * u);
  }
  return value;
};

describe('minimize', () => {
  it("finds the end of Rosenbrock's valley from the classic start and in ten dimensions", () => {
    for (const start of [
      [-1.2, 1],
      [-1.2, 1, 3, -2, 0, 0, 10, 10, -5, 5],
    ]) {
      const minimum = minimize(rosenbrock, Float64Array.from(start));
      for (const coordinate of minimum.point) expect(coordinate).toBeCloseTo(1, 7);
      expect(minimum.gradientNorm).toBeLessThanOrEqual(1e-8);
      expect(minimum.evaluations).toBeGreaterThanOrEqual(minimum.iterations);
    }
  });

  it('needs few steps: steepest descent takes thousands there', () => {
    expect(minimize(rosenbrock, Float64Array.of(-1.2, 1)).iterations).toBeLessThan(50);
  });

  it('solves badly scaled quadratics from anywhere', () => {
    const coordinate = fc.double({ min: -100, max: 100, noNaN: true });
    fc.assert(
      fc.property(fc.tuple(coordinate, coordinate, coordinate), (start) => {
        const scales = [1e-2, 1, 1e3];
        const bowl: Objective = (point, gradient) =>
          scales.reduce((sum, scale, i) => {
            gradient[i] = scale * (point[i]! - i);
            return sum + 0.5 * scale * (point[i]! - i) ** 2;
          }, 0);
        const minimum = minimize(bowl, Float64Array.from(start), { gradientTolerance: 1e-9 });
        minimum.point.forEach((value, i) => {
          expect(value).toBeCloseTo(i, 6);
        });
      }),
    );
  });

  it('steps back from where the objective is not defined', () => {
    const barrier: Objective = (point, gradient) => {
      gradient[0] = 1 - 1 / point[0]!;
      return point[0]! - Math.log(point[0]!);
    };
    expect(minimize(barrier, Float64Array.of(50)).point[0]).toBeCloseTo(1, 7);
  });

  it('throws with advice where there is no minimum, and when iterations run out', () => {
    const slope: Objective = (point, gradient) => {
      gradient[0] = -1;
      return -point[0]!;
    };
    const attempts = [
      () => minimize(slope, Float64Array.of(0)),
      () => minimize(rosenbrock, Float64Array.of(-1.2, 1), { maxIterations: 3 }),
      () => minimize(() => Number.NaN, Float64Array.of(0)),
    ];
    for (const attempt of attempts) {
      expect(attempt).toThrowError(AppError);
      expect(attempt).toThrowError(
        expect.objectContaining({ code: 'MODEL_NO_CONVERGENCE', hint: expect.any(String) }),
      );
    }
  });

  it('repeats itself to the bit', () => {
    const run = () => minimize(rosenbrock, Float64Array.of(-1.2, 1));
    expect(run()).toEqual(run());
  });
});
