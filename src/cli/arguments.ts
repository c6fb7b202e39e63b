import { InvalidArgumentError, Option } from 'commander';

export type Language = 'en' | 'ru';

export interface JsonOption {
  json?: boolean;
}

export const languageOption = (): Option =>
  new Option('--language <code>', 'language of names and reasons').choices(['en', 'ru']).default('en');

/** A parser for commander: a whole number within bounds, nothing else ("10abc" is not 10). */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`Give a whole number from ${min} to ${max}.`);
    }
    return value;
  };
}

/** A parser for commander: a decimal number within bounds, in plain digits. */
export function decimal(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+(\.\d+)?$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`Give a number from ${min} to ${max}.`);
    }
    return value;
  };
}

/** A parser for commander: a decimal number, also below nothing, in plain digits. */
export function signedDecimal(most: number): (text: string) => number {
  const parse = decimal(0, most);
  return (text) => (text.startsWith('-') ? -parse(text.slice(1)) : parse(text));
}

export const probability = decimal(0, 1);

/** A parser for commander: a text of a length within bounds. */
export function textOf(maxLength: number): (text: string) => string {
  return (text) => {
    if (text === '' || text.length > maxLength)
      throw new InvalidArgumentError(`Give 1 to ${maxLength} characters.`);
    return text;
  };
}

export const userId = wholeNumber(1, 2_147_483_647);
export const productId = wholeNumber(1, 2_147_483_647);

export function calendarDay(text: string): string {
  const moment = new Date(`${text}T00:00:00Z`);
  if (
    !/^\d{4}-\d{2}-\d{2}$/.test(text) ||
    Number.isNaN(moment.getTime()) ||
    moment.toISOString().slice(0, 10) !== text
  ) {
    throw new InvalidArgumentError('Give a day as YYYY-MM-DD.');
  }
  return text;
}

/** A parser for commander: a moment that is the same whatever the time zone of who reads it. */
export function momentWithOffset(text: string): string {
  const parts = /^(\d{4}-\d{2}-\d{2})T\d{2}:\d{2}:\d{2}(\.\d{1,6})?(Z|[+-]\d{2}:\d{2})$/.exec(text);
  if (parts === null || Number.isNaN(Date.parse(text)))
    throw new InvalidArgumentError('Give a moment with its offset: 2026-01-31T09:30:00Z.');
  calendarDay(parts[1] as string);
  return text;
}

/** The name of a system that events come from. What `demo` is called would be removed with the demonstration shop. */
export function sourceName(text: string): string {
  if (!/^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,99}$/u.test(text)) {
    throw new InvalidArgumentError('Give 1 to 100 letters, digits, blanks, dots, dashes or underscores.');
  }
  if (text === 'demo')
    throw new InvalidArgumentError('That is the demonstration shop, which `demo remove` deletes.');
  return text;
}
