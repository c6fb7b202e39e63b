import { afterAll, beforeAll, expect, it } from 'vitest';
import { queryFrom, setTimeZone } from '../support/rows.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

it.each([
  ['UTC', '2024-03-31', '2024-03-31T00:00:00.000Z'],
  ['Europe/Berlin', '2024-03-31', '2024-03-30T23:00:00.000Z'],
  ['Europe/Berlin', '2024-04-01', '2024-03-31T22:00:00.000Z'],
  ['Asia/Vladivostok', '2024-01-01', '2023-12-31T14:00:00.000Z'],
])('in %s %s begins at %s, wherever the session is', async (shop, day, expected) => {
  await setTimeZone(database.appPool, shop);
  for (const session of ['UTC', 'America/Los_Angeles', 'Pacific/Kiritimati']) {
    const rows = await queryFrom<{ moment: Date }>(
      database.mlPool,
      session,
      'SELECT app_schema.day_start($1) AS moment',
      [day],
    );
    expect(rows[0]?.moment.toISOString()).toBe(expected);
  }
});
