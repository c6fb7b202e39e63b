import { createHmac } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { tryLockSource } from '../src/ingestion/queries.ts';
import { eraseUser, exportUser } from '../src/operations/privacy/erasure.ts';
import { removeMentions } from '../src/operations/privacy/rejects.ts';
import { ImportFolder } from './import-support.ts';
import { until } from './support/embedded-harness.ts';
import { hasPgDump, runClient } from './support/programs.ts';
import { createTestDatabase, type TestDatabase } from './support/test-database.ts';

let db: TestDatabase;
let folder: ImportFolder;
beforeAll(async () => {
  db = await createTestDatabase();
  folder = new ImportFolder(db.appPool);
});
beforeEach(async () => {
  await db.clear();
  await db.adminPool.query('TRUNCATE privacy.erasures');
});
afterAll(async () => {
  folder.remove();
  await db.drop();
});

const rows = async (sql: string, values: unknown[] = []) => (await db.adminPool.query(sql, values)).rows;
const one = async (sql: string, values: unknown[] = []) => (await rows(sql, values))[0];

const USERS = `user_id,telegram_id,first_name,last_name,username,registration_date,email
crm-anna-7781,900077812345,Annaliese,Quuxington,aquux_77,2023-05-01T10:00:00Z,anna.quux@example.org
crm-boris-1,900000000001,Boris,Other,boris,2023-05-02T10:00:00Z,boris@example.org
`;
const EVENTS = `event_id,event_type,event_timestamp,user_id,product_id,quantity,unit_price,order_id,note
ev-anna-quux-1,purchase,2024-01-10T10:00:00Z,crm-anna-7781,tea,2,4.50,anna-order-9,for aquux_77
ev-anna-quux-2,purchase,2024-01-10T10:00:00Z,crm-anna-7781,cup,1,10,anna-order-9,
ev-anna-quux-3,view,2024-01-11T10:00:00Z,crm-anna-7781,cup,,,,ring Annaliese
ev-boris-1,purchase,2024-01-12T10:00:00Z,crm-boris-1,tea,1,4.50,boris-order-1,
`;
const PERSONAL = [
  'crm-anna-7781',
  '900077812345',
  'Annaliese',
  'Quuxington',
  'aquux_77',
  'anna.quux@example.org',
  'ev-anna-quux',
  'anna-order-9',
];

async function load(): Promise<number> {
  await folder.import(folder.file('users.csv', USERS), { source: 'crm' });
  await folder.import(folder.file('events.csv', EVENTS), { source: 'crm' });
  await db.appPool.query('SELECT app_schema.refresh_user_days()');
  const { user_id: id } = await one("SELECT user_id FROM app_schema.users WHERE username = 'aquux_77'");
  await db.adminPool.query('INSERT INTO app_schema.user_metrics (user_id, ltv) VALUES ($1, 100)', [id]);
  return id;
}

const totals = () =>
  one(`SELECT count(*)::integer AS events, sum(app_schema.event_revenue(event_type, properties)) AS revenue,
    count(DISTINCT app_schema.order_key(properties, event_id)) FILTER (WHERE event_type = 'purchase')::integer AS orders FROM app_schema.events`);
const topProducts = () =>
  rows(
    "SELECT product_id, views, purchases, revenue FROM app_schema.get_top_products('2024-01-01', '2024-01-31')",
  );

describe('erase_user', () => {
  it('leaves nothing of a person in any table, and the totals as they were', async () => {
    const id = await load();
    const before = [await totals(), await topProducts()];
    const report = await eraseUser(db.adminPool, id, []);
    expect(report.tables.filter((each) => each.rows > 0)).toEqual([
      { table_name: 'app_schema.events', rows: 3 },
      { table_name: 'app_schema.user_metrics', rows: 1 },
      { table_name: 'app_schema.user_days', rows: 2 },
      { table_name: 'app_schema.user_day_changes', rows: 2 },
      { table_name: 'app_schema.user_score_changes', rows: 2 },
      { table_name: 'app_schema.user_identities', rows: 1 },
      { table_name: 'app_schema.users', rows: 1 },
    ]);
    expect([await totals(), await topProducts()]).toEqual(before);
    expect(before[0]).toEqual({ events: 4, revenue: 23.5, orders: 2 });
    await db.appPool.query('SELECT app_schema.refresh_user_days()');
    expect(await rows('SELECT * FROM app_schema.user_days WHERE user_id = $1', [id])).toEqual([]);
  });

  it.skipIf(!hasPgDump)('no string of the person is in a dump of the database (needs pg_dump)', async () => {
    const id = await load();
    const before = await runClient('pg_dump', db.url, []);
    for (const each of PERSONAL) expect(before, each).toContain(each);
    await eraseUser(db.adminPool, id, []);
    // Loaded again, too: what comes is stored without what it said of the person.
    await folder.import(folder.file('users.csv', USERS), { source: 'crm' });
    await folder.import(folder.file('more.csv', EVENTS.replaceAll('ev-anna-quux', 'ev-anna-quux-new')), {
      source: 'crm',
    });
    const after = await runClient('pg_dump', db.url, []);
    for (const each of PERSONAL) expect(after.toLowerCase(), each).not.toContain(each.toLowerCase());
    expect(after).toContain('boris@example.org');
  });

  it('the same import again adds nothing, and nobody', async () => {
    await eraseUser(db.adminPool, await load(), []);
    const before = await totals();
    const users = await folder.import(folder.file('users.csv', USERS), { source: 'crm' });
    const events = await folder.import(folder.file('events.csv', EVENTS), { source: 'crm' });
    expect(users.counts).toEqual({ read: 2, accepted: 0, duplicates: 2, rejected: 0 });
    expect(events.counts).toEqual({ read: 4, accepted: 0, duplicates: 4, rejected: 0 });
    expect(await totals()).toEqual(before);
    expect(await rows('SELECT username FROM app_schema.users')).toEqual([{ username: 'boris' }]);
  });

  it('a new event of who was erased counts as revenue of nobody, once', async () => {
    await eraseUser(db.adminPool, await load(), []);
    const file = folder.file(
      'late.csv',
      `${EVENTS.split('\n')[0]}\nev-late,purchase,2024-02-01T10:00:00Z,crm-anna-7781,tea,1,4.50,late-order,secret\n`,
    );
    expect((await folder.import(file, { source: 'crm' })).counts).toMatchObject({ accepted: 1 });
    expect((await folder.import(file, { source: 'crm' })).counts).toMatchObject({
      accepted: 0,
      duplicates: 1,
    });
    const { properties, external_id: key } = await one(
      "SELECT * FROM app_schema.events WHERE event_timestamp > '2024-01-31'",
    );
    expect(properties).toEqual({
      quantity: 1,
      unit_price: 4.5,
      order_id: expect.stringMatching(/^erased:[0-9a-f]{32}$/),
    });
    expect(key).toMatch(/^erased:[0-9a-f]{32}$/);
  });

  it('events without a source, and customers without any outside id, are erased as well', async () => {
    const { user_id: id } = await one(
      "INSERT INTO app_schema.users (first_name) VALUES ('Cara') RETURNING user_id",
    );
    await db.appPool.query(
      'INSERT INTO app_schema.events (user_id, event_type, properties) VALUES ($1, \'purchase\', \'{"amount": 5, "note": "x"}\')',
      [id],
    );
    await eraseUser(db.adminPool, id, []);
    expect(await rows('SELECT user_id, source_id, external_id, properties FROM app_schema.events')).toEqual([
      { user_id: null, source_id: null, external_id: null, properties: { amount: 5 } },
    ]);
  });

  it('is one transaction: where it cannot finish, nothing has changed', async () => {
    const id = await load();
    await db.adminPool.query(
      'CREATE TABLE app_schema.forgotten (user_id integer); INSERT INTO app_schema.forgotten SELECT max(user_id) FROM app_schema.users',
    );
    await db.adminPool.query('UPDATE app_schema.forgotten SET user_id = $1', [id]);
    const before = await exportUser(db.adminPool, id);
    await expect(eraseUser(db.adminPool, id, [])).rejects.toThrow(
      /app_schema\.forgotten\.user_id still has the customer/,
    );
    expect(await exportUser(db.adminPool, id)).toEqual(before);
    await db.adminPool.query('DROP TABLE app_schema.forgotten');
    await expect(eraseUser(db.adminPool, id, ['/nowhere/rejects.csv'])).rejects.toMatchObject({
      code: 'IMPORT_FILE',
    });
    expect(await exportUser(db.adminPool, id)).toEqual(before);
  });

  it('waits for no import, and runs beside none: that would write the person again', async () => {
    const id = await load();
    const importer = await db.appPool.connect();
    expect(await tryLockSource(importer, 'crm')).toBe(true);
    await expect(eraseUser(db.adminPool, id, [])).rejects.toMatchObject({ code: 'IMPORT_BUSY' });
    importer.release(true);
    await until(() =>
      eraseUser(db.adminPool, id, []).then(
        () => true,
        () => false,
      ),
    );
  });

  it('an unknown customer is NOT_FOUND', async () => {
    await expect(eraseUser(db.adminPool, 4242, [])).rejects.toMatchObject({ code: 'NOT_FOUND' });
    await expect(exportUser(db.adminPool, 4242)).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  it('no door makes a customer of who was erased', async () => {
    await eraseUser(db.adminPool, await load(), []);
    const revive =
      "INSERT INTO app_schema.user_identities (source, external_id, user_id) SELECT 'crm', 'crm-anna-7781', min(user_id) FROM app_schema.users";
    await expect(db.appPool.query(revive)).rejects.toMatchObject({ code: 'CA003' });
  });

  it('only administrators erase; ml_user learns nothing of it, app_user only about an id that it has', async () => {
    for (const pool of [db.appPool, db.mlPool]) {
      await expect(pool.query('SELECT * FROM privacy.erase_user(1)')).rejects.toMatchObject({
        code: '42501',
      });
      for (const table of ['keys', 'erasures', 'rules'])
        await expect(pool.query(`SELECT * FROM privacy.${table}`)).rejects.toMatchObject({ code: '42501' });
    }
    await expect(db.mlPool.query("SELECT privacy.find_erased('telegram', '', '{1}')")).rejects.toMatchObject({
      code: '42501',
    });
    expect((await db.appPool.query("SELECT privacy.find_erased('telegram', '', '{1}')")).rows).toEqual([]);
  });
});

describe('export_user', () => {
  it('has every row of the person, by table', async () => {
    const data = await exportUser(db.adminPool, await load());
    const text = JSON.stringify(data);
    for (const each of PERSONAL) expect(text, each).toContain(each);
    expect(text).not.toContain('boris');
    expect(Object.fromEntries(Object.entries(data).map(([table, all]) => [table, all.length]))).toMatchObject(
      {
        'app_schema.users': 1,
        'app_schema.user_identities': 1,
        'app_schema.events': 3,
        'app_schema.user_metrics': 1,
      },
    );
  });
});

describe('reapply_erasures', () => {
  it('erases again whom an older backup brings back, and nobody who registered since', async () => {
    const id = await load();
    await eraseUser(db.adminPool, id, []);
    // What a restore does: the data of before, the list of now.
    const { rows: list } = await db.adminPool.query('SELECT * FROM privacy.erasures');
    await db.clear();
    await db.adminPool.query('TRUNCATE privacy.erasures');
    await load();
    for (const row of list)
      await db.adminPool.query('INSERT INTO privacy.erasures VALUES ($1, $2)', [
        row.identity_hash,
        row.erased_at,
      ]);
    await db.adminPool.query(
      "INSERT INTO app_schema.users (telegram_id, first_name, registration_date) VALUES (900077812346, 'Late', now() + interval '1 minute')",
    );
    expect(await one('SELECT privacy.reapply_erasures() AS n')).toEqual({ n: 1 });
    expect(await rows('SELECT first_name FROM app_schema.users ORDER BY 1')).toEqual([
      { first_name: 'Boris' },
      { first_name: 'Late' },
    ]);
    expect(await one('SELECT privacy.reapply_erasures() AS n')).toEqual({ n: 0 });
  });
});

it('every table with a user_id says in privacy.rules what becomes of a person', async () => {
  const tables = await rows(
    `SELECT DISTINCT format('%I.%I', table_schema, table_name) AS name FROM information_schema.columns
     WHERE column_name IN ('user_id', 'telegram_id') AND table_schema !~ '^(pg_|information_schema|extensions)'
       AND (table_schema, table_name) NOT IN (SELECT table_schema, table_name FROM information_schema.views) ORDER BY 1`,
  );
  const rules = await rows('SELECT table_name AS name FROM privacy.rules ORDER BY 1');
  expect(tables.filter(({ name }) => !rules.some((each) => each.name === name))).toEqual([]);
  expect(tables.length).toBeGreaterThanOrEqual(7);
});

it('hashes are HMAC-SHA-256, and keep their parts apart', async () => {
  const hash =
    "SELECT privacy.keyed_hash('k', 'a', 'bc') AS first, privacy.keyed_hash('k', 'ab', 'c') AS second";
  const { first, second } = await one(hash);
  expect(first).not.toBe(second);
  // Node's own HMAC with the key that the pads were made of.
  const { inner_pad: inner } = await one('SELECT inner_pad FROM privacy.keys');
  const key = Buffer.from((inner as Buffer).subarray(0, 32)).map((byte) => byte ^ 0x36);
  expect(first).toBe(`erased:${createHmac('sha256', key).update('1:k1:a2:bc').digest('hex').slice(0, 32)}`);
});

describe('files of rejected rows', () => {
  it('lose the rows that name the person, and no other', async () => {
    const path = join(folder.path, 'old.rejects.csv');
    const heading = 'line,code,reason,raw,file\n';
    const kept = [
      '3,number,"price ""x"" is no number","crm-anna-77812,x",a.csv\n',
      '5,json,broken,"{""id"": ""crm-boris-1""}",a.csv\n',
    ];
    const gone = [
      '2,number,"price ""x"" is no number","crm-anna-7781,x",a.csv\n',
      '4,json,"broken,\nover two lines","{""id"": ""Crm-Anna-7781""\n",a.csv\n',
    ];
    writeFileSync(path, [heading, gone[0], kept[0], gone[1], kept[1]].join(''));
    expect(await removeMentions(path, ['crm-anna-7781'])).toBe(2);
    expect(readFileSync(path, 'utf8')).toBe(heading + kept.join(''));
    expect(await removeMentions(path, ['crm-anna-7781'])).toBe(0);
  });

  it('whatever the rows hold, none that names the person stays, and the others stay as they were', async () => {
    const path = join(folder.path, 'any.rejects.csv');
    const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;
    const text = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', ' ', ';', 'ж') });
    const row = fc.tuple(text, text, fc.boolean());
    await fc.assert(
      fc.asyncProperty(fc.array(row, { maxLength: 8 }), async (all) => {
        const lines = all.map(
          ([before, after, named]) =>
            `1,number,${quoted(before)},${quoted(`${before};${named ? 'id-42' : 'id-421'};${after}`)},a.csv\n`,
        );
        writeFileSync(path, `line,code,reason,raw,file\n${lines.join('')}`);
        expect(await removeMentions(path, ['id-42'])).toBe(all.filter(([, , named]) => named).length);
        expect(readFileSync(path, 'utf8')).toBe(
          `line,code,reason,raw,file\n${lines.filter((_, i) => !all[i]?.[2]).join('')}`,
        );
      }),
      { numRuns: 100 },
    );
  });
});
