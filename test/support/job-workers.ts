import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { JobDefinition } from '../../src/jobs/catalogue.ts';
import { listRuns, type RunRow } from '../../src/jobs/read.ts';
import { startWorker, type Worker } from '../../src/jobs/worker.ts';
import { createLogger } from '../../src/logger.ts';
import type { TestDatabase } from './test-database.ts';

const child = fileURLToPath(new URL('./job-child.mjs', import.meta.url));

/** A worker in this process, whose jobs do what `steps` say (see job-child.mjs). */
export function startTestWorker(db: TestDatabase, steps: string[][], skipOn: string[] = []): Worker {
  const definition: JobDefinition = { description: 'a test', steps, skipOn };
  return startWorker({
    pool: db.appPool,
    url: db.urls.app,
    logger: createLogger('silent'),
    now: () => new Date(),
    pollMs: 50,
    program: { command: [child], env: { PATH: process.env['PATH'] } },
    definitionOf: () => definition,
  });
}

/** Waits until the history, oldest first, is as wanted, and gives it. */
export async function historyWhen(
  db: TestDatabase,
  condition: (runs: RunRow[]) => boolean,
): Promise<RunRow[]> {
  for (;;) {
    const runs = (await listRuns(db.appPool, { limit: 100 })).toReversed();
    if (condition(runs)) return runs;
    await sleep(20);
  }
}

/** No schedules, no history, nothing that waits; retries at once. */
export async function resetJobs(db: TestDatabase): Promise<void> {
  await db.adminPool.query(`
    UPDATE jobs.schedules SET enabled = false, next_run_at = NULL, planned_by = NULL;
    DELETE FROM jobs.runs; DELETE FROM jobs.workers; DELETE FROM pgboss.job;
    UPDATE pgboss.queue SET retry_delay = 0, retry_backoff = false, retry_limit = 1 WHERE name <> 'dead-letters'`);
}
