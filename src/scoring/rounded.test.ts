import fc from 'fast-check';
import { expect, it } from 'vitest';
import { rounded } from './rounded.ts';

it('writes no more decimals than asked for, and is no further off than half of the last one', () => {
  fc.assert(
    fc.property(
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.integer({ min: 0, max: 6 }),
      (value, digits) => {
        const result = rounded(value, digits);
        const scale = 10 ** digits;
        if (Math.abs(value) >= Number.MAX_SAFE_INTEGER / scale) return expect(result).toBe(value);
        expect(Math.abs(result - value)).toBeLessThanOrEqual(0.5 / scale + Math.abs(value) * Number.EPSILON);
        expect(Number(result.toFixed(digits)) === result).toBe(true);
      },
    ),
  );
});

it('keeps cents', () => {
  expect([1.004, 2.676, -0.129, 1234.56, 0.1 + 0.2].map((value) => rounded(value, 2))).toEqual([
    1, 2.68, -0.13, 1234.56, 0.3,
  ]);
});
