import { randomUUID } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { cleanUp } from '../src/jobs/manage.ts';
import { LiveShop, track } from './ingest-support.ts';
import { runCli } from './support/cli.ts';

let shop: LiveShop;
beforeAll(async () => {
  shop = await LiveShop.open();
});
afterEach(() => shop.db.clear());
afterAll(() => shop.close());

const statuses = (answer: { json: { items: { status: string }[] } }): string[] =>
  answer.json.items.map((item) => item.status);

describe("Segment's messages", () => {
  it('become events of our types, an order one a product', async () => {
    const answer = await shop.batch([
      track(
        'Product Viewed',
        { product_id: 'p1', name: 'Cup', category: 'Kitchen', price: 5 },
        { messageId: 'a' },
      ),
      track('Product Added', { product_id: 'p1', quantity: 2, price: 5 }, { messageId: 'b' }),
      track(
        'Order Completed',
        {
          order_id: 'o1',
          total: 17.5,
          coupon: 'SPRING',
          products: [
            { product_id: 'p1', quantity: 2, price: 5, name: 'Cup' },
            { sku: 'p2', price: '7.50', name: 'Pot', brand: 'Acme' },
          ],
        },
        { messageId: 'c' },
      ),
      track(
        'Order Refunded',
        { order_id: 'o1', products: [{ product_id: 'p1', quantity: 1, price: 5 }] },
        { messageId: 'd' },
      ),
      track('Order Cancelled', { order_id: 'o2', total: 3 }, { messageId: 'e' }),
      track('Checkout Started', { order_id: 'o3', value: 30 }, { messageId: 'f' }),
      track('Product Clicked', { product_id: 'p1', position: 3 }, { messageId: 'g' }),
      track('userSignedUp', { plan: 'pro' }, { messageId: 'h' }),
      {
        type: 'page',
        messageId: 'i',
        userId: 'u1',
        name: 'Home',
        properties: { path: '/' },
        timestamp: '2025-06-01T10:00:00Z',
      },
      {
        type: 'group',
        messageId: 'j',
        userId: 'u1',
        groupId: 'g1',
        traits: { plan: 'x' },
        timestamp: '2025-06-01T10:00:00Z',
      },
    ]);
    expect(answer.status).toBe(200);
    expect(answer.json).toMatchObject({ success: true, accepted: 10, duplicates: 0, rejected: 0 });
    const events = (await shop.events()).map(({ id, type, product, properties }) => [
      id,
      type,
      product,
      properties,
    ]);
    expect(events).toEqual([
      ['a/1', 'view', 'p1', { unit_price: 5 }],
      ['b/1', 'add_to_cart', 'p1', { quantity: 2, unit_price: 5 }],
      [
        'c/1',
        'purchase',
        'p1',
        { order_id: 'o1', quantity: 2, unit_price: 5, order: { total: 17.5, coupon: 'SPRING' } },
      ],
      ['c/2', 'purchase', 'p2', { order_id: 'o1', quantity: 1, unit_price: 7.5, brand: 'Acme', sku: 'p2' }],
      ['d/1', 'refund', 'p1', { order_id: 'o1', quantity: 1, unit_price: 5 }],
      ['e/1', 'refund', null, { order_id: 'o2', amount: 3, total: 3 }],
      ['f/1', 'checkout_started', null, { order_id: 'o3', value: 30 }],
      ['g/1', 'product_clicked', 'p1', { position: 3 }],
      ['h/1', 'user_signed_up', null, { plan: 'pro' }],
      ['i/1', 'page', null, { name: 'Home', path: '/' }],
      ['j/1', 'group', null, { group_id: 'g1', traits: { plan: 'x' } }],
    ]);
    expect(
      await shop.rows('SELECT name, category, price::text FROM app_schema.products ORDER BY name'),
    ).toEqual([
      { name: 'Cup', category: 'Kitchen', price: '5' },
      { name: 'Pot', category: null, price: '7.5' },
    ]);
    const [stats] = await shop.rows(
      'SELECT s.* FROM app_schema.users u, app_schema.get_user_stats(u.user_id) s',
    );
    expect(stats).toMatchObject({ purchases: 1, revenue: 9.5, items_purchased: 3 });
  });

  it('count once for ever; the same id with other contents is a conflict', async () => {
    const message = track('Signed Up', { a: 1, b: [1, 2] }, { messageId: 'once' });
    expect((await shop.post('/v1/track', message)).json).toMatchObject({ accepted: 1 });
    const again = { sentAt: '2025-06-01T12:00:00Z', ...message, properties: { b: [1.0, 2], a: 1 } };
    expect((await shop.post('/v1/track', again)).json).toMatchObject({ accepted: 0, duplicates: 1 });
    const other = await shop.post('/v1/track', { ...message, properties: { a: 2 } });
    expect([other.status, other.json.code]).toEqual([409, 'INGEST_CONFLICT']);
    const batch = await shop.batch([
      message,
      { ...message, event: 'Other' },
      track('New', {}, { messageId: 'two' }),
      track('New', {}, { messageId: 'two' }),
    ]);
    expect(batch.status).toBe(200);
    expect(statuses(batch)).toEqual(['duplicate', 'rejected', 'accepted', 'duplicate']);
    expect(batch.json.items[1].code).toBe('conflict');
    expect(await shop.events()).toHaveLength(2);
  });

  it('without an id are known by what they say, if they say when', async () => {
    const message = { userId: 'u1', event: 'Seen', timestamp: '2025-06-01T10:00:00Z' };
    expect((await shop.post('/v1/track', message)).json.accepted).toBe(1);
    expect((await shop.post('/v1/track', message)).json.duplicates).toBe(1);
    const timeless = { userId: 'u1', event: 'Seen' };
    expect((await shop.post('/v1/track', timeless)).json.accepted).toBe(1);
    expect((await shop.post('/v1/track', timeless)).json.accepted).toBe(1);
  });

  it('get their clock from sentAt, and a flag when they are far ahead', async () => {
    shop.now = new Date('2025-06-01T12:00:00Z');
    await shop.batch([track('A', {}, { messageId: 'a', timestamp: '2025-06-01T09:00:00Z' })], {
      sentAt: '2025-06-01T09:30:00Z',
    });
    await shop.batch([track('B', {}, { messageId: 'b', timestamp: '2025-05-01T09:00:00.123Z' })], {
      sentAt: '2025-06-01T11:59:59.5Z',
    });
    const ahead = await shop.batch([track('C', {}, { messageId: 'c', timestamp: '2025-06-03T09:00:00Z' })]);
    expect(ahead.json.items[0].flags).toEqual(['clock_ahead']);
    const rudder = {
      ...track('D', {}, { messageId: 'd' }),
      timestamp: undefined,
      originalTimestamp: '2020-01-01T00:00:00Z',
    };
    await shop.batch([rudder]);
    expect((await shop.events()).map(({ id, at }) => [id, (at as Date).toISOString()])).toEqual([
      ['d/1', '2020-01-01T00:00:00.000Z'],
      ['b/1', '2025-05-01T09:00:00.123Z'],
      ['a/1', '2025-06-01T11:30:00.000Z'],
      ['c/1', '2025-06-03T09:00:00.000Z'],
    ]);
    expect((await shop.events()).at(-1)?.['properties']).toEqual({ clock_ahead: true });
  });

  it('of which some are wrong do not keep the others out; the wrong ones are kept apart', async () => {
    const answer = await shop.batch([
      track('Fine', {}, { messageId: 'fine' }),
      track('', {}),
      { type: 'track', messageId: 'x', event: 'Nobody' },
      { type: 'dance', messageId: 'y', userId: 'u1' },
      'text' as unknown as object,
      track('When', {}, { timestamp: 'yesterday' }),
      track('Order Completed', { products: [{ product_id: 'p', price: 1, quantity: -1 }] }),
      track('Order Completed', { order_id: 'empty' }),
      track('Order Completed', { currency: 'EUR', total: 4 }),
      track('Who', {}, { userId: 'undefined' }),
      track('Long', {}, { messageId: 'z'.repeat(501) }),
      track('Big', { text: 'x'.repeat(33_000) }),
    ]);
    expect(answer.status).toBe(200);
    expect(answer.json.items.map((item: { code?: string }) => item.code ?? 'ok')).toEqual([
      'ok',
      'missing_value',
      'missing_value',
      'event_type',
      'json',
      'timestamp',
      'number',
      'missing_value',
      'currency',
      'missing_value',
      'value_too_long',
      'too_large',
    ]);
    expect(answer.json.items.at(-1).reason).toMatch(/has 33\d\d\d bytes, the limit is 32768/);
    expect(await shop.events()).toHaveLength(1);
    const kept = await shop.rows('SELECT code, attempts FROM app_schema.ingest_rejects ORDER BY reject_id');
    expect(kept).toHaveLength(11);
    expect((await shop.rows('SELECT count(*)::integer AS n FROM app_schema.users'))[0]).toEqual({ n: 1 });
  });
});

describe('visitors', () => {
  const anonymous = (event: string, anonymousId: string, at: string, messageId: string): object =>
    track(event, {}, { userId: undefined, anonymousId, timestamp: at, messageId });
  const identify = (
    userId: string,
    anonymousId: string | undefined,
    at: string,
    messageId: string,
    traits: object = {},
  ): object => ({
    type: 'identify',
    messageId,
    userId,
    anonymousId,
    traits,
    timestamp: at,
  });
  const owners = async () => Object.fromEntries((await shop.events()).map(({ id, user }) => [id, user]));

  it('become the customer who identifies, with their history, also in the days by customer', async () => {
    await shop.batch([
      anonymous('Look', 'A', '2025-06-01T08:00:00Z', 'e1'),
      anonymous('Look', 'A', '2025-06-02T08:00:00Z', 'e2'),
    ]);
    await shop.rows('SELECT app_schema.refresh_user_days()');
    const [before] = await shop.rows(
      'SELECT array_agg(DISTINCT user_id) AS users, sum(events)::integer AS events FROM app_schema.user_days',
    );
    await shop.batch([identify('u1', 'A', '2025-06-02T09:00:00Z', 'i1', { firstName: 'Ada', city: 'Bath' })]);
    await shop.batch([anonymous('Look', 'A', '2025-06-02T10:00:00Z', 'e3')]);
    expect(await owners()).toEqual({ 'e1/1': 'u1+A', 'e2/1': 'u1+A', 'e3/1': 'u1+A' });
    expect(await shop.rows('SELECT first_name, profile_data FROM app_schema.users')).toEqual([
      { first_name: 'Ada', profile_data: { city: 'Bath' } },
    ]);
    const exact =
      "SELECT user_id, day::text, events FROM app_schema.get_user_days('-infinity', 'infinity') ORDER BY day";
    const live = await shop.rows(exact);
    await shop.rows('SELECT app_schema.refresh_user_days()');
    const after = await shop.rows('SELECT user_id, day::text, events FROM app_schema.user_days ORDER BY day');
    expect(after).toEqual(live);
    expect(after.map(({ events }) => events)).toEqual([1, 2]);
    expect(before?.['users']).not.toContain(after[0]?.['user_id']);
  });

  it('of an alias too', async () => {
    await shop.batch([anonymous('Look', 'A', '2025-06-01T08:00:00Z', 'e1')]);
    await shop.post('/v1/alias', { messageId: 'al', previousId: 'A', userId: 'u1' });
    expect(await owners()).toEqual({ 'e1/1': 'u1+A' });
  });

  it('never join two customers: a shared device stays with who was there first, in whatever order the two are heard of', async () => {
    const first = identify('u1', 'A', '2025-06-01T09:00:00Z', 'i1', { x: 1 });
    const second = identify('u2', 'A', '2025-06-01T10:00:00Z', 'i2', { x: 2 });
    const look = anonymous('Look', 'A', '2025-06-01T08:00:00Z', 'e1');
    for (const order of [
      [look, first, second],
      [second, look, first],
      [second, first, look],
    ]) {
      for (const message of order) expect((await shop.batch([message])).json.accepted).toBe(1);
      expect(await owners()).toEqual({ 'e1/1': 'u1+A' });
      expect(await shop.rows('SELECT profile_data FROM app_schema.users ORDER BY profile_data')).toEqual([
        { profile_data: { x: 1 } },
        { profile_data: { x: 2 } },
      ]);
      await shop.db.clear();
    }
  });

  it('an alias of a customer to another leaves both what they are', async () => {
    await shop.batch([
      track('A', {}, { userId: 'u1', messageId: 'a' }),
      track('B', {}, { userId: 'u2', messageId: 'b' }),
    ]);
    await shop.post('/v1/alias', { messageId: 'al', previousId: 'u1', userId: 'u2' });
    expect(await owners()).toEqual({ 'a/1': 'u1', 'b/1': 'u2+u1' });
  });

  it('traits: the latest wins whatever arrives last; null takes away; what an import set stays', async () => {
    await shop.batch([
      identify('u1', undefined, '2025-06-02T00:00:00Z', 'i2', { name: 'Ada King', city: 'Bath', old: 1 }),
    ]);
    await shop.rows(`UPDATE app_schema.users SET profile_data = profile_data || '{"imported": true}'`);
    await shop.batch([
      identify('u1', undefined, '2025-06-01T00:00:00Z', 'i1', { name: 'Old Name', city: 'York', age: 30 }),
    ]);
    await shop.batch([identify('u1', undefined, '2025-06-02T00:00:00Z', 'i3', { city: 'Rome', old: null })]);
    expect(await shop.rows('SELECT first_name, last_name, profile_data FROM app_schema.users')).toEqual([
      {
        first_name: 'Ada',
        last_name: 'King',
        profile_data: { name: 'Ada King', city: 'Rome', age: 30, imported: true },
      },
    ]);
  });
});

describe('events in our own form', () => {
  it('name customers and products by our ids or by outside ones', async () => {
    const [user] = await shop.rows(
      "INSERT INTO app_schema.users (first_name) VALUES ('Eve') RETURNING user_id",
    );
    const [product] = await shop.rows(
      "INSERT INTO app_schema.products (name, price) VALUES ('Cup', 4.5) RETURNING product_id",
    );
    const ours = { user_id: user?.['user_id'], product_id: product?.['product_id'] };
    const one = await shop.post('/api/events', {
      event_id: 'e1',
      event_type: 'purchase',
      event_timestamp: '2025-06-01T10:00:00Z',
      ...ours,
      properties: { quantity: 3 },
    });
    expect(one.json).toMatchObject({
      accepted: 1,
      items: [{ index: 0, message_id: 'e1', status: 'accepted', events: 1 }],
    });
    const many = await shop.post('/api/events', [
      {
        event_id: 'e2',
        event_type: 'View',
        event_timestamp: '2025-06-01T11:00:00+03:00',
        external_user_id: 'x',
        external_product_id: 'sku',
        product_name: 'Pot',
      },
      { event_id: 'e3', event_type: 'view', user_id: 999, product_id: 1 },
      { event_id: 'e4', event_type: 'view', user_id: '7' },
      { event_id: 'e5', event_type: 'view', whatever: 1 },
      { event_id: 'e1', event_type: 'view' },
    ]);
    expect(
      many.json.items.map((item: { code?: string; status: string }) => item.code ?? item.status),
    ).toEqual(['accepted', 'unknown_id', 'number', 'unknown_field', 'conflict']);
    expect(
      (await shop.events()).map(({ id, type, product: sku, properties }) => [id, type, sku, properties]),
    ).toEqual([
      ['e2', 'view', 'sku', {}],
      ['e1', 'purchase', null, { quantity: 3, unit_price: 4.5 }],
    ]);
  });

  it('are known again when a file brought them', async () => {
    await shop.rows("INSERT INTO app_schema.sources (name) VALUES ('api')");
    await shop.rows(
      "INSERT INTO app_schema.events (event_type, source_id, external_id) VALUES ('view', 1, 'e1')",
    );
    expect((await shop.post('/api/events', { event_id: 'e1', event_type: 'view' })).json).toMatchObject({
      duplicates: 1,
    });
  });

  it('are known again where the ledger has forgotten their messages, beside new ones', async () => {
    const old = ['a', 'b', 'c'].map((id) =>
      track('Product Viewed', { product_id: 'p9', price: 3 }, { messageId: `old-${id}`, userId: 'u-known' }),
    );
    expect((await shop.batch(old)).json).toMatchObject({ accepted: 3 });
    await shop.rows("DELETE FROM app_schema.ingested_messages WHERE message_id LIKE 'old-%'");
    for (const name of ['first', 'second']) {
      const fresh = track(
        'Product Viewed',
        { product_id: 'p9', price: 3 },
        { messageId: `new-${name}`, userId: 'u-known' },
      );
      const [one, two, three] = old as [object, object, object];
      const { json } = await shop.batch(name === 'first' ? [one, fresh] : [two, fresh, three]);
      expect(json.items.map(({ status }: { status: string }) => status)).toEqual(
        name === 'first' ? ['duplicate', 'accepted'] : ['duplicate', 'accepted', 'duplicate'],
      );
    }
    const [count] = await shop.rows(
      "SELECT count(*)::integer AS n FROM app_schema.events WHERE external_id ~ '^(old|new)-'",
    );
    expect(count).toEqual({ n: 5 });
  });

  it('may be called what JavaScript calls its own', async () => {
    const names = ['constructor', '__proto__', 'toString', 'hasOwnProperty'];
    const messages = names.map((name) => track(name, JSON.parse(`{"${name}": {"${name}": 1}}`)));
    expect((await shop.batch(messages)).json).toMatchObject({ accepted: 4 });
    const stored = await shop.rows(
      "SELECT event_type FROM app_schema.events WHERE event_type IN ('constructor', 'proto', 'to_string', 'has_own_property')",
    );
    expect(stored).toHaveLength(4);
  });

  it('and products refuse attributes that are nested without end', async () => {
    const deep = `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`;
    const answer = await shop.api.inject({
      method: 'PUT',
      url: '/api/products',
      headers: { 'content-type': 'application/json', ...shop.credentials },
      payload: `{"items":[{"product_id":"deep","name":"x","attributes":${deep}}]}`,
    });
    expect(answer.json()).toMatchObject({ status: 400, code: 'VALIDATION' });
  });

  it('a stream that is damaged on its way says how many lines were taken', async () => {
    const lines = Array.from(
      { length: 3_000 },
      (_, i) => `{"event_id":"d${i}","event_type":"view","properties":{"note":"${randomUUID()}"}}`,
    );
    const packed = gzipSync(lines.join('\n'));
    const answer = await shop.post('/api/events', packed.subarray(0, packed.length - 20_000), {
      'content-type': 'application/x-ndjson',
      'content-encoding': 'gzip',
    });
    expect([answer.status, answer.json.code]).toEqual([400, 'VALIDATION']);
    const taken = Number(/the first (\d+) lines were taken/.exec(answer.json.detail)?.[1]);
    expect(taken).toBeGreaterThanOrEqual(500);
    expect(await shop.events()).toHaveLength(taken);
  });

  it('come as a stream of any length, each line answered or at least each that was not accepted', async () => {
    const lines = Array.from(
      { length: 4_000 },
      (_, i) => `{"event_id":"s${i}","event_type":"view","external_user_id":"u${i % 9}"}`,
    );
    lines[1_234] = '{"broken"';
    lines.push(
      '',
      '{"event_id":"s5","event_type":"view","external_user_id":"u5"}',
      '"'.padEnd(300_000, 'x'),
      '{"event_id":"last","event_type":"view"}',
    );
    const answer = await shop.post('/api/events', lines.join('\r\n'), {
      'content-type': 'application/x-ndjson',
    });
    expect(answer.json).toMatchObject({ accepted: 4_000, duplicates: 1, rejected: 2 });
    expect(
      answer.json.items.map((item: { index: number; status: string }) => [item.index, item.status]),
    ).toEqual([
      [1_234, 'rejected'],
      [4_000, 'duplicate'],
      [4_001, 'rejected'],
    ]);
    const small = await shop.post('/api/events', gzipSync(lines.slice(0, 3).join('\n')), {
      'content-type': 'application/x-ndjson',
      'content-encoding': 'gzip',
    });
    expect(statuses(small)).toEqual(['duplicate', 'duplicate', 'duplicate']);
  });
});

describe('limits and hostile bodies', () => {
  const body = (text: string): Promise<{ status: number; json: { code: string; detail: string } }> =>
    shop.post('/v1/track', text);

  it('say what is too much and how much it is', async () => {
    const count = await shop.batch(Array.from({ length: 2_501 }, () => track('x')));
    expect([count.status, count.json.code, count.json.detail]).toEqual([
      413,
      'INGEST_TOO_LARGE',
      'the request has 2501 events, the limit is 2500',
    ]);
    const bytes = await shop.post('/v1/batch', JSON.stringify({ batch: [], pad: 'x'.repeat(512_000) }));
    expect([bytes.status, bytes.json.detail]).toEqual([
      413,
      'the request has 512021 bytes, the limit is 512000',
    ]);
    const bomb = await shop.post('/v1/batch', gzipSync('x'.repeat(50_000_000)), {
      'content-encoding': 'gzip',
    });
    expect([bomb.status, bomb.json.detail]).toEqual([
      413,
      'the request has more than 512000 bytes, the limit is 512000',
    ]);
    const single = await shop.post('/v1/track', track('x', { pad: 'x'.repeat(40_000) }));
    expect([single.status, single.json.code]).toEqual([400, 'INGEST_REJECTED']);
    expect(single.json.detail).toContain('the limit is 32768');
  });

  it('take gzip, deflate and brotli, and refuse what is damaged', async () => {
    const packed = gzipSync(JSON.stringify({ batch: [track('Packed')] }));
    expect((await shop.post('/v1/batch', packed, { 'content-encoding': 'gzip' })).json.accepted).toBe(1);
    expect(
      (await shop.post('/v1/batch', packed.subarray(0, 30), { 'content-encoding': 'gzip' })).status,
    ).toBe(400);
    expect((await shop.post('/v1/batch', '{}', { 'content-encoding': 'gzip' })).status).toBe(400);
    for (const encoding of ['zebra', 'constructor', '__proto__'])
      expect((await shop.post('/v1/batch', '{}', { 'content-encoding': encoding })).status).toBe(400);
  });

  it.each([
    ['', 400, 'VALIDATION'],
    ['{', 400, 'VALIDATION'],
    ['[]', 400, 'INGEST_REJECTED'],
    ['null', 400, 'INGEST_REJECTED'],
    [`${'['.repeat(200_000)}`, 400, 'VALIDATION'],
    [
      `{"userId":"u","event":"e","properties":${'{"a":'.repeat(60)}1${'}'.repeat(60)}}`,
      400,
      'INGEST_REJECTED',
    ],
    [
      `{"userId":"u","event":"e","properties":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
      400,
      'INGEST_REJECTED',
    ],
    ['{"userId":"u","event":"e","properties":{"a":"\\u0000"}}', 400, 'INGEST_REJECTED'],
    ['{"userId":"u\\u0000","event":"e"}', 400, 'INGEST_REJECTED'],
    ['{"userId":"u","event":"e","properties":{"a":"\\ud800"}}', 400, 'INGEST_REJECTED'],
    ['{"userId":"u","event":"e","properties":{"\\udc00":1}}', 400, 'INGEST_REJECTED'],
    ['{"userId":"u","event":"e","properties":{"a":1e999}}', 400, 'INGEST_REJECTED'],
    ['{"userId":"u","event":"\\ud83d\\ude00"}', 400, 'INGEST_REJECTED'],
    ['{"userId":["u"],"event":"e"}', 400, 'INGEST_REJECTED'],
    ['{"userId":true,"event":"e"}', 400, 'INGEST_REJECTED'],
    ['{"userId":"u","event":"e","properties":[]}', 400, 'INGEST_REJECTED'],
    ['{"userId":"u","event":"e","__proto__":{"x":1}}', 200, undefined],
    ['{"userId":"u","event":"e","properties":{"__proto__":1,"constructor":{"prototype":1}}}', 200, undefined],
  ])('%.60s is answered %i', async (text, status, code) => {
    const answer = await body(text);
    expect([answer.status, answer.json.code]).toEqual([status, code]);
  });

  it('keep every digit of what a float cannot hold', async () => {
    await shop.post(
      '/v1/track',
      '{"messageId":"d","userId":12345678901234567890,"event":"Paid","properties":{"n":0.12345678901234567890123,"big":123456789012345678901234567890,"e":1e21}}',
    );
    const [row] = await shop.rows(
      "SELECT properties ->> 'n' AS n, properties ->> 'big' AS big, properties ->> 'e' AS e FROM app_schema.events",
    );
    expect(row).toEqual({
      n: '0.12345678901234567890123',
      big: '123456789012345678901234567890',
      e: '1000000000000000000000',
    });
    expect(await shop.rows('SELECT external_id FROM app_schema.user_identities')).toEqual([
      { external_id: '12345678901234567890' },
    ]);
  });

  it('text that is no UTF-8 is refused', async () => {
    expect((await shop.post('/v1/track', Buffer.from([0x7b, 0xff, 0x7d]))).status).toBe(400);
  });
});

describe('dead letters', () => {
  it('are listed, shown and replayed in a terminal, too', async () => {
    await shop.batch([track('Bad', {}, { timestamp: 'never', messageId: 'bad' })]);
    const run = (...args: string[]) => runCli(['rejects', ...args], { DATABASE_URL: shop.db.url });
    const list = JSON.parse((await run('list', '--json')).stdout);
    expect(list.items).toMatchObject([{ code: 'timestamp', kind: 'track', attempts: 1 }]);
    const shown = await run('show', String(list.items[0].rejectId));
    expect(shown.stdout).toContain('timestamp "never" is no moment');
    expect(shown.stdout).toContain('"messageId":"bad"');
    expect((await run('replay')).stdout).toBe('1 replayed = 0 accepted + 0 duplicates + 1 rejected again\n');
    expect(await run('show', '99')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('there is no reject 99'),
    });
  });

  it('and the ledger are forgotten after a while; an event counts once for ever', async () => {
    const message = track('Kept', {}, { messageId: 'old' });
    await shop.batch([message, track('Bad', {}, { timestamp: 'never' })]);
    await shop.rows("UPDATE app_schema.ingested_messages SET received_at = now() - interval '91 days'");
    await shop.rows("UPDATE app_schema.ingest_rejects SET received_at = now() - interval '91 days'");
    await shop.batch([track('Kept', {}, { messageId: 'young' })]);
    expect(await cleanUp(shop.db.appPool, 90)).toMatchObject({ messages: 1, rejects: 1 });
    expect((await shop.batch([message])).json).toMatchObject({ duplicates: 1 });
    expect(await shop.events()).toHaveLength(2);
  });

  it('are listed, shown, and taken in again when their cause is gone, as of when they came', async () => {
    shop.now = new Date('2025-06-01T12:00:00Z');
    await shop.batch(
      [
        track(
          'Order Completed',
          { currency: 'EUR', total: 4 },
          { messageId: 'eur', timestamp: '2025-06-01T10:00:00Z' },
        ),
      ],
      { sentAt: '2025-06-01T11:00:00Z' },
    );
    await shop.batch([track('Bad', {}, { timestamp: 'never' })]);
    const list = await shop.get('/api/rejects?limit=1');
    const [first] = list.json.items;
    expect(first).toMatchObject({
      code: 'currency',
      kind: 'track',
      source: 'api',
      attempts: 1,
      is_whole: true,
    });
    expect(list.json.next_after).toBe(first.reject_id);
    expect((await shop.get(`/api/rejects/${first.reject_id}`)).json).toEqual(first);
    expect((await shop.get('/api/rejects/999999')).status).toBe(404);
    await shop.rows("UPDATE app_schema.settings SET currency = 'EUR'");
    await shop.reopen();
    shop.now = new Date('2025-07-01T12:00:00Z');
    const replayed = await shop.post('/api/rejects/replay', {});
    expect(replayed.json).toEqual({ replayed: 2, accepted: 1, duplicates: 0, rejected: 1 });
    expect((await shop.events()).map(({ id, at }) => [id, (at as Date).toISOString()])).toEqual([
      ['eur/1', '2025-06-01T11:00:00.000Z'],
    ]);
    const left = (await shop.get('/api/rejects')).json;
    expect(left).toMatchObject({ items: [{ code: 'timestamp', attempts: 2 }], next_after: null });
    await shop.rows("UPDATE app_schema.settings SET currency = 'USD'");
    await shop.reopen();
  });
});
