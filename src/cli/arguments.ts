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

/** The name of a system that events come from. What `demo` is called would be removed with the demonstration shop. */
export function sourceName(text: string): string {
  if (!/^[\p{L}\p{N}][\p{L}\p{N} ._-]{0,99}$/u.test(text)) {
    throw new InvalidArgumentError('Give 1 to 100 letters, digits, blanks, dots, dashes or underscores.');
  }
  if (text === 'demo')
    throw new InvalidArgumentError('That is the demonstration shop, which `demo remove` deletes.');
  return text;
}
