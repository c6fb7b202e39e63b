import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { LiveIngestion } from '../src/ingestion/live/ingestion.ts';
import { readSegmentBatch } from '../src/ingestion/live/request.ts';
import { createTestDatabase, type TestDatabase } from './support/test-database.ts';

/** INGEST_ORDERS=10000 npx vitest run test/ingest-order.test.ts */
const orders = Number(process.env['INGEST_ORDERS'] ?? 210);

let db: TestDatabase;
let live: LiveIngestion;
beforeAll(async () => {
  db = await createTestDatabase();
  live = new LiveIngestion(db.appPool, { now: () => new Date('2025-06-10T00:00:00Z') });
});
afterAll(async () => {
  await live.close();
  await db.drop();
});

// Few values, so that people share devices, moments are equal, and products are told of in several ways.
const userId = fc.constantFrom('u1', 'u2', 'u3');
const anonymousId = fc.constantFrom('A', 'B');
const timestamp = fc.constantFrom(
  '2025-06-01T23:59:00Z',
  '2025-06-02T00:01:00Z',
  '2025-06-02T12:00:00Z',
  '2025-06-20T00:00:00Z',
);
const who = fc.oneof(fc.record({ userId }), fc.record({ anonymousId }), fc.record({ userId, anonymousId }));
const product = fc.record(
  {
    product_id: fc.constantFrom('p1', 'p2'),
    name: fc.constantFrom('Cup', 'Mug', 'Чашка'),
    category: fc.constantFrom('Kitchen', 'Gifts'),
    price: fc.constantFrom(1, 2.5, 10),
  },
  { requiredKeys: ['product_id', 'price'] },
);
const traits = fc.record(
  {
    firstName: fc.constantFrom('Ada', 'Bea', null),
    name: fc.constantFrom('C D', 'E'),
    city: fc.constantFrom('Bath', 'York', null),
    age: fc.nat(3),
  },
  { requiredKeys: [] },
);
const track = fc
  .tuple(who, timestamp, fc.constantFrom('Product Viewed', 'Product Added', 'Searched'), product)
  .map(([ids, at, event, properties]) => ({ type: 'track', ...ids, timestamp: at, event, properties }));
const order = fc
  .tuple(
    who,
    timestamp,
    fc.constantFrom('Order Completed', 'Order Refunded'),
    fc.array(product, { minLength: 1, maxLength: 3 }),
  )
  .map(([ids, at, event, products]) => ({
    type: 'track',
    ...ids,
    timestamp: at,
    event,
    properties: { order_id: 'o', products },
  }));
const identify = fc
  .tuple(who, timestamp, traits)
  .map(([ids, at, said]) => ({ type: 'identify', ...ids, timestamp: at, traits: said }));
const alias = fc
  .tuple(userId, anonymousId, timestamp)
  .map(([id, previousId, at]) => ({ type: 'alias', userId: id, previousId, timestamp: at }));
const message = fc.oneof(track, order, identify, identify, alias);

const arrival = fc.record({
  /** Sort keys: an order, and some messages twice. */
  keys: fc.array(fc.nat(999), { minLength: 18, maxLength: 18 }),
  cuts: fc.array(fc.boolean(), { minLength: 18, maxLength: 18 }),
  atOnce: fc.boolean(),
});
type Arrival = typeof arrival extends fc.Arbitrary<infer T> ? T : never;

let sources = 0;
let sets = 0;

/** Everything that messages of a source left, under outside names in place of our ids. */
async function take(messages: readonly object[], { keys, cuts, atOnce }: Arrival): Promise<unknown> {
  const source = `s${++sources}`;
  const sequence = keys
    .map((key, i) => ({
      key,
      message: messages[i % messages.length] as object,
      isExtra: i >= messages.length,
    }))
    .filter(({ isExtra, key }) => !isExtra || key % 3 === 0)
    .sort((a, b) => a.key - b.key);
  const batches: object[][] = [[]];
  for (const [i, { message: each }] of sequence.entries()) {
    if (cuts[i]) batches.push([]);
    batches.at(-1)?.push(each);
  }
  const submit = async (batch: object[]): Promise<void> => {
    const items = readSegmentBatch(JSON.stringify({ batch }), await live.context(source), live.limits);
    for (const outcome of await live.submit(items))
      expect(outcome.status, JSON.stringify(outcome)).not.toBe('rejected');
  };
  if (atOnce) await Promise.all(batches.map(submit));
  else for (const batch of batches) await submit(batch);
  return JSON.parse(JSON.stringify(await state(source)).replaceAll(source, 'S'));
}

async function state(source: string): Promise<unknown> {
  const people = `(SELECT user_id, string_agg(replace(source, $1, '') || external_id, ' ' ORDER BY source, external_id) AS person
    FROM app_schema.user_identities WHERE split_part(source, '#', 1) = $1 GROUP BY user_id)`;
  const queries = {
    events: `SELECT e.external_id, e.event_type, e.event_timestamp, e.properties, p.person, i.external_id AS product
      FROM app_schema.events e JOIN app_schema.sources s USING (source_id) LEFT JOIN ${people} p USING (user_id)
      LEFT JOIN app_schema.product_identities i USING (product_id) WHERE s.name = $1 ORDER BY e.external_id`,
    people: `SELECT p.person, first_name, last_name, username, registration_date, profile_data
      FROM app_schema.users JOIN ${people} p USING (user_id) ORDER BY p.person`,
    identities: `SELECT source, external_id, linked_at, linked_by FROM app_schema.user_identities
      WHERE split_part(source, '#', 1) = $1 ORDER BY source, external_id`,
    traits: `SELECT * FROM app_schema.identity_traits WHERE split_part(source, '#', 1) = $1 ORDER BY source, external_id, key`,
    products: `SELECT i.external_id, p.name, p.category, p.price::text, p.attributes FROM app_schema.product_identities i
      JOIN app_schema.products p USING (product_id) WHERE i.source = $1 ORDER BY i.external_id`,
    messages: `SELECT message_id, body_hash FROM app_schema.ingested_messages JOIN app_schema.sources s USING (source_id)
      WHERE s.name = $1 ORDER BY message_id`,
  };
  const entries = Object.entries(queries).map(async ([name, sql]) => [
    name,
    (await db.adminPool.query(sql, [source])).rows,
  ]);
  return Object.fromEntries(await Promise.all(entries));
}

it('one set of messages leaves the same tables in whatever order, parts and repetitions it comes, one after another or at once', async () => {
  const perSet = 3;
  await fc.assert(
    fc.asyncProperty(
      fc.array(message, { minLength: 2, maxLength: 10 }),
      fc.array(arrival, { minLength: perSet, maxLength: perSet }),
      async (bodies, arrivals) => {
        const messages = bodies.map((body, i) => ({ ...body, messageId: `m${i}` }));
        const expected = await take(messages, {
          keys: messages.map((_, i) => i).concat(Array(18 - messages.length).fill(1)),
          cuts: Array(18).fill(false),
          atOnce: false,
        });
        if (++sets % 20 === 0) await db.adminPool.query('SELECT app_schema.refresh_user_days()');
        for (const each of arrivals) expect(await take(messages, each)).toEqual(expected);
      },
    ),
    { numRuns: Math.ceil(orders / perSet) },
  );
  // What moved from visitors to customers was noted: days that were folded before it are right after it.
  const days = 'SELECT * FROM app_schema.user_days ORDER BY user_id, day';
  await db.adminPool.query('SELECT app_schema.refresh_user_days()');
  expect((await db.adminPool.query(days)).rows).toEqual(
    (await db.adminPool.query('SELECT * FROM app_schema.fold_all_days() ORDER BY user_id, day')).rows,
  );
  const [left] = (
    await db.adminPool.query(
      `SELECT count(*)::integer AS n FROM app_schema.users u
     WHERE NOT EXISTS (SELECT FROM app_schema.user_identities i WHERE i.user_id = u.user_id)`,
    )
  ).rows;
  expect(left).toEqual({ n: 0 });
}, 3_600_000);
