import { type LineSink, maxLineBytes } from './line-assembler.ts';
import { Reject, reject } from './rejects.ts';

/** How a file's lines become fields. */
export type Layout =
  | { readonly kind: 'delimited'; readonly delimiter: string }
  | { readonly kind: 'blank' }
  | { readonly kind: 'ndjson'; readonly read: (line: string) => string[] | Reject };

export interface RecordSink {
  /** `line` is the record's first line in the file, from 1; `raw` its text without the last line end. */
  record(fields: string[], line: number, raw: string): void;
  reject(reason: Reject, line: number, raw: string): void;
}

interface OpenRecord {
  readonly fields: string[];
  /** What is read of the quoted field that the line end fell into. */
  partial: string;
  readonly lines: string[];
  length: number;
}

type Scan = 'complete' | 'open' | 'malformed';

const unclosed = reject(
  'malformed_quote',
  'a quoted field opens and never closes as CSV wants it (RFC 4180)',
);
const tooLong = reject(
  'line_too_long',
  `the line is longer than ${maxLineBytes} bytes; only its beginning is kept here`,
);
const nulByte = reject('nul_byte', 'the line holds a NUL character, which PostgreSQL cannot store');

/**
 * Lines to records. CSV is RFC 4180 with the usual leniency: a quote inside an unquoted field is itself (`6" plate`),
 * CRLF or LF end a line, empty lines are skipped. A quoted field that never closes costs only its own line: reading goes
 * on with the next line, so that one stray quote cannot swallow the rest of a file.
 *
 * Hand-written: on Online Retail's 541,909 rows csv-parse 6 takes 9 times as long (see benchmarks/import.ts), and
 * neither it nor its peers go on after a stray quote.
 */
export class RecordParser implements LineSink {
  readonly #layout: Layout;
  readonly #sink: RecordSink;
  #skipHeader: boolean;
  #line = 0;
  #open: OpenRecord | null = null;

  constructor(layout: Layout, sink: RecordSink, skipHeader: boolean) {
    this.#layout = layout;
    this.#sink = sink;
    this.#skipHeader = skipHeader;
  }

  lines(text: string, hasNul: boolean): void {
    for (let from = 0; from < text.length; ) {
      const newline = text.indexOf('\n', from);
      const to = newline < 0 ? text.length : newline;
      const end = to > from && text.charCodeAt(to - 1) === 13 ? to - 1 : to;
      this.#line++;
      this.#accept(text.slice(from, end), this.#line, hasNul);
      from = to + 1;
    }
  }

  overlong(beginning: string): void {
    this.#abandon();
    this.#line++;
    this.#sink.reject(tooLong, this.#line, beginning);
  }

  end(): void {
    this.#abandon();
  }

  #accept(line: string, number: number, hasNul: boolean): void {
    if (hasNul && line.includes('\0')) {
      this.#abandon();
      this.#sink.reject(nulByte, number, line);
    } else if (this.#open !== null) this.#continue(this.#open, line, number);
    else if (line.length > 0 && (line.charCodeAt(0) > 32 || line.trim() !== '')) this.#begin(line, number);
  }

  #begin(line: string, number: number): void {
    const layout = this.#layout;
    if (layout.kind === 'blank') this.#emit(line.trim().split(/\s+/), number, line);
    else if (layout.kind === 'ndjson') {
      const fields = layout.read(line);
      if (fields instanceof Reject) this.#sink.reject(fields, number, line);
      else this.#emit(fields, number, line);
    } else if (!line.includes('"')) this.#emit(line.split(layout.delimiter), number, line);
    else {
      const open: OpenRecord = { fields: [], partial: '', lines: [line], length: line.length };
      this.#finish(open, scan(open, line, false, layout.delimiter), number);
    }
  }

  #continue(open: OpenRecord, line: string, number: number): void {
    open.lines.push(line);
    open.length += line.length + 1;
    open.partial += '\n';
    const delimiter = this.#layout.kind === 'delimited' ? this.#layout.delimiter : ',';
    const state = open.length > maxLineBytes ? 'malformed' : scan(open, line, true, delimiter);
    this.#finish(open, state, number - open.lines.length + 1);
  }

  #finish(open: OpenRecord, state: Scan, firstLine: number): void {
    this.#open = state === 'open' ? open : null;
    if (state === 'complete') {
      this.#emit(
        open.fields,
        firstLine,
        open.lines.length === 1 ? (open.lines[0] as string) : open.lines.join('\n'),
      );
    } else if (state === 'malformed') this.#recover(open, firstLine);
  }

  /** Gives up the record's first line alone and reads those after it again, each as a beginning of its own. */
  #recover(open: OpenRecord, firstLine: number): void {
    this.#sink.reject(unclosed, firstLine, open.lines[0] as string);
    open.lines.slice(1).forEach((line, i) => {
      this.#accept(line, firstLine + 1 + i, false);
    });
  }

  #abandon(): void {
    while (this.#open !== null) {
      const open = this.#open;
      this.#open = null;
      this.#recover(open, this.#line - open.lines.length + 1);
    }
  }

  #emit(fields: string[], line: number, raw: string): void {
    if (this.#skipHeader) this.#skipHeader = false;
    else this.#sink.record(fields, line, raw);
  }
}

/** Reads one line's fields into `open`; `inQuotes` says that the line begins inside a quoted field. */
function scan(open: OpenRecord, line: string, inQuotes: boolean, delimiter: string): Scan {
  let at = 0;
  let quoted = inQuotes;
  for (;;) {
    if (!quoted && line.charCodeAt(at) === 34) {
      quoted = true;
      at++;
    }
    if (quoted) {
      const close = closingQuote(open, line, at);
      if (close < 0) return 'open';
      open.fields.push(open.partial);
      open.partial = '';
      quoted = false;
      at = close + 1;
      if (at >= line.length) return 'complete';
      if (line[at] !== delimiter) return 'malformed';
    } else {
      const next = line.indexOf(delimiter, at);
      open.fields.push(next < 0 ? line.slice(at) : line.slice(at, next));
      if (next < 0) return 'complete';
      at = next;
    }
    at++;
  }
}

/** Adds the quoted text from `from` to `open.partial` and returns the closing quote's place, -1 if the line ends first. */
function closingQuote(open: OpenRecord, line: string, from: number): number {
  for (let at = from; ; ) {
    const quote = line.indexOf('"', at);
    if (quote < 0) {
      open.partial += line.slice(at);
      return -1;
    }
    open.partial += line.slice(at, quote);
    if (line.charCodeAt(quote + 1) !== 34) return quote;
    open.partial += '"';
    at = quote + 2;
  }
}

/** The fields of one line that stands alone, such as a header; null when its quotes do not close. */
export function splitLine(line: string, delimiter: string): string[] | null {
  const open: OpenRecord = { fields: [], partial: '', lines: [line], length: line.length };
  return scan(open, line, false, delimiter) === 'complete' ? open.fields : null;
}
