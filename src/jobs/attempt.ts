import type pg from 'pg';
import type PgBoss from 'pg-boss';
import { inTransaction } from '../database/pool.ts';
import { type JobDefinition, type JobName, jobDefinition } from './catalogue.ts';
import type { Progress } from './messages.ts';
import * as queries from './queries.ts';
import { asDatabase, type JobData } from './queue.ts';
import { type Outcome, type Program, runSteps } from './run-steps.ts';

export interface AttemptContext {
  readonly pool: pg.Pool;
  readonly boss: PgBoss;
  readonly program: Program;
  readonly worker: string;
  /** Of a job, in place of the catalogue's: for tests of what the worker does with a command. */
  readonly definitionOf?: ((job: JobName) => JobDefinition) | undefined;
}

type Job = PgBoss.JobWithMetadata<JobData>;
type EndState = 'succeeded' | 'failed' | 'skipped' | 'handed_back';

const PROGRESS_EVERY_MS = 1_000;

/** Writes progress down at most once a second; what is lost of it is no loss. */
function progressWriter(pool: pg.Pool, runId: number): (progress: Progress) => void {
  let next = 0;
  return (progress) => {
    if (Date.now() < next) return;
    next = Date.now() + PROGRESS_EVERY_MS;
    pool.query(queries.SET_PROGRESS, [runId, JSON.stringify(progress)]).catch(() => undefined);
  };
}

/** Queue and history change together, or not at all: then the lock of the job tells the next worker that this attempt never ended. */
function settle(context: AttemptContext, job: Job, runId: number, outcome: Outcome): Promise<void> {
  const { skipOn } = (context.definitionOf ?? jobDefinition)(job.data.job);
  return inTransaction(context.pool, async (client) => {
    const db = asDatabase(client);
    const end = async (
      state: EndState,
      fields: { result?: unknown; code?: string; message?: string } = {},
    ) => {
      const result = fields.result === undefined ? null : JSON.stringify(fields.result);
      await client.query(queries.END_RUN, [
        runId,
        state,
        result,
        fields.code ?? null,
        fields.message ?? null,
      ]);
    };
    if (outcome.state === 'succeeded') {
      await context.boss.complete(job.name, job.id, {}, { db });
      return end('succeeded', { result: outcome.result });
    }
    if (outcome.state === 'stopped') {
      // Not as a failure: it would count as an attempt and wait.
      await context.boss.complete(job.name, job.id, { handedBack: true }, { db });
      await context.boss.send(job.name, job.data, { db });
      return end('handed_back', { message: 'the worker was told to stop' });
    }
    const { code, message } = outcome;
    if (skipOn.includes(code)) {
      await context.boss.complete(job.name, job.id, { code, message }, { db });
      return end('skipped', { code, message });
    }
    await context.boss.fail(job.name, job.id, { code, message }, { db });
    return end('failed', { code, message });
  });
}

/** What an earlier worker left in the middle is tried again, as long as attempts are left. Only for who holds the lock of the job. */
export async function failOrphans({ pool, boss }: AttemptContext, job: JobName): Promise<void> {
  const message = 'its worker ended in the middle';
  for (const { id } of (await pool.query(queries.ACTIVE, [job])).rows) {
    await inTransaction(pool, async (client) => {
      await boss.fail(job, id, { code: 'JOB_INTERRUPTED', message }, { db: asDatabase(client) });
      await client.query(queries.END_INTERRUPTED, [id, message]);
    });
  }
}

/**
 * Runs a job that was fetched, and writes down what came of it. `signal` ends it early: its command is stopped, and it is handed back.
 * `lost` says that the lock is gone: the command is stopped, and nothing is written, since another may have the job by now.
 */
export async function runAttempt(
  context: AttemptContext,
  job: Job,
  { signal, lost }: { signal: AbortSignal; lost: AbortSignal },
): Promise<Outcome> {
  const { data } = job;
  const values = [data.job, job.id, job.retryCount + 1, data.cause, data.dueAt ?? null, context.worker];
  const runId: number = (await context.pool.query(queries.BEGIN_RUN, values)).rows[0].run_id;
  const outcome = await runSteps((context.definitionOf ?? jobDefinition)(data.job).steps, {
    program: context.program,
    signal: AbortSignal.any([signal, lost]),
    onProgress: progressWriter(context.pool, runId),
  });
  if (!lost.aborted) await settle(context, job, runId, outcome);
  return outcome;
}
