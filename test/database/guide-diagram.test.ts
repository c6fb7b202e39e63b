import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
/** Their columns are shown; of the others the diagram has what they refer to. */
const shown = ['users', 'products', 'events', 'user_metrics'];

/** Parent, child, columns; whether a parent has one child at most, and whether a child may do without. pg-boss's are its own. */
const FOREIGN_KEYS = `
  SELECT c.confrelid::regclass::text AS parent,
    c.conrelid::regclass::text AS child, k.columns, k.nullable,
    EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.conrelid AND i.indisunique AND i.indpred IS NULL
      AND i.indnatts = cardinality(c.conkey) AND i.indkey::int2[] @> c.conkey) AS single
  FROM pg_constraint c, LATERAL (
    SELECT string_agg(a.attname, ', ' ORDER BY a.attnum) AS columns, bool_or(NOT a.attnotnull) AS nullable
    FROM pg_attribute a WHERE a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey)) k
  WHERE c.contype = 'f' AND c.connamespace::regnamespace::text NOT IN ('pgboss', 'pg_catalog')
  ORDER BY c.connamespace <> 'app_schema'::regnamespace, 2, 3`;

const COLUMNS = `
  SELECT a.attrelid::regclass::text AS table_name, a.attname AS name,
    replace(replace(format_type(a.atttypid, NULL), 'character varying', 'varchar'), 'timestamp with time zone', 'timestamptz') AS type,
    concat_ws(', ',
      CASE WHEN bool_or(c.contype = 'p') THEN 'PK' END,
      CASE WHEN bool_or(c.contype = 'f') THEN 'FK' END,
      CASE WHEN bool_or(c.contype = 'u' AND cardinality(c.conkey) = 1) THEN 'UK' END) AS keys
  FROM pg_attribute a LEFT JOIN pg_constraint c ON c.conrelid = a.attrelid AND a.attnum = ANY (c.conkey)
  WHERE a.attrelid = ANY ($1::regclass[]) AND a.attnum > 0 AND NOT a.attisdropped
  GROUP BY a.attrelid, a.attnum, a.attname, a.atttypid
  ORDER BY array_position($1::regclass[], a.attrelid::regclass), a.attnum`;

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db.drop());

const quoted = (name: string): string => (name.includes('.') ? `"${name}"` : name);

async function diagram(): Promise<string> {
  const client = await db.adminPool.connect();
  try {
    await client.query('SET search_path = app_schema');
    const keys = await client.query(FOREIGN_KEYS);
    const columns = await client.query(COLUMNS, [shown]);
    const relations = keys.rows.map(
      ({ parent, child, columns: on, nullable, single }) =>
        `  ${quoted(parent)} ${nullable ? '|o' : '||'}--${single ? 'o|' : 'o{'} ${quoted(child)} : "${on}"`,
    );
    const boxes = shown.flatMap((table) => [
      `  ${table} {`,
      ...columns.rows
        .filter((row) => row.table_name === table)
        .map(({ type, name, keys: marks }) => `    ${type} ${name} ${marks}`.trimEnd()),
      '  }',
    ]);
    return ['erDiagram', ...relations, ...boxes, ''].join('\n');
  } finally {
    await client.query('RESET ALL');
    client.release();
  }
}

it.each(['database/README.md', 'database/README.ru.md'])(
  '%s draws the tables as they are (UPDATE_SCHEMA=1 draws them anew)',
  async (guide) => {
    const drawn = await diagram();
    const text = readFileSync(root + guide, 'utf8');
    const block = /(?<=^```mermaid\n)[\s\S]*?(?=^```$)/m;
    if (process.env['UPDATE_SCHEMA'])
      writeFileSync(
        root + guide,
        text.replace(block, () => drawn),
      );
    else expect(text.match(block)?.[0]).toBe(drawn);
  },
);
