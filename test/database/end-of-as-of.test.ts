import { afterAll, beforeAll, expect, it } from 'vitest';
import { queryFrom, setTimeZone } from '../support/rows.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
  await setTimeZone(database.appPool, 'Europe/Berlin');
});
afterAll(() => database.drop());

const sql = 'SELECT app_schema.end_of_as_of($1) AS moment';

it.each([
  ['2024-01-31', '2024-01-31T23:00:00.000Z'],
  ['2024-03-30', '2024-03-30T23:00:00.000Z'],
  ['2024-01-31 12:00', '2024-01-31T11:00:00.000Z'],
  ['2024-01-31T12:00:30.5', '2024-01-31T11:00:30.500Z'],
  ['2024-01-31T12:00:00Z', '2024-01-31T12:00:00.000Z'],
  ['2024-01-31T12:00:00.123Z', '2024-01-31T12:00:00.123Z'],
  ['2024-01-31 12:00:00+03', '2024-01-31T09:00:00.000Z'],
  ['2024-01-31T12:00:00-05:30', '2024-01-31T17:30:00.000Z'],
])('%s ends at %s, wherever the session is', async (text, expected) => {
  for (const session of ['UTC', 'Asia/Tokyo', 'America/New_York']) {
    const rows = await queryFrom<{ moment: Date }>(database.mlPool, session, sql, [text]);
    expect(rows[0]?.moment.toISOString()).toBe(expected);
  }
});

it('gives nothing for nothing', async () => {
  expect((await database.mlPool.query(sql, [null])).rows).toEqual([{ moment: null }]);
});

it.each(['01/02/2024', 'now', 'yesterday', 'infinity', '2024-01', '', '2024-01-31 '])(
  'refuses "%s", whose meaning would depend on the session',
  async (text) => {
    await expect(database.mlPool.query(sql, [text])).rejects.toMatchObject({ code: 'CA002' });
  },
);

it('refuses a day that the calendar has not', async () => {
  await expect(database.mlPool.query(sql, ['2024-02-30'])).rejects.toMatchObject({ code: '22008' });
});
