import type { Random } from '../models/random.ts';
import type { DemoBehaviour } from './parameters.ts';

const daysPerWeek = 7;

export interface OrderHistory {
  /** Orders per day while the customer is not lost. */
  ratePerDay: number;
  /** Days since the start of the window of each order, rising; the first is the entry. */
  times: number[];
  /** Where the customer is lost: the time of the last order, or Infinity. */
  lostAt: number;
}

/**
 * One customer's orders from the entry to the end of the window, exactly as BG/NBD has them: exponential gaps of the
 * customer's own rate, and a loss that can only come right after a repeat order. The entry itself is the model's time 0:
 * nobody is lost at it (P(alive | x = 0) = 1).
 * @param entry days since the start of the window @param end days since the start of the window
 */
export function drawOrders(
  random: Random,
  { r, alpha, a, b }: DemoBehaviour['orders'],
  entry: number,
  end: number,
): OrderHistory {
  const ratePerDay = random.gamma(r, alpha) / daysPerWeek;
  const lossProbability = random.beta(a, b);
  const times = [entry];
  // A gamma of a small shape can underflow to 0: such a customer never comes back.
  if (ratePerDay === 0) return { ratePerDay, times, lostAt: Number.POSITIVE_INFINITY };
  for (
    let time = entry + random.exponential(ratePerDay);
    time < end;
    time += random.exponential(ratePerDay)
  ) {
    times.push(time);
    if (random.bernoulli(lossProbability)) return { ratePerDay, times, lostAt: time };
  }
  return { ratePerDay, times, lostAt: Number.POSITIVE_INFINITY };
}

/** No order is worth more: with q near 0 the mean of some customers overflows. Out of reach for parameters of real shops. */
const highestValue = 1e7;

/** The value of each of a customer's orders, exactly as Gamma-Gamma has it, rounded to cents (at least 0.01). */
export function drawOrderValues(
  random: Random,
  { p, q, gamma }: DemoBehaviour['spend'],
  count: number,
): number[] {
  const nu = Math.max(random.gamma(q, gamma), Number.MIN_VALUE);
  return Array.from({ length: count }, () => {
    const value = Math.min(highestValue, random.gamma(p) / nu);
    return Math.max(1, Math.round(value * 100)) / 100;
  });
}
