import { AppError } from '../errors.ts';
import { openSource } from '../ingestion/byte-source.ts';
import { headLines } from '../ingestion/detection.ts';
import { LineAssembler } from '../ingestion/line-assembler.ts';
import { RecordParser, splitLine } from '../ingestion/record-parser.ts';
import { maxIdLength, type Reject } from '../ingestion/rejects.ts';
import { parseEpoch, parseTimestamp } from '../ingestion/timestamps.ts';

/** One line of a file: who took what; `rating` and `days` (since 1970) where the file has the columns. */
export interface Rating {
  readonly user: string;
  readonly item: string;
  readonly rating: number;
  readonly days: number;
}

export interface RatingFile {
  readonly rows: readonly Rating[];
  readonly hasRatings: boolean;
  readonly hasTimes: boolean;
}

interface Columns {
  readonly user: number;
  readonly item: number;
  readonly rating: number;
  readonly timestamp: number;
  readonly count: number;
}

const columnNames = ['user', 'item', 'rating', 'timestamp'] as const;

function readHeader(name: string, first: string | undefined): { columns: Columns; delimiter: string } {
  const bad = (what: string, hint: string): never => {
    throw new AppError('IMPORT_HEADER', `${name}, line 1: ${what}.`, { hint });
  };
  const hint =
    'The first line names the columns: user,item and perhaps rating and timestamp, parted by commas or tabs.';
  if (first === undefined) throw new AppError('IMPORT_FILE', `${name} holds nothing but blank lines.`);
  const delimiter = first.includes('\t') ? '\t' : ',';
  const header = (splitLine(first, delimiter) ?? []).map((field) => field.trim().toLowerCase());
  const at = (column: string): number => header.indexOf(column);
  const missing = ['user', 'item'].filter((column) => at(column) < 0);
  if (missing.length > 0) bad(`there is no column ${missing.join(' and ')}`, hint);
  const unknown = header.filter((column) => !columnNames.includes(column as 'user'));
  if (unknown.length > 0) bad(`the column "${unknown[0]}" is not known`, hint);
  if (new Set(header).size < header.length) bad('a column stands there twice', hint);
  return {
    columns: {
      user: at('user'),
      item: at('item'),
      rating: at('rating'),
      timestamp: at('timestamp'),
      count: header.length,
    },
    delimiter,
  };
}

/** Days since 1970 of seconds or milliseconds since then, or of a date; without an offset it is of UTC. */
function daysOf(text: string): number {
  // Nearly every line of nearly every such file: a date made of it and read again took half the time of reading.
  if (/^\d{1,10}$/.test(text)) return Number(text) / 86_400;
  const moment = parseEpoch(text) ?? parseTimestamp(text);
  if (moment === null) return Number.NaN;
  const zoned = /(Z|UTC|GMT|[+-]\d\d(:?\d\d)?)$/.test(moment.slice(10)) ? moment : `${moment}Z`;
  return Date.parse(zoned.replace(' ', 'T').replace(/([+-]\d\d)$/, '$1:00')) / 86_400_000;
}

function parseRow(fields: readonly string[], columns: Columns): Rating | string {
  if (fields.length !== columns.count) return `${fields.length} fields where the header has ${columns.count}`;
  const user = fields[columns.user]!.trim();
  const item = fields[columns.item]!.trim();
  for (const [column, id] of [
    ['user', user],
    ['item', item],
  ] as const) {
    if (id === '') return `the ${column} is empty`;
    if (id.length > maxIdLength) return `the ${column} is longer than ${maxIdLength} characters`;
    if (/^(nan|null|none)$/i.test(id)) return `the ${column} is ${id}`;
  }
  const ratingText = columns.rating < 0 ? '1' : fields[columns.rating]!.trim();
  const rating = ratingText === '' ? Number.NaN : Number(ratingText);
  if (!Number.isFinite(rating)) return `the rating "${ratingText.slice(0, 40)}" is no number`;
  const days = columns.timestamp < 0 ? 0 : daysOf(fields[columns.timestamp]!.trim());
  if (!Number.isFinite(days))
    return `the timestamp "${fields[columns.timestamp]!.slice(0, 40)}" is no moment`;
  return { user, item, rating, days };
}

/**
 * Reads a file of `user,item[,rating][,timestamp]` with a header, of commas or tabs, plain or gzip. Ids are text: 1 and 01 are two.
 * @throws IMPORT_FILE, IMPORT_ENCODING, IMPORT_HEADER; VALIDATION with the line that cannot be read
 */
export async function readRatings(path: string): Promise<RatingFile> {
  const source = await openSource(path, process.stdin);
  try {
    const { columns, delimiter } = readHeader(source.name, headLines(source.head, source.headIsAll)[0]);
    const rows: Rating[] = [];
    const refuse = (line: number, what: string): never => {
      throw new AppError('VALIDATION', `${source.name}, line ${line}: ${what}.`, {
        details: { file: source.name, line },
        hint: 'Mend or remove the line: figures of a part of the file would be figures of something else.',
      });
    };
    let isHeader = true;
    const parser = new RecordParser(
      { kind: 'delimited', delimiter },
      {
        record(fields: string[], line: number) {
          if (isHeader) {
            isHeader = false;
            return;
          }
          const row = parseRow(fields, columns);
          if (typeof row === 'string') refuse(line, row);
          else rows.push(row);
        },
        reject: (reason: Reject, line: number) => refuse(line, reason.reason),
      },
      false,
    );
    const assembler = new LineAssembler(parser);
    for await (const chunk of source.chunks()) assembler.push(chunk);
    assembler.end();
    parser.end();
    if (rows.length === 0) throw new AppError('IMPORT_FILE', `${source.name} has a header and no rows.`);
    return { rows, hasRatings: columns.rating >= 0, hasTimes: columns.timestamp >= 0 };
  } finally {
    source.close();
  }
}
