import { type EventLog, interactionsOf } from './event-log.ts';
import { type History, itemUserCounts } from './interactions.ts';
import type { ItemRecommender, Neighbours } from './recommender.ts';
import { TopItems } from './top-items.ts';

export interface TrendOptions {
  /** Demand is halved in so many days. */
  readonly halfLifeDays: number;
  /** 0: no trend; 1: the ratio itself. */
  readonly power: number;
}

/** Users added to the demand of an item, lately and in all: an item that one user took is neither in nor out of season. */
const PRIOR_RECENT = 0.5;
const PRIOR_ALL = 5;

/** Users of each item, a user counting less the longer ago. */
function recentDemand(log: EventLog, now: number, halfLifeDays: number): Float64Array {
  const decayed = interactionsOf(log, now, { power: 1, halfLifeDays });
  const demand = new Float64Array(log.itemCount);
  decayed.items.forEach((item, k) => {
    demand[item]! += Math.min(1, decayed.weights[k]!);
  });
  return demand;
}

/** For each item ((users lately + 0.5) / (users in all + 5)) ^ power: above others where it sells now, below where its season is over. */
export function trendFactors(log: EventLog, now: number, options: TrendOptions): Float32Array {
  const recent = recentDemand(log, now, options.halfLifeDays);
  const all = itemUserCounts(interactionsOf(log, now));
  return Float32Array.from(
    recent,
    (users, item) => ((users + PRIOR_RECENT) / (all[item]! + PRIOR_ALL)) ** options.power,
  );
}

export interface Adjustment {
  /** Of each item's score as it comes from other items; > 0. */
  readonly factors: Float32Array;
  /** For each item, what having taken it says of taking it again; 0 or more. */
  readonly selfWeights: Float32Array;
}

/**
 * score_j = factor_j * (the sum over the history of h_i w_ij) + h_j * selfWeight_j: again an item-item model, with w_jj. What is read is
 * still one sum over the history.
 */
export function adjusted(model: ItemRecommender, adjustment: Adjustment): ItemRecommender {
  const { factors, selfWeights } = adjustment;
  return Object.freeze({
    name: 'hybrid',
    itemCount: model.itemCount,
    score(history: History, scores: Float32Array): void {
      model.score(history, scores);
      for (let item = 0; item < scores.length; item++) scores[item]! *= factors[item]!;
      for (let k = 0; k < history.items.length; k++) {
        const item = history.items[k]!;
        scores[item]! += selfWeights[item]! * history.weights[k]!;
      }
    },
    toNeighbours: (count: number) => adjustedNeighbours(model, adjustment, count),
  });
}

function adjustedNeighbours(
  model: ItemRecommender,
  { factors, selfWeights }: Adjustment,
  count: number,
): Neighbours {
  const whole = model.toNeighbours(model.itemCount);
  const top = new TopItems(Math.max(1, count));
  const ids: Int32Array[] = [];
  const weights: Float32Array[] = [];
  whole.ids.forEach((others, item) => {
    const all = selfWeights[item]! > 0 ? Int32Array.from([...others, item]) : others;
    const values = Float32Array.from(all, (other, k) =>
      other === item ? selfWeights[item]! : whole.weights[item]![k]! * factors[other]!,
    );
    const kept = top.select(values.map(Math.abs)).subarray(0, count);
    ids.push(Int32Array.from(kept, (k) => all[k]!));
    weights.push(Float32Array.from(kept, (k) => values[k]!));
  });
  return Object.freeze({ ids, weights });
}

/** The same list for everybody: users lately. */
export function fitRecentPopularity(log: EventLog, now: number, halfLifeDays: number) {
  const demand = Float32Array.from(recentDemand(log, now, halfLifeDays));
  return Object.freeze({
    name: 'popularity',
    itemCount: log.itemCount,
    score: (_history: History, scores: Float32Array): void => scores.set(demand),
  });
}
