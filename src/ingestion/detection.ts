import { AppError } from '../errors.ts';
import { cdnow, cdnowHeaderless } from './formats/cdnow.ts';
import { events } from './formats/events.ts';
import {
  type ColumnMap,
  columnKey,
  type Format,
  type FormatName,
  formatNames,
  mapColumns,
} from './formats/format.ts';
import { onlineRetail } from './formats/online-retail.ts';
import { ndjsonReader } from './formats/own-columns.ts';
import { products } from './formats/products.ts';
import { rees46 } from './formats/rees46.ts';
import { retailrocket } from './formats/retailrocket.ts';
import { users } from './formats/users.ts';
import { LineAssembler } from './line-assembler.ts';
import { type Layout, splitLine } from './record-parser.ts';

/** Most telling first: a REES46 file has all that `events` asks for, and nearly every file has a customer. */
const formats: readonly Format[] = [onlineRetail, rees46, retailrocket, cdnow, events, products, users];
const delimiters = [',', ';', '\t', '|'] as const;
const jsonColumns: Partial<Record<FormatName, string>> = {
  events: 'properties',
  products: 'attributes',
  users: 'profile',
};
const looked = 50;

/** How to read a file: what its first lines say. */
export interface Detected {
  readonly format: Format;
  readonly layout: Layout;
  readonly header: readonly string[];
  readonly columns: ColumnMap;
  readonly hasHeader: boolean;
}

/** The lines of a file's head. The last one may be cut off in the middle and is left out unless it is the only one. */
export function headLines(head: Buffer, isWhole: boolean): string[] {
  const lines: string[] = [];
  const assembler = new LineAssembler({
    lines: (text) =>
      lines.push(...text.split('\n').map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line))),
    overlong: (beginning) => lines.push(beginning),
  });
  assembler.push(head);
  if (isWhole || !head.includes(10)) assembler.end();
  return lines.filter((line) => line.trim() !== '');
}

/** Finds the format, or checks the one asked for. Throws IMPORT_FORMAT or IMPORT_HEADER, before anything is written. */
export function detect(lines: readonly string[], requested: FormatName | undefined, name: string): Detected {
  const first = lines[0];
  if (first === undefined) throw new AppError('IMPORT_FILE', `${name} holds nothing but blank lines.`);
  const candidates = formats.filter((format) => requested === undefined || format.name === requested);
  const detected = first.trimStart().startsWith('{')
    ? detectJson(lines, candidates)
    : (detectHeader(first, candidates) ?? detectHeaderless(lines, candidates));
  if (detected !== null) return detected;
  throw requested === undefined
    ? unknownFormat(name, first)
    : wrongHeader(name, first, candidates[0] as Format);
}

function detectJson(lines: readonly string[], candidates: readonly Format[]): Detected | null {
  const keys = new Set<string>();
  for (const line of lines.slice(0, looked)) for (const key of jsonKeys(line)) keys.add(key);
  for (const format of candidates) {
    const jsonColumn = jsonColumns[format.name];
    if (jsonColumn === undefined || mapColumns(format.columns, [...keys]).missing.length > 0) continue;
    const header = Object.keys(format.columns);
    const columns = Object.fromEntries(header.map((column, at) => [column, at]));
    return {
      format,
      layout: { kind: 'ndjson', read: ndjsonReader(format.columns, jsonColumn) },
      header,
      columns,
      hasHeader: false,
    };
  }
  return null;
}

function jsonKeys(line: string): string[] {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? Object.keys(value) : [];
  } catch {
    return [];
  }
}

function detectHeader(line: string, candidates: readonly Format[]): Detected | null {
  for (const layout of layoutsOf(line)) {
    const header =
      layout.kind === 'blank'
        ? line.trim().split(/\s+/)
        : splitLine(line, (layout as { delimiter: string }).delimiter);
    if (header === null) continue;
    for (const format of candidates) {
      // Only CDNOW's own files have blanks between; elsewhere a blank belongs to a value.
      if (layout.kind === 'blank' && format.name !== 'cdnow') continue;
      const { columns, missing } = mapColumns(format.columns, header);
      if (missing.length === 0) return { format, layout, header, columns, hasHeader: true };
    }
  }
  return null;
}

function detectHeaderless(lines: readonly string[], candidates: readonly Format[]): Detected | null {
  if (!candidates.includes(cdnow)) return null;
  const sample = lines.slice(0, looked);
  for (const layout of layoutsOf(lines[0] as string)) {
    const header = cdnowHeaderless(
      sample.map((line) =>
        layout.kind === 'delimited' ? line.split(layout.delimiter) : line.trim().split(/\s+/),
      ),
    );
    if (header === null) continue;
    return {
      format: cdnow,
      layout,
      header,
      columns: mapColumns(cdnow.columns, header).columns,
      hasHeader: false,
    };
  }
  return null;
}

function layoutsOf(line: string): Layout[] {
  const present = delimiters
    .filter((delimiter) => line.includes(delimiter))
    .sort((a, b) => line.split(b).length - line.split(a).length)
    .map((delimiter): Layout => ({ kind: 'delimited', delimiter }));
  // A list of one column has no delimiter at all (ids only, say); the comma then splits nothing.
  return present.length === 0
    ? [{ kind: 'blank' }, { kind: 'delimited', delimiter: ',' }]
    : [...present, { kind: 'blank' }];
}

function unknownFormat(name: string, first: string): AppError {
  return new AppError(
    'IMPORT_FORMAT',
    `${name} is in no format that is known; its first line is: ${shown(first)}`,
    {
      hint: `Formats: ${formatNames.join(', ')}. docs/import-formats.md says which columns each needs.`,
    },
  );
}

function wrongHeader(name: string, first: string, format: Format): AppError {
  const closest = layoutsOf(first)
    .map((layout) => (layout.kind === 'delimited' ? splitLine(first, layout.delimiter) : null) ?? [])
    .map((header) => mapColumns(format.columns, header).missing)
    .sort((a, b) => a.length - b.length)[0];
  const missing = closest ?? [];
  return new AppError(
    'IMPORT_HEADER',
    `${name} does not fit the format ${format.name}: no column for ${missing.join(', ') || 'its fields'}. Its first line is: ${shown(first)}`,
    {
      details: { format: format.name, missing },
      hint: `Leave --format out to have it detected, or name the columns as docs/import-formats.md says (${Object.keys(format.columns).map(columnKey).join(', ')}).`,
    },
  );
}

function shown(line: string): string {
  return JSON.stringify(line.length > 160 ? `${line.slice(0, 160)}…` : line);
}
