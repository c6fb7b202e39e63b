import type { LinearAlgebra } from '../models/linear-algebra/linear-algebra.ts';
import { assembleServed } from '../models/recommender/assemble-served.ts';
import { defaultServedPoint } from '../models/recommender/choose-served.ts';
import { contentVectors } from '../models/recommender/content.ts';
import { contentNeighbours } from '../models/recommender/content-neighbours.ts';
import { itemUserCounts } from '../models/recommender/interactions.ts';
import { countDemand } from '../models/recommender/product-demand.ts';
import type { Neighbours } from '../models/recommender/recommender.ts';
import { type ServedCandidate, servedCandidates } from '../models/recommender/served-candidates.ts';
import { trainingInteractions } from '../models/recommender/shop-log.ts';
import type { ContentNeighbours, PublishedRecommender } from './published.ts';
import { demandRows, type FitMaterial, type ShopData } from './shop-data.ts';

export interface FitOptions {
  /** Events at or after this moment are not used. */
  readonly asOf: Date;
  readonly codeVersion: string;
  readonly algebra: LinearAlgebra;
  readonly onStep?: (step: string) => void;
}

/** All that is published, but for how long it took. */
export interface Fitted extends Omit<PublishedRecommender, 'durationSeconds'> {
  readonly size: {
    readonly algorithm: string;
    readonly products: number;
    readonly pairs: number;
    readonly repeatedly: number;
  };
}

type Point = Readonly<Record<string, number>>;

/** What a training chose: the way to come by weights, its options, and how a history is read. */
export interface Choice {
  readonly algorithm: string;
  readonly candidatePoint: Point;
  readonly point: Point;
}

/** 30 products of a history times 50 weights are what a list of 3 ms can read (npm run bench -- serving). */
export const LIMITS = { width: 50, historyEvents: 200, historyProducts: 30 };
const SIMILAR = 10;
/** Interactions after which collaborative weights count as much as what products say of themselves. */
const CONTENT_PRIOR = 10;
const CONTENT_SHARE = 0.5;
/** Of a shop in which too little happens to choose by. */
export const FALLBACK: Choice = {
  algorithm: 'item-knn',
  candidatePoint: { shrinkage: 2, strengthPower: 1 },
  point: defaultServedPoint,
};

/** The median of what each product says most for another: what content is measured by. */
function typicalWeight({ weights }: Neighbours): number {
  const strongest = weights
    .map((row) => row.reduce((most, weight) => Math.max(most, weight), 0))
    .filter((weight) => weight > 0)
    .sort((a, b) => a - b);
  return strongest[strongest.length >> 1] ?? 1;
}

function contentOf({ products, log }: ShopData, neighbours: Neighbours, until: number): ContentNeighbours {
  const taken = itemUserCounts(trainingInteractions(log, until, { power: 0, halfLifeDays: 180 }));
  return {
    productIds: products.map(({ product_id }) => product_id),
    ...contentNeighbours(contentVectors(products), SIMILAR),
    strength: CONTENT_SHARE * typicalWeight(neighbours),
    prior: CONTENT_PRIOR,
    interactions: taken,
  };
}

/** The choice from the parameters of a run. @returns undefined where the version was not trained by this program, or by one that chose otherwise */
export function readChoice(
  algorithm: string | null,
  stored: Readonly<Record<string, unknown>>,
  candidates: readonly ServedCandidate[],
): Choice | undefined {
  const candidate = candidates.find(({ name }) => name === algorithm);
  const pick = (names: readonly string[]): Point | undefined => {
    const values = names.map((name) => [name, stored[name]] as const);
    return values.every(([, value]) => typeof value === 'number')
      ? (Object.fromEntries(values) as Point)
      : undefined;
  };
  const candidatePoint = candidate && pick(Object.keys(candidate.axes));
  const point = pick(Object.keys(defaultServedPoint));
  return candidate && candidatePoint && point && { algorithm: candidate.name, candidatePoint, point };
}

/** Fits what was chosen on all of the material, and puts together what is published. */
export async function fitChosen(
  { shop, customers }: FitMaterial,
  choice: Choice,
  { asOf, codeVersion, algebra, onStep }: FitOptions,
): Promise<Fitted> {
  const until = asOf.getTime() / 86_400_000;
  const candidate = servedCandidates(algebra).find(({ name }) => name === choice.algorithm)!;
  onStep?.(`fitting ${candidate.name}`);
  const base = await candidate.fit(shop.log, until, choice.candidatePoint);
  onStep?.('weighing what is in demand');
  const counts = countDemand(shop, until);
  const served = assembleServed(shop.log, LIMITS, base, until, counts, choice.point);
  onStep?.('comparing what products say of themselves');
  const content = contentOf(shop, served.neighbours, until);
  const demand = demandRows(shop, { ...counts, repetition: served.repetition });
  const size = {
    algorithm: choice.algorithm,
    products: demand.length,
    pairs: served.neighbours.ids.reduce((sum, ids) => sum + ids.length, 0),
    repeatedly: demand.filter((row) => row.is_bought_repeatedly).length,
  };
  return {
    algorithm: choice.algorithm,
    asOf,
    codeVersion,
    customers,
    parameters: {
      ...choice.candidatePoint,
      ...choice.point,
      width: LIMITS.width,
      shareOfCustomers: shop.share,
      newest: shop.newest,
    },
    size,
    metrics: { ...size },
    reading: served.reading,
    neighbours: {
      productIds: shop.products.map(({ product_id }) => product_id),
      ids: served.neighbours.ids,
      weights: served.neighbours.weights,
    },
    content,
    demand,
  };
}
