import type { DemandSource } from './product-demand.ts';
import type { Repetition } from './served-lists.ts';
import { PURCHASE } from './shop-log.ts';

/** The smallest share of buyers that can count as buying again, and how many at least; validation chooses where the line is. */
const MIN_REPEAT_SHARE = 0.05;
const MIN_REPEATERS = 5;
/** So many buyers' weight draws the share of a product to that of its category. */
const CATEGORY_PRIOR = 10;

/** How many bought each item, and on two of the shop's days or more; and the days between, item by item. */
export interface Returns {
  readonly buyers: Int32Array;
  readonly repeaters: Int32Array;
  readonly gaps: ReadonlyMap<number, readonly number[]>;
}

class ReturnCounts implements Returns {
  readonly buyers: Int32Array;
  readonly repeaters: Int32Array;
  readonly gaps = new Map<number, number[]>();
  /** Of the customer at hand. */
  readonly #latest = new Map<number, { day: number; again: boolean }>();

  constructor(itemCount: number) {
    this.buyers = new Int32Array(itemCount);
    this.repeaters = new Int32Array(itemCount);
  }

  nextCustomer(): void {
    this.#latest.clear();
  }

  /** A purchase of the customer, later ones after earlier ones. */
  add(item: number, day: number): void {
    const own = this.#latest.get(item);
    if (own === undefined) {
      this.#latest.set(item, { day, again: false });
      this.buyers[item]!++;
      return;
    }
    if (day === own.day) return;
    if (!own.again) this.repeaters[item]!++;
    const known = this.gaps.get(item);
    if (known) known.push(day - own.day);
    else this.gaps.set(item, [day - own.day]);
    own.day = day;
    own.again = true;
  }
}

export function countReturns({ log, older, dayOf }: DemandSource, until: number): Returns {
  const counts = new ReturnCounts(log.itemCount);
  for (let row = 0; row + 1 < log.offsets.length; row++) {
    counts.nextCustomer();
    for (const { offsets, items, days, kinds } of [older, log])
      for (let k = offsets[row]!; k < offsets[row + 1]! && days[k]! < until; k++)
        if (kinds[k] === PURCHASE) counts.add(items[k]!, dayOf(days[k]!));
  }
  return counts;
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
export function repetitionOf(returns: Returns, categories: DemandSource['categories']): Repetition {
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
