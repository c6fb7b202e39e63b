import type pg from 'pg';
import { databaseError } from '../database/database-error.ts';
import { inSnapshot } from '../database/pool.ts';
import type { LinearAlgebra } from '../models/linear-algebra/linear-algebra.ts';
import {
  assembleServed,
  chooseServed,
  defaultServedPoint,
  type ServedChoice,
} from '../models/recommender/choose-served.ts';
import { contentNeighbours, contentVectors } from '../models/recommender/content.ts';
import { itemUserCounts } from '../models/recommender/interactions.ts';
import type { Neighbours } from '../models/recommender/recommender.ts';
import { type ServedCandidate, servedCandidates } from '../models/recommender/served-candidates.ts';
import { trainingInteractions } from '../models/recommender/shop-log.ts';
import { notWorseInWindow } from './contest.ts';
import { type Contest, publishRecommender } from './publish.ts';
import type { ContentNeighbours, ProductDemand, PublishedRecommender } from './published.ts';
import * as queries from './queries.ts';
import { demandByItem, readDemand, readShop, type ShopData } from './shop-data.ts';

export interface TrainOptions {
  /** Events at or after this moment are not used. */
  asOf: Date;
  codeVersion: string;
  algebra: LinearAlgebra;
  onStep?: (step: string) => void;
}

export interface TrainedRecommendations {
  modelRunId: number;
  contest: Contest;
  algorithm: string;
  products: number;
  pairs: number;
  repeatedly: number;
}

const MS_PER_DAY = 86_400_000;
/** What is held out to choose by; of a younger shop a fifth of its days. */
const WINDOW_DAYS = 30;
const WINDOW_SHARE = 0.2;
const LIST_LENGTH = 10;
/** 30 products of a history times so many weights are what a list of 3 ms can read (npm run bench -- serving). */
const WIDTH = 50;
const SIMILAR = 10;
const HISTORY = { historyEvents: 200, historyProducts: 30 };
/** Newest events of a customer that train. */
export const HISTORY_PER_CUSTOMER = 2000;
/** The smallest share of buyers that can count as buying again; validation chooses where the line is. */
const REPETITION = { repeatShare: 0.05, minRepeaters: 5 };
/** Interactions after which collaborative weights count as much as what products say of themselves. */
const CONTENT_PRIOR = 10;
const CONTENT_SHARE = 0.5;
/** Of a shop in which too little happens to choose by. */
const FALLBACK = { shrinkage: 2, strengthPower: 1 };

/** All that is read before anything is computed. */
export interface TrainingMaterial {
  readonly shop: ShopData;
  readonly demand: readonly ProductDemand[];
  readonly demandBefore: readonly ProductDemand[];
  readonly customers: number;
  readonly buyAgainShare: number;
  /** Start of the window that chooses; models are judged on what happened from here to `asOf`. */
  readonly from: Date;
}

function windowStart({ log }: ShopData, asOf: Date): Date {
  const first = log.days.reduce((least, day) => Math.min(least, day), Number.POSITIVE_INFINITY);
  const last = log.days.reduce((most, day) => Math.max(most, day), Number.NEGATIVE_INFINITY);
  if (!(last >= first)) return asOf;
  // Of a shop that is quiet for weeks, the end of what happened: an empty window would choose nothing.
  const end = Math.min(asOf.getTime() / MS_PER_DAY, last + 1);
  return new Date((end - Math.min(WINDOW_DAYS, WINDOW_SHARE * (end - first))) * MS_PER_DAY);
}

async function readMaterial(client: pg.ClientBase, asOf: Date): Promise<TrainingMaterial> {
  const shop = await readShop(client, asOf, HISTORY_PER_CUSTOMER);
  const from = windowStart(shop, asOf);
  return {
    shop,
    from,
    demand: await readDemand(client, asOf, REPETITION),
    demandBefore: await readDemand(client, from, REPETITION),
    customers: (await client.query(queries.COUNT_CUSTOMERS)).rows[0].customers,
    buyAgainShare: (await client.query(queries.BUY_AGAIN_SHARE)).rows[0]?.share ?? 0.5,
  };
}

function choose(
  { shop, demandBefore, from, buyAgainShare }: TrainingMaterial,
  candidates: readonly ServedCandidate[],
  { asOf, onStep }: TrainOptions,
): Promise<ServedChoice | undefined> {
  return chooseServed({
    log: shop.log,
    candidates,
    from: from.getTime() / MS_PER_DAY,
    to: asOf.getTime() / MS_PER_DAY,
    demand: demandByItem(demandBefore, shop),
    k: LIST_LENGTH,
    buyAgainShare,
    width: WIDTH,
    ...HISTORY,
    ...(onStep && { onStep }),
  });
}

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

/** Chooses on the window, fits again on everything, and puts together what is published. */
export async function fitRecommender(
  material: TrainingMaterial,
  options: TrainOptions,
): Promise<Omit<PublishedRecommender, 'durationSeconds'>> {
  const { shop } = material;
  const until = options.asOf.getTime() / MS_PER_DAY;
  const candidates = servedCandidates(options.algebra);
  const choice = await choose(material, candidates, options);
  const candidate = choice?.candidate ?? candidates.find(({ name }) => name === 'item-knn')!;
  options.onStep?.(`fitting ${candidate.name}`);
  const base = await candidate.fit(shop.log, until, choice?.candidatePoint ?? FALLBACK);
  const point = choice?.point ?? defaultServedPoint;
  const served = assembleServed(
    shop.log,
    { width: WIDTH, ...HISTORY },
    base,
    until,
    demandByItem(material.demand, shop),
    point,
  );
  return {
    algorithm: candidate.name,
    asOf: options.asOf,
    codeVersion: options.codeVersion,
    customers: material.customers,
    parameters: { ...choice?.candidatePoint, ...point, width: WIDTH, shareOfCustomers: shop.share },
    metrics: choice
      ? {
          ...choice.scores['served'],
          models: choice.scores,
          customers: choice.questions,
          windowFrom: material.from,
        }
      : {},
    reading: served.reading,
    neighbours: {
      productIds: shop.products.map(({ product_id }) => product_id),
      ids: served.neighbours.ids,
      weights: served.neighbours.weights,
    },
    content: contentOf(shop, served.neighbours, until),
    demand: material.demand.map((row) => ({
      ...row,
      is_bought_repeatedly: served.repetition.isRepeated[shop.itemOf.get(row.product_id)!] === 1,
    })),
  };
}

/** What `trainRecommendations` reads, in one snapshot, as ml_user. */
export function readTrainingMaterial(mlPool: pg.Pool, asOf: Date): Promise<TrainingMaterial> {
  return inSnapshot(mlPool, (client) => readMaterial(client, asOf));
}

/**
 * Trains on what happened before `asOf`, reading as ml_user in one snapshot, and publishes as app_user: item-item weights chosen on the
 * last 30 days, what is alike by content, demand and repetition. In force at once unless the version before would have done better in
 * that window.
 */
export async function trainRecommendations(
  mlPool: pg.Pool,
  appPool: pg.Pool,
  options: TrainOptions,
): Promise<TrainedRecommendations> {
  const began = performance.now();
  try {
    const material = await readTrainingMaterial(mlPool, options.asOf);
    const fitted = await fitRecommender(material, options);
    const size = {
      algorithm: fitted.algorithm,
      products: fitted.demand.length,
      pairs: fitted.neighbours.ids.reduce((sum, ids) => sum + ids.length, 0),
      repeatedly: fitted.demand.filter((row) => row.is_bought_repeatedly).length,
    };
    const published = await publishRecommender(
      appPool,
      {
        ...fitted,
        metrics: { ...size, ...fitted.metrics },
        durationSeconds: (performance.now() - began) / 1000,
      },
      notWorseInWindow(appPool, material.shop, {
        from: material.from,
        to: options.asOf,
        k: LIST_LENGTH,
        buyAgainShare: material.buyAgainShare,
      }),
    );
    return { ...size, ...published };
  } catch (error) {
    throw databaseError(error);
  }
}
