/** One column of a table: its heading, and the text of a row's cell. */
export interface Column<Row> {
  heading: string;
  cell: (row: Row) => string | number | null | undefined;
  align?: 'left' | 'right';
  maxLength?: number;
}

/** Longer cells would break the table on an 80-column terminal; --json has them whole. */
const MAX_CELL_LENGTH = 48;

// What a product is called comes from outside: control characters must not reach the terminal.
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is removed
const controlCharacters = /[\u0000-\u001f\u007f-\u009f]+/g;

function clip(value: string | number | null | undefined, maxLength = MAX_CELL_LENGTH): string {
  if (value === null || value === undefined) return '-';
  const characters = [...String(value).replace(controlCharacters, ' ')];
  return characters.length > maxLength
    ? `${characters.slice(0, maxLength - 1).join('')}…`
    : characters.join('');
}

/** Rows as aligned text, headings above, no trailing blanks. */
export function renderTable<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): string {
  const cells = rows.map((row) => columns.map((column) => clip(column.cell(row), column.maxLength)));
  const widths = columns.map((column, i) =>
    Math.max([...column.heading].length, ...cells.map((line) => [...(line[i] ?? '')].length)),
  );
  const render = (line: readonly string[]): string =>
    line
      .map((text, i) => {
        const padding = ' '.repeat((widths[i] ?? 0) - [...text].length);
        return columns[i]?.align === 'right' ? padding + text : text + padding;
      })
      .join('  ')
      .trimEnd();
  return [
    render(columns.map((column) => column.heading)),
    render(widths.map((width) => '─'.repeat(width))),
    ...cells.map(render),
  ].join('\n');
}

export function money(value: number | null): string | null {
  return value === null ? null : value.toFixed(2);
}

export function percent(value: number | null): string | null {
  return value === null ? null : `${(100 * value).toFixed(1)}%`;
}

export function day(value: Date | string | null): string | null {
  return value === null ? null : new Date(value).toISOString().slice(0, 10);
}
