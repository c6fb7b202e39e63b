import { AppError } from '../errors.ts';

export const millisecondsPerDay = 86_400_000;

/** What the user chooses. The same options give the same shop, to the last byte. */
export interface DemoOptions {
  /** People who buy at least once. Visitors who only look come on top (see `visitorShare`). */
  customers: number;
  products: number;
  days: number;
  seed: number;
  /** The last day of the simulation, included, as YYYY-MM-DD in UTC. */
  lastDay: string;
}

/** What a first start makes, and `generate` where nothing else is said: about 100,000 events, scored within a minute. */
export const defaultSize = { customers: 2000, products: 300, days: 540, seed: 42 } as const;

/** The last whole day before a moment (UTC): up to it, nothing of a shop lies in the future. */
export function dayBefore(moment: Date): string {
  return new Date(moment.getTime() - millisecondsPerDay).toISOString().slice(0, 10);
}

/** The truth behind the data: what a fitted model has to give back. */
export interface DemoBehaviour {
  /**
   * BG/NBD (Fader, Hardie & Lee, "Counting your customers the easy way", Marketing Science 24(2), 2005): orders per
   * week of a customer ~ Gamma(r, rate alpha); after each repeat order the customer is lost with a probability ~ Beta(a, b).
   */
  orders: { r: number; alpha: number; a: number; b: number };
  /**
   * Gamma-Gamma (Fader & Hardie, "The Gamma-Gamma model of monetary value", 2013): the value of an order ~ Gamma(p, rate nu),
   * nu of a customer ~ Gamma(q, rate gamma). Mean over customers: p * gamma / (q - 1).
   */
  spend: { p: number; q: number; gamma: number };
  /** Visits without an order, per week, of a customer who is not lost: a part for all and a part per weekly order. */
  visitsPerWeek: number;
  visitsPerOrder: number;
  /** How much of the visits is left once a customer is lost. */
  visitsAfterLoss: number;
  /** Visitors who never buy, for each customer. */
  visitorShare: number;
  /** Share of people who came through the Telegram bot. */
  telegramShare: number;
  /** Share of order lines that are sent back. */
  refundShare: number;
  /** A product is chosen in proportion to (price / first price) ^ priceElasticity. */
  priceElasticity: number;
}

export const defaultBehaviour: DemoBehaviour = {
  orders: { r: 0.7, alpha: 8, a: 0.8, b: 2.6 },
  spend: { p: 5, q: 4, gamma: 24 },
  visitsPerWeek: 0.1,
  visitsPerOrder: 0.9,
  visitsAfterLoss: 0.04,
  visitorShare: 0.15,
  telegramShare: 0.25,
  refundShare: 0.015,
  priceElasticity: -1.5,
};

/** Most people that one shop can hold: Telegram numbers of the demonstration leave 24 bits for them. */
const maxCustomers = 10_000_000;

function requireWhole(name: string, value: number, least: number, most: number): void {
  if (!Number.isSafeInteger(value) || value < least || value > most) {
    throw new AppError(
      'VALIDATION',
      `${name} must be a whole number from ${least} to ${most}, not ${value}.`,
      {
        details: { name, value, least, most },
      },
    );
  }
}

/** Midnight (UTC) at which the last day ends, in milliseconds of Unix time; throws VALIDATION on a bad date. */
export function endOfLastDay(lastDay: string): number {
  const start = /^\d{4}-\d{2}-\d{2}$/.test(lastDay) ? Date.parse(`${lastDay}T00:00:00Z`) : Number.NaN;
  // Date.parse turns 30 February into 1 March: only the way back shows it.
  if (Number.isNaN(start) || new Date(start).toISOString().slice(0, 10) !== lastDay) {
    throw new AppError('VALIDATION', `"${lastDay}" is not a date.`, { hint: 'Write it as YYYY-MM-DD.' });
  }
  return start + millisecondsPerDay;
}

export function validateDemoOptions(options: DemoOptions): void {
  requireWhole('customers', options.customers, 1, maxCustomers);
  requireWhole('products', options.products, 1, 100_000);
  requireWhole('days', options.days, 1, 36_500);
  requireWhole('seed', options.seed, 0, Number.MAX_SAFE_INTEGER);
  endOfLastDay(options.lastDay);
}
