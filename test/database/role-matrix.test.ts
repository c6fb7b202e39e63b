import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { withLogin } from '../../src/database/connection-urls.ts';
import { createTestDatabase, PASSWORDS, type TestDatabase } from '../support/test-database.ts';

const ROLES = { app_user: PASSWORDS.app, ml_user: PASSWORDS.ml, admin_user: PASSWORDS.admin } as const;
type Role = keyof typeof ROLES;
type Kind = 'table' | 'view' | 'sequence' | 'function' | 'schema' | 'database';
interface Thing {
  kind: Kind;
  schema: string;
  name: string;
  /** A call of a function with NULL for everything; NULL where it cannot be called so. */
  call: string | null;
  column: string | null;
}

/** The table of the guide: what it names in backticks, kinds of things in words, then the verbs of each role. */
function readMatrix(guide: string, words: Record<Kind, RegExp>) {
  const text = readFileSync(fileURLToPath(new URL(`../../database/${guide}`, import.meta.url)), 'utf8');
  const lines = text.split('<!-- matrix -->')[1]?.trim().split('\n') ?? [];
  return lines.slice(2).map((line) => {
    const [objects = '', ...cells] = line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
    return {
      names: [...objects.matchAll(/`([^`]+)`/g)].map((match) => match[1] as string),
      kinds: (Object.keys(words) as Kind[]).filter((kind) => words[kind].test(objects)),
      verbs: cells.map((cell) => (cell === '–' ? [] : cell.split(' '))),
    };
  });
}

const english = readMatrix('README.md', {
  table: /tables/,
  view: /views/,
  sequence: /sequences/,
  function: /functions/,
  schema: /^schema/,
  database: /^the database/,
});
const russian = readMatrix('README.ru.md', {
  table: /таблицы/,
  view: /представления/,
  sequence: /последовательности/,
  function: /функции/,
  schema: /^схем/,
  database: /^база/,
});

/** A row that names the thing itself stands above one that names its kind. */
function expected(thing: Thing, role: Role): string[] | undefined {
  const at = Object.keys(ROLES).indexOf(role);
  const byName = english.find(
    ({ names, kinds }) => kinds.length === 0 && names.includes(`${thing.schema}.${thing.name}`),
  );
  const byKind = english.find(
    ({ names, kinds }) =>
      kinds.includes(thing.kind) &&
      (thing.kind === 'database' || names.includes(thing.kind === 'schema' ? thing.name : thing.schema)),
  );
  return (byName ?? byKind)?.verbs[at];
}

const THINGS = `
  SELECT CASE c.relkind WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view' ELSE 'table' END AS kind, n.nspname::text AS schema, c.relname::text AS name, NULL AS call,
    (SELECT a.attname FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND a.attidentity = '' ORDER BY a.attnum LIMIT 1) AS column
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S') AND n.nspname !~ '^(pg_|information_schema|extensions)'
  UNION ALL
  SELECT 'function', n.nspname, regexp_replace(p.oid::regprocedure::text, '^[^(]*\\.', ''),
    CASE WHEN p.prorettype <> 'trigger'::regtype AND p.provariadic = 0 THEN
      format('%I.%I(%s)', n.nspname, p.proname, (SELECT string_agg('NULL::' || t::regtype, ', ' ORDER BY o) FROM unnest(p.proargtypes) WITH ORDINALITY AS x (t, o))) END, NULL
  FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace WHERE n.nspname !~ '^(pg_|information_schema|extensions)'
  UNION ALL
  SELECT 'schema', n.nspname, n.nspname, NULL, NULL FROM pg_namespace n WHERE n.nspname !~ '^(pg_|information_schema)'
  UNION ALL SELECT 'database', '', current_database(), NULL, NULL`;

const q = (name: string): string => pg.escapeIdentifier(name);

/** A statement that needs exactly this right; undefined where none can be tried alone, and the catalogue has to answer. */
function statement(verb: string, thing: Thing): string | undefined {
  const { kind, schema, name, call } = thing;
  const object = `${q(schema)}.${q(name)}`;
  const column = q(thing.column ?? '');
  const relation = kind.toUpperCase();
  const signature = `${q(schema)}.${name}`;
  const statements: Record<Kind, Record<string, string | undefined>> = {
    table: {
      SELECT: `SELECT FROM ${object} LIMIT 1`,
      INSERT: `INSERT INTO ${object} DEFAULT VALUES`,
      UPDATE: `UPDATE ${object} SET ${column} = DEFAULT WHERE false`,
      DELETE: `DELETE FROM ${object}`,
      TRUNCATE: `TRUNCATE ${object}`,
      TRIGGER: `CREATE TRIGGER t BEFORE UPDATE ON ${object} FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()`,
      ALTER: `ALTER TABLE ${object} SET (fillfactor = 90)`,
      DROP: `DROP TABLE ${object}`,
    },
    view: {
      SELECT: `SELECT FROM ${object} LIMIT 1`,
      ALTER: `ALTER VIEW ${object} SET (security_barrier = true)`,
      DROP: `DROP VIEW ${object}`,
    },
    sequence: {
      SELECT: `SELECT last_value FROM ${object}`,
      USAGE: `SELECT nextval('${object}')`,
      UPDATE: `SELECT setval('${object}', last_value) FROM pg_sequences LIMIT 1`,
      ALTER: `ALTER ${relation} ${object} CACHE 2`,
      DROP: `DROP ${relation} ${object}`,
    },
    function: {
      EXECUTE: call ? `SELECT ${call}` : undefined,
      ALTER: `ALTER FUNCTION ${signature} COST 7`,
      DROP: `DROP FUNCTION ${signature}`,
    },
    schema: { CREATE: `CREATE TABLE ${q(name)}.made_for_a_test ()` },
    database: {
      CREATE: 'CREATE SCHEMA made_for_a_test',
      TEMPORARY: 'CREATE TEMPORARY TABLE made_for_a_test ()',
      CONNECT: 'SELECT 1',
    },
  };
  return statements[kind][verb];
}

const VERBS: Record<Kind, string[]> = {
  table: ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'REFERENCES', 'TRIGGER', 'ALTER', 'DROP'],
  view: ['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'ALTER', 'DROP'],
  sequence: ['SELECT', 'USAGE', 'UPDATE', 'ALTER', 'DROP'],
  function: ['EXECUTE', 'ALTER', 'DROP'],
  schema: ['USAGE', 'CREATE'],
  database: ['CONNECT', 'TEMPORARY', 'CREATE'],
};

let db: TestDatabase;
let things: Thing[];
beforeAll(async () => {
  db = await createTestDatabase();
  things = (await db.adminPool.query(THINGS)).rows;
});
afterAll(() => db.drop());

async function asksCatalogue(role: Role, verb: string, { kind, schema, name }: Thing): Promise<boolean> {
  const asked = kind === 'view' ? 'table' : kind;
  const object =
    kind === 'schema' || kind === 'database'
      ? name
      : kind === 'function'
        ? `${schema}.${name}`
        : `${q(schema)}.${q(name)}`;
  const sql = `SELECT has_${asked}_privilege($1, $2${kind === 'function' ? '::regprocedure' : ''}, $3) AS may`;
  return (await db.adminPool.query(sql, [role, object, verb])).rows[0].may;
}

/** Tries it, and takes it back. An error that is not about rights comes after the rights were looked at. */
async function may(client: pg.Client, role: Role, verb: string, thing: Thing): Promise<boolean> {
  const sql = statement(verb, thing);
  if (sql === undefined) return asksCatalogue(role, verb, thing);
  await client.query('BEGIN READ WRITE');
  try {
    await client.query("SET LOCAL lock_timeout = '5s'");
    await client.query(sql);
    return true;
  } catch (error) {
    const { code, message } = error as { code: string; message: string };
    // What a function may do inside is another question: ml_user may call refresh_user_days, and is refused there.
    if (verb === 'EXECUTE') return !/permission denied for (function|schema)/.test(message);
    if (verb === 'SELECT' && thing.kind === 'view')
      return (
        !message.includes(`permission denied for view ${thing.name}`) && !/denied for schema/.test(message)
      );
    if (code === '55P03') throw error;
    return code !== '42501';
  } finally {
    await client.query('ROLLBACK');
  }
}

describe.each(Object.keys(ROLES) as Role[])('%s', (role) => {
  it('may do to every object what the table of the guide says, and no more', async () => {
    const client = new pg.Client(withLogin(db.url, role, ROLES[role]));
    await client.connect();
    onTestFinished(() => client.end());
    const wrong: string[] = [];
    for (const thing of things) {
      const should = expected(thing, role) ?? ['a row in the table of the guide'];
      for (const verb of VERBS[thing.kind])
        if ((await may(client, role, verb, thing)) !== should.includes(verb))
          wrong.push(
            `${verb} on ${thing.kind} ${thing.schema}.${thing.name}: the guide has ${should.join(' ') || 'nothing'}`,
          );
    }
    expect(wrong).toEqual([]);
  });
});

it('the table is about what there is, and is the same in both languages', () => {
  expect(things.length).toBeGreaterThan(90);
  expect(russian).toEqual(english);
  const verbs = new Set(english.flatMap((row) => row.verbs.flat()));
  expect([...verbs].filter((verb) => !Object.values(VERBS).flat().includes(verb))).toEqual([]);
});
