import type pg from 'pg';
import { AppError } from '../errors.ts';
import type { JudgedList } from '../models/recommender/judge.ts';
import { rankingMetrics } from '../models/recommender/ranking-metrics.ts';
import type { ServedQuestion } from '../models/recommender/served-lists.ts';
import type { Fitted } from './fit.ts';
import { writeVersion } from './publish.ts';
import * as queries from './queries.ts';
import type { ShopData } from './shop-data.ts';

export interface Pools {
  readonly mlPool: pg.Pool;
  readonly appPool: pg.Pool;
}

/** Each is asked for two lists by SQL. */
export const MAX_CUSTOMERS = 1000;
const MS_PER_DAY = 86_400_000;

/** The moment that is judged: `asOf`, or the latest whose window has been seen whole. @throws SCORING_NO_DATA, VALIDATION */
export async function cutoffOf(mlPool: pg.Pool, horizonDays: number, asOf: Date | undefined): Promise<Date> {
  const latest: Date | null = (await mlPool.query(queries.END_OF_LATEST_PURCHASE)).rows[0]?.moment ?? null;
  if (latest === null)
    throw new AppError('SCORING_NO_DATA', 'nobody bought anything', { hint: 'Import purchases first.' });
  const last = new Date(latest.getTime() - horizonDays * MS_PER_DAY);
  if (asOf === undefined || asOf <= last) return asOf ?? last;
  throw new AppError(
    'VALIDATION',
    `the ${horizonDays} days after ${asOf.toISOString()} have not been seen whole`,
    { hint: `The latest moment that can be judged is ${last.toISOString()}.` },
  );
}

interface Asking {
  readonly shop: ShopData;
  readonly cutoff: Date;
  readonly asked: readonly ServedQuestion[];
  readonly k: number;
}

async function askForLists(
  client: pg.ClientBase,
  modelRunId: number,
  { shop, cutoff, asked, k }: Asking,
): Promise<Record<'next' | 'fresh', JudgedList[]>> {
  const judged: Record<'next' | 'fresh', JudgedList[]> = { next: [], fresh: [] };
  for (const { user, wanted, fresh } of asked) {
    for (const [task, items] of [
      ['next', wanted],
      ['fresh', fresh],
    ] as const) {
      if (items.length === 0) continue;
      const options = { as_of: cutoff.toISOString(), model_run_id: modelRunId };
      const { rows } = await client.query(queries.GET_RECOMMENDATIONS, [
        shop.userIds[user]!,
        k,
        JSON.stringify(task === 'next' ? options : { ...options, buy_again: false }),
      ]);
      const list = Int32Array.from(rows, (row) => shop.itemOf.get(row.product_id)!);
      const set = new Set(items);
      judged[task].push({ ...rankingMetrics(list, (item) => set.has(item), items.length, k), user, list });
    }
  }
  return judged;
}

/** Lists as SQL serves them of a version that is written, asked as of the cut-off, and rolled back. */
export async function judgeVersion(
  appPool: pg.Pool,
  fitted: Fitted,
  asking: Asking,
): Promise<Record<'next' | 'fresh', readonly JudgedList[]>> {
  const client = await appPool.connect();
  try {
    await client.query('BEGIN');
    const contest = { promoted: false, against: null };
    const modelRunId = await writeVersion(client, { ...fitted, durationSeconds: 0 }, contest);
    return await askForLists(client, modelRunId, asking);
  } finally {
    await client.query('ROLLBACK').catch(() => undefined);
    client.release();
  }
}
