import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fitStandardiseLog, standardiseLogFromJSON } from './standardise-log.ts';

const values = fc.array(fc.double({ min: -1e9, max: 1e9, noNaN: true }), { minLength: 2, maxLength: 50 });

function matrixOf(...columns: number[][]) {
  return {
    names: columns.map((_, i) => `feature_${i}`),
    rows: columns[0]!.length,
    columns: columns.map((column) => Float64Array.from(column)),
  };
}

describe('fitStandardiseLog', () => {
  it('is ln(1 + x), mirrored at 0, less its mean, over its deviation', () => {
    const e = Math.E;
    const fitted = fitStandardiseLog(matrixOf([0, e - 1, e ** 2 - 1], [1 - e, 0, e - 1]));
    expect(fitted.means[0]).toBeCloseTo(1, 12);
    expect(fitted.deviations[0]).toBeCloseTo(Math.sqrt(2 / 3), 12);
    const { values: points } = fitted.transform(matrixOf([e ** 3 - 1], [1 - e ** 2]));
    expect(points[0]).toBeCloseTo(2 / Math.sqrt(2 / 3), 12);
    expect(points[1]).toBeCloseTo(-2 / Math.sqrt(2 / 3), 12);
  });

  it('leads back to the values', () => {
    fc.assert(
      fc.property(values, (column) => {
        const matrix = matrixOf(column);
        const fitted = fitStandardiseLog(matrix);
        if (fitted.deviations[0] === 0) return;
        fitted.transform(matrix).values.forEach((point, row) => {
          expect(Math.abs(fitted.inverse(0, point) - column[row]!)).toBeLessThan(
            1e-9 * Math.max(1, Math.abs(column[row]!)),
          );
        });
      }),
    );
  });

  it('makes 0 of a constant feature, whatever comes later, and of a spread of rounding errors', () => {
    const fitted = fitStandardiseLog(matrixOf(Array(7).fill(0.1), [1, 1 + 1e-15, 1, 1, 1, 1, 1]));
    expect(fitted.deviations).toEqual([0, 0]);
    expect([...fitted.transform(matrixOf([5], [1e6])).values]).toEqual([0, 0]);
    expect(fitted.inverse(0, 0)).toBeCloseTo(0.1, 12);
  });

  it('comes back from JSON to the bit, and only from its own', () => {
    const matrix = matrixOf([1, 2, 3.3], [-5, 0, 1e9]);
    const fitted = fitStandardiseLog(matrix);
    const restored = standardiseLogFromJSON(JSON.parse(JSON.stringify(fitted)));
    expect(restored.transform(matrix)).toEqual(fitted.transform(matrix));
    for (const wrong of [
      null,
      {},
      { names: [1], means: [0], deviations: [1] },
      { ...fitted.toJSON(), means: [1] },
    ]) {
      expect(() => standardiseLogFromJSON(wrong)).toThrowError(
        expect.objectContaining({ code: 'MODEL_BAD_INPUT' }),
      );
    }
  });
});
