import { randomBytes } from 'node:crypto';
import { parseDecimal } from './decimal.ts';

/**
 * JSON whose numbers keep every digit. JSON.parse makes floats of them (and Node 20 has no source access in its reviver),
 * so numbers are first written as strings behind a mark that no input can know, and get their bare form back at the end.
 */
const mark = `\u0001${randomBytes(8).toString('hex')}:`;
const tokens = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const markedNumber = new RegExp(`"\\\\u0001${mark.slice(1)}([^"]+)"`, 'g');
const maxDepth = 50;

export type ExactValue = string | boolean | null | ExactValue[] | { [key: string]: ExactValue };

/** Parses one JSON object; null when the text is none, or holds what jsonb refuses (NUL, half a surrogate pair, deep nesting). */
export function parseExactObject(text: string): { [key: string]: ExactValue } | null {
  try {
    JSON.parse(text);
    const marked = text.replace(tokens, (token) => {
      if (token.startsWith('"')) return token;
      const decimal = parseDecimal(token);
      if (decimal === null) throw new RangeError('number out of range');
      return JSON.stringify(mark + decimal);
    });
    const value = JSON.parse(marked) as ExactValue;
    return isObject(value) && isStorable(value, 0) ? value : null;
  } catch {
    return null;
  }
}

export function isObject(value: ExactValue | undefined): value is { [key: string]: ExactValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A value of an exact object as a field's text: numbers as written, null as nothing; null for lists and objects. */
export function scalarText(value: ExactValue | undefined): string | null {
  if (value === undefined || value === null) return '';
  if (typeof value === 'boolean') return String(value);
  if (typeof value !== 'string') return null;
  return value.startsWith(mark) ? value.slice(mark.length) : value;
}

export function stringifyExact(value: ExactValue): string {
  return JSON.stringify(value).replace(markedNumber, '$1');
}

function isStorable(value: ExactValue, depth: number): boolean {
  if (depth > maxDepth) return false;
  if (typeof value === 'string') return isStorableText(value);
  if (typeof value !== 'object' || value === null) return true;
  if (Array.isArray(value)) return value.every((item) => isStorable(item, depth + 1));
  return Object.entries(value).every(([key, item]) => isStorableText(key) && isStorable(item, depth + 1));
}

/** PostgreSQL stores neither NUL nor a lone surrogate in jsonb. */
function isStorableText(text: string): boolean {
  return !text.includes('\0') && !/\p{Surrogate}/u.test(text);
}

const plainText = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

/** A JSON string. Most ids hold nothing to escape. */
export function jsonString(text: string): string {
  return plainText.test(text) ? `"${text}"` : JSON.stringify(text);
}
