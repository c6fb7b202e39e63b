import type { History } from './interactions.ts';
import { type RankingMetrics, rankingMetrics } from './ranking-metrics.ts';
import type { Recommender } from './recommender.ts';
import { TopItems } from './top-items.ts';

/** One user to be judged on. */
export interface HeldOut {
  /** Row of the user. */
  readonly user: number;
  /** What was known of the user; empty for an unknown one. */
  readonly history: History;
  /** What the list may not hold. */
  readonly seen: Int32Array;
  /** What the user took afterwards, of the items that can be recommended; each once. */
  readonly items: Int32Array;
  /** With those that cannot, above 0. */
  readonly count: number;
}

export interface JudgedList extends RankingMetrics {
  readonly user: number;
  readonly list: Int32Array;
}

export const emptyHistory: History = Object.freeze({
  items: new Int32Array(0),
  weights: new Float32Array(0),
});

/** Ranks all items for each user and measures the lists of length k; one entry a user, in their order. */
export function judge(model: Recommender, users: readonly HeldOut[], k: number): JudgedList[] {
  const scores = new Float32Array(model.itemCount);
  const top = new TopItems(Math.min(k, model.itemCount));
  const isRelevant = new Uint8Array(model.itemCount);
  return users.map(({ user, history, seen, items, count }) => {
    model.score(history, scores);
    for (const item of seen) scores[item] = Number.NEGATIVE_INFINITY;
    for (const item of items) isRelevant[item] = 1;
    const list = top.select(scores);
    const metrics = rankingMetrics(list, (item) => isRelevant[item] === 1, count, k);
    for (const item of items) isRelevant[item] = 0;
    return { ...metrics, user, list };
  });
}
