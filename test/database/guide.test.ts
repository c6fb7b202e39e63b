import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { blocks, GUIDES } from '../support/guide.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
  await db.adminPool.query(`
    INSERT INTO app_schema.users (first_name) SELECT 'Customer ' || n FROM generate_series(1, 50) n;
    INSERT INTO app_schema.products (name) SELECT 'Product ' || n FROM generate_series(1, 10) n;
    INSERT INTO app_schema.segments VALUES (1, 'champions', 'Champions', 'Чемпионы', 'Best', 'Лучшие');
    INSERT INTO app_schema.model_runs (kind, algorithm, status, as_of, code_version, parameters, evaluation, model) VALUES ('churn', 'a', 'challenger', now(), '1', '{}', '{}', '{}')`);
});
afterAll(() => db.drop());

/** What needs another database than this one, or a state that only the words around it describe. */
const elsewhere = /ALTER DATABASE \w+ RENAME/;

describe.each(GUIDES)('%s', (guide) => {
  it.each(blocks(guide, 'sql').map((sql) => [sql]))('runs: %s', async (sql) => {
    if (elsewhere.test(sql)) return expect(sql).toMatch(/^(ALTER DATABASE \w+ RENAME TO \w+;\n)+$/);
    const client = await db.adminPool.connect();
    try {
      await client.query('BEGIN');
      await client.query(sql);
    } finally {
      await client.query('ROLLBACK');
      client.release();
    }
  });

  it('names scripts, compose files and services that are there', () => {
    const text = blocks(guide, 'bash').join('\n');
    for (const [, script] of text.matchAll(/^\.\/(scripts\/\S+)/gm))
      expect(existsSync(root + script), script).toBe(true);
    for (const [, file] of text.matchAll(/docker compose -f (\S+)/g))
      expect(existsSync(root + file), file).toBe(true);
    const { services } = parse(readFileSync(`${root}docker-compose.yml`, 'utf8')) as {
      services: Record<string, { profiles?: string[] }>;
    };
    for (const [, profile] of text.matchAll(/--profile (\w+)/g))
      expect(
        Object.values(services).some((service) => service.profiles?.includes(profile as string)),
        profile,
      ).toBe(true);
  });
});

// Names, prices and zones of the examples are those of the language.
it('both guides have the same commands', () => {
  const code = (guide: string): string[] =>
    ['bash', 'sql', 'cron', 'ini']
      .flatMap((language) => blocks(guide, language))
      .map((block) => block.replace(/\s*(?:#|--) .*$|'[^']*'|[\d.]+/gm, '').trim());
  expect(code(GUIDES[1])).toEqual(code(GUIDES[0]));
});
