import { setImmediate as nextTurn } from 'node:timers/promises';
import type pg from 'pg';
import { copyInto } from '../database/copy-stream.ts';
import { inTransaction } from '../database/pool.ts';
import { AppError } from '../errors.ts';
import type { LastScoring } from './last-scoring.ts';
import * as queries from './queries.ts';
import { recordTraining, type TrainingRun } from './registry.ts';
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

/** One application of models to all customers. */
export interface ScoringRun {
  readonly asOf: Date;
  readonly codeVersion: string;
  /** Trainings that belong to it; they are recorded first. */
  readonly trainings: readonly TrainingRun[];
  readonly segments: readonly SegmentDefinition[];
  readonly customers: number;
  /** Given the runs that were recorded just now, by kind. */
  parameters(recorded: ReadonlyMap<ModelKind, number>): Record<string, unknown>;
  readonly evaluation: Record<string, unknown>;
  /** The rows that it builds on, and the notes that it saw. */
  readonly last: Pick<LastScoring, 'modelRunId' | 'notes'>;
  /** Customers whose rows are replaced, or taken away where they have none now; `undefined` for everybody. */
  readonly changed: Int32Array | undefined;
  /** Of all others only this changes: user_ids with their new segments. */
  readonly moved: { readonly userIds: readonly number[]; readonly segmentIds: readonly number[] };
}

/** So many are staged and published at a time: the tables in memory stay small, and the next are worked out while the server writes these. */
const CUSTOMERS_A_CHUNK = 20_000;
const LAST_USER_ID = 2 ** 31 - 1;

interface Chunk {
  readonly rows: readonly ScoreRow[];
  /** It speaks of everybody up to this user_id, also by leaving somebody out. */
  readonly upTo: number;
}

function* chunksOf(rows: Iterable<ScoreRow>): Generator<Chunk> {
  let chunk: ScoreRow[] = [];
  for (const row of rows) {
    if (row.some((value) => typeof value === 'number' && !Number.isFinite(value))) {
      throw new AppError(
        'INTERNAL',
        `customer ${row[0]} has a score that is no number; nothing was published`,
      );
    }
    if (chunk.length === CUSTOMERS_A_CHUNK) {
      yield { rows: chunk, upTo: chunk.at(-1)![0] };
      chunk = [];
    }
    chunk.push(row);
  }
  yield { rows: chunk, upTo: LAST_USER_ID };
}

/** Writes what changed; `rows` come in the order of user_id. */
async function publishRows(
  client: pg.ClientBase,
  modelRunId: number,
  rows: Iterable<ScoreRow>,
  changed: Int32Array | undefined,
): Promise<void> {
  await client.query(queries.CREATE_STAGING);
  await client.query(changed ? queries.JOIN_BY_INDEX : queries.JOIN_BY_HASH);
  const unscored = new Set(changed);
  let after = 0;
  let writing: Promise<unknown> = Promise.resolve();
  for (const chunk of chunksOf(rows)) {
    await writing;
    await copyInto(client, queries.COPY_SCORES, chunk.rows);
    for (const [userId] of chunk.rows) unscored.delete(userId);
    const from = after;
    writing = (changed ? Promise.resolve() : client.query(queries.DELETE_UNSTAGED, [from, chunk.upTo]))
      .then(() => client.query(queries.PUBLISH_STAGED, [modelRunId, from, chunk.upTo]))
      .then(() => client.query(queries.CLEAR_STAGING));
    // Awaited above or below; until then a failure must not count as unhandled.
    writing.catch(() => undefined);
    // The statement leaves before the next rows take this thread.
    await nextTurn();
    after = chunk.upTo;
  }
  await writing;
  if (unscored.size > 0) await client.query(queries.DELETE_SCORES, [[...unscored]]);
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
 * Replaces the scores in one transaction, so that readers see the old set or the new one. `rows` come in the order of user_id.
 * @returns model_run_id
 */
export async function publishScores(
  appPool: pg.Pool,
  run: ScoringRun,
  rows: Iterable<ScoreRow>,
): Promise<number> {
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
    const values = [
      run.asOf,
      run.codeVersion,
      JSON.stringify(run.parameters(recorded)),
      JSON.stringify(run.evaluation),
      run.customers,
    ];
    const modelRunId: number = (await client.query(queries.RECORD_RUN, values)).rows[0].model_run_id;
    await publishRows(client, modelRunId, rows, run.changed);
    const { moved, last } = run;
    if (moved.userIds.length > 0)
      await client.query(queries.MOVE_TO_SEGMENTS, [moved.userIds, moved.segmentIds]);
    await client.query(queries.CONSUME_NOTES, [Array.from(last.notes.userIds), Array.from(last.notes.ids)]);
    return modelRunId;
  });
}
