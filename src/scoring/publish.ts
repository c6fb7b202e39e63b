import type pg from 'pg';
import { copyInto } from '../database/copy-stream.ts';
import type { CopyValue } from '../database/copy-text.ts';
import { inTransaction } from '../database/pool.ts';
import { AppError } from '../errors.ts';
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
}

function* checked(rows: Iterable<ScoreRow>): Generator<readonly CopyValue[]> {
  for (const row of rows) {
    if (row.some((value) => typeof value === 'number' && !Number.isFinite(value))) {
      throw new AppError(
        'INTERNAL',
        `customer ${row[0]} has a score that is no number; nothing was published`,
      );
    }
    yield row;
  }
}

/** Replaces all scores in one transaction, so that readers see the old set or the new one. @returns model_run_id */
export async function publishScores(
  appPool: pg.Pool,
  run: ScoringRun,
  rows: Iterable<ScoreRow>,
): Promise<number> {
  return inTransaction(appPool, async (client) => {
    if (!(await client.query(queries.TRY_LOCK)).rows[0].locked) {
      throw new AppError('SCORING_BUSY', 'another scoring run is publishing at this moment', {
        hint: 'Wait for it to end, then score again.',
      });
    }
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
    await client.query(queries.CREATE_STAGING);
    await copyInto(client, queries.COPY_SCORES, checked(rows));
    await client.query(queries.PUBLISH_METRICS);
    await client.query(queries.PUBLISH_DETAILS, [modelRunId]);
    return modelRunId;
  });
}
