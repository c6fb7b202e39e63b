import { describe, expect, it } from 'vitest';
import { fitBgNbd } from '../models/bg-nbd.ts';
import { Random } from '../models/random.ts';
import { revenueIntervals } from '../models/revenue-interval.ts';
import { fitSpend } from './spend-model.ts';

const CUSTOMERS = 500;

/** Histories of repeat customers whose mean spend `price` says. */
function historiesOf(price: (i: number) => number) {
  const frequency = Float64Array.from({ length: CUSTOMERS }, (_, i) => 1 + (i % 6));
  return { frequency, monetaryValue: frequency.map((_, i) => price(i)) };
}

describe('a shop whose customers spend alike', () => {
  const customers = Float64Array.from({ length: CUSTOMERS }, (_, i) => i);
  const frequency = customers.map((i) => i % 4);
  const T = customers.map((i) => 20 + (i % 19));
  const recency = frequency.map((x, i) => (x === 0 ? 0 : (T[i]! * (1 + (i % 7))) / 8));
  const purchases = fitBgNbd({ frequency, recency, T }, { penalty: 0.1 });

  it.each([
    ['one price', (): number => 20, 20],
    ['two prices near each other', (i: number): number => 20 + (i % 2), 20.5],
    ['one price in another currency', (): number => 2e6, 2e6],
  ])('of %s is forecast to get that price', (_, price, mean) => {
    const spend = fitSpend(historiesOf(price))!;
    expect(spend.expectedSpend(0, 0) / mean).toBeCloseTo(1, 2);
    expect(spend.expectedSpend(3, price(0)) / price(0)).toBeCloseTo(1, 1);
    // Of who buys about once, one price or none, or more: in steps of the price.
    const { lower, upper } = revenueIntervals(purchases, spend, 52)(2, 30, 31, 2, price(0));
    expect(lower).toBeGreaterThanOrEqual(0);
    expect(upper).toBeGreaterThan(0.9 * mean);
    expect(upper / mean).toBeLessThan(20);
  });

  it('is fitted without a prior where they differ enough', () => {
    const random = Random.fromSeed(7);
    const spend = fitSpend(historiesOf(() => 20 * Math.exp(random.uniform() - 0.5)))!;
    expect(spend.diagnostics.penalty).toBe(0);
  });

  it('is none where one amount is absurd', () => {
    expect(fitSpend(historiesOf((i) => (i === 3 ? 1e15 : 20)))).toBeUndefined();
  });
});
