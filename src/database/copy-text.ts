/** One value of a COPY row. Numbers must be finite; dates and JSON are passed as text. */
export type CopyValue = string | number | bigint | boolean | null;

const special = /[\\\n\r\t]/;
const escapes: Record<string, string> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** Escapes one text for COPY's text format. Most values hold nothing to escape: testing first costs a third. */
export function copyText(value: string): string {
  return special.test(value) ? value.replace(/[\\\n\r\t]/g, (c) => escapes[c] as string) : value;
}

/** One line of PostgreSQL's COPY text format (tab between, \N for NULL), newline included. */
export function copyRow(values: readonly CopyValue[]): string {
  let line = '';
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as CopyValue;
    if (i > 0) line += '\t';
    if (value === null) line += '\\N';
    else if (typeof value === 'string') line += copyText(value);
    else if (typeof value === 'boolean') line += value ? 't' : 'f';
    else line += String(value);
  }
  return `${line}\n`;
}
