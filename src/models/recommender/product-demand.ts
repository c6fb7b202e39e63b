import type { Demand } from './assemble-served.ts';
import type { ShopLog } from './shop-log.ts';

/** What demand is counted in: the last so many days. */
const PERIOD_DAYS = { week: 7, month: 30, quarter: 90, year: 365 } as const;
export type Period = keyof typeof PERIOD_DAYS;
export const periods = Object.keys(PERIOD_DAYS) as readonly Period[];

/** All that counts for demand before a moment. */
export interface DemandSource {
  readonly log: ShopLog;
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
const PURCHASE = 2;
const HALF_LIFE_DAYS = 30;
/** Halved so often, a weight is nothing. */
const MAX_HALVINGS = 100;
/** The smallest share of buyers that can count as buying again, and how many at least; validation chooses where the line is. */
const MIN_REPEAT_SHARE = 0.05;
const MIN_REPEATERS = 5;
/** So many buyers' weight draws the share of a product to that of its category. */
const CATEGORY_PRIOR = 10;

/** The last place in a row of what happened before a moment, one further. */
function endBefore({ offsets, days }: ShopLog, row: number, until: number): number {
  let end = offsets[row + 1]!;
  while (end > offsets[row]! && days[end - 1]! >= until) end--;
  return end;
}

/** Of an item, side by side: strengths in the last week, month, quarter and year, and of all time, decayed. */
const PLACES = periods.length + 1;
const EVER = periods.length;
const LENGTHS = periods.map((period) => PERIOD_DAYS[period]);

/** Adds what one customer, or nobody known, did. `own` is as wide as `sums`, and 0 before and after. */
function addTouches(log: ShopLog, row: number, until: number, own: Float64Array, sums: Float64Array): void {
  const [from, to] = [log.offsets[row]!, endBefore(log, row, until)];
  for (let k = from; k < to; k++) {
    const strength = STRENGTHS[log.kinds[k]!];
    if (strength === undefined) continue;
    const base = PLACES * log.items[k]!;
    const age = until - log.days[k]!;
    const weight = strength * 2 ** -Math.min(MAX_HALVINGS, age / HALF_LIFE_DAYS);
    if (weight > own[base + EVER]!) own[base + EVER] = weight;
    for (let period = EVER - 1; period >= 0 && age <= LENGTHS[period]!; period--)
      if (strength > own[base + period]!) own[base + period] = strength;
  }
  for (let k = from; k < to; k++) {
    const base = PLACES * log.items[k]!;
    for (let place = base; place < base + PLACES; place++) {
      sums[place]! += own[place]!;
      own[place] = 0;
    }
  }
}

/** Sums over customers of the strongest that each did with an item. */
function countTouches(
  { log, visitors }: DemandSource,
  until: number,
): Omit<DemandCounts, keyof Returns | 'repetition'> {
  const sums = new Float64Array(PLACES * log.itemCount);
  const own = new Float64Array(sums.length);
  for (const part of [log, visitors])
    for (let row = 0; row + 1 < part.offsets.length; row++) addTouches(part, row, until, own, sums);
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

/** How many bought each item, and on two of the shop's days or more; and the days between, item by item. */
interface Returns {
  readonly buyers: Int32Array;
  readonly repeaters: Int32Array;
  readonly gaps: ReadonlyMap<number, readonly number[]>;
}

function countReturns({ log, dayOf }: DemandSource, until: number): Returns {
  const buyers = new Int32Array(log.itemCount);
  const repeaters = new Int32Array(log.itemCount);
  const gaps = new Map<number, number[]>();
  const latest = new Map<number, { day: number; again: boolean }>();
  for (let row = 0; row + 1 < log.offsets.length; row++) {
    const to = endBefore(log, row, until);
    latest.clear();
    for (let k = log.offsets[row]!; k < to; k++) {
      if (log.kinds[k] !== PURCHASE) continue;
      const item = log.items[k]!;
      const day = dayOf(log.days[k]!);
      const own = latest.get(item);
      if (own === undefined) {
        latest.set(item, { day, again: false });
        buyers[item]!++;
      } else if (day > own.day) {
        if (!own.again) repeaters[item]!++;
        const known = gaps.get(item);
        if (known) known.push(day - own.day);
        else gaps.set(item, [day - own.day]);
        own.day = day;
        own.again = true;
      }
    }
  }
  return { buyers, repeaters, gaps };
}

function median(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort();
  return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
}

interface CategoryReturns {
  buyers: number;
  repeaters: number;
  readonly gaps: number[];
  days: number;
}

function returnsByCategory({ buyers, repeaters, gaps }: Returns, categories: DemandSource['categories']) {
  const found = new Map<string | null, CategoryReturns>();
  categories.forEach((category, item) => {
    if (category === null) return;
    const group = found.get(category) ?? { buyers: 0, repeaters: 0, gaps: [], days: 0 };
    group.buyers += buyers[item]!;
    group.repeaters += repeaters[item]!;
    for (const gap of gaps.get(item) ?? []) group.gaps.push(gap);
    found.set(category, group);
  });
  for (const group of found.values()) if (group.gaps.length > 0) group.days = median(group.gaps);
  return found;
}

/**
 * Which items people buy again, and after how many days: a share that rests on few buyers is drawn to that of the category, and at least
 * five customers of either must have done it.
 */
function repetitionOf(returns: Returns, categories: DemandSource['categories']): Demand['repetition'] {
  const { buyers, repeaters, gaps } = returns;
  const byCategory = returnsByCategory(returns, categories);
  const isRepeated = new Uint8Array(buyers.length);
  const share = new Float32Array(buyers.length);
  const intervalDays = new Float32Array(buyers.length);
  buyers.forEach((count, item) => {
    if (count === 0) return;
    const group = byCategory.get(categories[item]!);
    const prior = group ? CATEGORY_PRIOR : 0;
    share[item] =
      (repeaters[item]! + (group ? (prior * group.repeaters) / group.buyers : 0)) / (count + prior);
    const own = gaps.get(item);
    const days = own ? median(own) : 0;
    const isKnown = repeaters[item]! >= MIN_REPEATERS;
    intervalDays[item] = isKnown ? days : group?.days || days;
    const isEnough = isKnown || (group !== undefined && group.repeaters >= MIN_REPEATERS);
    isRepeated[item] = isEnough && share[item]! >= MIN_REPEAT_SHARE && intervalDays[item]! > 0 ? 1 : 0;
  });
  return { isRepeated, share, intervalDays };
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
