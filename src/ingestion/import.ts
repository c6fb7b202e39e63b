import { basename, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import type pg from 'pg';
import { AppError } from '../errors.ts';
import { type ByteSource, openSource } from './byte-source.ts';
import { withConnections } from './connections.ts';
import { type Detected, detect, headLines } from './detection.ts';
import { FileImport, type FileToImport } from './file-import.ts';
import type { FormatName } from './formats/format.ts';
import { type Counts, checkTimeZone, readSettings } from './queries.ts';
import { type RejectSample, RejectsFile } from './rejects-file.ts';
import { type SlashOrder, slashOrderOf } from './timestamps.ts';

export interface ImportOptions {
  /** Detected where it is left out. */
  readonly format?: FormatName | undefined;
  /** Time zone of moments that name none; the shop's where it is left out. */
  readonly timeZone?: string | undefined;
  /** Name of the system that the file comes from; the format's own where it is left out. */
  readonly source?: string | undefined;
  /** Default: `<first file's name>.rejects.csv` in the working directory. */
  readonly rejectsFile?: string | undefined;
  /** Give up when more rows than this are rejected. */
  readonly maxRejects?: number | undefined;
  /** Looks only: nothing is written, to the database or to disk. */
  readonly dryRun?: boolean | undefined;
}

interface ImportProgress extends Counts {
  readonly file: string;
  /** Bytes of the file as stored (packed). */
  readonly bytes: number;
  /** Null for standard input. */
  readonly totalBytes: number | null;
}

export interface ImportDependencies {
  /** Logs in as app_user; three connections are used. */
  readonly pool: pg.Pool;
  readonly stdin: Readable;
  readonly onProgress?: (progress: ImportProgress) => void;
  /** Ends the import cleanly: what is under way is committed, what is not yet is left to the next run. */
  readonly signal?: AbortSignal;
}

export interface ImportReport extends Counts {
  /** Null when no row was rejected (or nothing may be written). */
  readonly rejectsFile: string | null;
  readonly seconds: number;
  /** Formats as used, one a file. */
  readonly formats: readonly FormatName[];
  /** The first few rejects, for a message. */
  readonly samples: readonly RejectSample[];
}

interface Opened extends FileToImport {
  readonly slashOrder: SlashOrder;
}

/**
 * Imports files (`-` is standard input) into events, products or users.
 *
 * Every file is opened, recognised and checked before the first row of the first one is written. Each event is stored exactly
 * once, however often and in however many pieces its file is imported: batches commit as a whole, and an event's key is its
 * source plus its natural key. @throws IMPORT_* (src/errors.ts)
 */
export async function importFiles(
  paths: readonly string[],
  options: ImportOptions,
  { pool, stdin, onProgress, signal }: ImportDependencies,
): Promise<ImportReport> {
  const started = performance.now();
  if (paths.filter((path) => path === '-').length > 1)
    throw new AppError('USAGE', 'Standard input can be read only once.');
  const rejects = new RejectsFile(options.dryRun === true ? null : rejectsPath(paths, options));
  await rejects.checkWritable();
  const total: Counts = { read: 0, accepted: 0, duplicates: 0, rejected: 0 };
  const formats = await withConnections(pool, 1, async ([control]) => {
    const shop = await readShop(control as pg.PoolClient, options);
    const opened = await openAll(paths, options.format, stdin);
    try {
      for (const file of opened) {
        const settings = fileOptions(file, options, shop, total);
        const job = new FileImport(file, settings, pool, control as pg.PoolClient, rejects);
        await job.run(() => {
          onProgress?.(progressOf(file, total, job.counts));
          signal?.throwIfAborted();
        });
        addCounts(total, job.counts);
      }
    } finally {
      for (const { bytes } of opened) bytes.close();
      await rejects.close();
    }
    return opened.map(({ detected }) => detected.format.name);
  });
  const seconds = Math.round(performance.now() - started) / 1000;
  return { ...total, rejectsFile: rejects.path, seconds, formats, samples: rejects.samples };
}

function fileOptions(file: Opened, options: ImportOptions, shop: Shop, soFar: Counts) {
  return {
    source: options.source ?? file.detected.format.defaultSource,
    timeZone: shop.timeZone,
    bind: { currency: shop.currency, slashOrder: file.slashOrder },
    dryRun: options.dryRun === true,
    maxRejects: (options.maxRejects ?? Number.POSITIVE_INFINITY) - soFar.rejected,
  };
}

function progressOf({ name, bytes }: Opened, before: Counts, counts: Counts): ImportProgress {
  const sum = { ...before };
  addCounts(sum, counts);
  return { ...sum, file: name, bytes: bytes.bytesRead(), totalBytes: bytes.totalBytes };
}

function addCounts(total: Counts, counts: Counts): void {
  total.read += counts.read;
  total.accepted += counts.accepted;
  total.duplicates += counts.duplicates;
  total.rejected += counts.rejected;
}

function rejectsPath(paths: readonly string[], { rejectsFile }: ImportOptions): string {
  const first = paths[0] ?? '-';
  const path = rejectsFile ?? `${first === '-' ? 'stdin' : basename(first)}.rejects.csv`;
  if (!paths.some((each) => resolve(each) === resolve(path))) return path;
  throw new AppError('USAGE', `The rejects file ${path} is one of the files to import.`, {
    hint: 'Name another with --rejects FILE.',
  });
}

interface Shop {
  readonly timeZone: string;
  readonly currency: string;
}

async function readShop(client: pg.ClientBase, options: ImportOptions): Promise<Shop> {
  const settings = await readSettings(client);
  const timeZone = options.timeZone ?? settings.timeZone;
  try {
    await checkTimeZone(client, timeZone);
  } catch (cause) {
    throw new AppError('USAGE', `${timeZone} is no time zone that PostgreSQL knows.`, {
      hint: 'Give a name such as Europe/London (SELECT name FROM pg_timezone_names).',
      cause,
    });
  }
  return { timeZone, currency: settings.currency };
}

/** Opens and recognises every file before the first is imported. */
async function openAll(
  paths: readonly string[],
  format: FormatName | undefined,
  stdin: Readable,
): Promise<Opened[]> {
  const opened: Opened[] = [];
  try {
    for (const path of paths) {
      const bytes = await openSource(path, stdin);
      opened.push({ name: bytes.name, bytes, ...recognise(bytes, format) });
    }
    return opened;
  } catch (error) {
    for (const { bytes } of opened) bytes.close();
    throw error;
  }
}

function recognise(
  bytes: ByteSource,
  format: FormatName | undefined,
): { detected: Detected; slashOrder: SlashOrder } {
  const lines = headLines(bytes.head, bytes.headIsAll);
  const detected = detect(lines, format, bytes.name);
  const { layout } = detected;
  const cells = layout.kind === 'delimited' ? lines.flatMap((line) => line.split(layout.delimiter)) : [];
  return { detected, slashOrder: slashOrderOf(cells) };
}
