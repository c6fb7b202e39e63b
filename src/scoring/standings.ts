import type pg from 'pg';
import { copyColumns } from '../database/copy-binary.ts';
import * as queries from './queries.ts';
import { historicRevenues, type Snapshot, sinceLastPurchase } from './snapshot.ts';

/** In the order of READ_STANDINGS. */
const columns = [
  'segmentId',
  'purchase',
  'churn',
  'orders',
  'historicRevenue',
  'sinceLastPurchase',
  'sinceFirstPurchase',
  'predictedRevenue',
] as const;

type Column = (typeof columns)[number];

/**
 * The published numbers of customers in the order of user_id: all that is said of the shop as a whole is worked out from them. So it is the same
 * whether everybody was scored just now or most rows were left alone. Days and money, rounded as published; NaN where nothing is said, and in
 * all columns but `purchase` of those who only looked.
 */
export interface Standings extends Readonly<Record<Column, Float64Array>> {
  readonly userId: Int32Array;
}

export function createStandings(
  userId: Int32Array,
  known: Partial<Record<Column, ArrayLike<number> | undefined>>,
): Standings {
  const column = (name: Column): Float64Array =>
    known[name] ? new Float64Array(known[name]) : new Float64Array(userId.length).fill(Number.NaN);
  const all = Object.fromEntries(columns.map((name) => [name, column(name)])) as Record<Column, Float64Array>;
  return { userId, ...all };
}

/** What is known of buyers before any model is asked. */
export function knownOf(snapshot: Snapshot) {
  return {
    orders: snapshot.orders,
    historicRevenue: historicRevenues(snapshot),
    sinceLastPurchase: sinceLastPurchase(snapshot),
    sinceFirstPurchase: snapshot.tDays,
  };
}

export const nobody: Standings = createStandings(new Int32Array(0), {});

/** What is published of those of whom no note says that it may be out of date. */
export async function readUntouched(client: pg.ClientBase): Promise<Standings> {
  const [userId, ...rest] = await copyColumns(client, queries.READ_STANDINGS, columns.length + 1);
  return createStandings(
    Int32Array.from(userId!),
    Object.fromEntries(columns.map((name, i) => [name, rest[i]])),
  );
}

/** Of two sets of customers that have nobody in common. */
export function mergeStandings(a: Standings, b: Standings): Standings {
  if (a.userId.length === 0) return b;
  if (b.userId.length === 0) return a;
  const size = a.userId.length + b.userId.length;
  // From which of the two, and from where: b's places are counted after a's.
  const from = new Int32Array(size);
  for (let [i, j, at] = [0, 0, 0]; at < size; at++) {
    const takeA = j === b.userId.length || (i < a.userId.length && a.userId[i]! < b.userId[j]!);
    from[at] = takeA ? i++ : a.userId.length + j++;
  }
  return pickStandings(joinStandings([a, b]), from);
}

/** Of sets of customers that follow one another. */
export function joinStandings(parts: readonly Standings[]): Standings {
  const size = parts.reduce((sum, { userId }) => sum + userId.length, 0);
  const joined = createStandings(new Int32Array(size), {});
  let offset = 0;
  for (const part of parts) {
    joined.userId.set(part.userId, offset);
    for (const name of columns) joined[name].set(part[name], offset);
    offset += part.userId.length;
  }
  return joined;
}

/** Places of those who ever bought. */
export function buyersAmong({ orders }: Standings): Int32Array {
  return Int32Array.from(orders.keys()).filter((row) => !Number.isNaN(orders[row]!));
}

/** The place of each of `wanted` in `userId`, both ascending; -1 for who is not there. */
export function placesOf(wanted: Int32Array, userId: Int32Array): Int32Array {
  let at = 0;
  return wanted.map((id) => {
    while (at < userId.length && userId[at]! < id) at += 1;
    return userId[at] === id ? at : -1;
  });
}

/** Float64Array.from with a function goes by the iterator, at ten times the time. */
export function pick(column: Float64Array, rows: Int32Array): Float64Array {
  const picked = new Float64Array(rows.length);
  for (let i = 0; i < rows.length; i++) picked[i] = column[rows[i]!]!;
  return picked;
}

function pickStandings(standings: Standings, rows: Int32Array): Standings {
  return createStandings(
    rows.map((row) => standings.userId[row]!),
    Object.fromEntries(columns.map((name) => [name, pick(standings[name], rows)])),
  );
}
