import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { latestPeriod } from '../src/analytics/read.ts';
import { checkReady } from '../src/database/ready.ts';
import { getRecommendations } from '../src/recommendations/serve.ts';
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
  trainRecommendations(db.mlPool, db.appPool, { asOf: new Date(asOf), codeVersion: 'test' });

describe('training recommendations', () => {
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
      'SELECT product_id, popularity FROM app_schema.product_popularity ORDER BY 1',
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
