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

async function stats(
  userId: number | null,
  now = '2024-02-10T12:00:00Z',
): Promise<Record<string, unknown>[]> {
  return (await database.mlPool.query('SELECT * FROM app_schema.get_user_stats($1, $2)', [userId, now])).rows;
}

it('gives no row for an unknown user', async () => {
  await addUser(database.appPool);
  expect(await stats(999)).toEqual([]);
  expect(await stats(null)).toEqual([]);
});

it('gives zeroes for a user without events', async () => {
  const user = await addUser(database.appPool);
  expect(await stats(user)).toEqual([
    {
      user_id: user,
      total_events: 0,
      views: 0,
      cart_additions: 0,
      purchases: 0,
      items_purchased: 0,
      revenue: 0,
      average_order_value: null,
      first_activity: null,
      last_activity: null,
      days_since_last_activity: null,
    },
  ]);
});

it('counts orders by order_id, a line without one as an order of its own, and takes refunds off the revenue', async () => {
  const { appPool } = database;
  const user = await addUser(appPool);
  const other = await addUser(appPool);
  const product = await addProduct(appPool);
  const of = (type: string, at: string, properties = {}) =>
    addEvent(appPool, { user, product, type, at, properties });
  await of('view', '2024-02-01T08:00:00Z');
  await of('view', '2024-02-01T09:00:00Z');
  await of('add_to_cart', '2024-02-01T09:30:00Z');
  await of('purchase', '2024-02-02T10:00:00Z', { order_id: 'A', quantity: 2, unit_price: 10 });
  await of('purchase', '2024-02-02T10:00:00Z', { order_id: 'A', amount: 5.5 });
  await of('purchase', '2024-02-03T10:00:00Z', { amount: 7 });
  await of('purchase', '2024-02-03T11:00:00Z', { amount: 7 });
  await of('refund', '2024-02-04T10:00:00Z', { order_id: 'A', quantity: 1, unit_price: 10 });
  await of('adjustment', '2024-02-05T10:00:00Z', { amount: 1000, quantity: 50 });
  await of('bot_command', '2024-02-06T10:00:00Z');
  await addEvent(appPool, { user: other, product, type: 'purchase', properties: { amount: 99 } });
  await addEvent(appPool, { user: null, product, type: 'purchase', properties: { amount: 99 } });
  expect(await stats(user)).toEqual([
    {
      user_id: user,
      total_events: 10,
      views: 2,
      cart_additions: 1,
      purchases: 3,
      items_purchased: 5,
      revenue: 29.5,
      average_order_value: 13.17,
      first_activity: new Date('2024-02-01T08:00:00Z'),
      last_activity: new Date('2024-02-06T10:00:00Z'),
      days_since_last_activity: 4,
    },
  ]);
});

it('counts a purchase without a price as an order and as no revenue', async () => {
  const user = await addUser(database.appPool);
  await addEvent(database.appPool, { user, type: 'purchase', at: '2024-02-01T08:00:00Z', properties: {} });
  expect(await stats(user)).toMatchObject([
    { purchases: 1, items_purchased: 1, revenue: 0, average_order_value: null },
  ]);
});

it('sees only what had happened by the moment it is asked about', async () => {
  const user = await addUser(database.appPool);
  for (const at of ['2024-02-01T08:00:00Z', '2024-02-05T08:00:00Z', '2024-02-20T08:00:00Z'])
    await addEvent(database.appPool, { user, type: 'purchase', at, properties: { amount: 1 } });
  expect(await stats(user, '2024-02-05T08:00:00Z')).toMatchObject([{ purchases: 2, revenue: 2 }]);
  expect(await stats(user, '2024-02-05T07:59:59Z')).toMatchObject([{ purchases: 1, revenue: 1 }]);
});

it('takes the present moment when none is given', async () => {
  const user = await addUser(database.appPool);
  const soon = new Date(Date.now() + 3_600_000).toISOString();
  await addEvent(database.appPool, { user, type: 'view' });
  await addEvent(database.appPool, { user, type: 'view', at: soon });
  const { rows } = await database.mlPool.query('SELECT * FROM app_schema.get_user_stats($1)', [user]);
  expect(rows).toMatchObject([{ total_events: 1, days_since_last_activity: 0 }]);
});

it("counts days in the shop's time zone, not in the session's", async () => {
  await setTimeZone(database.appPool, 'Asia/Vladivostok'); // UTC+10: 15:00Z is tomorrow's 01:00
  const user = await addUser(database.appPool);
  await addEvent(database.appPool, { user, type: 'view', at: '2024-02-01T13:00:00Z' });
  for (const session of ['UTC', 'America/Los_Angeles', 'Asia/Tokyo']) {
    const rows = await queryFrom<{ days: number }>(
      database.mlPool,
      session,
      "SELECT days_since_last_activity AS days FROM app_schema.get_user_stats($1, '2024-02-01T15:00:00Z')",
      [user],
    );
    expect(rows).toEqual([{ days: 1 }]);
  }
});
