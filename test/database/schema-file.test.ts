import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, inject, it } from 'vitest';
import { hasPgDump, runClient } from '../support/programs.ts';

const file = fileURLToPath(new URL('../../database/schema.sql', import.meta.url));
const refresh = 'UPDATE_SCHEMA=1 npx vitest run test/database/schema-file.test.ts';
const heading = `-- The schema after all migrations, as pg_dump shows it. Generated, for reading and for review: ${refresh}
`;

/** What differs between versions and runs of pg_dump goes: its heading, session settings, tokens, blanks. */
function normalise(dump: string): string {
  const lines = dump
    .split('\n')
    .filter((line) => !/^(--|\\|SET |SELECT pg_catalog\.set_config)/.test(line))
    .map((line) => (line.startsWith('ALTER DEFAULT PRIVILEGES') ? line.replaceAll('  ', ' ') : line));
  return `${heading}\n${lines
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim()}\n`;
}

it.skipIf(!hasPgDump)('database/schema.sql is what the migrations make (needs pg_dump)', async () => {
  const schema = normalise(await runClient('pg_dump', inject('templateUrl'), ['--schema-only']));
  if (process.env['UPDATE_SCHEMA']) writeFileSync(file, schema);
  expect(readFileSync(file, 'utf8'), `database/schema.sql is stale; refresh it: ${refresh}`).toBe(schema);
});
