import { checkInteractions, type Interactions, itemUserCounts } from './interactions.ts';
import type { Recommender } from './recommender.ts';

/** The same list for everybody: how many took the item. */
export function fitPopularity(data: Interactions): Recommender {
  checkInteractions(data);
  const counts = Float32Array.from(itemUserCounts(data));
  return Object.freeze({
    name: 'popularity',
    itemCount: data.itemCount,
    score: (_history: unknown, scores: Float32Array): void => scores.set(counts),
  });
}
