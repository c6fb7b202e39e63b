import type pg from 'pg';
import { copyColumns } from '../database/copy-binary.ts';
import * as queries from './queries.ts';
import { rounded } from './rounded.ts';

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

/** What customers did in a window after a moment, in the order of user_id. Who is not in it did nothing. */
export interface Outcomes {
  readonly userId: Float64Array;
  /** 1 for who bought, 0 for who only returned something. */
  readonly bought: Float64Array;
  /** Net of refunds. */
  readonly revenue: Float64Array;
}

const MS_PER_DAY = 86_400_000;

export async function readOutcomes(client: pg.ClientBase, from: Date, until: Date): Promise<Outcomes> {
  const { sql } = (await client.query(queries.FORMAT_OUTCOMES, [from, until])).rows[0];
  const [userId, bought, revenue] = (await copyColumns(client, sql, 3)) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  return { userId, bought, revenue };
}

/** One value a customer of `userId` (in order), 0 for who is not among the outcomes: both lists are walked once. */
export function outcomesOf(
  userId: ArrayLike<number>,
  outcomes: Outcomes,
  of: 'bought' | 'revenue',
): Float64Array {
  const values = new Float64Array(userId.length);
  let at = 0;
  for (let i = 0; i < userId.length; i++) {
    while (at < outcomes.userId.length && outcomes.userId[at]! < userId[i]!) at += 1;
    if (outcomes.userId[at] === userId[i]) values[i] = outcomes[of][at]!;
  }
  return values;
}

export function daysBefore(moment: Date, days: number): Date {
  return new Date(moment.getTime() - days * MS_PER_DAY);
}

/** Days. */
export function sinceLastPurchase({ tDays, recencyDays }: Snapshot): Float64Array {
  return tDays.map((t, i) => t - recencyDays[i]!);
}

/** What each customer brought so far, net of refunds, in whole cents as it is published. */
export function historicRevenues({ grossRevenue, refunds }: Snapshot): Float64Array {
  return grossRevenue.map((gross, i) => rounded(gross - refunds[i]!, 2));
}

/** Days of history before the moment: the longest T. */
export function historyDays(snapshot: Snapshot): number {
  return snapshot.tDays.reduce((longest, t) => Math.max(longest, t), 0);
}
