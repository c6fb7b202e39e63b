import type pg from 'pg';
import type { EventDraft } from './formats/format.ts';
import type { Loader, LoaderSink } from './loader.ts';
import { OccurrenceCounter } from './occurrence-counter.ts';
import { countExisting } from './queries.ts';

const batchKeys = 20_000;

/** Says what importing events would do, by looking only: which keys are there already, and which the file itself repeats. */
export class DryRunEventLoader implements Loader {
  readonly #client: pg.ClientBase;
  /** Null where the source has never sent anything. */
  readonly #sourceId: number | null;
  readonly #sink: LoaderSink;
  readonly #occurrences = new OccurrenceCounter();
  #keys: string[] = [];

  constructor(client: pg.ClientBase, sourceId: number | null, sink: LoaderSink) {
    this.#client = client;
    this.#sourceId = sourceId;
    this.#sink = sink;
  }

  async start(): Promise<void> {}

  add(draft: EventDraft): void {
    const occurrence = this.#occurrences.next(draft.naturalKey);
    if (draft.numbered) this.#keys.push(`${draft.naturalKey}/${occurrence}`);
    else if (occurrence === 1) this.#keys.push(draft.naturalKey);
    else this.#sink.stored(0, 1);
  }

  async drain(): Promise<void> {
    if (this.#keys.length >= batchKeys) await this.finish();
  }

  async finish(): Promise<void> {
    const keys = this.#keys;
    this.#keys = [];
    if (keys.length === 0) return;
    const existing = this.#sourceId === null ? 0 : await countExisting(this.#client, this.#sourceId, keys);
    this.#sink.stored(keys.length - existing, existing);
  }

  async close(): Promise<void> {}
}
