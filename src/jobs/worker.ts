import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import type PgBoss from 'pg-boss';
import type { Logger } from '../logger.ts';
import { type AttemptContext, failOrphans, runAttempt } from './attempt.ts';
import { type JobName, jobNames } from './catalogue.ts';
import { planDueRuns } from './plan.ts';
import * as queries from './queries.ts';
import { createQueue, type JobData } from './queue.ts';
import { openSession, type Session } from './session.ts';

export interface WorkerOptions extends Omit<AttemptContext, 'boss' | 'worker'> {
  /** Of app_user, for a connection of the worker's own: not through a pooler that shares connections. */
  readonly url: string;
  readonly logger: Logger;
  readonly now: () => Date;
  /** How often it looks for work. */
  readonly pollMs?: number;
}

export interface Worker {
  /** Lets a job that runs end within `graceMs`, else stops it and hands it back; then leaves. Safe to call twice. */
  stop(graceMs?: number): Promise<void>;
}

const POLL_MS = 2_000;
const BEAT_EVERY_MS = 5_000;
/** After the database has gone: at most so long between two attempts to find it back. */
const LONGEST_PAUSE_MS = 5_000;
const FINISH_WITHIN_MS = 3_000;

class JobWorker implements Worker {
  readonly #options: WorkerOptions;
  readonly #stopping = new AbortController();
  readonly #giveUp = new AbortController();
  readonly #name: string;
  readonly #loop: Promise<void>;
  #stopped: Promise<void> | undefined;

  constructor(options: WorkerOptions) {
    this.#options = options;
    // Workers of one process may begin in the same millisecond: no clock tells them apart.
    this.#name = `${hostname()}/${process.pid}/${randomBytes(4).toString('hex')}`;
    this.#loop = this.#run();
  }

  stop(graceMs = FINISH_WITHIN_MS): Promise<void> {
    this.#stopped ??= this.#end(graceMs);
    return this.#stopped;
  }

  async #end(graceMs: number): Promise<void> {
    this.#stopping.abort();
    const late = setTimeout(() => this.#giveUp.abort(), graceMs);
    await this.#loop;
    clearTimeout(late);
  }

  /** Lives through the loss of its database: a new session as soon as there can be one. */
  async #run(): Promise<void> {
    const { logger } = this.#options;
    let pauseMs = 100;
    while (!this.#stopping.signal.aborted) {
      try {
        const session = await openSession(this.#options.url);
        await this.#withQueue((boss) => this.#serve(session, boss)).finally(() => session.close());
        pauseMs = 100;
      } catch (error) {
        logger.warn({ err: error }, 'worker lost its database; it tries again');
      }
      await this.#pause(pauseMs);
      pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS);
    }
  }

  /** A new one for each session: where its start fails, pg-boss 10 cannot be started a second time. */
  async #withQueue(run: (boss: PgBoss) => Promise<void>): Promise<void> {
    const boss = createQueue(this.#options.pool);
    // Its own maintenance meets a database that is away, too.
    boss.on('error', (error) => this.#options.logger.warn({ err: error }, 'queue maintenance failed'));
    await boss.start();
    await run(boss).finally(() => boss.stop({ graceful: false }));
  }

  /** Three things at once, each again and again, until told to stop or the session is lost: to plan, to work, to say that it lives. */
  async #serve(session: Session, boss: PgBoss): Promise<void> {
    const { pool, logger, now, pollMs = POLL_MS } = this.#options;
    const context = { ...this.#options, boss, worker: this.#name };
    logger.info({ worker: this.#name }, 'worker ready');
    await Promise.all([
      this.#repeat(session, BEAT_EVERY_MS, () => session.beat(this.#name)),
      this.#repeat(session, pollMs, () => planDueRuns(pool, boss, now())),
      this.#repeat(session, pollMs, () => this.#work(session, context)),
    ]);
    if (!session.lost.aborted) await session.leave(this.#name).catch(() => undefined);
  }

  async #repeat(session: Session, everyMs: number, act: () => Promise<unknown>): Promise<void> {
    while (!this.#stopping.signal.aborted && !session.lost.aborted) {
      try {
        // What was found once may have left more behind it: no pause then.
        if ((await act()) === true) continue;
      } catch (error) {
        this.#options.logger.warn({ err: error }, 'worker could not do its round');
      }
      await this.#pause(everyMs, session.lost);
    }
  }

  /** @returns whether there was something to do */
  async #work(session: Session, context: AttemptContext): Promise<boolean> {
    const { rows } = await this.#options.pool.query(queries.TO_WORK_ON, [jobNames]);
    let worked = false;
    for (const { name } of rows as { name: JobName }[]) {
      if (this.#stopping.signal.aborted || session.lost.aborted) break;
      if (!(await session.tryLock(name))) continue;
      try {
        worked = (await this.#workOn(session, context, name)) || worked;
      } finally {
        if (!session.lost.aborted) await session.unlock(name);
      }
    }
    return worked;
  }

  /** With the lock of the job held: whatever is active in its queue now, nobody works on any more. */
  async #workOn(session: Session, context: AttemptContext, name: JobName): Promise<boolean> {
    const { logger } = this.#options;
    await failOrphans(context, name);
    const [job] = await context.boss.fetch<JobData>(name, { includeMetadata: true });
    if (!job) return false;
    logger.info({ job: name, attempt: job.retryCount + 1 }, 'job started');
    const started = Date.now();
    const outcome = await runAttempt(context, job, { signal: this.#giveUp.signal, lost: session.lost });
    const seconds = (Date.now() - started) / 1000;
    if (outcome.state === 'failed')
      logger.error({ job: name, seconds, code: outcome.code, message: outcome.message }, 'job failed');
    else logger.info({ job: name, seconds }, `job ${outcome.state}`);
    return true;
  }

  async #pause(ms: number, lost?: AbortSignal): Promise<void> {
    const signal = lost ? AbortSignal.any([this.#stopping.signal, lost]) : this.#stopping.signal;
    await sleep(ms, undefined, { signal }).catch(() => undefined);
  }
}

/** Plans and works until it is stopped. It works on one job at a time; where that is too slow, start more workers. */
export const startWorker = (options: WorkerOptions): Worker => new JobWorker(options);
