import type pg from 'pg';
import { lockIdentities } from '../identities/queries.ts';
import type { Loader, LoaderSink } from '../loader.ts';
import { begin, commit, rollback } from '../queries.ts';
import { applyBisecting } from '../refusals.ts';
import { reject } from '../rejects.ts';
import { mergeRows, type Settle, type Settled } from './settle.ts';

/** A catalogue is small beside its events: one connection will do. */
const batchRows = 5_000;

export interface CatalogueLoaderOptions<T> {
  readonly source: string;
  readonly timeZone: string;
  readonly settle: Settle<T>;
  readonly jsonField: keyof T;
  readonly dryRun: boolean;
}

interface Pending<T> {
  row: T;
  line: number;
  raw: string;
}

/**
 * Upserts products or users. Of several rows for one id in a batch the later completes the earlier, which counts as a
 * duplicate; so does a row that changes nothing.
 */
export class CatalogueLoader<T extends { readonly externalId: string }> implements Loader {
  readonly #options: CatalogueLoaderOptions<T>;
  readonly #client: pg.ClientBase;
  readonly #sink: LoaderSink;
  #pending = new Map<string, Pending<T>>();
  #superseded = 0;

  constructor(options: CatalogueLoaderOptions<T>, client: pg.ClientBase, sink: LoaderSink) {
    this.#options = options;
    this.#client = client;
    this.#sink = sink;
  }

  async start(): Promise<void> {}

  add(row: T, line: number, raw: string): void {
    const earlier = this.#pending.get(row.externalId);
    if (earlier === undefined) this.#pending.set(row.externalId, { row, line, raw });
    else {
      const merged = mergeRows(earlier.row, row, this.#options.jsonField);
      this.#pending.set(row.externalId, { row: merged, line, raw });
      this.#superseded++;
    }
  }

  async drain(): Promise<void> {
    if (this.#pending.size >= batchRows) await this.finish();
  }

  async finish(): Promise<void> {
    const batch = [...this.#pending.values()];
    this.#pending = new Map();
    this.#sink.stored(0, this.#superseded);
    this.#superseded = 0;
    if (batch.length === 0) return;
    const refuse = (row: number, message: string): void => {
      const { line, raw } = batch[row] as Pending<T>;
      this.#sink.refused(reject('refused', `PostgreSQL refused the row: ${message}`), line, raw);
    };
    await applyBisecting(0, batch.length, (from, to) => this.#apply(batch.slice(from, to)), refuse);
  }

  async close(): Promise<void> {}

  async #apply(batch: readonly Pending<T>[]): Promise<void> {
    const { accepted, refused } = await this.#settle(batch.map(({ row }) => row));
    this.#sink.stored(accepted, batch.length - accepted - refused.length);
    for (const { place, reason } of refused) {
      const { line, raw } = batch[place] as Pending<T>;
      this.#sink.refused(reason, line, raw);
    }
  }

  async #settle(rows: readonly T[]): Promise<Settled> {
    const { source, timeZone, settle, dryRun } = this.#options;
    await begin(this.#client, timeZone);
    try {
      if (!dryRun) await lockIdentities(this.#client, source);
      const settled = await settle(this.#client, source, rows, dryRun);
      await (dryRun ? rollback(this.#client) : commit(this.#client));
      return settled;
    } catch (error) {
      await rollback(this.#client).catch(() => undefined);
      throw error;
    }
  }
}
