import fc from 'fast-check';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

/** As text: a sum of money is compared digit by digit. */
async function revenue(type: string, properties: unknown): Promise<string | null> {
  const sql = 'SELECT app_schema.event_revenue($1, $2)::text AS revenue';
  return (await database.appPool.query(sql, [type, JSON.stringify(properties)])).rows[0].revenue;
}

it.each([
  ['purchase', { amount: 12.34 }, '12.34'],
  ['purchase', { amount: 12.34, quantity: 2, unit_price: 5 }, '12.34'],
  ['purchase', { quantity: 3, unit_price: 0.1 }, '0.3'],
  ['purchase', { unit_price: 9.99 }, '9.99'],
  ['purchase', { amount: 0 }, '0'],
  ['purchase', {}, null],
  ['purchase', { quantity: 3 }, null],
  ['purchase', { amount: '12.34' }, null],
  ['purchase', { amount: 'free', unit_price: 2 }, '2'],
  ['purchase', { amount: null, quantity: 2, unit_price: 4 }, '8'],
  ['purchase', { quantity: 'two', unit_price: 4 }, '4'],
  ['refund', { amount: 12.34 }, '-12.34'],
  ['refund', { quantity: 2, unit_price: 1.5 }, '-3.0'],
  ['view', { amount: 5 }, null],
  ['adjustment', { amount: 5 }, null],
  ['purchase', [], null],
  ['purchase', 7, null],
])('%s %j is worth %s', async (type, properties, expected) => {
  expect(await revenue(type, properties)).toBe(expected);
});

it('is NULL without properties', async () => {
  const { rows } = await database.appPool.query(
    "SELECT app_schema.event_revenue('purchase', NULL) AS revenue",
  );
  expect(rows[0].revenue).toBeNull();
});

it('gives a refund exactly what the purchase took, to the cent', async () => {
  const cents = fc.integer({ min: 0, max: 100_000_000 });
  await fc.assert(
    fc.asyncProperty(cents, fc.integer({ min: 1, max: 1000 }), async (price, quantity) => {
      const properties = { unit_price: price / 100, quantity };
      const [bought, returned] = [await revenue('purchase', properties), await revenue('refund', properties)];
      expect(Math.round(Number(bought) * 100)).toBe(price * quantity);
      expect(Number(bought) + Number(returned)).toBe(0);
    }),
    { numRuns: 50 },
  );
});
