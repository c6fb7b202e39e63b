/** Why a row is not an event. Codes are stable; the reason is for people. */
export type RejectCode =
  | 'columns'
  | 'malformed_quote'
  | 'line_too_long'
  | 'nul_byte'
  | 'json'
  | 'timestamp'
  | 'number'
  | 'missing_value'
  | 'value_too_long'
  | 'event_type'
  | 'currency'
  | 'telegram_conflict'
  | 'too_large'
  | 'unknown_field'
  | 'unknown_id'
  | 'conflict'
  | 'not_permitted'
  | 'refused';

export class Reject {
  readonly code: RejectCode;
  readonly reason: string;

  constructor(code: RejectCode, reason: string) {
    this.code = code;
    this.reason = reason;
  }
}

export function reject(code: RejectCode, reason: string): Reject {
  return new Reject(code, reason);
}

export function wrongCount(found: number, expected: number): Reject {
  return reject('columns', `${found} fields where the header has ${expected}`);
}

/** An outside id goes into B-tree keys, which PostgreSQL limits to 2,704 bytes: 500 characters fit with all that is around. */
export const maxIdLength = 500;

const excerptLength = 40;

/** Shows a value in a reason without letting a long one in. */
export function excerpt(value: string): string {
  return JSON.stringify(value.length > excerptLength ? `${value.slice(0, excerptLength)}…` : value);
}
