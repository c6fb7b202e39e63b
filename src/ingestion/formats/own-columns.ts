import { type ExactValue, isObject, parseExactObject, scalarText, stringifyExact } from '../exact-json.ts';
import { excerpt, type Reject, reject } from '../rejects.ts';
import { type ColumnMap, type ColumnSpec, columnKey } from './format.ts';

/** What our own three formats share: a JSON column, and every column that is not in the spec goes into it as text. */

export type Bag = { [key: string]: ExactValue };

export interface ExtraColumn {
  readonly name: string;
  readonly at: number;
}

export function extraColumns(columns: ColumnMap, header: readonly string[]): ExtraColumn[] {
  const known = new Set(Object.values(columns));
  return header
    .map((name, at) => ({ name: name.trim(), at }))
    .filter(({ name, at }) => name !== '' && !known.has(at));
}

/** The JSON column's object and the extra columns in one; a reject when the cell is no JSON object. */
export function readBag(
  fields: readonly string[],
  jsonAt: number,
  extras: readonly ExtraColumn[],
): Bag | Reject {
  const text = jsonAt < 0 ? '' : (fields[jsonAt] as string).trim();
  const bag = text === '' ? {} : parseExactObject(text);
  if (bag === null) return reject('json', `${excerpt(text)} is no JSON object that PostgreSQL can store`);
  for (const { name, at } of extras) {
    const value = fields[at] as string;
    if (value !== '') bag[name] = value;
  }
  return bag;
}

export function bagText(bag: Bag): string | null {
  return Object.keys(bag).length === 0 ? null : stringifyExact(bag);
}

const badLine = reject('json', 'the line is no JSON object that PostgreSQL can store');

/**
 * A reader of NDJSON lines that gives the same fields as a CSV file with all columns of the spec would: keys of the spec in
 * their column, every other key in the JSON column. Numbers keep their digits.
 */
export function ndjsonReader(spec: ColumnSpec, jsonColumn: string): (line: string) => string[] | Reject {
  const names = Object.keys(spec);
  const jsonAt = names.indexOf(jsonColumn);
  const places = new Map(
    names.flatMap((name, at) => (spec[name]?.names ?? []).map((key): [string, number] => [key, at])),
  );
  return (line) => {
    const record = parseExactObject(line);
    if (record === null) return badLine;
    const fields = new Array<string>(names.length).fill('');
    const rest: Bag = {};
    for (const [key, value] of Object.entries(record)) {
      const at = places.get(columnKey(key));
      if (at === undefined) rest[key] = value;
      else if (at === jsonAt) {
        if (value !== null && !isObject(value)) return reject('json', `${excerpt(key)} is no JSON object`);
        Object.assign(rest, value);
      } else {
        const text = scalarText(value);
        if (text === null)
          return reject('json', `${excerpt(key)} is a list or an object where one value belongs`);
        fields[at] = text;
      }
    }
    fields[jsonAt] = bagText(rest) ?? '';
    return fields;
  };
}
