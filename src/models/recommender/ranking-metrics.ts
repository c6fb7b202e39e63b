/** One user's list against what was held out, or the mean over users. Shares from 0 to 1. */
export interface RankingMetrics {
  ndcg: number;
  map: number;
  precision: number;
  recall: number;
  hitRate: number;
}

/**
 * Binary relevance, of a list of at most k: nDCG with the ideal list cut at min(k, relevant); average precision over the number of
 * relevant items (Microsoft `recommenders`, `map_at_k`), precision over k, recall over the relevant, whether there was any hit.
 * @param relevantCount above 0; those that no model can know of included
 */
export function rankingMetrics(
  list: ArrayLike<number>,
  isRelevant: (item: number) => boolean,
  relevantCount: number,
  k: number,
): RankingMetrics {
  let hits = 0;
  let gain = 0;
  let precisionSum = 0;
  for (let rank = 0; rank < Math.min(k, list.length); rank++) {
    if (!isRelevant(list[rank]!)) continue;
    hits++;
    gain += 1 / Math.log2(rank + 2);
    precisionSum += hits / (rank + 1);
  }
  let ideal = 0;
  for (let rank = 0; rank < Math.min(k, relevantCount); rank++) ideal += 1 / Math.log2(rank + 2);
  return {
    ndcg: gain / ideal,
    map: precisionSum / relevantCount,
    precision: hits / k,
    recall: hits / relevantCount,
    hitRate: hits > 0 ? 1 : 0,
  };
}

const metricNames = ['ndcg', 'map', 'precision', 'recall', 'hitRate'] as const;

/** Means over users; zeros of none. */
export function meanMetrics(users: readonly RankingMetrics[]): RankingMetrics {
  const mean = (name: (typeof metricNames)[number]): number =>
    users.length === 0 ? 0 : users.reduce((sum, user) => sum + user[name], 0) / users.length;
  return Object.fromEntries(metricNames.map((name) => [name, mean(name)])) as unknown as RankingMetrics;
}
