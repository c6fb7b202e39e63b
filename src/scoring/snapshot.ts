import type pg from 'pg';
import { copyLines } from '../database/copy-stream.ts';
import * as queries from './queries.ts';

/** One entry a customer who bought before the moment, in the order of user_id. Times in days. */
export interface Snapshot {
  readonly moment: Date;
  readonly size: number;
  readonly userId: Int32Array;
  /** Repeat purchase days. */
  readonly frequency: Float64Array;
  /** From the first to the last purchase day. */
  readonly recencyDays: Float64Array;
  /** From the first purchase day to the moment's day. */
  readonly tDays: Float64Array;
  /** Mean spend of a repeat purchase day; 0 where there is none. */
  readonly monetaryValue: Float64Array;
  readonly orders: Float64Array;
  readonly grossRevenue: Float64Array;
  readonly refunds: Float64Array;
}

/** What customers did in a window after a moment, by user_id. Who is not in it did nothing. */
export interface Outcomes {
  readonly bought: ReadonlySet<number>;
  readonly revenue: ReadonlyMap<number, number>;
}

const MS_PER_DAY = 86_400_000;

export async function readOutcomes(client: pg.ClientBase, from: Date, until: Date): Promise<Outcomes> {
  const { sql } = (await client.query(queries.FORMAT_OUTCOMES, [from, until])).rows[0];
  const bought = new Set<number>();
  const revenue = new Map<number, number>();
  for await (const [user, purchased, amount] of copyLines(client, sql)) {
    if (purchased === '1') bought.add(Number(user));
    revenue.set(Number(user), Number(amount));
  }
  return { bought, revenue };
}

export function daysBefore(moment: Date, days: number): Date {
  return new Date(moment.getTime() - days * MS_PER_DAY);
}

/** Days of history before the moment: the longest T. */
export function historyDays(snapshot: Snapshot): number {
  return snapshot.tDays.reduce((longest, t) => Math.max(longest, t), 0);
}
