import type {
  DatabaseSize,
  HealthLine,
  IndexSize,
  Lock,
  Session,
  SlowQuery,
  TableSize,
} from '../operations/monitoring/read.ts';
import { type Column, percent, renderTable } from './table.ts';

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB'];

/** Bytes in powers of 1024, as PostgreSQL's pg_size_pretty: 8192 B, 33 MB. */
function size(bytes: number | null): string | null {
  if (bytes === null) return null;
  let value = bytes;
  let unit = 0;
  while (value >= 10_240 && unit < UNITS.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${Math.round(value)} ${UNITS[unit]}`;
}

function seconds(value: number | null): string | null {
  if (value === null) return null;
  if (value < 120) return `${value.toFixed(value < 10 ? 1 : 0)} s`;
  return value < 7200 ? `${Math.floor(value / 60)} min` : `${Math.floor(value / 3600)} h`;
}

function milliseconds(value: number): string {
  return value < 100 ? value.toFixed(2) : value.toFixed(0);
}

function oneLine(sql: string): string {
  return sql
    .replace(/--[^\n]*/g, ' ')
    .replace(/\s+/g, ' ')
    .trim();
}

/** The last column takes what the terminal leaves; it is not cut below what one can read. */
function fitting<Row>(
  rows: readonly Row[],
  columns: readonly Column<Row>[],
  last: Column<Row>,
  width: number,
): string {
  const others = renderTable(rows, columns)
    .split('\n')
    .map((line) => [...line].length);
  return renderTable(rows, [
    ...columns,
    { ...last, maxLength: Math.max(24, width - Math.max(...others) - 2) },
  ]);
}

export function renderSlowQueries(rows: readonly SlowQuery[], width: number): string {
  return fitting(
    rows,
    [
      { heading: 'mean ms', cell: (row) => milliseconds(row.mean_ms), align: 'right' },
      { heading: 'max ms', cell: (row) => milliseconds(row.max_ms), align: 'right' },
      { heading: 'calls', cell: (row) => row.calls, align: 'right' },
      { heading: 'of time', cell: (row) => percent(row.share_of_time), align: 'right' },
    ],
    { heading: 'query', cell: (row) => oneLine(row.query) },
    width,
  );
}

export function renderSessions(rows: readonly Session[], width: number): string {
  return fitting(
    rows,
    [
      { heading: 'pid', cell: (row) => row.pid, align: 'right' },
      { heading: 'role', cell: (row) => row.role_name, maxLength: 16 },
      {
        heading: 'state',
        cell: (row) => row.state?.replace('in transaction', 'in transact.'),
        maxLength: 18,
      },
      { heading: 'for', cell: (row) => seconds(row.state_seconds), align: 'right' },
      { heading: 'waits for', cell: (row) => row.waits_for || null, maxLength: 20 },
      { heading: 'blocked by', cell: (row) => row.blocked_by.join(' ') || null },
    ],
    { heading: 'query', cell: (row) => oneLine(row.query) },
    width,
  );
}

export function renderLocks(rows: readonly Lock[]): string {
  return renderTable(rows, [
    { heading: 'waiting', cell: (row) => row.waiting_pid, align: 'right' },
    { heading: 'holding', cell: (row) => row.holding_pid, align: 'right' },
    { heading: 'for', cell: (row) => seconds(row.waiting_seconds), align: 'right' },
    { heading: 'on', cell: (row) => row.on_what },
    { heading: 'wanted', cell: (row) => row.wanted.replace('Lock', '') },
    { heading: 'held', cell: (row) => row.held.replace('Lock', '') },
  ]);
}

export function renderDatabase(row: DatabaseSize): string {
  return [
    `${row.database_name}: ${size(row.bytes)}, PostgreSQL ${row.server_version}`,
    `cache hit ratio ${percent(row.cache_hit_share) ?? '-'}, connections ${row.connections} of ${row.max_connections}, ` +
      `transaction-id age ${row.transaction_age.toLocaleString('en')}`,
  ].join('\n');
}

export function renderTableSizes(rows: readonly TableSize[]): string {
  return renderTable(rows, [
    { heading: 'table', cell: (row) => row.table_name },
    { heading: 'rows', cell: (row) => row.rows, align: 'right' },
    { heading: 'total', cell: (row) => size(row.total_bytes), align: 'right' },
    { heading: 'indexes', cell: (row) => size(row.index_bytes), align: 'right' },
    { heading: 'bloat', cell: (row) => size(row.bloat_bytes), align: 'right' },
    { heading: 'dead', cell: (row) => percent(row.dead_share), align: 'right' },
  ]);
}

function remark(row: IndexSize): string | null {
  if (!row.is_valid) return 'invalid';
  if (row.duplicate_of !== null) return `same as ${row.duplicate_of}`;
  return row.is_unused ? 'unused' : null;
}

export function renderIndexSizes(rows: readonly IndexSize[]): string {
  return renderTable(rows, [
    { heading: 'index', cell: (row) => row.index_name },
    { heading: 'size', cell: (row) => size(row.bytes), align: 'right' },
    { heading: 'bloat', cell: (row) => size(row.bloat_bytes), align: 'right' },
    { heading: 'scans', cell: (row) => row.scans, align: 'right' },
    { heading: 'remark', cell: remark },
  ]);
}

/** Breaks at blanks; a word longer than the line stays whole. */
export function wrapped(text: string, indent: number, width: number): string {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= Math.max(20, width - indent))
      lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.map((line) => ' '.repeat(indent) + line).join('\n');
}

/** A line for each question; what to do stands below it, within the width. */
export function renderHealth(rows: readonly HealthLine[], width: number): string {
  const subjects = Math.max(...rows.map((row) => row.subject.length));
  return rows
    .flatMap((row) => {
      const indent = 9 + subjects + 2;
      const head = `${row.verdict.padEnd(9)}${row.subject.padEnd(subjects)}  `;
      const value = wrapped(row.value, indent, width).trimStart();
      return [head + value, ...(row.advice ? [wrapped(`→ ${row.advice}`, indent, width)] : [])];
    })
    .join('\n');
}
