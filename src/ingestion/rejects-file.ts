import { constants } from 'node:fs';
import { access, type FileHandle, open, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { AppError } from '../errors.ts';
import type { Reject } from './rejects.ts';

const flushCharacters = 1 << 16;
const keptSamples = 5;

export interface RejectSample {
  readonly file: string;
  readonly line: number;
  readonly reject: Reject;
}

/**
 * The rows that were not taken, as CSV: line, code, reason, raw, file. The file is made when the first row comes, so that an
 * import without rejects leaves none. A path of null only counts.
 */
export class RejectsFile {
  readonly samples: RejectSample[] = [];
  readonly #path: string | null;
  #buffer = 'line,code,reason,raw,file\n';
  #handle: FileHandle | null = null;
  #used = false;

  constructor(path: string | null) {
    this.#path = path;
  }

  /** The file's path once it holds a row. */
  get path(): string | null {
    return this.#used ? this.#path : null;
  }

  /** Says at the start what would otherwise end an import at its first bad row. */
  async checkWritable(): Promise<void> {
    if (this.#path === null) return;
    try {
      await access(dirname(this.#path), constants.W_OK);
      const there = await stat(this.#path).catch(() => undefined);
      if (there?.isDirectory()) throw new Error('It is a folder.');
    } catch (cause) {
      throw new AppError('IMPORT_FILE', `The rejects file ${this.#path} cannot be written.`, {
        hint: 'Name another place with --rejects FILE.',
        cause,
      });
    }
  }

  add(file: string, line: number, raw: string, reject: Reject): void {
    if (this.samples.length < keptSamples) this.samples.push({ file, line, reject });
    if (this.#path === null) return;
    this.#used = true;
    this.#buffer += `${line},${reject.code},${quoted(reject.reason)},${quoted(raw)},${quoted(file)}\n`;
  }

  /** Writes what has gathered, when it is much. */
  async drain(): Promise<void> {
    if (this.#buffer.length >= flushCharacters) await this.#flush();
  }

  async close(): Promise<void> {
    try {
      await this.#flush();
    } finally {
      await this.#handle?.close();
      this.#handle = null;
    }
  }

  async #flush(): Promise<void> {
    if (!this.#used || this.#path === null) return;
    const text = this.#buffer;
    this.#buffer = '';
    try {
      this.#handle ??= await open(this.#path, 'w');
      await this.#handle.appendFile(text);
    } catch (cause) {
      throw new AppError(
        'IMPORT_FILE',
        `The rejects file ${this.#path} cannot be written: ${(cause as Error).message}`,
        {
          hint: 'Free space there, or name another place with --rejects FILE. What was committed stays; the same command completes the import.',
          cause,
        },
      );
    }
  }
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', '""')}"`;
}
