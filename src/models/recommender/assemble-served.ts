import { trendFactors } from './demand-trend.ts';
import type { EventLog } from './event-log.ts';
import type { Neighbours } from './recommender.ts';
import type { Repetition, ServedModel } from './served-lists.ts';
import { type ShopLog, toEventLog } from './shop-log.ts';
import { TopItems } from './top-items.ts';

export type Point = Readonly<Record<string, number>>;

/** What is known of demand at one moment. */
export interface Demand {
  readonly popularity: Float32Array;
  readonly repetition: Repetition;
}

/** Of the first `count` items. */
export function headOfDemand({ popularity, repetition }: Demand, count: number): Demand {
  const { isRepeated, share, intervalDays } = repetition;
  return {
    popularity: popularity.subarray(0, count),
    repetition: {
      isRepeated: isRepeated.subarray(0, count),
      share: share.subarray(0, count),
      intervalDays: intervalDays.subarray(0, count),
    },
  };
}

/** What a shop holds of a version, and of a history. */
export interface ServedLimits {
  /** Weights published for each product. */
  readonly width: number;
  readonly historyEvents: number;
  readonly historyProducts: number;
}

export const NO_HABITS = 0;

export type Trend = (halfLifeDays: number, power: number) => Float32Array;

/** (demand lately / in all) ^ power, scaled to a mean of 1, so that weights keep their size; the ratios of each half-life are kept. */
export function trendOf(log: ShopLog, until: number): Trend {
  let events: EventLog | undefined;
  const known = new Map<number, Float32Array>();
  return (halfLifeDays, power) => {
    if (power === 0) return new Float32Array(log.itemCount).fill(1);
    events ??= toEventLog(log, until);
    const ratios = known.get(halfLifeDays) ?? trendFactors(events, until, { halfLifeDays, power: 1 });
    known.set(halfLifeDays, ratios);
    const factors = ratios.map((ratio) => ratio ** power);
    const mean = factors.reduce((sum, factor) => sum + factor, 0) / Math.max(1, factors.length);
    return factors.map((factor) => factor / (mean || 1));
  };
}

/** w_ij t_j^trendPower, with selfWeight t_j^selfTrendPower on the diagonal; the `width` largest by size. Of other rows than `rows` nothing. */
function withTrend(
  base: Neighbours,
  factors: Float32Array,
  selfWeights: Float32Array,
  width: number,
  rows: Iterable<number>,
): Neighbours {
  const ids: Int32Array[] = new Array(base.ids.length).fill(new Int32Array(0));
  const weights: Float32Array[] = new Array(base.ids.length).fill(new Float32Array(0));
  const longest = base.ids.reduce((most, row) => Math.max(most, row.length), 0);
  // Loops and arrays for all: a search does this for each point, and with a function for each pair it was a fifth of a training.
  const values = new Float32Array(longest + 1);
  const sizes = new Float64Array(longest + 1);
  const top = new TopItems(width);
  for (const item of rows) {
    const others = base.ids[item]!;
    const own = base.weights[item]!;
    const count = others.length;
    for (let k = 0; k < count; k++) {
      values[k] = own[k]! * factors[others[k]!]!;
      sizes[k] = Math.abs(values[k]!);
    }
    values[count] = sizes[count] = selfWeights[item]!;
    const kept = top.select(sizes.subarray(0, selfWeights[item]! > 0 ? count + 1 : count));
    const keptWeights = new Float32Array(kept.length);
    for (let k = 0; k < kept.length; k++) {
      keptWeights[k] = values[kept[k]!]!;
      kept[k] = kept[k]! < count ? others[kept[k]!]! : item;
    }
    ids[item] = kept;
    weights[item] = keptWeights;
  }
  return { ids, weights };
}

/** What is published of weights; of `rows` alone where only those are read. */
export function weightsOf(
  base: Neighbours,
  trend: Trend,
  point: Point,
  width: number,
  rows: Iterable<number> = base.ids.keys(),
): Neighbours {
  const days = point['trendHalfLifeDays']!;
  const self = point['selfWeight']!;
  const selfWeights = trend(days, self > 0 ? point['selfTrendPower']! : 0).map((factor) => self * factor);
  return withTrend(base, trend(days, point['trendPower']!), selfWeights, width, rows);
}

export function readingOf(
  point: Point,
  { historyEvents, historyProducts }: ServedLimits,
): ServedModel['reading'] {
  const power = point['historyPower']!;
  return {
    // (s 2^(-age / H))^p = s^p 2^(-age / (H / p)): the power of a history needs no place of its own.
    viewWeight: 0.2 ** power,
    cartWeight: 0.5 ** power,
    purchaseWeight: 1,
    halfLifeDays: point['historyHalfLifeDays']! / power,
    historyEvents,
    historyProducts,
    repeatWeight: point['repeatWeight']!,
    dueAfter: point['dueAfter']!,
    popularityWeight: point['popularityWeight']!,
    repeatPower: point['repeatPower']!,
    repeatSharePower: point['repeatSharePower']!,
    repeatHalfLifeDays: point['repeatHalfLifeDays']!,
    habitPurchases: point['habitPurchases'] === NO_HABITS ? null : point['habitPurchases']!,
    buyAgainShare: point['buyAgainShare']!,
  };
}

/** What counts as bought again: of what does so with the smallest share of the grid, that with the point's. */
export function withRepeatShare({ popularity, repetition }: Demand, repeatShare: number): Demand {
  const isRepeated = repetition.isRepeated.map((is, item) =>
    is === 1 && repetition.share[item]! >= Math.fround(repeatShare) ? 1 : 0,
  );
  return { popularity, repetition: { ...repetition, isRepeated } };
}

/** All that is published and read, from weights, demand and a point of the grids. */
export function assembleServed(
  log: ShopLog,
  limits: ServedLimits,
  base: Neighbours,
  until: number,
  demand: Demand,
  point: Point,
): ServedModel {
  const neighbours = weightsOf(base, trendOf(log, until), point, limits.width);
  return {
    neighbours,
    ...withRepeatShare(demand, point['repeatShare']!),
    reading: readingOf(point, limits),
  };
}
