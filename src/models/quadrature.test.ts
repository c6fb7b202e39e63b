import { describe, expect, it } from 'vitest';
import { betaExpectation, gammaExpectation, gaussLegendre, type QuadratureRule } from './quadrature.ts';

function apply({ nodes, weights }: QuadratureRule, f: (value: number) => number): number {
  return nodes.reduce((sum, node, i) => sum + weights[i]! * f(node), 0);
}

describe('gaussLegendre', () => {
  it('has the tabulated nodes and weights for 2 (Abramowitz & Stegun, table 25.4)', () => {
    const { nodes, weights } = gaussLegendre(2);
    expect(nodes[0]).toBeCloseTo((1 - 1 / Math.sqrt(3)) / 2, 15);
    expect([...weights]).toEqual([expect.closeTo(0.5, 15), expect.closeTo(0.5, 15)]);
  });

  it('is exact for polynomials of degree 2 n - 1, and not for the next', () => {
    for (const count of [1, 2, 5, 16, 32]) {
      const rule = gaussLegendre(count);
      for (let degree = 0; degree < 2 * count; degree++) {
        expect(Math.abs(apply(rule, (x) => x ** degree) * (degree + 1) - 1)).toBeLessThan(1e-13);
      }
    }
    expect(Math.abs(apply(gaussLegendre(2), (x) => x ** 4) - 1 / 5)).toBeGreaterThan(1e-3);
  });
});

describe('expectations', () => {
  it('of powers under a gamma are the moments', () => {
    for (const shape of [0.05, 0.6, 1, 7.3, 400, 10_001]) {
      const rule = gammaExpectation(shape, 2.5);
      expect(Math.abs(apply(rule, (y) => y) / (shape / 2.5) - 1)).toBeLessThan(1e-12);
      expect(Math.abs(apply(rule, (y) => y * y) / ((shape * (shape + 1)) / 6.25) - 1)).toBeLessThan(1e-12);
    }
  });

  it('of powers under a beta are the moments', () => {
    for (const [a, b] of [
      [0.05, 1.02],
      [0.8, 2.4],
      [30, 86],
      [0.8, 10_002],
      [1.01, 1.01],
    ] as const) {
      const rule = betaExpectation(a, b);
      expect(Math.abs(apply(rule, (p) => p) / (a / (a + b)) - 1)).toBeLessThan(1e-12);
      const second = (a * (a + 1)) / ((a + b) * (a + b + 1));
      expect(Math.abs(apply(rule, (p) => p * p) / second - 1)).toBeLessThan(1e-12);
    }
  });
});
