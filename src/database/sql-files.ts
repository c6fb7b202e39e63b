import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { AppError } from '../errors.ts';

export interface SqlFile {
  name: string;
  sql: string;
  /** SHA-256 of the text with LF line ends, in hex: a checkout on Windows must not look like a change. */
  checksum: string;
}

// src/database and dist/database are equally deep.
const root = fileURLToPath(new URL('../../database/', import.meta.url));

function readFolder(folder: string): SqlFile[] {
  return readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .sort()
    .map((name) => {
      const sql = readFileSync(join(folder, name), 'utf8').replaceAll('\r\n', '\n');
      return { name, sql, checksum: createHash('sha256').update(sql).digest('hex') };
    });
}

/**
 * What database/schema.sql makes, as `table app_schema.users`, `index …`, `view …`, `function …`, `trigger NAME on TABLE`. Partitions
 * of pg-boss are left out: it makes and drops them.
 */
export function readSchemaObjects(): string[] {
  const schema = readFileSync(join(root, 'schema.sql'), 'utf8');
  const names = (pattern: RegExp, write: (match: RegExpMatchArray) => string): string[] =>
    [...schema.matchAll(pattern)].map(write);
  const all = [
    ...names(
      /^CREATE (TABLE|VIEW|FUNCTION) (\w+\.\w+)/gm,
      ([, kind, name]) => `${kind?.toLowerCase()} ${name}`,
    ),
    ...names(
      /^CREATE (?:UNIQUE )?INDEX (\w+) ON (?:ONLY )?(\w+)\./gm,
      ([, name, of]) => `index ${of}.${name}`,
    ),
    ...names(/^CREATE TRIGGER (\w+) .* ON (\w+\.\w+) /gm, ([, name, table]) => `trigger ${name} on ${table}`),
  ];
  return [...new Set(all)].filter((name) => !/ pgboss\.j[0-9a-f]{10}/.test(name));
}

/** The user's four scripts, in order. */
export function readInitFiles(): SqlFile[] {
  return readFolder(join(root, 'init'));
}

/** Migrations in order; names are `NNNN-words.sql` and the numbers have no hole and no twin. */
export function readMigrationFiles(folder = join(root, 'migrations')): SqlFile[] {
  const files = readFolder(folder);
  files.forEach((file, index) => {
    const expected = String(index + 1).padStart(4, '0');
    if (!file.name.startsWith(`${expected}-`)) {
      throw new AppError('MIGRATION_ORDER', `expected a migration ${expected}-….sql, found ${file.name}`, {
        hint: 'Number the files of database/migrations/ without holes or twins.',
      });
    }
  });
  return files;
}

/** The queries of `customer-analyzer db check`, each of which returns what offends against one rule. */
export function readCheckFiles(): SqlFile[] {
  return readFolder(join(root, 'checks'));
}
