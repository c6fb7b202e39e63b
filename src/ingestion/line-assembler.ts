import { isAscii, isUtf8 } from 'node:buffer';

/** A line (and a record of several lines) may be this long. What is longer is kept out of memory and rejected. */
export const maxLineBytes = 1_000_000;
/** Of a line that is too long, this much is kept for the rejects file. */
const keptBytes = 4_096;
/** Chunks are cut to this size, so that only a chunk's first line can be longer than the limit. */
const sliceBytes = 1 << 19;

export interface LineSink {
  /** Whole lines, each with its newline (the last line of a file may lack it). */
  lines(text: string, hasNul: boolean): void;
  /** The beginning of one line that is over the limit. */
  overlong(beginning: string): void;
}

/** The characters of 0x80 to 0x9F in Windows-1252; elsewhere it is Latin-1. Node 20's TextDecoder takes all of it for Latin-1. */
const windows1252 = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ';
const windows1251 = new TextDecoder('windows-1251');
/** Three letters beyond ASCII in a row make a Russian word; in western European words they stand alone, or in pairs (Größe). */
const cyrillicWord = /[\u00a8\u00b8\u00c0-\u00ff]{3}/;

/**
 * Cuts bytes into whole lines and decodes them. A line that is not valid UTF-8 is read as what spreadsheets write:
 * Windows-1252 (Kaggle's copy of Online Retail too), or Windows-1251 from the first line on that holds a Cyrillic word. Valid
 * UTF-8 by accident is so unlikely that each line can be judged by itself. A block of valid UTF-8, which is
 * nearly every block, is decoded at once.
 */
export class LineAssembler {
  readonly #sink: LineSink;
  #carry: Buffer[] = [];
  #carryBytes = 0;
  #skipping = false;
  #atStart = true;
  #cyrillic = false;

  constructor(sink: LineSink) {
    this.#sink = sink;
  }

  push(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; at += sliceBytes) this.#slice(chunk.subarray(at, at + sliceBytes));
  }

  end(): void {
    if (!this.#skipping && this.#carryBytes > 0) this.#emit(Buffer.concat(this.#carry));
    this.#carry = [];
  }

  #slice(bytes: Buffer): void {
    let from = 0;
    const first = bytes.indexOf(10);
    const firstLineBytes = this.#carryBytes + (first < 0 ? bytes.length : first);
    if (this.#skipping) {
      if (first < 0) return;
      this.#skipping = false;
      from = first + 1;
    } else if (firstLineBytes > maxLineBytes) {
      this.#carry.push(bytes.subarray(0, keptBytes));
      this.#sink.overlong(this.#decodeLine(Buffer.concat(this.#carry).subarray(0, keptBytes)));
      this.#dropCarry();
      this.#skipping = first < 0;
      if (first < 0) return;
      from = first + 1;
    }
    const last = bytes.lastIndexOf(10);
    if (last >= from) {
      const whole = bytes.subarray(from, last + 1);
      this.#emit(this.#carryBytes > 0 ? Buffer.concat([...this.#carry, whole]) : whole);
      this.#dropCarry();
      from = last + 1;
    }
    if (from < bytes.length) {
      this.#carry.push(bytes.subarray(from));
      this.#carryBytes += bytes.length - from;
    }
  }

  #dropCarry(): void {
    this.#carry = [];
    this.#carryBytes = 0;
  }

  #emit(block: Buffer): void {
    const marked = this.#atStart && block[0] === 0xef && block[1] === 0xbb && block[2] === 0xbf;
    this.#atStart = false;
    const bytes = marked ? block.subarray(3) : block;
    if (bytes.length > 0) this.#sink.lines(this.#decode(bytes), bytes.includes(0));
  }

  #decode(block: Buffer): string {
    if (isAscii(block)) return block.toString('latin1');
    if (isUtf8(block)) return block.toString('utf8');
    let text = '';
    for (let from = 0; from < block.length; ) {
      const newline = block.indexOf(10, from);
      const to = newline < 0 ? block.length : newline + 1;
      text += this.#decodeLine(block.subarray(from, to));
      from = to;
    }
    return text;
  }

  #decodeLine(line: Buffer): string {
    if (isUtf8(line)) return line.toString('utf8');
    const western = line.toString('latin1');
    this.#cyrillic ||= cyrillicWord.test(western);
    if (this.#cyrillic) return windows1251.decode(line);
    return western.replace(/[\u0080-\u009f]/g, (unit) => windows1252[unit.charCodeAt(0) - 0x80] as string);
  }
}
