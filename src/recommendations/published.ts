import type { Period } from '../models/recommender/product-demand.ts';

/** Lists over numbered items: `productIds[n]` is the product of item n, and each row's `ids` are item numbers. */
export interface ItemLists {
  readonly productIds: ArrayLike<number>;
  readonly ids: readonly ArrayLike<number>[];
  /** Aligned with `ids`, largest first. */
  readonly weights: readonly ArrayLike<number>[];
}

/**
 * What is alike by text and attributes; `weights` are similarities 0-1. They count beside the collaborative weights, times `strength` and
 * `prior / (prior + n)`, where n are the interactions of the less known of the two: it falls as products gather history.
 */
export interface ContentNeighbours extends ItemLists {
  readonly strength: number;
  readonly prior: number;
  /** Aligned with `productIds`: how many customers took each. */
  readonly interactions: ArrayLike<number>;
}

/** Demand of one product; the periods end with the training. */
export interface ProductDemand extends Readonly<Record<Period, number>> {
  readonly product_id: number;
  readonly category: string | null;
  /** Of all time, halved every 30 days; 1 for the most wanted. */
  readonly popularity: number;
  readonly buyers: number;
  /** Whether and at which interval its buyers buy it again. */
  readonly repeat_share: number;
  readonly is_bought_repeatedly: boolean;
  readonly repeat_interval_days: number | null;
}

/** How a history is read, by the SQL function: see the comments on app_schema.recommenders. */
export interface ReadingParameters {
  readonly viewWeight: number;
  readonly cartWeight: number;
  readonly purchaseWeight: number;
  readonly halfLifeDays: number;
  readonly historyEvents: number;
  readonly historyProducts: number;
  readonly repeatWeight: number;
  readonly dueAfter: number;
  readonly popularityWeight: number;
  readonly repeatPower: number;
  readonly repeatSharePower: number;
  readonly repeatHalfLifeDays: number;
  /** null: what one customer alone buys again and again does not count. */
  readonly habitPurchases: number | null;
  readonly buyAgainShare: number;
}

export const defaultReading: ReadingParameters = Object.freeze({
  viewWeight: 0.2,
  cartWeight: 0.5,
  purchaseWeight: 1,
  halfLifeDays: 90,
  // What somebody wants now; a wholesaler's ten thousand would cost time and blur the taste.
  historyEvents: 200,
  // 200 requests a second on two cores leave about 3 ms for each: a row of weights costs 0.1 ms (npm run bench -- serving).
  historyProducts: 30,
  repeatWeight: 1,
  dueAfter: 0.5,
  popularityWeight: 0.01,
  repeatPower: 0,
  repeatSharePower: 1,
  repeatHalfLifeDays: 90,
  habitPurchases: null,
  buyAgainShare: 0.5,
});

/** All that a training of recommendations publishes: one version. */
export interface PublishedRecommender {
  /** Name of what was chosen, such as `ease` or `cosine`. */
  readonly algorithm: string;
  readonly asOf: Date;
  readonly codeVersion: string;
  readonly customers: number;
  readonly durationSeconds: number;
  /** How it came about: hyperparameters, selection. */
  readonly parameters: Readonly<Record<string, unknown>>;
  /** How it did, and what a contest compares. */
  readonly metrics: Readonly<Record<string, unknown>>;
  readonly reading: ReadingParameters;
  /** score(j) = sum of h(i) w(i, j): weights may be negative, and an item may stand in its own row. */
  readonly neighbours: ItemLists;
  readonly content?: ContentNeighbours;
  readonly demand: readonly ProductDemand[];
  /** The training whose choices were fitted again; none where this is a training of its own. */
  readonly refreshedFrom?: number;
}
