import type { History } from './interactions.ts';
import { type RankingMetrics, rankingMetrics } from './ranking-metrics.ts';
import { type Recommender, scoreAll } from './recommender.ts';
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

/** Scores that are held at once: 16 MB. */
const BLOCK_SCORES = 4_000_000;

/** Measures the lists of length k that rows of scores make, which are spoilt; one entry a user, in their order. */
export function judgeScores(
  scores: Float32Array,
  itemCount: number,
  users: readonly HeldOut[],
  k: number,
): JudgedList[] {
  const top = new TopItems(Math.min(k, itemCount));
  const isRelevant = new Uint8Array(itemCount);
  return users.map(({ user, seen, items, count }, row) => {
    const own = scores.subarray(row * itemCount, (row + 1) * itemCount);
    for (const item of seen) own[item] = Number.NEGATIVE_INFINITY;
    for (const item of items) isRelevant[item] = 1;
    const list = top.select(own);
    const metrics = rankingMetrics(list, (item) => isRelevant[item] === 1, count, k);
    for (const item of items) isRelevant[item] = 0;
    return { ...metrics, user, list };
  });
}

/** Ranks all items for each user and measures the lists of length k; one entry a user, in their order. */
export async function judge(model: Recommender, users: readonly HeldOut[], k: number): Promise<JudgedList[]> {
  const judged: JudgedList[] = [];
  const rows = Math.max(1, Math.min(1024, Math.floor(BLOCK_SCORES / Math.max(1, model.itemCount))));
  for (let start = 0; start < users.length; start += rows) {
    const block = users.slice(start, start + rows);
    const scores = await scoreAll(
      model,
      block.map(({ history }) => history),
    );
    judged.push(...judgeScores(scores, model.itemCount, block, k));
  }
  return judged;
}
