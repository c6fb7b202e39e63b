import type pg from 'pg';
import { copyColumns } from '../database/copy-binary.ts';
import * as queries from './queries.ts';
import type { Snapshot } from './snapshot.ts';
import { pick, placesOf } from './standings.ts';

/** The columns of get_customer_features after user_id, in order. */
const featureColumns = [
  'frequency',
  'recency_days',
  't_days',
  'monetary_value',
  'orders',
  'gross_revenue',
  'refunds',
  'purchase_days_30',
  'purchase_days_90',
  'purchase_days_365',
  'gap_mean_days',
  'gap_deviation_days',
  'last_gap_days',
  'refund_events',
  'tenure_days',
  'inactive_days',
  'active_days_90',
  'views_7',
  'views_30',
  'views_90',
  'carts_7',
  'carts_30',
  'carts_90',
  'bot_events_30',
  'season_days_30',
  'season_days_90',
] as const;

export type FeatureColumn = (typeof featureColumns)[number];

/** Everybody of one population who did anything before the moment, in the order of user_id. NaN where SQL has NULL. */
export interface Population {
  readonly moment: Date;
  readonly size: number;
  readonly userId: Int32Array;
  column(name: FeatureColumn): Float64Array;
}

export interface Populations {
  /** Bought at least once. */
  readonly buyers: Population;
  /** Only looked, so far. */
  readonly visitors: Population;
}

function select(
  moment: Date,
  userId: Float64Array,
  columns: readonly Float64Array[],
  keep: (i: number) => boolean,
): Population {
  const rows = Int32Array.from(userId.keys()).filter(keep);
  const picked = new Map(featureColumns.map((name, i) => [name, pick(columns[i]!, rows)]));
  return {
    moment,
    size: rows.length,
    userId: rows.map((row) => userId[row]!),
    column: (name) => picked.get(name) as Float64Array,
  };
}

/** Of everybody where neither is given. */
interface Whom {
  /** Of all customers, drawn by their id: the same ones at every moment. */
  readonly share?: number;
  readonly userIds?: Int32Array | undefined;
}

/** Reads get_customer_features, split by whether one ever bought: the two are different questions for a model. */
export async function readPopulations(
  client: pg.ClientBase,
  moment: Date,
  { share = 1, userIds }: Whom = {},
): Promise<Populations> {
  const list = featureColumns.map((name) => `${name}::double precision`).join(', ');
  await client.query(queries.GROUP_IN_ORDER);
  const { sql } = (
    await client.query(queries.FORMAT_FEATURES, [moment, list, share, userIds ? `{${userIds.join()}}` : null])
  ).rows[0];
  const columns = await copyColumns(client, sql, featureColumns.length + 1);
  const [userId, ...features] = columns as [Float64Array, ...Float64Array[]];
  const bought = (i: number): boolean => !Number.isNaN(features[0]![i]!);
  return {
    buyers: select(moment, userId, features, bought),
    visitors: select(moment, userId, features, (i) => !bought(i)),
  };
}

function pickPopulation(population: Population, userIds: Int32Array): Population {
  const rows = placesOf(userIds, population.userId).filter((row) => row >= 0);
  return {
    moment: population.moment,
    size: rows.length,
    userId: rows.map((row) => population.userId[row]!),
    column: (name) => pick(population.column(name), rows),
  };
}

/** Those of some ids, ascending, as readPopulations would read them. */
export function pickPopulations({ buyers, visitors }: Populations, userIds: Int32Array): Populations {
  return { buyers: pickPopulation(buyers, userIds), visitors: pickPopulation(visitors, userIds) };
}

/** Those of the places from `from` up to but not including `to`; the columns are not copied. */
export function slicePopulation(
  { moment, userId, column }: Population,
  from: number,
  to: number,
): Population {
  return {
    moment,
    size: to - from,
    userId: userId.subarray(from, to),
    column: (name) => column(name).subarray(from, to),
  };
}

/** What the purchase models see of the buyers. */
export function snapshotOf(buyers: Population): Snapshot {
  return {
    moment: buyers.moment,
    size: buyers.size,
    userId: buyers.userId,
    frequency: buyers.column('frequency'),
    recencyDays: buyers.column('recency_days'),
    tDays: buyers.column('t_days'),
    monetaryValue: buyers.column('monetary_value'),
    orders: buyers.column('orders'),
    grossRevenue: buyers.column('gross_revenue'),
    refunds: buyers.column('refunds'),
  };
}
