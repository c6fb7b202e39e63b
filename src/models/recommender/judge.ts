import type { History } from './interactions.ts';
import { type RankingMetrics, rankingMetrics } from './ranking-metrics.ts';
import type { Recommender } from './recommender.ts';
import { TopItems } from './top-items.ts';

/** One user to be judged on. */
export interface HeldOut {
  /** What was known of the user; empty for an unknown one. */
  readonly history: History;
  /** What the user took afterwards, of the items that can be recommended; each once. */
  readonly items: Int32Array;
  /** With those that cannot, above 0. */
  readonly count: number;
}

export interface JudgeOptions {
  /** Length of the list. */
  readonly k: number;
  /** Keep what is in the history in the list. */
  readonly repeats?: boolean;
}

export const emptyHistory: History = Object.freeze({
  items: new Int32Array(0),
  weights: new Float32Array(0),
});

/** Ranks all items for each user and measures the lists; one entry a user, in their order. */
export function judge(
  model: Recommender,
  users: readonly HeldOut[],
  options: JudgeOptions,
): RankingMetrics[] {
  const scores = new Float32Array(model.itemCount);
  const top = new TopItems(Math.min(options.k, model.itemCount));
  const isRelevant = new Uint8Array(model.itemCount);
  return users.map(({ history, items, count }) => {
    model.score(history, scores);
    if (options.repeats !== true) for (const item of history.items) scores[item] = Number.NEGATIVE_INFINITY;
    for (const item of items) isRelevant[item] = 1;
    const metrics = rankingMetrics(top.select(scores), (item) => isRelevant[item] === 1, count, options.k);
    for (const item of items) isRelevant[item] = 0;
    return metrics;
  });
}
