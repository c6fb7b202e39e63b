import type { Demand } from './assemble-served.ts';
import { countReturns, type Returns, repetitionOf } from './product-returns.ts';
import type { ShopLog } from './shop-log.ts';

/** What demand is counted in: the last so many days. */
const PERIOD_DAYS = { week: 7, month: 30, quarter: 90, year: 365 } as const;
export type Period = keyof typeof PERIOD_DAYS;
export const periods = Object.keys(PERIOD_DAYS) as readonly Period[];

/** All that counts for demand before a moment. */
export interface DemandSource {
  readonly log: ShopLog;
  /** What customers did before what is in the log, where that holds the newest events of each alone: the same rows, most of them empty. */
  readonly older: ShopLog;
  /** Events of nobody known, in one row: together they count as one customer, who buys nothing again. */
  readonly visitors: ShopLog;
  /** Of each item. */
  readonly categories: readonly (string | null)[];
  /** The number of the shop's own day that a moment, in days since 1970, lies in. */
  readonly dayOf: (moment: number) => number;
}

/** Demand and repetition of each item. */
export interface DemandCounts extends Demand {
  /** 1 where anybody did anything with it: what sold decades ago has a popularity of 0 and is still more than nothing. */
  readonly isWanted: Uint8Array;
  readonly inPeriod: Readonly<Record<Period, Float64Array>>;
  readonly buyers: Int32Array;
}

/** Of view, cart and purchase. */
const STRENGTHS = [0.1, 0.5, 1];
const HALF_LIFE_DAYS = 30;
/** Halved so often, a weight is nothing. */
const MAX_HALVINGS = 100;

/** Of an item, side by side: strengths in the last week, month, quarter and year, and of all time, decayed. */
const PLACES = periods.length + 1;
const EVER = periods.length;
const LENGTHS = periods.map((period) => PERIOD_DAYS[period]);

/** Adds what one customer, or nobody known, did, part by part. `own` is as wide as `sums`, and 0 before and after. */
function addTouches(
  parts: readonly ShopLog[],
  row: number,
  until: number,
  own: Float64Array,
  sums: Float64Array,
): void {
  for (const { offsets, items, days, kinds } of parts) {
    for (let k = offsets[row]!; k < offsets[row + 1]! && days[k]! < until; k++) {
      const strength = STRENGTHS[kinds[k]!];
      if (strength === undefined) continue;
      const base = PLACES * items[k]!;
      const age = until - days[k]!;
      const weight = strength * 2 ** -Math.min(MAX_HALVINGS, age / HALF_LIFE_DAYS);
      if (weight > own[base + EVER]!) own[base + EVER] = weight;
      for (let period = EVER - 1; period >= 0 && age <= LENGTHS[period]!; period--)
        if (strength > own[base + period]!) own[base + period] = strength;
    }
  }
  for (const { offsets, items, days } of parts) {
    for (let k = offsets[row]!; k < offsets[row + 1]! && days[k]! < until; k++) {
      const base = PLACES * items[k]!;
      for (let place = base; place < base + PLACES; place++) {
        sums[place]! += own[place]!;
        own[place] = 0;
      }
    }
  }
}

/** Sums over customers of the strongest that each did with an item. */
function countTouches(
  { log, older, visitors }: DemandSource,
  until: number,
): Omit<DemandCounts, keyof Returns | 'repetition'> {
  const sums = new Float64Array(PLACES * log.itemCount);
  const own = new Float64Array(sums.length);
  for (const parts of [[older, log], [visitors]])
    for (let row = 0; row + 1 < parts[0]!.offsets.length; row++) addTouches(parts, row, until, own, sums);
  const at = (place: number) =>
    Float64Array.from({ length: log.itemCount }, (_, item) => sums[PLACES * item + place]!);
  const demand = at(EVER);
  const most = demand.reduce((largest, value) => Math.max(largest, value), 0);
  return {
    isWanted: Uint8Array.from(demand, (value) => (value > 0 ? 1 : 0)),
    popularity: Float32Array.from(demand, (value) => Math.round((value / (most || 1)) * 1e9) / 1e9),
    inPeriod: Object.fromEntries(
      periods.map((period, place) => [period, at(place)]),
    ) as DemandCounts['inPeriod'],
  };
}

/**
 * Demand before a moment `until`, in days since 1970. It is of distinct customers (purchase 1, cart 0.5, view 0.1): of all time halved
 * every 30 days and scaled to 1 for the most wanted, and of the last 7, 30, 90 and 365 days. Repetition is of days of the shop on which
 * the same customer bought the same; 0 days where nobody did.
 */
export function countDemand(source: DemandSource, until: number): DemandCounts {
  const returns = countReturns(source, until);
  return {
    ...countTouches(source, until),
    buyers: returns.buyers,
    repetition: repetitionOf(returns, source.categories),
  };
}
