import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  digamma,
  erfc,
  lbeta,
  lgamma,
  logistic,
  logOnePlusExp,
  logRisingFactorial,
  trigamma,
} from './special-functions.ts';

const positive = fc.double({ min: 1e-6, max: 1e6, noNaN: true });
const within = (value: number, expected: number, tolerance = 1e-14) =>
  expect(Math.abs(value - expected)).toBeLessThanOrEqual(tolerance * Math.max(1, Math.abs(expected)));

describe('lgamma', () => {
  it('meets closed forms', () => {
    within(lgamma(1), 0);
    within(lgamma(2), 0);
    within(lgamma(0.5), 0.5 * Math.log(Math.PI));
    within(lgamma(1.5), Math.log(Math.sqrt(Math.PI) / 2));
    let factorial = 0;
    for (let n = 2; n <= 170; n++) {
      factorial += Math.log(n);
      within(lgamma(n + 1), factorial);
    }
  });

  it('meets tabulated values (NIST DLMF 5.4, and 50 digits by arbitrary precision)', () => {
    within(lgamma(0.1), 2.252712651734206);
    within(lgamma(1e-10), 23.025850929882733);
    within(lgamma(1e6), 12815504.569147611);
    within(lgamma(1.461632144968362), -0.12148629053584961);
  });

  it("obeys Legendre's duplication formula", () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-3, max: 1e3, noNaN: true }), (x) => {
        const right = lgamma(x) + lgamma(x + 0.5) + (2 * x - 1) * Math.LN2 - 0.5 * Math.log(Math.PI);
        within(lgamma(2 * x), right, 2e-14);
      }),
    );
  });
});

describe('logRisingFactorial', () => {
  it('is the sum of logs for whole numbers', () => {
    fc.assert(
      fc.property(positive, fc.integer({ min: 0, max: 60 }), (x, n) => {
        let sum = 0;
        for (let k = 0; k < n; k++) sum += Math.log(x + k);
        within(logRisingFactorial(x, n), sum, 3e-14);
      }),
    );
  });

  it('keeps its digits where a difference of two lgamma would lose them', () => {
    within(logRisingFactorial(1e12, 1), Math.log(1e12));
    within(logRisingFactorial(0.24, 10_000), lgamma(10_000.24) - lgamma(0.24), 1e-13);
  });
});

describe('lbeta', () => {
  it('meets closed forms, also with one argument large', () => {
    within(lbeta(1, 7), -Math.log(7));
    within(lbeta(0.5, 0.5), Math.log(Math.PI));
    within(lbeta(1e15, 2), -Math.log(1e15) - Math.log(1e15 + 1));
  });

  it('is symmetric and the difference of three lgamma', () => {
    const moderate = fc.double({ min: 0.01, max: 100, noNaN: true });
    fc.assert(
      fc.property(moderate, moderate, (u, v) => {
        expect(lbeta(u, v)).toBe(lbeta(v, u));
        expect(Math.abs(lbeta(u, v) - (lgamma(u) + lgamma(v) - lgamma(u + v)))).toBeLessThan(1e-11);
      }),
    );
  });
});

describe('trigamma', () => {
  it('meets closed forms', () => {
    within(trigamma(1), Math.PI ** 2 / 6);
    within(trigamma(0.5), Math.PI ** 2 / 2);
    // pi^2 + 8 Catalan's constant (Abramowitz & Stegun 6.4.4 and the reflection formula).
    within(trigamma(0.25), Math.PI ** 2 + 8 * 0.915_965_594_177_219);
  });

  it('is the slope of digamma', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.1, max: 1000, noNaN: true }), (x) => {
        const h = 1e-4 * x;
        within((digamma(x + h) - digamma(x - h)) / (2 * h), trigamma(x), 1e-5);
      }),
    );
  });
});

describe('digamma', () => {
  it('meets closed forms', () => {
    const euler = 0.577_215_664_901_532_9;
    within(digamma(1), -euler);
    within(digamma(0.5), -euler - 2 * Math.LN2);
    within(digamma(0.25), -euler - Math.PI / 2 - 3 * Math.LN2);
    within(digamma(1e-8), -1e8 - euler);
  });

  it('is the slope of lgamma', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.1, max: 1000, noNaN: true }), (x) => {
        const h = 1e-4 * x;
        within((lgamma(x + h) - lgamma(x - h)) / (2 * h), digamma(x), 1e-6);
      }),
    );
  });
});

describe('logistic and logOnePlusExp', () => {
  it('hold in the tails', () => {
    expect(logistic(-800)).toBe(0);
    expect(logistic(-700)).toBeGreaterThan(0);
    expect(logistic(800)).toBe(1);
    expect(logOnePlusExp(10_000)).toBe(10_000);
    expect(logOnePlusExp(-40)).toBe(Math.exp(-40));
    within(logOnePlusExp(0), Math.LN2);
    within(logistic(1) + logistic(-1), 1);
  });
});

describe('erfc', () => {
  it('meets tabulated values (50 digits by arbitrary precision) on both sides of the change of method', () => {
    expect(Math.abs(erfc(-1.5) / 1.9661051464753108 - 1)).toBeLessThan(1e-13);
    expect(Math.abs(erfc(0) / 1.0 - 1)).toBeLessThan(1e-13);
    expect(Math.abs(erfc(0.1) / 0.887537083981715 - 1)).toBeLessThan(1e-13);
    expect(Math.abs(erfc(1) / 0.15729920705028513 - 1)).toBeLessThan(1e-13);
    expect(Math.abs(erfc(1.9599) / 0.0055761464256555504 - 1)).toBeLessThan(1e-13);
    expect(Math.abs(erfc(2) / 0.004677734981047266 - 1)).toBeLessThan(1e-13);
    expect(Math.abs(erfc(2.5) / 0.0004069520174449589 - 1)).toBeLessThan(1e-13);
    expect(Math.abs(erfc(5) / 1.537459794428035e-12 - 1)).toBeLessThan(1e-13);
    expect(Math.abs(erfc(26) / 5.663192408856143e-296 - 1)).toBeLessThan(1e-13);
  });

  it('has no step at 2 and the slope of a Gaussian', () => {
    expect(Math.abs(erfc(2 + 1e-12) / erfc(2 - 1e-12) - 1)).toBeLessThan(1e-10);
    fc.assert(
      fc.property(fc.double({ min: -3, max: 6, noNaN: true }), (x) => {
        const h = 1e-4;
        const slope = (erfc(x + h) - erfc(x - h)) / (2 * h);
        const density = (-2 / Math.sqrt(Math.PI)) * Math.exp(-x * x);
        expect(Math.abs(slope - density)).toBeLessThan(1e-7);
      }),
    );
  });
});
