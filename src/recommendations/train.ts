import type pg from 'pg';
import { copyLines } from '../database/copy-stream.ts';
import { databaseError } from '../database/database-error.ts';
import { inSnapshot } from '../database/pool.ts';
import type { Interactions } from '../models/recommender/interactions.ts';
import { fitItemNeighbours } from '../models/recommender/item-neighbours.ts';
import { type Contest, publishRecommender } from './publish.ts';
import { defaultReading, type ProductDemand } from './published.ts';
import * as queries from './queries.ts';

export interface TrainOptions {
  /** Events at or after this moment are not used. */
  asOf: Date;
  codeVersion: string;
  neighbours?: number;
  shrinkage?: number;
  /** Newest products of a customer that train. */
  historyPerCustomer?: number;
  /** At least this share of a product's buyers, and this many of them, bought it again: it counts as bought repeatedly. */
  repeatShare?: number;
  minRepeaters?: number;
}

export interface TrainedRecommendations {
  modelRunId: number;
  contest: Contest;
  products: number;
  pairs: number;
  repeatedly: number;
}

const MIN_WEIGHT = 1e-9;

interface NumberedInteractions {
  data: Interactions;
  /** product_id of each item number. */
  productIds: number[];
}

/** Streams the interactions into typed arrays: 8 bytes each, and a map as large as the catalogue. */
async function readInteractions(
  client: pg.ClientBase,
  asOf: Date,
  historyPerCustomer: number,
): Promise<NumberedInteractions> {
  const { sql } = (await client.query(queries.FORMAT_INTERACTIONS, [asOf, historyPerCustomer])).rows[0];
  const itemOf = new Map<string, number>();
  const offsets = [0];
  let items = new Int32Array(1 << 16);
  let weights = new Float32Array(1 << 16);
  let size = 0;
  let lastUser: string | undefined;
  for await (const [user, product, weight] of copyLines(client, sql) as AsyncGenerator<
    [string, string, string]
  >) {
    if (user !== lastUser && lastUser !== undefined) offsets.push(size);
    lastUser = user;
    if (size === items.length) {
      const wider = new Int32Array(2 * size);
      wider.set(items);
      items = wider;
      const wider32 = new Float32Array(2 * size);
      wider32.set(weights);
      weights = wider32;
    }
    let item = itemOf.get(product);
    if (item === undefined) {
      item = itemOf.size;
      itemOf.set(product, item);
    }
    items[size] = item;
    // Of what is very old only a trace is left, and a trace is more than the 0 that 32 bits would make of it.
    weights[size++] = Math.max(MIN_WEIGHT, Number(weight));
  }
  if (lastUser !== undefined) offsets.push(size);
  return {
    data: {
      itemCount: itemOf.size,
      offsets: Int32Array.from(offsets),
      items: items.subarray(0, size),
      weights: weights.subarray(0, size),
    },
    productIds: [...itemOf.keys()].map(Number),
  };
}

/**
 * Trains item-to-item neighbours and demand on what happened before `asOf`, reading as ml_user in one snapshot, and publishes them as
 * app_user.
 */
export async function trainRecommendations(
  mlPool: pg.Pool,
  appPool: pg.Pool,
  options: TrainOptions,
): Promise<TrainedRecommendations> {
  const began = performance.now();
  const parameters = {
    neighbours: options.neighbours ?? 50,
    // Chosen by looking at Online Retail: without shrinkage, pairs sold together once stand above pairs sold together for a year.
    shrinkage: options.shrinkage ?? 2,
    historyPerCustomer: options.historyPerCustomer ?? 500,
    repeatShare: options.repeatShare ?? 0.25,
    minRepeaters: options.minRepeaters ?? 5,
  };
  try {
    const { demand, interactions, customers } = await inSnapshot(mlPool, async (client) => {
      const values = [options.asOf, parameters.repeatShare, parameters.minRepeaters];
      return {
        demand: (await client.query<ProductDemand>(queries.PRODUCT_DEMAND, values)).rows,
        interactions: await readInteractions(client, options.asOf, parameters.historyPerCustomer),
        customers: (await client.query(queries.COUNT_CUSTOMERS)).rows[0].customers as number,
      };
    });
    const model = fitItemNeighbours(interactions.data, parameters).toNeighbours(parameters.neighbours);
    const size = {
      products: demand.length,
      pairs: model.ids.reduce((sum, ids) => sum + ids.length, 0),
      repeatedly: demand.filter((row) => row.is_bought_repeatedly).length,
    };
    const published = await publishRecommender(appPool, {
      algorithm: 'cosine',
      asOf: options.asOf,
      codeVersion: options.codeVersion,
      customers,
      durationSeconds: (performance.now() - began) / 1000,
      parameters,
      metrics: size,
      reading: defaultReading,
      neighbours: { productIds: interactions.productIds, ids: model.ids, weights: model.weights },
      demand,
    });
    return { ...size, ...published };
  } catch (error) {
    throw databaseError(error);
  }
}
