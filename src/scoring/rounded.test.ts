import fc from 'fast-check';
import { expect, it } from 'vitest';
import { rounded } from './rounded.ts';

it('writes no more decimals than asked for, and is no further off than half of the last one', () => {
  const value = fc.double({ noNaN: true, min: -1e10, max: 1e10 });
  fc.assert(
    fc.property(value, fc.integer({ min: 0, max: 5 }), (exact, digits) => {
      const result = rounded(exact, digits);
      expect(Math.abs(result - exact)).toBeLessThanOrEqual(0.5 / 10 ** digits + Math.abs(exact) * 2 ** -52);
      expect(Number(result.toFixed(digits)) === result).toBe(true);
    }),
  );
});

it('leaves alone what has no decimals to spare', () => {
  for (const value of [2 ** 53, -1e300, 123_456_789_012_345.6]) expect(rounded(value, 2)).toBe(value);
});

it('keeps cents', () => {
  expect([1.004, 2.676, -0.129, 1234.56, 0.1 + 0.2].map((value) => rounded(value, 2))).toEqual([
    1, 2.68, -0.13, 1234.56, 0.3,
  ]);
});
