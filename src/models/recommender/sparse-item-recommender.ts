import type { History } from './interactions.ts';
import type { ItemRecommender, Neighbours } from './recommender.ts';

function strongest({ ids, weights }: Neighbours, count: number): Neighbours {
  return Object.freeze({
    ids: ids.map((list) => list.subarray(0, count)),
    weights: weights.map((list) => list.subarray(0, count)),
  });
}

/** What is published, as it is read: each item of the history adds its strength times the weight to each of its neighbours. */
export function sparseItemRecommender(name: string, neighbours: Neighbours): ItemRecommender {
  return Object.freeze({
    name,
    itemCount: neighbours.ids.length,
    score(history: History, scores: Float32Array): void {
      scores.fill(0);
      for (let k = 0; k < history.items.length; k++) {
        const ids = neighbours.ids[history.items[k]!]!;
        const weights = neighbours.weights[history.items[k]!]!;
        const strength = history.weights[k]!;
        for (let m = 0; m < ids.length; m++) scores[ids[m]!]! += strength * weights[m]!;
      }
    },
    toNeighbours: (count: number) => strongest(neighbours, count),
  });
}
