import { trendFactors } from './demand-trend.ts';
import type { EventLog } from './event-log.ts';
import type { Neighbours } from './recommender.ts';
import type { Repetition, ServedModel } from './served-lists.ts';
import { type ShopLog, toEventLog } from './shop-log.ts';
import { TopItems } from './top-items.ts';

export type Point = Readonly<Record<string, number>>;

/** What SQL knows of demand at one moment. */
export interface Demand {
  readonly popularity: Float32Array;
  readonly repetition: Repetition;
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

/** w_ij t_j^trendPower, with selfWeight t_j^selfTrendPower on the diagonal; the `width` largest by size. */
function withTrend(
  base: Neighbours,
  factors: Float32Array,
  selfWeights: Float32Array,
  width: number,
): Neighbours {
  const ids: Int32Array[] = [];
  const weights: Float32Array[] = [];
  const top = new TopItems(width);
  base.ids.forEach((others, item) => {
    const own = selfWeights[item]!;
    const all = own > 0 ? Int32Array.from([...others, item]) : others;
    const values = Float32Array.from(all, (other, k) =>
      k < others.length ? base.weights[item]![k]! * factors[other]! : own,
    );
    const kept = top.select(values.map(Math.abs));
    ids.push(Int32Array.from(kept, (k) => all[k]!));
    weights.push(Float32Array.from(kept, (k) => values[k]!));
  });
  return { ids, weights };
}

export function weightsOf(base: Neighbours, trend: Trend, point: Point, width: number): Neighbours {
  const days = point['trendHalfLifeDays']!;
  const self = point['selfWeight']!;
  const selfWeights = trend(days, self > 0 ? point['selfTrendPower']! : 0).map((factor) => self * factor);
  return withTrend(base, trend(days, point['trendPower']!), selfWeights, width);
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
