const iso =
  /^(\d{4})-(\d\d?)-(\d\d?)(?:[T ](\d\d?):(\d\d)(?::(\d\d)(?:\.(\d{1,6})\d*)?)?)?(?: ?(Z|UTC|GMT|[+-]\d\d(?::?\d\d)?))?$/;
const slashed = /^(\d\d?)\/(\d\d?)\/(\d{4})(?: (\d\d?):(\d\d)(?::(\d\d))?)?$/;
const compact = /^(\d{4})(\d\d)(\d\d)$/;

/** PostgreSQL takes more, but a year outside of these is a slip of the pen in every shop's file. */
const firstYear = 1900;
const lastYear = 2199;

/** Which part of `03/04/2011` is the day: Kaggle's copies of Online Retail put the month first. */
export type SlashOrder = 'month-first' | 'day-first';

/**
 * Checks a moment and returns it in the form that PostgreSQL reads whatever its DateStyle: `YYYY-MM-DD HH:MM:SS[.ffffff]`
 * with an offset if the text had one. Without an offset PostgreSQL resolves it in the session's TimeZone. The calendar is
 * checked here, so that a 31st of June is one rejected row and not a refused batch. Null when it is no moment.
 */
export function parseTimestamp(text: string, order: SlashOrder = 'month-first'): string | null {
  const match = iso.exec(text);
  if (match !== null) {
    const [, year, month, day, hour, minute, second, fraction, zone] = match;
    return assemble([year, month, day, hour, minute, second], fraction, zone);
  }
  const parts = slashed.exec(text);
  if (parts === null) return null;
  const [, first, middle, year, hour, minute, second] = parts;
  const [month, day] = order === 'month-first' ? [first, middle] : [middle, first];
  return assemble([year, month, day, hour, minute, second]);
}

/** `YYYYMMDD` as `YYYY-MM-DD 00:00:00`, null when it is no day. */
export function parseCompactDate(text: string): string | null {
  const match = compact.exec(text);
  return match === null ? null : assemble([match[1], match[2], match[3], '0', '0', '0']);
}

/**
 * Seconds or milliseconds since 1970 (10 digits or fewer are seconds) as a UTC timestamp, to the millisecond; null when out of range. A
 * fraction is what Python's clock has, and what pandas makes of whole seconds where one is missing.
 */
export function parseEpoch(text: string): string | null {
  const whole = /^(\d{1,14})(?:\.\d{1,9})?$/.exec(text)?.[1];
  if (whole === undefined) return null;
  const moment = new Date(Math.round(Number(text) * (whole.length > 10 ? 1 : 1000)));
  if (Number.isNaN(moment.getTime()) || moment.getUTCFullYear() > lastYear) return null;
  const written = moment.toISOString();
  return `${written.slice(0, 10)} ${written.slice(11, 23)}+00`;
}

function assemble(parts: readonly (string | undefined)[], fraction?: string, zone?: string): string | null {
  const [year, month, day, hour, minute, second] = parts.map((part) => Number(part ?? '0')) as number[];
  if (!isDay(year as number, month as number, day as number)) return null;
  if ((hour as number) > 23 || (minute as number) > 59 || (second as number) > 59) return null;
  const offset = zone === undefined ? '' : offsetOf(zone);
  if (offset === null) return null;
  const date = `${year}-${pad(month as number)}-${pad(day as number)}`;
  const time = `${pad(hour as number)}:${pad(minute as number)}:${pad(second as number)}`;
  return `${date} ${time}${fraction === undefined ? '' : `.${fraction}`}${offset}`;
}

function isDay(year: number, month: number, day: number): boolean {
  if (year < firstYear || year > lastYear || month < 1 || month > 12 || day < 1) return false;
  return day <= new Date(Date.UTC(year, month, 0)).getUTCDate();
}

/** The widest offsets in use are +14:00 and -12:00. */
function offsetOf(zone: string): string | null {
  if (zone === 'Z' || zone === 'UTC' || zone === 'GMT') return '+00';
  const hours = Number(zone.slice(1, 3));
  const minutes = zone.length > 3 ? Number(zone.slice(-2)) : 0;
  if (hours > 14 || minutes > 59) return null;
  return `${zone.slice(0, 3)}:${pad(minutes)}`;
}

function pad(value: number): string {
  return value < 10 ? `0${value}` : String(value);
}

/** A parser that remembers the last text: the lines of one invoice share their moment, which makes it free for most rows. */
export function rememberingTimestamps(order: SlashOrder = 'month-first'): (text: string) => string | null {
  let lastText: string | undefined;
  let lastResult: string | null = null;
  return (text) => {
    if (text !== lastText) {
      lastResult = parseTimestamp(text, order);
      lastText = text;
    }
    return lastResult;
  };
}

/** Looks for proof of the order of day and month in some slashed dates; without proof, the month is first. */
export function slashOrderOf(texts: Iterable<string>): SlashOrder {
  for (const text of texts) {
    const parts = slashed.exec(text);
    if (parts !== null && Number(parts[1]) > 12) return 'day-first';
  }
  return 'month-first';
}
