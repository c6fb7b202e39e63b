import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { addEvent, addProduct, addUser, queryFrom, setTimeZone } from '../support/rows.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
beforeEach(async () => {
  await database.clear();
  await setTimeZone(database.appPool, 'UTC');
});
afterAll(() => database.drop());

const sql = 'SELECT * FROM app_schema.get_top_products($1, $2, $3)';
const top = async (start: string, end: string, limit: number | null = 10) =>
  (await database.mlPool.query(sql, [start, end, limit])).rows;

it('counts views, carts, orders and buyers, takes refunds off, and orders by revenue', async () => {
  const { appPool } = database;
  const [ann, bob] = [await addUser(appPool), await addUser(appPool)];
  const cup = await addProduct(appPool, { name: 'Cup', category: 'Kitchen' });
  const lamp = await addProduct(appPool, { name: 'Лампа', category: 'Home' });
  const seen = await addProduct(appPool, { name: 'Seen only' });
  const of = (
    user: number | null,
    product: number,
    type: string,
    properties: Record<string, unknown> = {},
    at = '2024-01-10T10:00:00Z',
  ) => addEvent(appPool, { user, product, type, at, properties });
  for (let i = 0; i < 3; i++) await of(ann, cup, 'view');
  await of(bob, cup, 'add_to_cart');
  await of(ann, cup, 'purchase', { order_id: '1', amount: 10 });
  await of(ann, cup, 'purchase', { order_id: '1', amount: 10 });
  await of(bob, cup, 'purchase', { order_id: '2', amount: 10 });
  await of(null, cup, 'purchase', { order_id: '3', amount: 10 });
  await of(bob, cup, 'refund', { order_id: '2', amount: 10 });
  await of(ann, cup, 'adjustment', { amount: 500 });
  await of(ann, lamp, 'purchase', { amount: 100 });
  await of(ann, seen, 'view');
  expect(await top('2024-01-01', '2024-01-31')).toEqual([
    {
      product_id: lamp,
      name: 'Лампа',
      category: 'Home',
      views: 0,
      cart_additions: 0,
      purchases: 1,
      buyers: 1,
      revenue: 100,
      conversion: null,
    },
    {
      product_id: cup,
      name: 'Cup',
      category: 'Kitchen',
      views: 3,
      cart_additions: 1,
      purchases: 3,
      buyers: 2,
      revenue: 30,
      conversion: 1,
    },
    expect.objectContaining({ product_id: seen, views: 1, purchases: 0, revenue: 0, conversion: 0 }),
  ]);
});

it('contains both days and nothing around them', async () => {
  const product = await addProduct(database.appPool);
  const moments = [
    '2023-12-31T23:59:59.999999Z',
    '2024-01-01T00:00:00Z',
    '2024-01-31T23:59:59.999999Z',
    '2024-02-01T00:00:00Z',
  ];
  for (const [i, at] of moments.entries())
    await addEvent(database.appPool, { product, type: 'purchase', at, properties: { amount: 10 ** i } });
  expect(await top('2024-01-01', '2024-01-31')).toMatchObject([{ revenue: 110 }]);
});

it("takes days of the shop's time zone, wherever the session is", async () => {
  await setTimeZone(database.appPool, 'Europe/Moscow');
  const product = await addProduct(database.appPool);
  await addEvent(database.appPool, { product, type: 'view', at: '2024-01-31T21:30:00Z' });
  for (const session of ['UTC', 'America/New_York', 'Asia/Tokyo']) {
    const rows = await queryFrom(database.mlPool, session, sql, ['2024-02-01', '2024-02-01', 10]);
    expect(rows).toHaveLength(1);
  }
});

it('breaks ties by orders, then by product_id, and keeps to the limit', async () => {
  const ids: number[] = [];
  for (let i = 0; i < 4; i++) ids.push(await addProduct(database.appPool));
  for (const product of ids.toReversed())
    await addEvent(database.appPool, { product, type: 'view', at: '2024-01-10T10:00:00Z' });
  await addEvent(database.appPool, {
    product: ids[3] as number,
    type: 'purchase',
    at: '2024-01-10T10:00:00Z',
  });
  const order = [ids[3], ids[0], ids[1], ids[2]];
  expect((await top('2024-01-01', '2024-01-31')).map((row) => row.product_id)).toEqual(order);
  expect((await top('2024-01-01', '2024-01-31', 2)).map((row) => row.product_id)).toEqual(order.slice(0, 2));
  expect(await top('2024-01-01', '2024-01-31', 0)).toEqual([]);
});

it('leaves out postage, fees and the like', async () => {
  const product = await addProduct(database.appPool, { name: 'POSTAGE', is_merchandise: false });
  await addEvent(database.appPool, {
    product,
    type: 'purchase',
    at: '2024-01-10T10:00:00Z',
    properties: { amount: 18 },
  });
  expect(await top('2024-01-01', '2024-01-31')).toEqual([]);
});

it('has a limit of 10 when none is given', async () => {
  for (let i = 0; i < 11; i++) {
    const product = await addProduct(database.appPool);
    await addEvent(database.appPool, { product, type: 'view', at: '2024-01-10T10:00:00Z' });
  }
  const { rows } = await database.mlPool.query(
    "SELECT * FROM app_schema.get_top_products('2024-01-01', '2024-01-31')",
  );
  expect(rows).toHaveLength(10);
});

it('refuses a reversed period and a negative or missing limit, and says so', async () => {
  await expect(top('2024-02-01', '2024-01-31')).rejects.toMatchObject({ code: 'CA001' });
  await expect(top('2024-01-01', '2024-01-31', -1)).rejects.toMatchObject({
    code: 'CA002',
    message: 'the limit must be 0 or more, not -1',
  });
  await expect(top('2024-01-01', '2024-01-31', null)).rejects.toMatchObject({ code: 'CA002' });
});
