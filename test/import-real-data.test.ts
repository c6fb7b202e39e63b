import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ImportFolder } from './import-support.ts';
import { createTestDatabase, type TestDatabase } from './support/test-database.ts';

/** The facts stand in the data sets' own documentation. */
const dataDir = process.env['CUSTOMER_ANALYZER_DATA'] ?? '';
const hasData = dataDir !== '';

let database: TestDatabase;
let folder: ImportFolder;

beforeAll(async () => {
  database = await createTestDatabase();
  folder = new ImportFolder(database.appPool);
});
afterAll(async () => {
  folder.remove();
  await database.drop();
});

const one = async (sql: string) => (await folder.rows(sql))[0];

describe('Online Retail (needs CUSTOMER_ANALYZER_DATA)', () => {
  const path = join(dataDir, 'online_retail/online_retail.csv.gz');
  const source = "(SELECT source_id FROM app_schema.sources WHERE name = 'online-retail')";
  const all = 541_909;

  it.skipIf(!hasData)('gives 541,909 events and no duplicates into an empty database', async () => {
    const { counts } = await folder.import(path);
    expect(counts).toEqual({ read: all, accepted: all, duplicates: 0, rejected: 0 });
  });

  it.skipIf(!hasData)('has the facts of the data set', async () => {
    const facts = await one(
      `SELECT count(*) FILTER (WHERE user_id IS NULL) AS without_customer, count(DISTINCT user_id) AS customers,
         count(DISTINCT product_id) AS codes, count(DISTINCT properties ->> 'order_id') AS invoices,
         count(*) FILTER (WHERE event_type = 'refund') AS refunds, count(*) FILTER (WHERE event_type = 'purchase') AS purchases,
         count(*) FILTER (WHERE event_type = 'adjustment') AS adjustments,
         count(*) FILTER (WHERE (properties ->> 'quantity')::numeric < 0) AS negative_left,
         count(*) FILTER (WHERE (properties ->> 'unit_price')::numeric = 0) AS free,
         count(*) FILTER (WHERE (properties ->> 'unit_price')::numeric < 0) AS below_zero,
         min(event_timestamp)::text AS first, max(event_timestamp)::text AS last
       FROM app_schema.events WHERE source_id = ${source}`,
    );
    expect(facts).toEqual({
      without_customer: 135_080,
      customers: 4_372,
      codes: 4_070,
      invoices: 25_900,
      refunds: 9_288,
      // 10,624 rows of negative quantity: 9,288 cancellations, and these adjustments of price 0.
      negative_left: 1_336,
      adjustments: 2_518,
      purchases: all - 9_288 - 2_518,
      free: 2_515,
      below_zero: 2,
      first: '2010-12-01 08:26:00+00',
      last: '2011-12-09 12:50:00+00',
    });
    // The sum of quantity x price over the whole file, which refunds and bad debt lower: GBP 9,747,747.934.
    const revenue = await one(
      `SELECT sum(CASE event_type WHEN 'refund' THEN -1 ELSE 1 END * (properties ->> 'quantity')::numeric * (properties ->> 'unit_price')::numeric)::text AS sum
       FROM app_schema.events WHERE source_id = ${source}`,
    );
    expect(revenue).toEqual({ sum: '9747747.934' });
    const products = await one(
      `SELECT count(*) FILTER (WHERE NOT is_merchandise) AS fees, count(*) FILTER (WHERE name ~ '[?]|damaged|thrown') AS badly_named,
         (SELECT name FROM app_schema.products JOIN app_schema.product_identities USING (product_id) WHERE external_id = '85123A') AS named
       FROM app_schema.products`,
    );
    expect(products).toEqual({ fees: 17, badly_named: 0, named: 'WHITE HANGING HEART T-LIGHT HOLDER' });
  });

  it.skipIf(!hasData)('adds nothing when it comes again, and changes no product', async () => {
    const products =
      'SELECT md5(string_agg(p::text, chr(10) ORDER BY product_id)) AS all FROM app_schema.products p';
    const before = await one(products);
    const { counts } = await folder.import(path);
    expect(counts).toEqual({ read: all, accepted: 0, duplicates: all, rejected: 0 });
    expect(await one(products)).toEqual(before);
  });
});

describe('CDNOW (needs CUSTOMER_ANALYZER_DATA)', () => {
  it.skipIf(!hasData)('gives 6,919 purchases of 2,357 customers', async () => {
    const { counts } = await folder.import(join(dataDir, 'cdnow/CDNOW_sample.txt'));
    expect(counts).toEqual({ read: 6_919, accepted: 6_919, duplicates: 0, rejected: 0 });
    const facts = await one(
      `SELECT count(DISTINCT user_id) AS customers, min(event_timestamp)::date::text AS first, max(event_timestamp)::date::text AS last,
         count(*) FILTER (WHERE event_type = 'purchase') AS purchases
       FROM app_schema.events WHERE source_id = (SELECT source_id FROM app_schema.sources WHERE name = 'cdnow')`,
    );
    expect(facts).toEqual({ customers: 2_357, first: '1997-01-01', last: '1998-06-30', purchases: 6_919 });
    const repeat = await one(
      `SELECT count(*) FROM (
         SELECT FROM app_schema.events WHERE source_id = (SELECT source_id FROM app_schema.sources WHERE name = 'cdnow')
           AND event_timestamp < '1997-10-01' GROUP BY user_id HAVING count(DISTINCT event_timestamp) > 1
       ) t`,
    );
    expect(repeat).toEqual({ count: 946 });
  });
});

describe('REES46 (needs CUSTOMER_ANALYZER_DATA)', () => {
  it.skipIf(!hasData)('gives 17,434 events of 4,504 users on 6,493 products', async () => {
    const { counts } = await folder.import(join(dataDir, 'rees46/events_2019-10-01.csv.gz'), {
      timeZone: 'Asia/Tokyo',
    });
    expect(counts).toEqual({ read: 17_434, accepted: 17_434, duplicates: 0, rejected: 0 });
    const facts = await one(
      `SELECT count(DISTINCT user_id) AS users, count(DISTINCT product_id) AS products,
         count(*) FILTER (WHERE event_type = 'purchase') AS purchases, count(*) FILTER (WHERE event_type = 'add_to_cart') AS carts,
         min(event_timestamp)::text AS first
       FROM app_schema.events WHERE source_id = (SELECT source_id FROM app_schema.sources WHERE name = 'rees46')`,
    );
    expect(facts).toEqual({
      users: 4_504,
      products: 6_493,
      purchases: 214,
      carts: 165,
      first: '2019-10-01 00:00:00+00',
    });
  });
});
