import { setImmediate as nextTurn } from 'node:timers/promises';
import type pg from 'pg';
import { copyInto } from '../database/copy-stream.ts';
import { inTransaction } from '../database/pool.ts';
import { AppError } from '../errors.ts';
import type { LastScoring } from './last-scoring.ts';
import * as queries from './queries.ts';
import { recordTraining, type TrainingRun } from './registry.ts';
import type { Moved } from './segment-places.ts';
import type { SegmentDefinition } from './segmentation.ts';
import type { ModelKind } from './trained-model.ts';

/** One customer's scores: user_id, segment_id, ltv, churn, purchase in 30 days, three statuses, explanation as JSON. */
export type ScoreRow = readonly [
  number,
  number | null,
  number | null,
  number | null,
  number | null,
  string,
  string,
  string,
  string,
];

/** Rows in the order of user_id, of customers who follow those of the portion before. */
export interface ScoredPortion {
  readonly rows: readonly ScoreRow[];
  /** It speaks of everybody up to this user_id, also by leaving somebody out. */
  readonly upTo: number;
}

/** One application of models to all customers. */
export interface ScoringRun {
  readonly asOf: Date;
  readonly codeVersion: string;
  /** Trainings that belong to it; they are recorded first. */
  readonly trainings: readonly TrainingRun[];
  readonly segments: readonly SegmentDefinition[];
  /** Given the runs that were recorded just now, by kind. */
  parameters(recorded: ReadonlyMap<ModelKind, number>): Record<string, unknown>;
  /** The rows that it builds on, and the notes that it saw. */
  readonly last: Pick<LastScoring, 'modelRunId' | 'notes'>;
  /** Customers whose rows are replaced, or taken away where they have none now; `undefined` for everybody. */
  readonly changed: Int32Array | undefined;
  /** Of all others only this changes. */
  readonly moved: Moved;
  /** Worked out while those before are written. */
  readonly portions: Iterable<ScoredPortion>;
  /** What is said of the shop as a whole; asked once, after the last portion. */
  findings(): Promise<Findings>;
}

interface Findings {
  readonly customers: number;
  readonly evaluation: Record<string, unknown>;
}

function refuseNoNumbers(rows: readonly ScoreRow[]): void {
  const wrong = rows.find((row) => row.some((value) => typeof value === 'number' && !Number.isFinite(value)));
  if (wrong)
    throw new AppError(
      'INTERNAL',
      `customer ${wrong[0]} has a score that is no number; nothing was published`,
    );
}

/** Writes what changed. */
async function publishRows(
  client: pg.ClientBase,
  modelRunId: number,
  { portions, changed, findings }: ScoringRun,
): Promise<Findings> {
  await client.query(queries.CREATE_STAGING);
  await client.query(changed ? queries.JOIN_BY_INDEX : queries.JOIN_BY_HASH);
  const unscored = new Set(changed);
  let after = 0;
  let writing: Promise<unknown> = Promise.resolve();
  for (const { rows, upTo } of portions) {
    refuseNoNumbers(rows);
    await writing;
    await client.query(queries.CLEAR_STAGING);
    await copyInto(client, queries.COPY_SCORES, rows);
    for (const [userId] of rows) unscored.delete(userId);
    // One statement: the thread, which works out the next portion, could not send a second one behind it.
    writing = client.query(queries.PUBLISH_STAGED, [modelRunId, after, upTo, !changed]);
    // Awaited above or below; until then a failure must not count as unhandled.
    writing.catch(() => undefined);
    await nextTurn();
    after = upTo;
  }
  // The last portion, too, is written meanwhile.
  const found = await findings();
  await writing;
  if (unscored.size > 0) await client.query(queries.DELETE_SCORES, [[...unscored]]);
  return found;
}

function busy(message: string): AppError {
  return new AppError('SCORING_BUSY', message, { hint: 'Wait for it to end, then score again.' });
}

/**
 * Takes the lock of publishing. Who left rows alone needs them as they were seen; who brings all rows may go on, but did not see what the other
 * scoring saw, and may not be built upon.
 */
async function begin(client: pg.ClientBase, { last, changed }: ScoringRun): Promise<void> {
  if (!(await client.query(queries.TRY_LOCK)).rows[0].locked)
    throw busy('another scoring run is publishing at this moment');
  const latest: number | undefined = (await client.query(queries.LAST_SCORING)).rows[0]?.model_run_id;
  const overtaken = latest !== last.modelRunId;
  if (overtaken && changed) throw busy('another scoring run published while this one was at work');
  if (overtaken) await client.query(queries.NOTE_EVERYBODY);
  await client.query(queries.SAY_PUBLISHING);
}

/**
 * Replaces the scores in one transaction, so that readers see the old set or the new one.
 * @returns model_run_id
 */
export async function publishScores(appPool: pg.Pool, run: ScoringRun): Promise<number> {
  return inTransaction(appPool, async (client) => {
    await begin(client, run);
    await client.query(queries.DEMOTE_SEGMENTS, [run.segments.map(({ id }) => id)]);
    for (const s of run.segments) {
      await client.query(queries.UPSERT_SEGMENT, [
        s.id,
        s.code,
        s.name.en,
        s.name.ru,
        s.description.en,
        s.description.ru,
      ]);
    }
    const recorded = new Map<ModelKind, number>();
    for (const training of run.trainings)
      recorded.set(training.kind, await recordTraining(client, run.codeVersion, training));
    const modelRunId: number = (await client.query(queries.NEXT_RUN)).rows[0].model_run_id;
    const { customers, evaluation } = await publishRows(client, modelRunId, run);
    const { moved, last } = run;
    if (moved.userIds.length > 0)
      await client.query(queries.MOVE_TO_SEGMENTS, [moved.userIds, moved.segmentIds]);
    await client.query(queries.RECORD_RUN, [
      modelRunId,
      run.asOf,
      run.codeVersion,
      JSON.stringify(run.parameters(recorded)),
      JSON.stringify(evaluation),
      customers,
    ]);
    await client.query(queries.CONSUME_NOTES, [Array.from(last.notes.userIds), Array.from(last.notes.ids)]);
    return modelRunId;
  });
}
