import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { eraseUser } from '../src/operations/privacy/erasure.ts';
import { LiveShop, track } from './ingest-support.ts';

let shop: LiveShop;
beforeAll(async () => {
  shop = await LiveShop.open();
});
afterEach(async () => {
  await shop.db.clear();
  await shop.rows('TRUNCATE privacy.erasures');
  // Ids of sources, which never change, are remembered.
  await shop.reopen();
});
afterAll(() => shop.close());

const at = '2025-06-01T10:00:00Z';
const tea = { product_id: 'tea', price: 4.5, quantity: 2 };
const anna = 'anna-quux-7781';
const device = 'device-of-anna';
const messages = [
  track(
    'Product Viewed',
    { ...tea, note: `for ${anna}` },
    { userId: undefined, anonymousId: device, messageId: `${anna}-1` },
  ),
  {
    type: 'identify',
    messageId: `${anna}-2`,
    userId: anna,
    anonymousId: device,
    traits: { name: 'Anna Quux', email: 'anna@quux.example' },
    timestamp: at,
  },
  track(
    'Order Completed',
    { order_id: `order-of-${anna}`, products: [tea, { product_id: 'cup', price: 10 }] },
    { userId: anna, messageId: `${anna}-3` },
  ),
  { type: 'alias', messageId: `${anna}-4`, previousId: 'phone-of-anna', userId: anna, timestamp: at },
  track(
    'Searched',
    { query: 'quux' },
    { userId: undefined, anonymousId: 'phone-of-anna', messageId: `${anna}-5` },
  ),
];
const other = (messageId: string) => track('Product Viewed', tea, { userId: 'boris', messageId });

async function erase(): Promise<void> {
  const [row] = await shop.rows('SELECT user_id FROM app_schema.user_identities WHERE external_id = $1', [
    anna,
  ]);
  await eraseUser(shop.db.adminPool, row?.['user_id'] as number, []);
}

/** All rows of all tables, as text. */
async function everything(): Promise<string> {
  const tables = await shop.rows(
    `SELECT c.oid::regclass::text AS name FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace::regnamespace::text IN ('app_schema', 'privacy')`,
  );
  const texts = tables.map(async ({ name }) =>
    (await shop.rows(`SELECT t::text AS row FROM ${name} t`)).map(({ row }) => `${name} ${row}`),
  );
  return (await Promise.all(texts)).flat().join('\n').toLowerCase();
}

const totals = () =>
  shop.rows(
    'SELECT count(*)::integer AS events, sum(app_schema.event_revenue(event_type, properties))::float AS revenue FROM app_schema.events',
  );

describe('of somebody who was erased', () => {
  it('everything that is sent again adds nothing and names nobody; others in the same request are fine', async () => {
    expect((await shop.batch([...messages, other('b1')])).json.accepted).toBe(6);
    expect(await everything()).toContain('quux');
    const before = await totals();
    await erase();
    expect(await everything()).not.toMatch(/quux|of-anna/);
    const again = await shop.batch([...messages, other('b1'), other('b2')]);
    expect(again.json).toMatchObject({ success: true, rejected: 0 });
    expect(
      again.json.items.map(({ status, events }: { status: string; events?: number }) => [status, events]),
    ).toEqual([
      ['duplicate', undefined],
      ['accepted', 0],
      ['duplicate', undefined],
      ['accepted', 0],
      ['duplicate', undefined],
      ['duplicate', undefined],
      ['accepted', 1],
    ]);
    expect(await everything()).not.toMatch(/quux|of-anna/);
    expect((await totals())[0]).toEqual({
      events: Number(before[0]?.['events']) + 1,
      revenue: before[0]?.['revenue'],
    });
  });

  it("new events count as nobody's, once; singly, in our own form, and beside another customer's", async () => {
    await shop.batch(messages);
    await erase();
    const before = await totals();
    const sale = track(
      'Order Completed',
      { order_id: `new-${anna}`, products: [tea] },
      { userId: anna, messageId: `${anna}-9` },
    );
    expect((await shop.batch([other('b1'), sale, sale])).json).toMatchObject({ accepted: 2, duplicates: 1 });
    expect((await shop.post('/v1/track', sale)).json).toMatchObject({ duplicates: 1 });
    const own = {
      event_id: `${anna}-10`,
      event_type: 'purchase',
      event_timestamp: at,
      external_user_id: anna,
      properties: { amount: 1 },
    };
    expect((await shop.post('/api/events', own)).json).toMatchObject({ accepted: 1 });
    expect(await everything()).not.toMatch(/quux|of-anna/);
    expect((await totals())[0]).toEqual({
      events: Number(before[0]?.['events']) + 3,
      revenue: Number(before[0]?.['revenue']) + 10,
    });
    expect(await shop.rows('SELECT external_id FROM app_schema.user_identities')).toEqual([
      { external_id: 'boris' },
    ]);
  });

  it('nothing becomes a dead letter, nor does their device become another customer', async () => {
    await shop.batch(messages);
    await erase();
    const wrong = [
      { type: 'identify', messageId: 'w1', userId: anna, traits: 'quux' },
      track('Order Completed', { currency: 'XXX', total: 1 }, { userId: anna, messageId: 'w2' }),
    ];
    const answer = await shop.batch([
      ...wrong,
      { type: 'identify', messageId: 'l1', userId: 'boris', anonymousId: device, timestamp: at },
    ]);
    expect(answer.json).toMatchObject({ accepted: 1, rejected: 2 });
    expect(
      (await shop.post('/v1/alias', { messageId: 'l2', userId: 'boris', previousId: device })).json.accepted,
    ).toBe(1);
    expect(await everything()).not.toMatch(/quux|of-anna/);
  });

  it('who is erased while their events come in is erased', async () => {
    await shop.batch(messages);
    const done = erase();
    const answers = await Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        shop.batch([
          track('Product Viewed', tea, { userId: anna, messageId: `${anna}-s${i}` }),
          other(`o${i}`),
        ]),
      ),
    );
    await done;
    for (const answer of answers) expect(answer.json).toMatchObject({ rejected: 0, accepted: 2 });
    expect(await everything()).not.toMatch(/quux|of-anna/);
  });
});
