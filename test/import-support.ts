import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import type pg from 'pg';
import { type ImportDependencies, type ImportOptions, importFiles } from '../src/ingestion/import.ts';

/** A folder of a test file's own, with short ways to write a file and to import it. */
export class ImportFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'customer-analyzer-import-'));
  readonly #pool: pg.Pool;

  constructor(pool: pg.Pool) {
    this.#pool = pool;
  }

  file(name: string, content: string | Buffer): string {
    const path = join(this.path, name);
    writeFileSync(path, content);
    return path;
  }

  /** Rejects go to this folder, and standard input is empty unless the test gives one. */
  async import(path: string | string[], options: ImportOptions = {}, more: Partial<ImportDependencies> = {}) {
    const rejectsFile = join(this.path, 'rejects.csv');
    const paths = typeof path === 'string' ? [path] : path;
    const report = await importFiles(
      paths,
      { rejectsFile, ...options },
      { pool: this.#pool, stdin: Readable.from([]), ...more },
    );
    const { read, accepted, duplicates, rejected } = report;
    return { counts: { read, accepted, duplicates, rejected }, report };
  }

  async rows(sql: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
    return (await this.#pool.query(sql, values)).rows;
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Lines of the events format; `row` says what differs from line to line. */
export function eventLines(count: number, row: (i: number) => string): string {
  const lines = ['event_id,event_type,event_timestamp,user_id,product_id,quantity,unit_price'];
  for (let i = 0; i < count; i++) lines.push(row(i));
  return `${lines.join('\n')}\n`;
}
