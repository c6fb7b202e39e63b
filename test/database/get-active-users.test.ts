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

const sql = 'SELECT * FROM app_schema.get_active_users($1, $2)';
const activeIds = async (start: string | null, end: string | null): Promise<number[]> =>
  (await database.mlPool.query(sql, [start, end])).rows.map((row) => row.user_id);

it('contains both days to their last microsecond, and nothing around them', async () => {
  const moments = [
    '2023-12-31T23:59:59.999999Z',
    '2024-01-01T00:00:00Z',
    '2024-01-31T23:59:59.999999Z',
    '2024-02-01T00:00:00Z',
  ];
  const users: number[] = [];
  for (const at of moments) {
    const user = await addUser(database.appPool);
    await addEvent(database.appPool, { user, type: 'view', at });
    users.push(user);
  }
  expect(await activeIds('2024-01-01', '2024-01-31')).toEqual([users[2], users[1]]);
  expect(await activeIds('2024-02-01', '2024-02-01')).toEqual([users[3]]);
  expect(await activeIds('2025-01-01', '2025-12-31')).toEqual([]);
});

it('gives each user once, with identity, count and last activity, the latest first', async () => {
  const { appPool } = database;
  const early = await addUser(appPool, 'Early');
  const late = await addUser(appPool, 'Поздний');
  await appPool.query(
    "UPDATE app_schema.users SET telegram_id = 4711, username = 'late', last_name = 'Bird' WHERE user_id = $1",
    [late],
  );
  for (const day of [3, 5, 4])
    await addEvent(appPool, { user: late, type: 'view', at: `2024-01-0${day}T10:00:00Z` });
  await addEvent(appPool, { user: early, type: 'purchase', at: '2024-01-02T10:00:00Z' });
  await addEvent(appPool, { user: null, type: 'purchase', at: '2024-01-06T10:00:00Z' });
  const { rows } = await database.mlPool.query(sql, ['2024-01-01', '2024-01-31']);
  expect(rows).toEqual([
    {
      user_id: late,
      telegram_id: 4711,
      username: 'late',
      first_name: 'Поздний',
      last_name: 'Bird',
      event_count: 3,
      last_activity: new Date('2024-01-05T10:00:00Z'),
    },
    expect.objectContaining({ user_id: early, event_count: 1 }),
  ]);
  expect(rows[1].telegram_id).toBeLessThan(0);
});

it("takes days of the shop's time zone, wherever the session is", async () => {
  await setTimeZone(database.appPool, 'Europe/Moscow');
  const user = await addUser(database.appPool);
  await addEvent(database.appPool, { user, type: 'view', at: '2024-01-31T21:30:00Z' }); // 1 February, 00:30 in Moscow
  for (const session of ['UTC', 'America/New_York', 'Asia/Tokyo']) {
    const january = await queryFrom(database.mlPool, session, sql, ['2024-01-01', '2024-01-31']);
    const february = await queryFrom(database.mlPool, session, sql, ['2024-02-01', '2024-02-29']);
    expect([january.length, february.length]).toEqual([0, 1]);
  }
});

it('refuses a reversed period and a missing day, and says so', async () => {
  await expect(activeIds('2024-02-01', '2024-01-01')).rejects.toMatchObject({
    code: 'CA001',
    message: 'the period begins on 2024-02-01 and ends before that, on 2024-01-01',
  });
  await expect(activeIds('2024-02-01', null)).rejects.toMatchObject({ code: 'CA002' });
  await expect(activeIds(null, '2024-02-01')).rejects.toMatchObject({ code: 'CA002' });
});
