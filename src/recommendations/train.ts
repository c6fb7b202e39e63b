import type pg from 'pg';
import { copyInto, copyLines } from '../database/copy-stream.ts';
import { databaseError } from '../database/database-error.ts';
import { inSnapshot, inTransaction } from '../database/pool.ts';
import type { Interactions } from '../models/recommender/interactions.ts';
import { fitItemNeighbours } from '../models/recommender/item-neighbours.ts';
import type { Neighbours } from '../models/recommender/recommender.ts';
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
  products: number;
  pairs: number;
  repeatedly: number;
}

interface Demand {
  product_id: number;
  popularity: number;
  buyers: number;
  repeat_share: number;
  is_bought_repeatedly: boolean;
  repeat_interval_days: number | null;
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

function* neighbourRows(model: Neighbours, productIds: number[]): Generator<[number, string, string]> {
  for (const [item, ids] of model.ids.entries()) {
    if (ids.length === 0) continue;
    const similarities = model.weights[item] as Float32Array;
    yield [
      productIds[item]!,
      `{${Array.from(ids, (id) => productIds[id]).join(',')}}`,
      `{${similarities.join(',')}}`,
    ];
  }
}

/**
 * Trains item-to-item neighbours and demand on what happened before `asOf`, reading as ml_user in one snapshot, and publishes them as
 * app_user in one transaction.
 */
export async function trainRecommendations(
  mlPool: pg.Pool,
  appPool: pg.Pool,
  options: TrainOptions,
): Promise<TrainedRecommendations> {
  const parameters = {
    neighbours: options.neighbours ?? 50,
    // Chosen by looking at Online Retail: without shrinkage, pairs sold together once stand above pairs sold together for a year.
    shrinkage: options.shrinkage ?? 2,
    historyPerCustomer: options.historyPerCustomer ?? 500,
    repeatShare: options.repeatShare ?? 0.25,
    minRepeaters: options.minRepeaters ?? 5,
  };
  try {
    const { demand, interactions } = await inSnapshot(mlPool, async (client) => {
      const values = [options.asOf, parameters.repeatShare, parameters.minRepeaters];
      return {
        demand: (await client.query<Demand>(queries.PRODUCT_DEMAND, values)).rows,
        interactions: await readInteractions(client, options.asOf, parameters.historyPerCustomer),
      };
    });
    const model = fitItemNeighbours(interactions.data, parameters).toNeighbours(parameters.neighbours);
    const pairs = model.ids.reduce((sum, ids) => sum + ids.length, 0);
    const result = {
      products: demand.length,
      pairs,
      repeatedly: demand.filter((row) => row.is_bought_repeatedly).length,
    };
    await inTransaction(appPool, async (client) => {
      await client.query(queries.CREATE_STAGING);
      await copyInto(client, queries.COPY_NEIGHBOURS, neighbourRows(model, interactions.productIds));
      await copyInto(
        client,
        queries.COPY_POPULARITY,
        demand.map((row) => [
          row.product_id,
          row.popularity,
          row.buyers,
          row.repeat_share,
          row.is_bought_repeatedly,
          row.repeat_interval_days,
        ]),
      );
      await client.query(queries.PUBLISH);
      await client.query(queries.RECORD_RUN, [
        options.asOf,
        options.codeVersion,
        JSON.stringify(parameters),
        JSON.stringify(result),
      ]);
    });
    return result;
  } catch (error) {
    throw databaseError(error);
  }
}
