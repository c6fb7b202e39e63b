import { AppError } from '../errors.ts';

/** Callers must not take cursors apart, so that what stands in them can change. */
export function writeCursor(position: unknown): string {
  return Buffer.from(JSON.stringify(position)).toString('base64url');
}

/** @param read gives what it recognises, or `undefined` @throws VALIDATION for what is no cursor of this list */
export function readCursor<T>(
  cursor: string | undefined,
  read: (value: unknown) => T | undefined,
): T | undefined {
  if (cursor === undefined) return undefined;
  let position: T | undefined;
  try {
    position = read(JSON.parse(Buffer.from(cursor, 'base64url').toString()));
  } catch {
    // Not JSON: said below.
  }
  if (position !== undefined) return position;
  throw new AppError('VALIDATION', 'cursor is none that this list gave', {
    hint: 'Send next_cursor of the page before as it came, with the same filters and order.',
  });
}

export function integerPosition(minimum: number, maximum: number) {
  return (value: unknown): number | undefined =>
    Number.isInteger(value) && (value as number) >= minimum && (value as number) <= maximum
      ? (value as number)
      : undefined;
}
