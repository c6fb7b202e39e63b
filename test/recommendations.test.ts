import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { latestPeriod } from '../src/analytics/read.ts';
import { inSnapshot } from '../src/database/pool.ts';
import { checkReady } from '../src/database/ready.ts';
import { plainLinearAlgebra } from '../src/models/linear-algebra/plain.ts';
import { getList, getRecommendations } from '../src/recommendations/serve.ts';
import { readShop } from '../src/recommendations/shop-data.ts';
import { trainRecommendations } from '../src/recommendations/train.ts';
import { createTestDatabase, type TestDatabase } from './support/test-database.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db.drop());
beforeEach(() => db.clear());

/** Customers 1 … n who each bought the products 1 … m at their moments. */
async function buy(rows: readonly [user: number, product: number, moment: string][]): Promise<void> {
  await db.adminPool.query('INSERT INTO app_schema.users SELECT FROM generate_series(1, 40)');
  await db.adminPool.query(
    "INSERT INTO app_schema.products (name) SELECT 'product ' || n FROM generate_series(1, 10) n",
  );
  for (const [user, product, moment] of rows) {
    await db.adminPool.query(
      "INSERT INTO app_schema.events (user_id, product_id, event_type, event_timestamp) VALUES ($1, $2, 'purchase', $3)",
      [user, product, moment],
    );
  }
}

const train = (asOf: string) =>
  trainRecommendations(db.mlPool, db.appPool, {
    asOf: new Date(asOf),
    codeVersion: 'test',
    algebra: plainLinearAlgebra,
  });

describe('training recommendations', () => {
  it('reads what happened in one moment in one order, whatever the order of arrival and the plan', async () => {
    await buy([]);
    const moment = '2024-05-01';
    for (const type of ['refund', 'view', 'purchase', 'add_to_cart', 'purchase', 'view']) {
      await db.adminPool.query(
        'INSERT INTO app_schema.events (user_id, product_id, event_type, event_timestamp) VALUES (1, 1, $1, $2)',
        [type, moment],
      );
    }
    for (const plan of ['enable_indexscan', 'enable_seqscan']) {
      const shop = await inSnapshot(db.mlPool, async (client) => {
        await client.query(`SET LOCAL ${plan} = off; SET LOCAL enable_bitmapscan = off`);
        return readShop(client, new Date('2024-06-01T00:00:00Z'));
      });
      expect([...shop.log.kinds]).toEqual([0, 0, 1, 2, 2, 3]);
    }
  });

  it('bears events of all ages: what is decades old weighs nothing, and is no error', async () => {
    await buy([
      [1, 1, '1970-01-01'],
      [1, 2, '1970-01-01'],
      [2, 2, '2010-05-01'],
      [2, 3, '2024-05-01'],
      [3, 3, '2024-05-02'],
    ]);
    for (const asOf of ['2024-06-01T00:00:00Z', '2099-01-01T00:00:00Z', '9999-12-31T00:00:00Z']) {
      expect(await train(asOf)).toMatchObject({ products: 3 });
    }
    await train('2024-06-01T00:00:00Z');
    const { rows } = await db.adminPool.query(
      'SELECT product_id, popularity FROM app_schema.product_popularity WHERE model_run_id = app_schema.get_recommender_of() ORDER BY 1',
    );
    expect(rows.map(({ popularity }) => popularity)).toEqual([0, 0, 1]);
    expect(await getRecommendations(db.appPool, 1, 5)).toHaveLength(1);
  });

  it('learns what goes together, and publishing again with other data replaces it', async () => {
    await buy(
      Array.from(
        { length: 20 },
        (_, i) =>
          [
            [i + 1, 1, '2024-01-01'],
            [i + 1, 2, '2024-01-05'],
          ] as [number, number, string][],
      ).flat(),
    );
    await db.adminPool.query(
      "INSERT INTO app_schema.events (user_id, product_id, event_type, event_timestamp) VALUES (40, 1, 'purchase', '2024-01-06')",
    );
    await train('2024-02-01T00:00:00Z');
    const [first] = await getRecommendations(db.appPool, 40, 5, { as_of: '2024-02-01' });
    expect(first).toMatchObject({
      product_id: 2,
      reason_code: 'bought_together',
      reason: 'because you bought product 1',
      reason_product_id: 1,
    });
    await db.adminPool.query('DELETE FROM app_schema.events WHERE product_id = 2');
    await train('2024-02-01T00:00:00Z');
    expect(await getRecommendations(db.appPool, 40, 5, { as_of: '2024-02-01' })).toEqual([]);
  });

  it('judges by the category where the buyers of a product are few, and takes its interval', async () => {
    const rows: [number, number, string][] = [];
    // Product 1 is bought by 20 customers again after 30 days; product 2, of the same category, by one only once.
    for (let user = 1; user <= 20; user++) rows.push([user, 1, '2024-01-01'], [user, 1, '2024-01-31']);
    rows.push([21, 2, '2024-01-01'], [22, 3, '2024-01-01']);
    await buy(rows);
    await db.adminPool.query("UPDATE app_schema.products SET category = 'Coffee' WHERE product_id <= 2");
    expect(await train('2024-02-01T00:00:00Z')).toMatchObject({ repeatedly: 2 });
    const due = (user: number, day: string) => getRecommendations(db.appPool, user, 5, { as_of: day });
    expect(await due(21, '2024-01-10')).not.toContainEqual(expect.objectContaining({ product_id: 2 }));
    expect((await due(21, '2024-01-20')).find((item) => item.product_id === 2)).toMatchObject({
      reason_code: 'buy_again',
      reason: 'time to buy it again: usually every 30 days',
    });
    expect(await due(22, '2024-06-01')).not.toContainEqual(expect.objectContaining({ product_id: 3 }));
  });

  it('cancels by a refund what was bought before it, and does not offer it again', async () => {
    await buy(
      Array.from({ length: 20 }, (_, i) => [i + 1, 1 + (i % 2), '2024-01-01'] as [number, number, string]),
    );
    await db.adminPool.query(
      "INSERT INTO app_schema.events (user_id, product_id, event_type, event_timestamp) SELECT user_id, 2, 'purchase', '2024-01-02Z' FROM generate_series(1, 20) user_id",
    );
    await train('2024-02-01T00:00:00Z');
    const ask = () => getRecommendations(db.appPool, 40, 5, { as_of: '2024-02-01' });
    await db.adminPool.query(
      "INSERT INTO app_schema.events (user_id, product_id, event_type, event_timestamp) VALUES (40, 1, 'purchase', '2024-01-03Z')",
    );
    expect((await ask())[0]).toMatchObject({ product_id: 2, reason_code: 'bought_together' });
    await db.adminPool.query(
      "INSERT INTO app_schema.events (user_id, product_id, event_type, event_timestamp) VALUES (40, 1, 'refund', '2024-01-04Z')",
    );
    expect((await ask()).map((item) => [item.product_id, item.reason_code])).toEqual([[2, 'popular']]);
  });

  it('counts what was wanted in a week, a month and a year, and says so', async () => {
    await buy([
      ...Array.from({ length: 9 }, (_, i) => [i + 1, 1, '2023-10-01'] as [number, number, string]),
      ...Array.from({ length: 6 }, (_, i) => [i + 1, 2, '2024-01-10'] as [number, number, string]),
      ...Array.from({ length: 3 }, (_, i) => [i + 1, 3, '2024-01-30'] as [number, number, string]),
    ]);
    await train('2024-02-01T00:00:00Z');
    const popular = async (window: string) =>
      (await getList(db.appPool, { kind: 'popular', window, limit: 5 })).items.map((item) => item.product_id);
    expect(await Promise.all(['week', 'month', 'quarter', 'year'].map(popular))).toEqual([
      [3],
      [2, 3],
      [2, 3],
      [1, 2, 3],
    ]);
    const [newcomer] = await getRecommendations(db.appPool, 40, 3);
    expect(newcomer).toMatchObject({ reason_code: 'popular' });
    const reasons = (await getRecommendations(db.appPool, 40, 3)).map((item) => [
      item.product_id,
      item.reason,
    ]);
    expect(reasons).toContainEqual([3, 'popular this week']);
    expect(reasons).toContainEqual([2, 'popular this month']);
  });

  it('counts nothing after the moment', async () => {
    await buy([
      [1, 1, '2024-01-01'],
      [2, 2, '2024-03-01'],
    ]);
    expect(await train('2024-02-01T00:00:00Z')).toMatchObject({ products: 1 });
  });
});

describe('the period that a reader gets who names none', () => {
  it('ends with the latest event that has happened: one in the future moves nothing', async () => {
    await buy([
      [1, 1, '2024-03-31T12:00:00Z'],
      [1, 1, '2199-12-31'],
    ]);
    expect(await latestPeriod(db.appPool, new Date('2025-01-01Z'))).toEqual({
      start_date: '2024-03-02',
      end_date: '2024-03-31',
    });
  });
});

describe('the settings of the shop', () => {
  it('are missed by name when their one row is gone', async () => {
    await db.adminPool.query('DELETE FROM app_schema.settings');
    await expect(checkReady(db.appPool)).rejects.toMatchObject({
      code: 'DATABASE_NOT_READY',
      hint: expect.stringContaining('INSERT INTO app_schema.settings'),
    });
    await db.adminPool.query('INSERT INTO app_schema.settings DEFAULT VALUES');
    await checkReady(db.appPool);
  });

  it('take no time zone that PostgreSQL does not know', async () => {
    await expect(db.appPool.query("UPDATE app_schema.settings SET time_zone = 'Mars/X'")).rejects.toThrow(
      /Mars/,
    );
    await expect(db.appPool.query("UPDATE app_schema.settings SET time_zone = ''")).rejects.toThrow();
    await db.appPool.query("UPDATE app_schema.settings SET time_zone = 'Europe/Moscow'");
    await db.appPool.query("UPDATE app_schema.settings SET time_zone = 'UTC'");
  });
});
