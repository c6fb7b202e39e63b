import { describe, expect, it } from 'vitest';
import { bgNbdFromJSON } from './bg-nbd.ts';
import { discountedPurchases } from './discounted-purchases.ts';
import { mbgNbdFromJSON } from './mbg-nbd.ts';
import { paretoNbdFromJSON } from './pareto-nbd.ts';
import type { PurchaseModel } from './purchase-model.ts';
import { Random } from './random.ts';

const stored = { version: 1, diagnostics: {} };
const bgParameters = { r: 0.24259, alpha: 4.4136, a: 0.79292, b: 2.42589 };
const paretoParameters = { r: 0.55315, alpha: 10.57633, s: 0.60625, beta: 11.6715 };
const pareto = paretoNbdFromJSON({ ...stored, model: 'pareto-nbd', parameters: paretoParameters });
const models: [string, PurchaseModel][] = [
  ['bg-nbd', bgNbdFromJSON({ ...stored, model: 'bg-nbd', parameters: bgParameters })],
  ['mbg-nbd', mbgNbdFromJSON({ ...stored, model: 'mbg-nbd', parameters: bgParameters })],
  ['pareto-nbd', pareto],
];
const rows: readonly (readonly [number, number, number])[] = [
  [2, 30.43, 38.86],
  [0, 0, 38.86],
  [26, 30.857, 31],
  [0, 0, 0],
  [300, 50, 50],
];
const yearly15 = Math.log(1.15) / 52;

describe.each(models)('discountedPurchases of %s', (_, model) => {
  it('is the expected purchases at rate 0, and nothing within no time', () => {
    for (const row of rows) {
      expect(discountedPurchases(model, 0, 52, ...row)).toBe(model.expectedPurchases(52, ...row));
      expect(discountedPurchases(model, yearly15, 0, ...row)).toBe(0);
    }
  });

  it('goes to DERT, by its own quadrature, as the horizon goes to infinity', () => {
    for (const row of rows) {
      for (const rate of [yearly15, 0.05]) {
        const dert = model.discountedExpectedResidualTransactions(rate, ...row);
        expect(discountedPurchases(model, rate, 1e9, ...row) / dert).toBeCloseTo(1, 10);
        const ofTenYears = discountedPurchases(model, rate, 520, ...row);
        expect(ofTenYears).toBeLessThan(dert);
        expect(ofTenYears).toBeGreaterThan(discountedPurchases(model, rate, 156, ...row));
      }
    }
  });

  it('is the sum over short steps of its own expected purchases, on either side of the change of rule', () => {
    for (const row of rows) {
      for (const rate of [yearly15, 1.99 / 156, 2.01 / 156]) {
        let [sum, before] = [0, 0];
        for (let i = 1; i <= 15_600; i++) {
          const now = model.expectedPurchases(i / 100, ...row);
          sum += Math.exp((-rate * (i - 0.5)) / 100) * (now - before);
          before = now;
        }
        expect(discountedPurchases(model, rate, 156, ...row) / sum).toBeCloseTo(1, 7);
      }
    }
  });

  it('refuses rates and histories that are none', () => {
    const badInput = expect.objectContaining({ code: 'MODEL_BAD_INPUT', hint: expect.any(String) });
    for (const rate of [-0.1, Infinity, Number.NaN]) {
      expect(() => discountedPurchases(model, rate, 52, 2, 10, 20)).toThrowError(badInput);
    }
    expect(() => discountedPurchases(model, 0.01, 52, 2, 30, 20)).toThrowError(badInput);
    expect(() => discountedPurchases(model, 0.01, -1, 2, 10, 20)).toThrowError(badInput);
  });
});

it('is the mean of simulated discounted purchases of Pareto/NBD newcomers', () => {
  const { r, alpha, s, beta } = paretoParameters;
  const rate = 0.02;
  const random = Random.fromSeed(11, 'discounted');
  const customers = 40_000;
  let [sum, squares] = [0, 0];
  for (let i = 0; i < customers; i++) {
    const [buying, leaving] = [random.gamma(r, alpha), random.gamma(s, beta)];
    const life = Math.min(104, random.exponential(Math.max(1e-12, leaving)));
    let value = 0;
    for (let t = 0; buying > 1e-12; ) {
      t += random.exponential(buying);
      if (t > life) break;
      value += Math.exp(-rate * t);
    }
    sum += value;
    squares += value * value;
  }
  const mean = sum / customers;
  const error = Math.sqrt((squares / customers - mean * mean) / customers);
  expect(Math.abs(mean - discountedPurchases(pareto, rate, 104, 0, 0, 0))).toBeLessThan(3.5 * error);
});
