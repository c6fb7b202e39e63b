import type pg from 'pg';
import { databaseError } from '../../database/database-error.ts';
import { readSettings } from '../queries.ts';
import { GroupCommit, type GroupOptions } from './group-commit.ts';
import { Intake } from './intake.ts';
import { defaultLimits, type LiveLimits } from './limits.ts';
import type { Item, Outcome } from './message.ts';
import type { ReadContext } from './read.ts';

export interface LiveOptions {
  readonly limits?: Partial<LiveLimits>;
  readonly now: () => Date;
  readonly group?: GroupOptions;
}

/** The shop's zone and currency are looked up again after this time. */
const settingsMs = 10_000;

/** Takes events in while the program serves: the doors read requests, this writes them. */
export class LiveIngestion {
  readonly limits: LiveLimits;
  readonly intake: Intake;
  readonly #pool: pg.Pool;
  readonly #now: () => Date;
  readonly #groups: GroupCommit;
  #settings: { timeZone: string; currency: string; until: number } | undefined;

  /** @param pool logs in as app_user */
  constructor(pool: pg.Pool, { limits, now, group }: LiveOptions) {
    this.limits = Object.freeze({ ...defaultLimits, ...limits });
    this.intake = new Intake(this.limits);
    this.#pool = pool;
    this.#now = now;
    this.#groups = new GroupCommit(pool, group);
  }

  /** What reading a request of this moment rests on. @throws DATABASE_UNREACHABLE */
  async context(source: string, isPublic = false): Promise<ReadContext> {
    const receivedAt = this.#now().getTime();
    const monotonic = performance.now();
    if (this.#settings === undefined || monotonic > this.#settings.until) {
      const settings = await readSettings(this.#pool).catch((error: unknown) => {
        throw databaseError(error);
      });
      this.#settings = { ...settings, until: monotonic + settingsMs };
    }
    const { timeZone, currency } = this.#settings;
    const { eventBytes, publicSales } = this.limits;
    return { source, isPublic, publicSales, timeZone, currency, receivedAt, sentAt: null, eventBytes };
  }

  /** Written durably when it resolves. @throws DATABASE_UNREACHABLE, INTERNAL */
  async submit(items: readonly Item[]): Promise<Outcome[]> {
    if (items.length === 0) return [];
    const outcomes = await this.#groups.submit(items);
    // A visitor's message is stored under another id than its sender gave.
    return outcomes.map((outcome, place) => {
      const { isPublic, messageId } = items[place] as Item;
      return isPublic ? { ...outcome, messageId } : outcome;
    });
  }

  /** Connections of the writers. */
  get pool(): pg.Pool {
    return this.#groups.pool;
  }

  /** Ends when what was submitted is written and answered. */
  close(): Promise<void> {
    return this.#groups.close();
  }
}
