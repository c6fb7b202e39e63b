import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import { EventBatch } from './event-batch.ts';
import type { EventDraft, EventMapper } from './formats/format.ts';
import { Identities } from './identities/identities.ts';
import type { Loader, LoaderSink } from './loader.ts';
import { OccurrenceCounter } from './occurrence-counter.ts';
import { begin, commit, copyToStage, createStage, dropStage, insertStaged, rollback } from './queries.ts';
import { applyBisecting, isTransient } from './refusals.ts';
import { reject } from './rejects.ts';

/** Rows of a transaction. From 10,000 to 100,000 the speed is the same (benchmarks/import.ts); this many hold some 10 MB. */
const batchRows = 25_000;
const attempts = 8;

export interface EventLoaderOptions {
  readonly source: string;
  readonly sourceId: number;
  readonly timeZone: string;
  readonly mapper: EventMapper;
  readonly batchRows?: number;
}

/**
 * Brings events into the database: two connections insert while Node reads on, never more than one batch ahead of them.
 *
 * Each batch is staged by COPY and goes by INSERT ... ON CONFLICT DO NOTHING in a transaction of its own, so that a process
 * that dies loses whole batches and a second run adds exactly those. See benchmarks/import.ts for what was tried.
 */
export class EventLoader implements Loader {
  readonly #options: EventLoaderOptions;
  readonly #control: pg.ClientBase;
  readonly #writers: pg.ClientBase[];
  readonly #idle: pg.ClientBase[];
  readonly #sink: LoaderSink;
  readonly #identities: Identities;
  readonly #occurrences = new OccurrenceCounter();
  readonly #running = new Set<Promise<void>>();
  #batch: EventBatch;
  #full: EventBatch[] = [];
  #failure: unknown = null;

  constructor(
    options: EventLoaderOptions,
    control: pg.ClientBase,
    writers: pg.ClientBase[],
    sink: LoaderSink,
  ) {
    this.#options = options;
    this.#control = control;
    this.#writers = writers;
    this.#idle = [...writers];
    this.#sink = sink;
    this.#identities = new Identities(options.source, options.timeZone);
    this.#batch = new EventBatch(options.sourceId);
  }

  async start(): Promise<void> {
    for (const writer of this.#writers) {
      await dropStage(writer);
      await createStage(writer);
    }
  }

  add(draft: EventDraft, fields: readonly string[], line: number, raw: string): void {
    const { mapper } = this.#options;
    const key = draft.numbered
      ? `${draft.naturalKey}/${this.#occurrences.next(draft.naturalKey)}`
      : draft.naturalKey;
    const user = this.#identities.user(draft, fields, mapper);
    const product = this.#identities.product(draft, fields, mapper);
    this.#batch.add(draft, key, user, product, line, raw);
    if (this.#batch.rows < (this.#options.batchRows ?? batchRows)) return;
    this.#full.push(this.#batch);
    this.#batch = new EventBatch(this.#options.sourceId);
  }

  /** Hands full batches to the writers; waits while both are busy, which is what holds the reader back. */
  async drain(): Promise<void> {
    while (this.#full.length > 0) {
      const batch = this.#full[0] as EventBatch;
      batch.eventId = await this.#identities.resolve(this.#control, batch.rows);
      const writer = await this.#idleWriter();
      this.#full.shift();
      const run = this.#write(writer, batch)
        .catch((error: unknown) => {
          this.#failure ??= error;
        })
        .finally(() => {
          this.#running.delete(run);
          this.#idle.push(writer);
        });
      this.#running.add(run);
    }
    this.#throwFailure();
  }

  async finish(): Promise<void> {
    if (this.#batch.rows > 0) this.#full.push(this.#batch);
    this.#batch = new EventBatch(this.#options.sourceId);
    await this.drain();
    await Promise.all(this.#running);
    this.#throwFailure();
    await this.#identities.flush(this.#control);
  }

  /** Lets the batches that are under way end, and leaves nothing on the connections. */
  async close(): Promise<void> {
    await Promise.all(this.#running);
    for (const writer of this.#writers) await dropStage(writer).catch(() => undefined);
  }

  async #idleWriter(): Promise<pg.ClientBase> {
    while (this.#idle.length === 0) await Promise.race(this.#running);
    this.#throwFailure();
    return this.#idle.pop() as pg.ClientBase;
  }

  #throwFailure(): void {
    if (this.#failure !== null) throw this.#failure;
  }

  async #write(client: pg.ClientBase, batch: EventBatch): Promise<void> {
    await applyBisecting(
      0,
      batch.rows,
      (from, to) => this.#apply(client, batch, from, to),
      (row, message) => {
        const { line, raw } = batch.origin(row);
        this.#sink.refused(reject('refused', `PostgreSQL refused the row: ${message}`), line, raw);
      },
    );
  }

  /** Two batches that hold the same keys in different order can wait for each other; PostgreSQL ends one, which tries again. */
  async #apply(client: pg.ClientBase, batch: EventBatch, from: number, to: number): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        await begin(client, this.#options.timeZone);
        await copy(client, batch.encode(from, to));
        const accepted = await insertStaged(client);
        await commit(client);
        this.#sink.stored(accepted, to - from - accepted);
        return;
      } catch (error) {
        await rollback(client).catch(() => undefined);
        if (!isTransient(error) || attempt === attempts) throw error;
        await sleep(50 * attempt);
      }
    }
  }
}

async function copy(client: pg.ClientBase, pieces: Iterable<Buffer>): Promise<void> {
  const stream = client.query(copyFrom(copyToStage));
  const done = finished(stream);
  // A refusal between two writes is thrown by the awaits below; without a handler it would count as unhandled before.
  done.catch(() => undefined);
  for (const piece of pieces) {
    if (!stream.write(piece)) await Promise.race([once(stream, 'drain'), done]);
  }
  stream.end();
  await done;
}
