import { IncomingMessage } from 'node:http';
import { finished, type Readable } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate } from 'node:zlib';
import { AppError } from '../../errors.ts';

const decoders = new Map<string, () => NodeJS.ReadWriteStream & Readable>([
  ['gzip', createGunzip],
  ['x-gzip', createGunzip],
  ['deflate', createInflate],
  ['br', createBrotliDecompress],
]);

/** A request's body, unpacked. @throws VALIDATION for an encoding that is not known */
export function unpacked(payload: IncomingMessage): Readable {
  const encoding = (payload.headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  if (encoding === 'identity' || encoding === '') return payload;
  const create = decoders.get(encoding);
  if (create === undefined) {
    throw new AppError('VALIDATION', 'the content-encoding is not known', {
      hint: 'Send gzip, deflate, br, or none.',
    });
  }
  const decoder = create();
  payload.pipe(decoder);
  // A client that hangs up in the middle must not leave the decoder waiting.
  finished(payload, (error) => {
    if (error) decoder.destroy(error);
  });
  decoder.once('close', () => {
    payload.unpipe(decoder);
    payload.resume();
  });
  return decoder;
}

/** Reads a body of UTF-8 whole. Bytes count after unpacking. @throws INGEST_TOO_LARGE, VALIDATION */
export async function readText(payload: IncomingMessage, limitBytes: number): Promise<string> {
  const declared = Number(payload.headers['content-length'] ?? 0);
  if (payload.headers['content-encoding'] === undefined && declared > limitBytes)
    throw tooLarge(declared, limitBytes);
  const pieces: Buffer[] = [];
  let bytes = 0;
  await eachPiece(unpacked(payload), (piece) => {
    bytes += piece.length;
    if (bytes > limitBytes) throw tooLarge(null, limitBytes);
    pieces.push(piece);
  });
  return decode(pieces.length === 1 ? (pieces[0] as Buffer) : Buffer.concat(pieces));
}

/** By events: an asynchronous iterator costs each small request more than its parsing. A broken stream is the sender's, whatever zlib calls it. */
function eachPiece(stream: Readable, take: (piece: Buffer) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => {
      stream.off('data', onData).off('close', onClose);
      // What still comes is dropped, so that the sender gets to read the answer; it is not unpacked any more.
      if (stream instanceof IncomingMessage) stream.resume();
      else stream.destroy();
      if (error instanceof AppError) reject(error);
      else reject(new AppError('VALIDATION', 'the body is damaged, or ended early', { cause: error }));
    };
    const onClose = (): void => fail(undefined);
    const onData = (piece: Buffer): void => {
      try {
        take(piece);
      } catch (error) {
        fail(error);
      }
    };
    stream
      .on('data', onData)
      .once('end', () => {
        stream.off('close', onClose);
        resolve();
      })
      .once('error', fail)
      .once('close', onClose);
  });
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

function decode(bytes: Buffer): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new AppError('VALIDATION', 'the body is no UTF-8');
  }
}

function tooLarge(bytes: number | null, limitBytes: number): AppError {
  const found = bytes === null ? `more than ${limitBytes}` : String(bytes);
  return new AppError('INGEST_TOO_LARGE', `the request has ${found} bytes, the limit is ${limitBytes}`, {
    hint: 'Send it in parts, or as an NDJSON stream to /api/events. Nothing of this request was taken.',
  });
}

/** What came of a part of a stream: its lines, numbered through from 0. */
export interface Portion {
  readonly first: number;
  readonly lines: readonly string[];
}

const newline = 10;

/**
 * The lines of an NDJSON stream in portions of at most `lines` and about `bytes`. A longer line than `bytes` comes cut, which is no JSON. Empty
 * lines are none. The stream is read only as fast as portions are taken.
 */
export async function* portions(stream: Readable, lines: number, bytes: number): AsyncGenerator<Portion> {
  let rest: Buffer = Buffer.alloc(0);
  let open: string[] = [];
  let openBytes = 0;
  let first = 0;
  let isCut = false;
  const close = (): Portion => {
    const portion = { first, lines: open };
    first += open.length;
    open = [];
    openBytes = 0;
    return portion;
  };
  const add = (line: Buffer): void => {
    if (line.length === 0 && !isCut) return;
    const text = isCut ? '' : line.toString('utf8').trim();
    isCut = false;
    if (text === '') return;
    open.push(text);
    openBytes += line.length;
  };
  for await (const piece of stream) {
    // Of a line that is cut only its end is looked for.
    if (isCut && rest.length === 0 && !(piece as Buffer).includes(newline)) continue;
    rest = rest.length === 0 ? (piece as Buffer) : Buffer.concat([rest, piece as Buffer]);
    for (let end = rest.indexOf(newline); end >= 0; end = rest.indexOf(newline)) {
      add(rest.subarray(0, end));
      rest = rest.subarray(end + 1);
      if (open.length >= lines || openBytes >= bytes) yield close();
    }
    if (rest.length <= bytes) continue;
    if (!isCut) add(rest.subarray(0, bytes));
    isCut = true;
    rest = Buffer.alloc(0);
  }
  add(rest);
  if (open.length > 0) yield close();
}
