import type pg from 'pg';
import { AppError } from '../errors.ts';
import type { ByteSource } from './byte-source.ts';
import { CatalogueLoader } from './catalogue/loader.ts';
import { settleProducts, settleUsers } from './catalogue/settle.ts';
import { withConnections } from './connections.ts';
import type { Detected } from './detection.ts';
import { DryRunEventLoader } from './dry-run-loader.ts';
import { EventLoader } from './event-loader.ts';
import {
  type BindContext,
  type EventDraft,
  type EventFormat,
  type EventMapper,
  emptyDraft,
  type Format,
  type ProductFormat,
  type UserFormat,
} from './formats/format.ts';
import { LineAssembler } from './line-assembler.ts';
import type { Loader, LoaderSink } from './loader.ts';
import {
  type Counts,
  ensureSource,
  findSource,
  finishRun,
  startRun,
  tryLockSource,
  unlockSource,
} from './queries.ts';
import { RecordParser, type RecordSink } from './record-parser.ts';
import { Reject } from './rejects.ts';
import type { RejectsFile } from './rejects-file.ts';

/** Two connections insert at once, where one is no faster than a plain COPY (benchmarks/import.ts). */
const writerCount = 2;

export interface FileImportOptions {
  readonly source: string;
  readonly timeZone: string;
  readonly bind: BindContext;
  readonly dryRun: boolean;
  /** How many more rows may be rejected. */
  readonly maxRejects: number;
}

export interface FileToImport {
  readonly name: string;
  readonly detected: Detected;
  readonly bytes: ByteSource;
}

/** Takes one record that was read; returns why not, if it does not. */
type Accept = (fields: readonly string[], line: number, raw: string) => Reject | null;

/** One file on its way into the database, already recognised. */
export class FileImport implements LoaderSink, RecordSink {
  readonly counts: Counts = { read: 0, accepted: 0, duplicates: 0, rejected: 0 };
  readonly #file: FileToImport;
  readonly #options: FileImportOptions;
  readonly #pool: pg.Pool;
  readonly #control: pg.ClientBase;
  readonly #rejects: RejectsFile;
  #accept: Accept = () => null;

  constructor(
    file: FileToImport,
    options: FileImportOptions,
    pool: pg.Pool,
    control: pg.ClientBase,
    rejects: RejectsFile,
  ) {
    this.#file = file;
    this.#options = options;
    this.#pool = pool;
    this.#control = control;
    this.#rejects = rejects;
  }

  /** @throws IMPORT_BUSY, IMPORT_FILE, IMPORT_TOO_MANY_REJECTS; what was committed before stays; so where `onChunk` throws. */
  async run(onChunk: () => void): Promise<void> {
    const { format } = this.#file.detected;
    if (this.#options.dryRun) return await this.#load(await this.#dryLoader(format), onChunk);
    await this.#locked(async () => {
      if (format.kind !== 'events') return await this.#load(this.#catalogueLoader(format), onChunk);
      await withConnections(this.#pool, writerCount, async (writers) =>
        this.#load(await this.#eventLoader(format, writers), onChunk),
      );
    });
  }

  /** Under the source's lock, with a record in import_runs. */
  async #locked(work: () => Promise<void>): Promise<void> {
    const { source } = this.#options;
    if (!(await tryLockSource(this.#control, source))) {
      throw new AppError('IMPORT_BUSY', `Another import of the source ${source} is running.`, {
        hint: 'Wait for it to end, or give this file a source of its own with --source NAME.',
      });
    }
    const runId = await startRun(this.#control, source, this.#file.detected.format.name, this.#file.name);
    try {
      await work();
      await finishRun(this.#control, runId, this.counts, 'completed');
      await unlockSource(this.#control, source);
    } catch (error) {
      const { accepted, duplicates, rejected } = this.counts;
      const settled = { ...this.counts, read: accepted + duplicates + rejected };
      // The connection may be what failed: the record then stays "running" until the next import of the source.
      await finishRun(this.#control, runId, settled, 'failed').catch(() => undefined);
      throw this.#withCounts(error);
    }
  }

  record(fields: string[], line: number, raw: string): void {
    if (this.#gaveUp) return;
    this.counts.read++;
    const reason = this.#accept(fields, line, raw);
    if (reason !== null) this.refused(reason, line, raw);
  }

  reject(reason: Reject, line: number, raw: string): void {
    if (this.#gaveUp) return;
    this.counts.read++;
    this.refused(reason, line, raw);
  }

  refused(reason: Reject, line: number, raw: string): void {
    this.counts.rejected++;
    this.#rejects.add(this.#file.name, line, raw, reason);
  }

  stored(accepted: number, duplicates: number): void {
    this.counts.accepted += accepted;
    this.counts.duplicates += duplicates;
  }

  get #gaveUp(): boolean {
    return this.counts.rejected > this.#options.maxRejects;
  }

  async #load(loader: Loader, onChunk: () => void): Promise<void> {
    const { layout, hasHeader } = this.#file.detected;
    const parser = new RecordParser(layout, this, hasHeader);
    const assembler = new LineAssembler(parser);
    try {
      await loader.start();
      for await (const chunk of this.#file.bytes.chunks()) {
        assembler.push(chunk);
        this.#checkRejects();
        await this.#rejects.drain();
        await loader.drain();
        onChunk();
      }
      assembler.end();
      parser.end();
      this.#checkRejects();
      await loader.finish();
      this.#checkRejects();
    } finally {
      await loader.close();
    }
    this.#checkCounts();
    onChunk();
  }

  async #dryLoader(format: Format): Promise<Loader> {
    if (format.kind !== 'events') return this.#catalogueLoader(format);
    const sourceId = await findSource(this.#control, this.#options.source);
    const loader = new DryRunEventLoader(this.#control, sourceId, this);
    this.#acceptEvents(this.#mapper(format), (draft) => loader.add(draft));
    return loader;
  }

  async #eventLoader(format: EventFormat, writers: pg.ClientBase[]): Promise<Loader> {
    const { source, timeZone } = this.#options;
    const mapper = this.#mapper(format);
    const sourceId = await ensureSource(this.#control, source);
    const loader = new EventLoader({ source, sourceId, timeZone, mapper }, this.#control, writers, this);
    this.#acceptEvents(mapper, (draft, fields, line, raw) => loader.add(draft, fields, line, raw));
    return loader;
  }

  #mapper(format: EventFormat): EventMapper {
    return format.bind(this.#file.detected.columns, this.#file.detected.header, this.#options.bind);
  }

  #acceptEvents(mapper: EventMapper, add: (draft: EventDraft, ...row: Parameters<Accept>) => void): void {
    const draft = emptyDraft();
    this.#accept = (fields, line, raw) => {
      const reason = mapper.toEvent(fields, draft);
      if (reason === null) add(draft, fields, line, raw);
      return reason;
    };
  }

  #catalogueLoader(format: ProductFormat | UserFormat): Loader {
    const { source, timeZone, bind, dryRun } = this.#options;
    const { columns, header } = this.#file.detected;
    const common = { source, timeZone, dryRun };
    if (format.kind === 'products') {
      const options = { ...common, settle: settleProducts, jsonField: 'attributes' as const };
      const loader = new CatalogueLoader(options, this.#control, this);
      this.#accept = acceptRows(format.bind(columns, header, bind), loader);
      return loader;
    }
    const options = { ...common, settle: settleUsers, jsonField: 'profile' as const };
    const loader = new CatalogueLoader(options, this.#control, this);
    this.#accept = acceptRows(format.bind(columns, header, bind), loader);
    return loader;
  }

  #checkRejects(): void {
    if (!this.#gaveUp) return;
    throw new AppError(
      'IMPORT_TOO_MANY_REJECTS',
      `More than ${this.#options.maxRejects} rows were rejected.`,
      {
        hint: `See ${this.#rejects.path ?? 'the rejects'} for the reasons; a second run skips what is already in the database.`,
      },
    );
  }

  #checkCounts(): void {
    const { read, accepted, duplicates, rejected } = this.counts;
    if (read === accepted + duplicates + rejected) return;
    throw new AppError(
      'INTERNAL',
      `The import lost count: ${read} read, ${accepted + duplicates + rejected} accounted for.`,
      {
        details: { ...this.counts },
      },
    );
  }

  /** Says of a failure half-way what is in the database already. */
  #withCounts(error: unknown): unknown {
    const stored = this.counts.accepted;
    if (!(error instanceof AppError)) return error;
    const rest =
      stored === 0 ? 'Nothing of it was stored.' : `${stored} rows of it were stored before and stay.`;
    return new AppError(error.code, `${error.message} ${rest}`, {
      details: { ...error.details, ...this.counts },
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      cause: error,
    });
  }
}

function acceptRows<T extends { readonly externalId: string }>(
  read: (fields: readonly string[]) => T | Reject,
  loader: CatalogueLoader<T>,
): Accept {
  return (fields, line, raw) => {
    const row = read(fields);
    if (row instanceof Reject) return row;
    loader.add(row, line, raw);
    return null;
  };
}
