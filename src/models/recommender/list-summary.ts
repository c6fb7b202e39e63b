import { quantile } from '../quantile.ts';
import { Random } from '../random.ts';
import type { JudgedList } from './judge.ts';
import { meanMetrics, type RankingMetrics } from './ranking-metrics.ts';

export interface ListSummary extends RankingMetrics {
  /** 95 % of means over customers drawn again. */
  readonly ndcgLow: number;
  readonly ndcgHigh: number;
  /** Share of all items that stand in any list. */
  readonly coverage: number;
  /** Mean over the lists of -log2 of the share of customers who know the item: bits of surprise. */
  readonly novelty: number;
}

const RESAMPLES = 500;
const SEED = 1;

/** Means of so many values drawn with replacement; the same draws for every model, so that they differ by the models alone. */
export function bootstrapInterval(values: Float64Array): [low: number, high: number] {
  if (values.length === 0) return [0, 0];
  const random = Random.fromSeed(SEED, 'lists');
  const means = Float64Array.from({ length: RESAMPLES }, () => {
    let sum = 0;
    for (let draw = 0; draw < values.length; draw++)
      sum += values[Math.floor(random.uniform() * values.length)]!;
    return sum / values.length;
  }).sort();
  return [quantile(means, 0.025), quantile(means, 0.975)];
}

/** @param itemUsers how many of `users` customers had each item before */
export function summariseLists(
  judged: readonly JudgedList[],
  itemUsers: Float64Array,
  users: number,
): ListSummary {
  const [ndcgLow, ndcgHigh] = bootstrapInterval(Float64Array.from(judged, ({ ndcg }) => ndcg));
  const listed = new Set<number>();
  let surprise = 0;
  let places = 0;
  for (const { list } of judged) {
    for (const item of list) {
      listed.add(item);
      surprise -= Math.log2((itemUsers[item]! + 1) / (users + 1));
      places++;
    }
  }
  return {
    ...meanMetrics(judged),
    ndcgLow,
    ndcgHigh,
    coverage: itemUsers.length === 0 ? 0 : listed.size / itemUsers.length,
    novelty: places === 0 ? 0 : surprise / places,
  };
}
