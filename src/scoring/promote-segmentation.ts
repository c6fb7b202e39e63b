import type pg from 'pg';
import { databaseError } from '../database/database-error.ts';
import { inSnapshot, inTransaction } from '../database/pool.ts';
import { snapshotOf } from './features.ts';
import { History } from './history.ts';
import * as queries from './queries.ts';
import {
  fitSegmentation,
  readStoredSegmentation,
  type SegmentationOptions,
  type StoredSegmentation,
} from './segmentation.ts';
import { daysBefore, historyDays } from './snapshot.ts';

/**
 * Fits a segmentation to the customers as of a moment and promotes it: the next scores follow it. @throws SCORING_NO_DATA
 */
export async function promoteSegmentation(
  mlPool: pg.Pool,
  appPool: pg.Pool,
  asOf: Date,
  codeVersion: string,
  options: SegmentationOptions,
): Promise<StoredSegmentation> {
  try {
    const began = performance.now();
    const { stored, snapshot } = await inSnapshot(mlPool, async (client) => {
      const { buyers } = await new History(client).populations(asOf);
      const seen = snapshotOf(buyers);
      const previous = await readStoredSegmentation(client, asOf);
      return { snapshot: seen, stored: fitSegmentation(seen, options, previous) };
    });
    await inTransaction(appPool, async (client) => {
      const { rows } = await client.query(queries.RECORD_TRAINING, [
        'segmentation',
        asOf,
        codeVersion,
        JSON.stringify({ ...options }),
        '{}',
        stored.algorithm,
        JSON.stringify(stored),
        daysBefore(asOf, historyDays(snapshot) + 1),
        snapshot.size,
        (performance.now() - began) / 1000,
      ]);
      await client.query(queries.PROMOTE_MODEL, [rows[0].model_run_id]);
    });
    return stored;
  } catch (error) {
    throw databaseError(error);
  }
}
