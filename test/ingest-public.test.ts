import { afterAll, beforeAll, expect, it } from 'vitest';
import { LiveShop, track } from './ingest-support.ts';
import { type Credentials, credentials, openApi } from './support/api.ts';

let shop: LiveShop;
let page: Credentials;
beforeAll(async () => {
  shop = await LiveShop.open();
  page = await credentials(shop.db.appPool, 'public');
});
afterAll(() => shop.close());

it('a public key says what visitors did; the server says who they are', async () => {
  await shop.batch([
    track('Product Viewed', { product_id: 'cup', name: 'Cup', price: 5 }, { messageId: 'named' }),
  ]);
  const look = track(
    'Product Viewed',
    { product_id: 'cup', name: '<b>Free</b>', price: 0, category: 'X' },
    { anonymousId: 'V', messageId: 'm1' },
  );
  expect((await shop.post('/v1/track', look, page)).json).toMatchObject({
    accepted: 1,
    items: [{ message_id: 'm1' }],
  });
  expect(await shop.rows('SELECT name, price::text FROM app_schema.products')).toEqual([
    { name: 'Cup', price: '5' },
  ]);
  expect((await shop.events()).map(({ id, user }) => [id, user])).toEqual([
    ['named/1', 'u1'],
    ['public:m1/1', 'V'],
  ]);
  const identify = {
    type: 'identify',
    userId: 'u1',
    anonymousId: 'V',
    traits: { name: 'Mallory' },
    messageId: 'i1',
  };
  for (const path of ['identify', 'alias', 'group'])
    expect((await shop.post(`/v1/${path}`, identify, page)).status).toBe(403);
  expect((await shop.post('/api/events', { event_id: 'e', event_type: 'view' }, page)).status).toBe(403);
  const sale = track('Order Completed', { order_id: 'o', total: 1e6 }, { anonymousId: 'V', messageId: 's1' });
  expect(await shop.post('/v1/track', sale, page)).toMatchObject({
    status: 403,
    json: { code: 'FORBIDDEN' },
  });
  const batch = await shop.post(
    '/v1/batch',
    { batch: [identify, { ...identify, type: 'alias', previousId: 'V' }, sale, look, track('', {})] },
    page,
  );
  expect(batch.json.items.map((item: { status: string; code?: string }) => item.code ?? item.status)).toEqual(
    ['not_permitted', 'not_permitted', 'not_permitted', 'duplicate', 'missing_value'],
  );
  // What anybody may send must not fill the table that the administrator reads and replays.
  expect(await shop.rows('SELECT FROM app_schema.ingest_rejects')).toEqual([]);
  expect((await shop.post('/v1/identify', identify)).json.accepted).toBe(1);
  expect((await shop.events()).map(({ user }) => user)).toEqual(['u1+V', 'u1+V']);
});

it('a guessed message id keeps no message of the server out; an id of a customer alone is a visitor’s', async () => {
  await shop.post('/v1/track', track('Searched', {}, { userId: 'u2', messageId: 'order-1001' }), page);
  const order = track(
    'Order Completed',
    { order_id: '1001', total: 5 },
    { userId: 'u2', messageId: 'order-1001' },
  );
  expect((await shop.post('/v1/track', order)).json.accepted).toBe(1);
  const people = await shop.rows(
    "SELECT i.source, count(*)::integer AS events FROM app_schema.events e JOIN app_schema.user_identities i USING (user_id) WHERE i.external_id = 'u2' GROUP BY 1 ORDER BY 1",
  );
  expect(people).toEqual([
    { source: 'api', events: 1 },
    { source: 'api#anonymous', events: 1 },
  ]);
});

it('a shop without a server takes sales from its pages, marked as such, and no refunds', async () => {
  const withoutServer = await openApi(shop.db.appPool, { ingest: { publicSales: true } });
  const send = async (event: string, properties: object, messageId: string) =>
    (
      await withoutServer.inject({
        method: 'POST',
        url: '/v1/track',
        headers: page,
        payload: track(event, properties, { anonymousId: 'W', messageId }),
      })
    ).statusCode;
  const products = [{ product_id: 'cup', price: 0.01, quantity: 2, public_key: false }];
  expect(await send('Order Completed', { order_id: 'o7', products }, 'sale')).toBe(200);
  expect(await send('Order Refunded', { order_id: 'o7', products }, 'refund')).toBe(403);
  expect(await send('Order Cancelled', { order_id: 'o7', products }, 'cancelled')).toBe(403);
  await withoutServer.close();
  const sold = await shop.rows(
    "SELECT properties FROM app_schema.events WHERE external_id = 'public:sale/1' AND event_type = 'purchase'",
  );
  expect(sold).toEqual([
    { properties: { order_id: 'o7', quantity: 2, unit_price: 0.01, anonymous_id: 'W', public_key: true } },
  ]);
  expect(await shop.rows("SELECT price::text FROM app_schema.products WHERE name = 'Cup'")).toEqual([
    { price: '5' },
  ]);
});

it('outcomes, queue and connections are there to be watched', async () => {
  const { payload } = await shop.api.inject({ url: '/metrics', headers: shop.credentials });
  expect(payload).toMatch(/customer_analyzer_ingested_events_total\{outcome="accepted"\} 5/);
  expect(payload).toMatch(/customer_analyzer_ingested_events_total\{outcome="duplicate"\} 1/);
  expect(payload).toMatch(/customer_analyzer_intake_requests 0/);
  expect(payload).toMatch(/customer_analyzer_intake_bytes 0/);
  expect(payload).toMatch(/customer_analyzer_pool_connections\{pool="intake",state="open"\} [12]/);
});
