import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { AppError } from '../errors.ts';

/** Node's own 16 KB from zlib would mean 16 times as many awaits; a chunk is also what the writers can be behind by. */
const chunkBytes = 1 << 18;
const headBytes = 1 << 16;

/** A file or standard input, unpacked if it is gzip: its first bytes for detection, then all its bytes in chunks. */
export interface ByteSource {
  readonly name: string;
  /** The first 64 KB (all of a smaller file). */
  readonly head: Buffer;
  readonly headIsAll: boolean;
  /** Size as stored (packed), null for standard input. */
  readonly totalBytes: number | null;
  /** Bytes taken from the file so far, as stored. */
  bytesRead(): number;
  /** Every byte, the head included. Can be iterated once. */
  chunks(): AsyncIterable<Buffer>;
  close(): void;
}

const packers: readonly [magic: string, what: string][] = [
  ['504b0304', 'a zip archive or an Excel workbook: unpack it, or save the sheet as CSV'],
  ['fd377a58', 'packed with xz: unpack it first (xz -dc FILE | customer-analyzer import -)'],
  ['28b52ffd', 'packed with zstd: unpack it first (zstd -dc FILE | customer-analyzer import -)'],
  ['425a68', 'packed with bzip2: unpack it first (bzcat FILE | customer-analyzer import -)'],
  ['fffe', 'UTF-16: convert it first (iconv -f UTF-16 -t UTF-8)'],
  ['feff', 'UTF-16: convert it first (iconv -f UTF-16 -t UTF-8)'],
];

/** Opens a path, or standard input for `-`. Throws IMPORT_FILE when it cannot be read, IMPORT_ENCODING when it is no text. */
export async function openSource(path: string, stdin: Readable): Promise<ByteSource> {
  const name = path === '-' ? 'standard input' : path;
  const totalBytes = path === '-' ? null : await fileSize(path);
  const stored = path === '-' ? stdin : createReadStream(path, { highWaterMark: chunkBytes });
  let bytesRead = 0;
  const counted = count(stored, (bytes) => {
    bytesRead += bytes;
  });
  const first = await take(counted, 4, name);
  const packed = first.length >= 2 && first[0] === 0x1f && first[1] === 0x8b;
  const plain = packed ? unpack(chain(first, counted)) : chain(first, counted);
  const bytes = plain[Symbol.asyncIterator]();
  const rest: AsyncIterable<Buffer> = { [Symbol.asyncIterator]: () => bytes };
  try {
    const head = await take(rest, headBytes, name);
    refuseJunk(head, name);
    return {
      name,
      head,
      headIsAll: head.length < headBytes,
      totalBytes,
      bytesRead: () => bytesRead,
      chunks: () => named(chain(head, rest), name),
      close: () => stored.destroy(),
    };
  } catch (error) {
    stored.destroy();
    throw error;
  }
}

async function fileSize(path: string): Promise<number> {
  try {
    const status = await stat(path);
    if (status.isDirectory()) {
      throw new AppError('IMPORT_FILE', `${path} is a folder.`, { hint: 'Name the files in it.' });
    }
    return status.size;
  } catch (error) {
    throw error instanceof AppError ? error : unreadable(path, error);
  }
}

async function* count(stream: Readable, add: (bytes: number) => void): AsyncGenerator<Buffer> {
  for await (const chunk of stream as AsyncIterable<Buffer | string>) {
    const bytes = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
    add(bytes.length);
    yield bytes;
  }
}

async function* chain(first: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  if (first.length > 0) yield first;
  yield* rest;
}

function unpack(packed: AsyncIterable<Buffer>): AsyncIterable<Buffer> {
  const gunzip = createGunzip({ chunkSize: chunkBytes });
  // The error reaches whoever iterates; the callback is only there because pipeline wants one.
  pipeline(Readable.from(packed), gunzip, () => {});
  return gunzip;
}

/** Reads at least `bytes` bytes (fewer at the end of the file) without ending the iteration. */
async function take(source: AsyncIterable<Buffer>, bytes: number, name: string): Promise<Buffer> {
  const iterator = source[Symbol.asyncIterator]();
  const parts: Buffer[] = [];
  let length = 0;
  while (length < bytes) {
    const next = await iterator.next().catch((error: unknown) => {
      throw unreadable(name, error);
    });
    if (next.done === true) break;
    parts.push(next.value);
    length += next.value.length;
  }
  return Buffer.concat(parts);
}

async function* named(source: AsyncIterable<Buffer>, name: string): AsyncGenerator<Buffer> {
  try {
    yield* source;
  } catch (error) {
    throw unreadable(name, error);
  }
}

function unreadable(name: string, error: unknown): AppError {
  const code = (error as { code?: string }).code ?? '';
  if (code.startsWith('Z_')) {
    const what = code === 'Z_BUF_ERROR' ? 'ends in the middle (a download cut short?)' : 'is damaged';
    return new AppError('IMPORT_FILE', `The gzip data of ${name} ${what}.`, {
      details: { code },
      hint: 'Get the whole file and import it again: what is already in the database is recognised and not counted twice.',
      cause: error,
    });
  }
  const reasons: Record<string, string> = {
    ENOENT: 'does not exist',
    EACCES: 'may not be read by this user',
  };
  return new AppError(
    'IMPORT_FILE',
    `${name} ${reasons[code] ?? `cannot be read (${(error as Error).message})`}.`,
    {
      details: { code },
      cause: error,
    },
  );
}

/** Text has next to no control characters; a tenth of random or packed bytes are. */
function refuseJunk(head: Buffer, name: string): void {
  if (head.length === 0) {
    throw new AppError('IMPORT_FILE', `${name} is empty.`, { hint: 'Is it the right file?' });
  }
  const start = head.toString('hex', 0, 4);
  const packer = packers.find(([magic]) => start.startsWith(magic));
  if (packer !== undefined) throw new AppError('IMPORT_ENCODING', `${name} is ${packer[1]}.`);
  let controls = 0;
  for (const byte of head) {
    if (byte < 9 || (byte > 13 && byte < 32) || byte === 127) controls++;
  }
  if (controls > 4 && controls > head.length / 50) {
    throw new AppError('IMPORT_ENCODING', `${name} is binary data, not text.`, {
      details: { controlBytes: controls, ofBytes: head.length },
      hint: 'The formats are CSV, blank-separated text and NDJSON, also packed with gzip.',
    });
  }
}
