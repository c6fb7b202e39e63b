import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bgNbdLikelihood } from './bg-nbd-hessian.ts';
import { hessianOf } from './standard-errors.ts';

describe('the Hessian of the log-likelihood', () => {
  const history = fc
    .tuple(
      fc.integer({ min: 0, max: 60 }),
      fc.double({ min: 0.01, max: 1, noNaN: true }),
      fc.integer({ min: 1, max: 300 }),
    )
    .map(([x, share, T]): [number, number, number] => [x, x === 0 ? 0 : share * T, T]);
  const point = fc.array(fc.double({ min: -2, max: 3, noNaN: true }), { minLength: 4, maxLength: 4 });

  it.each([0, 1] as const)(
    'is that of the finite differences of the gradient, with %i chances at the start',
    (chances) => {
      fc.assert(
        fc.property(fc.array(history, { minLength: 1, maxLength: 20 }), point, (rows, values) => {
          const column = (i: 0 | 1 | 2) => Float64Array.from(rows, (row) => row[i]);
          const data = { frequency: column(0), recency: column(1), T: column(2) };
          const { objective, hessian } = bgNbdLikelihood(data, chances);
          const [at, gradient] = [Float64Array.from(values), new Float64Array(4)];
          objective(at, gradient);
          const expected = hessianOf(objective, at);
          const scale = Math.max(1, ...expected.flat().map(Math.abs));
          hessian?.(at, gradient).forEach((row, i) => {
            row.forEach((value, j) => {
              expect(Math.abs(value - expected[i]![j]!)).toBeLessThan(1e-6 * scale);
            });
          });
        }),
      );
    },
  );
});
