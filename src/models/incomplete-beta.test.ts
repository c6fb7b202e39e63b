import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { regularizedBeta } from './incomplete-beta.ts';
import { lbeta } from './special-functions.ts';

function beta(logOdds: number, a: number, b: number): { cdf: number; density: number } {
  const out = { cdf: Number.NaN, density: Number.NaN };
  regularizedBeta(logOdds, a, b, lbeta(a, b), out);
  return out;
}

const at = (u: number, a: number, b: number) => beta(Math.log(u / (1 - u)), a, b).cdf;

describe('regularizedBeta', () => {
  it('meets values of mpmath 1.3 (30 digits) and of scipy 1.17', () => {
    const published = [
      [0.3, 6.25, 3.74, 0.0167906209390147],
      [0.5, 18.75, 16.24, 0.333736016399241],
      [1e-9, 0.05, 3, 0.381867910126267],
      [0.45, 312.5, 403.74, 0.7704477943396124],
      [0.99, 0.3, 0.2, 0.742805218377913],
      [0.33, 1e4, 2e4, 0.110205519127422],
      [0.5, 62_500, 63_000, 0.9209366699062376],
    ] as const;
    for (const [u, a, b, value] of published) expect(at(u, a, b) / value).toBeCloseTo(1, 10);
  });

  it('is a power where one of the parameters is 1, into both tails', () => {
    for (const logOdds of [-600, -30, -1, 0, 2, 30]) {
      expect(beta(logOdds, 1, 1).cdf).toBeCloseTo(1 / (1 + Math.exp(-logOdds)), 14);
      const power = Math.exp(
        -0.4 * (logOdds < 0 ? Math.log1p(Math.exp(logOdds)) - logOdds : Math.log1p(Math.exp(-logOdds))),
      );
      expect(beta(logOdds, 0.4, 1).cdf / power).toBeCloseTo(1, 13);
    }
    expect(beta(-2000, 2, 3)).toEqual({ cdf: 0, density: 0 });
    expect(beta(2000, 2, 3)).toEqual({ cdf: 1, density: 0 });
  });

  it('is mirrored by exchanging the parameters, rises, and has its own derivative', () => {
    const shape = fc.double({ min: 0.02, max: 2000, noNaN: true });
    fc.assert(
      fc.property(fc.double({ min: -12, max: 12, noNaN: true }), shape, shape, (logOdds, a, b) => {
        const { cdf, density } = beta(logOdds, a, b);
        expect(cdf + beta(-logOdds, b, a).cdf).toBeCloseTo(1, 11);
        const h = 1e-4 / Math.sqrt(1 + Math.max(a, b));
        const slope = (beta(logOdds + h, a, b).cdf - beta(logOdds - h, a, b).cdf) / (2 * h);
        expect(slope).toBeGreaterThanOrEqual(0);
        expect(Math.abs(slope - density)).toBeLessThan(1e-5 * (1 + density));
      }),
    );
  });
});
