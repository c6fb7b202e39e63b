import { existsSync, readFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { ImportFolder } from './import-support.ts';
import { createTestDatabase, type TestDatabase } from './support/test-database.ts';

let database: TestDatabase;
let folder: ImportFolder;

beforeAll(async () => {
  database = await createTestDatabase();
  folder = new ImportFolder(database.appPool);
});
afterEach(() => database.clear());
afterAll(async () => {
  folder.remove();
  await database.drop();
});

const header = 'InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country';
const retail = [
  header,
  '536365,85123A,WHITE HEART,6,2010-12-01 08:26:00,2.55,17850,United Kingdom',
  '536365,85123A,WHITE HEART,6,2010-12-01 08:26:00,2.55,17850,United Kingdom',
  '536365,22752,damaged,-2,2010-12-01 08:27:00,0,,United Kingdom',
  'C536366,85123A,WHITE HEART,-1,2010-12-02 09:00:00,2.55,17850,United Kingdom',
  '536367,22752,"NESTING ""BOXES""",1,2010-12-03 09:00:00,7.65,13047,France',
  '536367,POST,POSTAGE,1,2010-12-03 09:00:00,18.00,13047,France',
  '',
].join('\n');
const retailCounts = { read: 6, accepted: 6, duplicates: 0, rejected: 0 };

describe('events of a file', () => {
  it('are stored with customers, products, money and order', async () => {
    const { counts, report } = await folder.import(folder.file('retail.csv', retail));
    expect(counts).toEqual(retailCounts);
    expect(report).toMatchObject({ rejectsFile: null, formats: ['online-retail'] });
    const events = await folder.rows(
      `SELECT u.external_id AS customer, p.external_id AS product, e.event_type, e.properties, e.external_id,
         e.event_timestamp::text AS at
       FROM app_schema.events e LEFT JOIN app_schema.user_identities u USING (user_id)
       LEFT JOIN app_schema.product_identities p USING (product_id) ORDER BY e.event_id`,
    );
    expect(
      events.map(({ customer, product, event_type, external_id }) => [
        customer,
        product,
        event_type,
        external_id,
      ]),
    ).toEqual([
      ['17850', '85123A', 'purchase', '536365/85123A/1'],
      ['17850', '85123A', 'purchase', '536365/85123A/2'],
      [null, '22752', 'adjustment', '536365/22752/1'],
      ['17850', '85123A', 'refund', 'C536366/85123A/1'],
      ['13047', '22752', 'purchase', '536367/22752/1'],
      ['13047', 'POST', 'purchase', '536367/POST/1'],
    ]);
    expect(events[3]).toMatchObject({
      at: '2010-12-02 09:00:00+00',
      properties: { order_id: 'C536366', quantity: 1, unit_price: 2.55 },
    });
    const products = await folder.rows(
      'SELECT name, price::text, is_merchandise FROM app_schema.products ORDER BY product_id',
    );
    expect(products).toEqual([
      { name: 'WHITE HEART', price: '2.55', is_merchandise: true },
      { name: 'NESTING "BOXES"', price: '7.65', is_merchandise: true },
      { name: 'POSTAGE', price: '18', is_merchandise: false },
    ]);
    const users = await folder.rows(
      'SELECT telegram_id, profile_data, registration_date FROM app_schema.users ORDER BY user_id',
    );
    expect(users).toEqual([
      {
        telegram_id: expect.any(Number),
        profile_data: { country: 'United Kingdom' },
        registration_date: null,
      },
      { telegram_id: expect.any(Number), profile_data: { country: 'France' }, registration_date: null },
    ]);
    expect(users.every((user) => (user['telegram_id'] as number) < 0)).toBe(true);
  });

  it('are not added again by the same file, packed, shuffled, with CRLF or from standard input', async () => {
    await folder.import(folder.file('retail.csv', retail));
    const again = { read: 6, accepted: 0, duplicates: 6, rejected: 0 };
    const [first, ...rows] = retail.trimEnd().split('\n');
    const shuffled = [first, ...rows.reverse()].join('\r\n');
    expect((await folder.import(folder.file('again.csv.gz', gzipSync(retail)))).counts).toEqual(again);
    expect((await folder.import(folder.file('shuffled.csv', shuffled))).counts).toEqual(again);
    const stdin = Readable.from([Buffer.from(retail)]);
    expect((await folder.import('-', {}, { stdin })).counts).toEqual(again);
    expect(await folder.rows('SELECT count(*) FROM app_schema.events')).toEqual([{ count: 6 }]);
    expect(await folder.rows('SELECT count(*) FROM app_schema.products')).toEqual([{ count: 3 }]);
  });

  it('are all there once after any sequence of shuffled parts (property)', async () => {
    const lines = fc.array(fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 1, max: 3 })), {
      minLength: 1,
      maxLength: 30,
    });
    const cases = lines.chain((pairs) =>
      fc.tuple(fc.constant(pairs), fc.shuffledSubarray(pairs, { minLength: pairs.length }), fc.nat()),
    );
    await fc.assert(
      fc.asyncProperty(cases, async ([pairs, shuffled, cut]) => {
        await database.clear();
        const text = (rows: number[][]) =>
          [header, ...rows.map(([a, b]) => `${a},${b},X,1,2010-12-01 08:26:00,1,1,X`), ''].join('\n');
        await folder.import(folder.file('part.csv', text(pairs.slice(0, cut % (pairs.length + 1)))));
        await folder.import(folder.file('all.csv', text(shuffled)));
        const [row] = await folder.rows(
          'SELECT count(*), count(DISTINCT external_id) AS keys FROM app_schema.events',
        );
        expect(row).toEqual({ count: pairs.length, keys: pairs.length });
      }),
      { numRuns: 25 },
    );
  });

  it('of two sources are two things, of one source one', async () => {
    const path = folder.file('retail.csv', retail);
    expect((await folder.import(path, { source: 'a' })).counts).toEqual(retailCounts);
    expect((await folder.import(path, { source: 'b' })).counts).toEqual(retailCounts);
    expect((await folder.import([path, path], { source: 'c' })).counts).toEqual({
      read: 12,
      accepted: 6,
      duplicates: 6,
      rejected: 0,
    });
    expect(await folder.rows('SELECT count(*) FROM app_schema.users')).toEqual([{ count: 6 }]);
  });

  it('get local times in the zone that is given, or the shop has', async () => {
    const at = 'SELECT event_timestamp::text AS at FROM app_schema.events ORDER BY event_id';
    const local =
      'event_type,event_timestamp\nview,2011-07-01 12:00\nview,2011-03-27 01:30\nview,2011-10-30 01:30\nview,2011-07-01T12:00Z\n';
    await folder.import(folder.file('zone.csv', local), { timeZone: 'Europe/London' });
    // The hour that does not exist moves on, the hour that exists twice is taken as winter time: PostgreSQL's rule.
    expect((await folder.rows(at)).map((row) => row['at'])).toEqual([
      '2011-07-01 11:00:00+00',
      '2011-03-27 01:30:00+00',
      '2011-10-30 01:30:00+00',
      '2011-07-01 12:00:00+00',
    ]);
    await database.clear();
    await database.adminPool.query("UPDATE app_schema.settings SET time_zone = 'Asia/Tokyo'");
    await folder.import(folder.file('zone.csv', local));
    await database.adminPool.query("UPDATE app_schema.settings SET time_zone = 'UTC'");
    expect((await folder.rows(at))[0]).toEqual({ at: '2011-07-01 03:00:00+00' });
  });

  it('keep the numbers as written, and get the price of the day where they have none', async () => {
    await folder.import(folder.file('products.csv', 'product_id,name,price\np1,Cup,2.10\np2,Gift,\n'));
    const events = [
      '{"event_id":"1","event_type":"purchase","event_timestamp":"2024-01-01","user_id":"u","product_id":"p1","quantity":3}',
      '{"event_id":"2","event_type":"purchase","event_timestamp":"2024-01-01","user_id":"u","product_id":"p2"}',
      '{"event_id":"3","event_type":"purchase","event_timestamp":"2024-01-01","amount":123456789012345678.91}',
      '{"event_id":"4","event_type":"refund","event_timestamp":"2024-01-01","product_id":"p1","text":"a\\\\b\\n\\t\\"ü"}',
    ];
    await folder.import(folder.file('events.ndjson', `${events.join('\n')}\n`));
    await folder.import(folder.file('later.csv', 'product_id,price\np1,9.99\n'), { format: 'products' });
    expect((await folder.import(folder.file('events.ndjson', events.join('\n')))).counts.duplicates).toBe(4);
    const rows = await folder.rows('SELECT properties::text FROM app_schema.events ORDER BY external_id');
    expect(rows.map((row) => row['properties'])).toEqual([
      '{"quantity": 3, "unit_price": 2.1}',
      '{"quantity": 1}',
      '{"amount": 123456789012345678.91}',
      '{"text": "a\\\\b\\n\\t\\"ü", "quantity": 1, "unit_price": 2.1}',
    ]);
  });
});

describe('the price of a product', () => {
  const price = async () =>
    (await folder.rows("SELECT price::text, name FROM app_schema.products WHERE name <> 'POSTAGE'"))[0];
  const sale = (day: number, unit: string) =>
    `${header}\n${day},1,CUP,1,2011-01-${day} 10:00:00,${unit},1,X\n`;

  it('follows the latest sale, whatever the order of files', async () => {
    await folder.import(folder.file('a.csv', sale(15, '1.50')));
    await folder.import(folder.file('b.csv', sale(20, '2.00')));
    expect(await price()).toEqual({ price: '2', name: 'CUP' });
    await folder.import(folder.file('c.csv', sale(10, '1.00')));
    expect(await price()).toEqual({ price: '2', name: 'CUP' });
  });

  it('stays where the shop has stated it', async () => {
    await folder.import(folder.file('p.csv', 'product_id,name,price\n1,Cup,5\n'), {
      source: 'online-retail',
    });
    await folder.import(folder.file('b.csv', sale(20, '2.00')));
    expect(await price()).toEqual({ price: '5', name: 'Cup' });
  });

  it('comes with a name once the file has one', async () => {
    await folder.import(folder.file('a.csv', `${header}\n1,1,?,-1,2011-01-01 10:00:00,0,,X\n`));
    expect(await price()).toEqual({ price: null, name: '1' });
    await folder.import(folder.file('b.csv', sale(20, '2.00')));
    expect(await price()).toEqual({ price: '2', name: 'CUP' });
  });
});

describe('rejects', () => {
  const bad = [
    header,
    '536365,85123A,OK,6,2010-12-01 08:26:00,2.55,17850,United Kingdom',
    '536365,85123A,"BAD, DATE",6,2010-13-01 08:26:00,2.55,17850,United Kingdom',
    '536365,85123A',
    '536366,85123A,NUL\0,6,2010-12-01 08:26:00,2.55,17850,United Kingdom',
    `536367,${'x'.repeat(2_000_000)},LONG,6,2010-12-01 08:26:00,2.55,17850,United Kingdom`,
    '536368,"85123A,OPEN,6,2010-12-01 08:26:00,2.55,17850,United Kingdom',
    '536369,85123A,OK,6,2010-12-01 08:26:00,2.55,17850,United Kingdom',
    '',
  ].join('\n');

  it('are kept with line, reason and row, and never stop an import', async () => {
    const { counts, report } = await folder.import(folder.file('bad.csv', bad));
    expect(counts).toEqual({ read: 7, accepted: 2, duplicates: 0, rejected: 5 });
    const kept = readFileSync(report.rejectsFile as string, 'utf8');
    expect(kept).toContain('line,code,reason,raw,file\n');
    expect(kept).toContain(
      '3,timestamp,"InvoiceDate ""2010-13-01 08:26:00"" is no moment","536365,85123A,""BAD, DATE"",6,',
    );
    expect(kept).toMatch(/^4,columns,"2 fields where the header has 8","536365,85123A",/m);
    expect(kept).toMatch(/^5,nul_byte,/m);
    expect(kept).toMatch(/^6,line_too_long,/m);
    expect(kept).toMatch(/^7,malformed_quote,/m);
    expect(kept.length).toBeLessThan(10_000);
  });

  it('end an import when there are too many, and a second run completes it', async () => {
    const path = folder.file('bad.csv', bad);
    await expect(folder.import(path, { maxRejects: 4 })).rejects.toMatchObject({
      code: 'IMPORT_TOO_MANY_REJECTS',
      exitCode: 1,
    });
    expect((await folder.import(path, { maxRejects: 5 })).counts.read).toBe(7);
    expect(await folder.rows('SELECT status FROM app_schema.import_runs ORDER BY import_run_id')).toEqual([
      { status: 'failed' },
      { status: 'completed' },
    ]);
  });

  it('include rows in another currency than the shop has', async () => {
    const rows =
      'event_type,event_timestamp,amount,currency\npurchase,2024-01-01,5,USD\npurchase,2024-01-01,5,EUR\n';
    expect((await folder.import(folder.file('money.csv', rows))).counts).toEqual({
      read: 2,
      accepted: 1,
      duplicates: 0,
      rejected: 1,
    });
  });

  it('say before the first row that their file cannot be written', async () => {
    await expect(
      folder.import(folder.file('bad.csv', bad), { rejectsFile: '/nowhere/rejects.csv' }),
    ).rejects.toMatchObject({
      code: 'IMPORT_FILE',
    });
    expect(await folder.rows('SELECT FROM app_schema.import_runs')).toEqual([]);
  });

  it('never overwrite a file that is to be imported', async () => {
    const path = folder.file('bad.csv', bad);
    await expect(folder.import(path, { rejectsFile: path })).rejects.toMatchObject({ code: 'USAGE' });
    expect(readFileSync(path, 'utf8')).toBe(bad);
  });
});

describe('a dry run', () => {
  it('writes nothing at all and says what would happen', async () => {
    const bad = `${retail}536370,1\n`;
    const rejectsFile = `${folder.path}/dry.csv`;
    const tables = `SELECT (SELECT count(*) FROM app_schema.users) + (SELECT count(*) FROM app_schema.products)
      + (SELECT count(*) FROM app_schema.sources) + (SELECT count(*) FROM app_schema.import_runs) AS count,
      (SELECT last_value FROM app_schema.events_event_id_seq) AS last`;
    const before = await folder.rows(tables);
    const dry = await folder.import(folder.file('dry.csv', bad), {
      dryRun: true,
      rejectsFile: `${rejectsFile}.rejects`,
    });
    expect(dry.counts).toEqual({ read: 7, accepted: 6, duplicates: 0, rejected: 1 });
    expect(dry.report.rejectsFile).toBeNull();
    expect(dry.report.samples).toMatchObject([{ line: 8, reject: { code: 'columns' } }]);
    expect(await folder.rows(tables)).toEqual(before);
    expect(existsSync(`${rejectsFile}.rejects`)).toBe(false);
    await folder.import(folder.file('half.csv', retail.split('\n').slice(0, 4).join('\n')));
    expect((await folder.import(folder.file('dry.csv', bad), { dryRun: true })).counts).toEqual({
      read: 7,
      accepted: 3,
      duplicates: 3,
      rejected: 1,
    });
  });

  it('compares catalogues without changing them', async () => {
    await folder.import(folder.file('p.csv', 'product_id,name,price\n1,Cup,5\n2,Pot,6\n'));
    const { counts } = await folder.import(
      folder.file('p2.csv', 'product_id,name,price\n1,Cup,5\n2,Pot,7\n3,Lid,1\n4,,1\n'),
      { dryRun: true },
    );
    expect(counts).toEqual({ read: 4, accepted: 2, duplicates: 1, rejected: 1 });
    expect(await folder.rows('SELECT price::text FROM app_schema.products ORDER BY product_id')).toEqual([
      { price: '5' },
      { price: '6' },
    ]);
  });
});

describe('the catalogue', () => {
  it('is brought up to date, and left alone by the same file', async () => {
    const first = folder.file(
      'p.csv',
      'product_id,name,category,price,stock,attributes\n1,Cup,Kitchen,5.50,7,"{""ml"":300}"\n2,Pot,,,,\n',
    );
    const all = { read: 2, accepted: 2, duplicates: 0, rejected: 0 };
    expect((await folder.import(first)).counts).toEqual(all);
    expect((await folder.import(first)).counts).toEqual({ ...all, accepted: 0, duplicates: 2 });
    const second = folder.file(
      'p2.ndjson',
      '{"product_id":1,"price":6.25,"colour":"white"}\n{"product_id":1,"stock":0}\n{"product_id":9}\n',
    );
    expect((await folder.import(second, { format: 'products' })).counts).toEqual({
      read: 3,
      accepted: 1,
      duplicates: 1,
      rejected: 1,
    });
    expect(
      await folder.rows(
        'SELECT name, category, price::text, stock, attributes FROM app_schema.products ORDER BY product_id',
      ),
    ).toEqual([
      { name: 'Cup', category: 'Kitchen', price: '6.25', stock: 0, attributes: { ml: 300, colour: 'white' } },
      { name: 'Pot', category: null, price: null, stock: null, attributes: {} },
    ]);
  });
});

describe('customers', () => {
  const rows = () =>
    folder.rows('SELECT telegram_id, first_name, profile_data FROM app_schema.users ORDER BY user_id');

  it('are added, completed and left alone', async () => {
    const first = folder.file('u.csv', 'user_id,first_name,city\n1,Анна,Казань\n2,Олег,\n');
    expect((await folder.import(first)).counts.accepted).toBe(2);
    expect((await folder.import(first)).counts.duplicates).toBe(2);
    const second = folder.file('u2.csv', 'user_id,telegram_id,profile\n1,777,"{""vip"":true}"\n');
    expect((await folder.import(second)).counts.accepted).toBe(1);
    expect(await rows()).toEqual([
      { telegram_id: 777, first_name: 'Анна', profile_data: { city: 'Казань', vip: true } },
      { telegram_id: expect.any(Number), first_name: 'Олег', profile_data: {} },
    ]);
  });

  it('who came by Telegram before are linked, not doubled', async () => {
    await database.adminPool.query(
      "INSERT INTO app_schema.users (telegram_id, first_name) VALUES (777, 'Anna')",
    );
    expect(
      (await folder.import(folder.file('u.csv', 'user_id,telegram_id,city\nA,777,Kazan\n'))).counts.accepted,
    ).toBe(1);
    expect(await rows()).toEqual([{ telegram_id: 777, first_name: 'Anna', profile_data: { city: 'Kazan' } }]);
  });

  it('never share a Telegram account', async () => {
    const file = folder.file('u.csv', 'user_id,telegram_id\nA,777\nB,777\nC,778\n');
    expect((await folder.import(file)).counts).toEqual({ read: 3, accepted: 2, duplicates: 0, rejected: 1 });
    const second = folder.file('u2.csv', 'user_id,telegram_id\nA,778\nC,779\nD,777\n');
    // A and C have accounts of their own already; D is whoever has account 777, which is A.
    expect((await folder.import(second)).counts).toEqual({
      read: 3,
      accepted: 1,
      duplicates: 0,
      rejected: 2,
    });
    expect((await rows()).map((row) => row['telegram_id'])).toEqual([777, 778]);
  });
});
