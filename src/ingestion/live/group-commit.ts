import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { databaseError } from '../../database/database-error.ts';
import { createPipelinedPool } from '../../database/pool.ts';
import { AppError } from '../../errors.ts';
import { applyBisecting, isDataRefusal, isTransient, isUniqueViolation } from '../refusals.ts';
import { reject } from '../rejects.ts';
import { SourceIds } from './members.ts';
import type { Item, Outcome } from './message.ts';
import { storePlain } from './plain.ts';
import { prepareWriter } from './queries.ts';
import { storeGroup } from './store.ts';

interface Waiting {
  readonly items: readonly Item[];
  readonly resolve: (outcomes: Outcome[]) => void;
  readonly reject: (error: unknown) => void;
}

export interface GroupOptions {
  /** Connections that write at one time. */
  readonly writers?: number;
  /** A group takes requests until it has as many messages. */
  readonly groupItems?: number;
}

const attempts = 6;
/**
 * Under full load what a group does not take is read meanwhile. With 16 clients of batches of 100, in turns, medians of four: two writers of 500 and
 * three of 400 25,000 events/s, three of 500 24,700, of 300 23,400 (a group costs 0.7 ms beside its rows); two of 1,000 were a sixth behind those of 500.
 */
const defaultWriters = 2;
const defaultGroupItems = 500;
/** Messages. Fewer wait for the writer that is busy: groups of a few cost the database a transaction each. */
const worthAnotherWriter = 50;
const knownMs = 60_000;

/**
 * Writes what many requests bring in few transactions: while a writer is busy requests gather, and go together when it is
 * free. A lone request goes at once. A promise is kept only after the commit.
 */
export class GroupCommit {
  readonly pool: pg.Pool;
  readonly #writers: number;
  readonly #groupItems: number;
  readonly #sources = new SourceIds();
  #queue: Waiting[] = [];
  #queued = 0;
  /** Until then messages and events are asked whether they are there. */
  #knownUntil = 0;
  #running = 0;
  #idle: (() => void)[] = [];

  constructor(
    pool: pg.Pool,
    { writers = defaultWriters, groupItems = defaultGroupItems }: GroupOptions = {},
  ) {
    this.pool = createPipelinedPool(pool, { applicationName: 'customer-analyzer intake', max: writers });
    // Goes ahead of the first group on the same connection; where it fails, so does that.
    this.pool.on('connect', (client) => void prepareWriter(client).catch(() => undefined));
    this.#writers = writers;
    this.#groupItems = groupItems;
  }

  /** @throws DATABASE_UNREACHABLE, after which the same may be sent again: what was committed is a duplicate then */
  submit(items: readonly Item[]): Promise<Outcome[]> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ items, resolve, reject });
      this.#queued += items.length;
      this.#pump();
    });
  }

  /** Ends when everything that was submitted is answered. */
  async close(): Promise<void> {
    if (this.#running > 0 || this.#queue.length > 0)
      await new Promise<void>((resolve) => this.#idle.push(resolve));
    await this.pool.end();
  }

  #pump(): void {
    while (this.#running < this.#writers && this.#queue.length > 0) {
      if (this.#running > 0 && this.#queued < worthAnotherWriter) return;
      const group = this.#take();
      this.#running += 1;
      void this.#write(group).finally(() => {
        this.#running -= 1;
        this.#pump();
        if (this.#running === 0 && this.#queue.length === 0) for (const done of this.#idle.splice(0)) done();
      });
    }
  }

  #take(): Waiting[] {
    let items = 0;
    let count = 0;
    while (count < this.#queue.length && items < this.#groupItems)
      items += this.#queue[count++]!.items.length;
    this.#queued -= items;
    return this.#queue.splice(0, count);
  }

  async #write(group: readonly Waiting[]): Promise<void> {
    try {
      const outcomes = await this.#store(group.flatMap(({ items }) => items));
      let from = 0;
      for (const { items, resolve } of group) {
        resolve(outcomes.slice(from, from + items.length));
        from += items.length;
      }
    } catch (error) {
      const failure = unavailable(error);
      for (const waiting of group) waiting.reject(failure);
    }
  }

  async #store(items: readonly Item[]): Promise<Outcome[]> {
    const outcomes = await this.#storePlain(items);
    const left = items.flatMap((item, place) => (outcomes[place] === undefined ? [{ item, place }] : []));
    if (left.length === 0) return outcomes as Outcome[];
    const stored = await this.#storeRest(left.map(({ item }) => item));
    for (const [i, { place }] of left.entries()) outcomes[place] = stored[i];
    return outcomes as Outcome[];
  }

  /** What the short way cannot take, for its data or for a deadlock, is no failure: the long way takes it, or says why not. */
  async #storePlain(items: readonly Item[]): Promise<(Outcome | undefined)[]> {
    try {
      return await this.#tryPlain(items);
    } catch (error) {
      if (!isDataRefusal(error) && !isTransient(error)) throw error;
      return new Array(items.length);
    }
  }

  /** Few come twice: who sends a batch again, or a history that a file brought before, does so for a while. */
  async #tryPlain(items: readonly Item[]): Promise<(Outcome | undefined)[]> {
    const store = (expectsKnown: boolean): Promise<(Outcome | undefined)[]> =>
      this.#withClient((client) => storePlain(client, items, this.#sources, expectsKnown));
    if (performance.now() < this.#knownUntil) return store(true);
    try {
      return await store(false);
    } catch (error) {
      if (!isUniqueViolation(error)) throw error;
      this.#knownUntil = performance.now() + knownMs;
      return store(true);
    }
  }

  async #storeRest(items: readonly Item[]): Promise<Outcome[]> {
    const outcomes = new Array<Outcome>(items.length);
    const refused: { place: number; item: Item }[] = [];
    const apply = async (from: number, to: number): Promise<void> => {
      const stored = await this.#transaction(items.slice(from, to));
      for (const [i, outcome] of stored.entries()) outcomes[from + i] = outcome;
    };
    await applyBisecting(0, items.length, apply, (place, message) => {
      const read = reject('refused', `PostgreSQL refused it: ${message}`);
      refused.push({ place, item: { ...(items[place] as Item), read } });
    });
    if (refused.length > 0) {
      const kept = await this.#transaction(refused.map(({ item }) => item));
      for (const [i, { place }] of refused.entries()) outcomes[place] = kept[i] as Outcome;
    }
    return outcomes;
  }

  async #transaction(items: readonly Item[]): Promise<Outcome[]> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#withClient((client) => storeGroup(client, items, this.#sources));
      } catch (error) {
        if (!(isTransient(error) || lostSomebody(error)) || attempt === attempts) throw error;
        await sleep(20 * attempt);
      }
    }
  }

  async #withClient<T>(run: (client: pg.PoolClient) => Promise<T>): Promise<T> {
    const client = await this.pool.connect();
    let broken: Error | undefined;
    // A backend that dies between two statements is reported by an event; without a listener that would end the process.
    const onError = (error: Error): void => {
      broken = error;
    };
    client.on('error', onError);
    try {
      return await run(client);
    } catch (error) {
      await client.query('ROLLBACK').catch((rollbackError: Error) => {
        broken = rollbackError;
      });
      throw error;
    } finally {
      client.off('error', onError);
      client.release(broken);
    }
  }
}

/** Somebody was erased between our look and our writing (a foreign key, or the refusal of their id): the next look sees it. */
function lostSomebody(error: unknown): boolean {
  return ['23503', 'CA003'].includes(String((error as { code?: unknown } | null)?.code));
}

/** Connection, resources, operator, locks, aborted transactions: the server is in trouble, and the sender may come again. */
function unavailable(error: unknown): unknown {
  const state = String((error as { code?: unknown } | null)?.code ?? '');
  if (!/^(08|25|40|53|55|57)...$/.test(state)) return databaseError(error);
  return new AppError('DATABASE_UNREACHABLE', (error as Error).message, {
    details: { sqlState: state },
    cause: error,
  });
}
