import { randomBytes } from 'node:crypto';
import { parseDecimal } from './decimal.ts';

/**
 * JSON whose numbers keep every digit. JSON.parse makes floats of them (and Node 20 has no source access in its reviver),
 * so numbers are first written as strings behind a mark that no input can know, and get their bare form back at the end.
 */
const mark = `\u0001${randomBytes(8).toString('hex')}:`;
const tokens = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const markedNumber = new RegExp(`"\\\\u0001${mark.slice(1)}([^"]+)"`, 'g');
const escapedMark = `"\\u0001${mark.slice(1)}`;
const maxDepth = 50;

/** A number is a marked string where JSON.parse could not hold its digits, else a number. */
export type ExactValue = string | number | boolean | null | ExactValue[] | { [key: string]: ExactValue };

/** Parses one JSON object; null when the text is none, or holds what jsonb refuses (NUL, half a surrogate pair, deep nesting). */
export function parseExactObject(text: string): { [key: string]: ExactValue } | null {
  try {
    JSON.parse(text);
    const value = markNumbers(text);
    return isObject(value) && unstorable(value) === null ? value : null;
  } catch {
    return null;
  }
}

/**
 * What JSON.parse would lose or PostgreSQL refuse can only be where one of these is: numbers of 16 digits and more or with an
 * exponent, escaped NUL and surrogates. Most requests have none of them, and are spared the slow way.
 */
const risky = /\\u(?:0000|[dD][89a-fA-F])|[:,[\s]-?(?:[\d.]{16,}|[\d.]+[eE])/;

/** Parses any JSON text. `checked` says that every string in it can be stored. @throws SyntaxError */
export function parseExact(text: string): { value: ExactValue; checked: boolean } {
  const value = JSON.parse(text) as ExactValue;
  return risky.test(text) ? { value: markNumbers(text), checked: false } : { value, checked: true };
}

/** Numbers out of range stay as they are written, behind the mark: `unstorable` finds them. */
function markNumbers(text: string): ExactValue {
  const marked = text.replace(tokens, (token) =>
    token.startsWith('"') ? token : JSON.stringify(mark + (parseDecimal(token) ?? token)),
  );
  return JSON.parse(marked) as ExactValue;
}

export function isObject(value: ExactValue | undefined): value is { [key: string]: ExactValue } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A value of an exact object as a field's text: numbers as written, null as nothing; null for lists and objects. */
export function scalarText(value: ExactValue | undefined): string | null {
  if (value === undefined || value === null) return '';
  if (typeof value === 'boolean' || typeof value === 'number') return String(value);
  if (typeof value !== 'string') return null;
  return value.startsWith(mark) ? value.slice(mark.length) : value;
}

export function stringifyExact(value: ExactValue): string {
  const text = JSON.stringify(value);
  return text.includes(escapedMark) ? text.replace(markedNumber, '$1') : text;
}

/**
 * One text for all ways to write the same value: keys in order, numbers in canonical form. `without` names keys of the
 * outermost object that do not count. @throws RangeError where the nesting is deeper than can be stored
 */
export function canonicalText(value: ExactValue, without?: ReadonlySet<string>, depth = 0): string {
  if (depth > maxDepth) throw new RangeError(`nested deeper than ${maxDepth}`);
  if (typeof value === 'string') return value.startsWith(mark) ? value.slice(mark.length) : jsonString(value);
  if (typeof value === 'number') return Number.isSafeInteger(value) ? String(value) : decimalText(value);
  if (typeof value !== 'object' || value === null) return String(value);
  if (Array.isArray(value))
    return `[${value.map((item) => canonicalText(item, undefined, depth + 1)).join(',')}]`;
  let text = '';
  for (const key of sortKeys(Object.keys(value))) {
    if (without?.has(key)) continue;
    const item = canonicalText(value[key] as ExactValue, undefined, depth + 1);
    text += text === '' ? `${jsonString(key)}:${item}` : `,${jsonString(key)}:${item}`;
  }
  return `{${text}}`;
}

/** In the order of `sort()`, which costs more than this where there are few. */
function sortKeys(keys: string[]): string[] {
  if (keys.length > 12) return keys.sort();
  for (let i = 1; i < keys.length; i++) {
    const key = keys[i] as string;
    let place = i;
    for (; place > 0 && (keys[place - 1] as string) > key; place--) keys[place] = keys[place - 1] as string;
    keys[place] = key;
  }
  return keys;
}

function decimalText(value: number): string {
  return parseDecimal(String(value)) ?? String(value);
}

/** Why PostgreSQL could not store a value as jsonb; null where it can. */
export function unstorable(value: ExactValue, depth = 0): string | null {
  if (depth > maxDepth) return `nested deeper than ${maxDepth}`;
  if (typeof value === 'string') return unstorableText(value);
  if (typeof value !== 'object' || value === null) return null;
  for (const [key, item] of Object.entries(value)) {
    const reason = unstorableText(key) ?? unstorable(item, depth + 1);
    if (reason !== null) return reason;
  }
  return null;
}

/** PostgreSQL stores neither NUL nor a lone surrogate in jsonb. */
function unstorableText(text: string): string | null {
  if (text.startsWith(mark)) {
    return parseDecimal(text.slice(mark.length)) === null ? 'a number is out of range' : null;
  }
  if (text.includes('\0')) return 'a text has a NUL character';
  return /\p{Surrogate}/u.test(text) ? 'a text has half a surrogate pair' : null;
}

const plainText = /^[\x20\x21\x23-\x5b\x5d-\x7e]*$/;

/** A JSON string. Most ids hold nothing to escape. */
export function jsonString(text: string): string {
  return plainText.test(text) ? `"${text}"` : JSON.stringify(text);
}
