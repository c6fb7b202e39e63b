import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { addEvent, addUser, queryFrom, setTimeZone } from '../support/rows.ts';
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

const sql = 'SELECT * FROM app_schema.get_customer_snapshot($1)';
const snapshot = async (asOf: string) => (await database.mlPool.query(sql, [asOf])).rows;

async function buy(user: number | null, at: string, amount: number, order?: string): Promise<void> {
  const properties = order === undefined ? { amount } : { amount, order_id: order };
  await addEvent(database.appPool, { user, type: 'purchase', at, properties });
}

it('counts purchase days, not lines: worked by hand', async () => {
  const user = await addUser(database.appPool);
  await buy(user, '2024-01-01T09:00:00Z', 30, 'A');
  await buy(user, '2024-01-01T18:00:00Z', 20, 'B');
  await buy(user, '2024-01-11T10:00:00Z', 5, 'C');
  await buy(user, '2024-01-11T10:00:00Z', 7, 'C');
  await buy(user, '2024-01-21T10:00:00Z', 24);
  expect(await snapshot('2024-02-01T00:00:00Z')).toEqual([
    {
      user_id: user,
      frequency: 2,
      recency_days: 20,
      t_days: 30, // 1 January to 31 January, the last day before the moment
      monetary_value: 18, // (12 + 24) / 2: the first day does not count
      orders: 4,
      gross_revenue: 86,
      refunds: 0,
      gap_mean_days: 10,
      gap_deviation_days: 0,
      last_gap_days: 10,
    },
  ]);
});

it('gives a one-time buyer frequency, recency and monetary value 0', async () => {
  const user = await addUser(database.appPool);
  await buy(user, '2024-01-31T10:00:00Z', 30);
  expect(await snapshot('2024-02-01T00:00:00Z')).toMatchObject([
    { frequency: 0, recency_days: 0, t_days: 0, monetary_value: 0, orders: 1, gross_revenue: 30 },
  ]);
});

it('keeps refunds apart from revenue and ignores all that is no purchase', async () => {
  const [buyer, visitor] = [await addUser(database.appPool), await addUser(database.appPool)];
  await buy(buyer, '2024-01-01T10:00:00Z', 30);
  const { appPool } = database;
  await addEvent(appPool, {
    user: buyer,
    type: 'refund',
    at: '2024-01-05T10:00:00Z',
    properties: { amount: 12 },
  });
  await addEvent(appPool, {
    user: buyer,
    type: 'adjustment',
    at: '2024-01-06T10:00:00Z',
    properties: { amount: 9 },
  });
  await addEvent(appPool, { user: visitor, type: 'view', at: '2024-01-06T10:00:00Z' });
  await addEvent(appPool, {
    user: visitor,
    type: 'refund',
    at: '2024-01-06T10:00:00Z',
    properties: { amount: 1 },
  });
  await buy(null, '2024-01-06T10:00:00Z', 50);
  expect(await snapshot('2024-02-01T00:00:00Z')).toMatchObject([
    { user_id: buyer, frequency: 0, gross_revenue: 30, refunds: 12 },
  ]);
});

it('counts a purchase without a price as one that brought nothing', async () => {
  const user = await addUser(database.appPool);
  await buy(user, '2024-01-01T10:00:00Z', 30);
  await addEvent(database.appPool, { user, type: 'purchase', at: '2024-01-05T10:00:00Z' });
  expect(await snapshot('2024-02-01T00:00:00Z')).toMatchObject([
    { frequency: 1, recency_days: 4, monetary_value: 0, gross_revenue: 30 },
  ]);
});

it('sees nothing at or after the moment', async () => {
  const user = await addUser(database.appPool);
  const late = await addUser(database.appPool);
  await buy(user, '2024-01-01T10:00:00Z', 30);
  await buy(user, '2024-01-31T23:59:59.999999Z', 10);
  await buy(user, '2024-02-01T00:00:00Z', 10);
  await buy(late, '2024-02-01T00:00:00Z', 10);
  expect(await snapshot('2024-02-01T00:00:00Z')).toMatchObject([
    { user_id: user, frequency: 1, recency_days: 30, t_days: 30 },
  ]);
});

it("counts whole days of the shop's time zone, wherever the session is", async () => {
  await setTimeZone(database.appPool, 'Asia/Vladivostok'); // UTC+10
  const user = await addUser(database.appPool);
  await buy(user, '2024-01-01T13:00:00Z', 1); // 1 January, 23:00
  await buy(user, '2024-01-01T15:00:00Z', 1); // 2 January, 01:00
  for (const session of ['UTC', 'America/Los_Angeles', 'Asia/Tokyo']) {
    const rows = await queryFrom(database.mlPool, session, sql, ['2024-01-10T14:00:00Z']);
    expect(rows).toMatchObject([{ frequency: 1, recency_days: 1, t_days: 9 }]);
  }
});
