import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { addEvent, addUser, setTimeZone } from '../support/rows.ts';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
beforeEach(async () => {
  await db.clear();
  await setTimeZone(db.appPool, 'Europe/Berlin');
});
afterAll(() => db.drop());

const COLUMNS =
  'user_id, day::text, events, purchases, orders, spend, refund_events, refunds, views, carts, bot_events';

/** What the rows mean, said in the plainest way: all events, sorted and counted, whatever is stored. */
const PLAIN = `
  SELECT user_id, ((event_timestamp AT TIME ZONE (SELECT time_zone FROM app_schema.settings))::date)::text AS day,
    count(*)::integer AS events, (count(*) FILTER (WHERE event_type = 'purchase'))::integer AS purchases,
    (count(DISTINCT coalesce(properties ->> 'order_id', 'event ' || event_id)) FILTER (WHERE event_type = 'purchase'))::integer AS orders,
    coalesce(sum((properties ->> 'amount')::numeric) FILTER (WHERE event_type = 'purchase'), 0) AS spend,
    (count(*) FILTER (WHERE event_type = 'refund'))::integer AS refund_events,
    coalesce(sum((properties ->> 'amount')::numeric) FILTER (WHERE event_type = 'refund'), 0) AS refunds,
    (count(*) FILTER (WHERE event_type = 'view'))::integer AS views,
    (count(*) FILTER (WHERE event_type = 'add_to_cart'))::integer AS carts,
    (count(*) FILTER (WHERE event_type = 'bot_command'))::integer AS bot_events
  FROM app_schema.events
  WHERE user_id IS NOT NULL AND event_type <> 'adjustment' AND event_timestamp >= $1 AND event_timestamp < $2
  GROUP BY 1, 2 ORDER BY 1, 2`;
const FOLDED = `SELECT ${COLUMNS} FROM app_schema.get_user_days($1, $2) ORDER BY 1, 2`;

async function expectExact(from: string, until: string): Promise<void> {
  const rows = async (sql: string) => (await db.mlPool.query(sql, [from, until])).rows;
  expect(await rows(FOLDED), `${from} to ${until}`).toEqual(await rows(PLAIN));
}

const moment = fc
  .integer({ min: 0, max: 6 * 24 * 4 })
  // Around the night when the clocks go forward, by quarters of an hour.
  .map((quarters) => new Date(Date.UTC(2024, 2, 28) + quarters * 900_000).toISOString());
const event = fc.record({
  user: fc.integer({ min: 1, max: 3 }),
  type: fc.constantFrom('view', 'add_to_cart', 'purchase', 'refund', 'bot_command', 'adjustment', 'survey'),
  at: moment,
  order: fc.constantFrom('A', 'B', undefined),
  amount: fc.integer({ min: 0, max: 9999 }).map((cents) => cents / 100),
});
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant('insert' as const),
      events: fc.array(event, { minLength: 1, maxLength: 6 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('move' as const),
      at: moment,
      user: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('delete' as const), type: event.map(({ type }) => type) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('refresh' as const), rebuild: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('zone' as const),
      zone: fc.constantFrom('Asia/Tokyo', 'America/New_York'),
    }),
  },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

async function perform(action: Step): Promise<unknown> {
  const { appPool } = db;
  if (action.do === 'refresh')
    return appPool.query('SELECT app_schema.refresh_user_days($1)', [action.rebuild]);
  if (action.do === 'zone') return setTimeZone(appPool, action.zone);
  if (action.do === 'delete')
    return appPool.query('DELETE FROM app_schema.events WHERE event_type = $1', [action.type]);
  if (action.do === 'move') {
    const sql = 'UPDATE app_schema.events SET event_timestamp = $1, user_id = $2 WHERE event_id % 3 = 0';
    return appPool.query(sql, [action.at, action.user]);
  }
  for (const { user, type, at, order, amount } of action.events) {
    const properties = { amount, ...(order === undefined ? {} : { order_id: order }) };
    await addEvent(appPool, { user, type, at, properties });
  }
}

it('is exact for any period, whatever was written, changed or refreshed before (property)', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 12 }),
      moment,
      moment,
      async (steps, one, other) => {
        await db.clear();
        await setTimeZone(db.appPool, 'Europe/Berlin');
        for (let i = 0; i < 3; i++) await addUser(db.appPool);
        for (const each of steps) await perform(each);
        await expectExact('-infinity', 'infinity');
        const [from, until] = [one, other].sort() as [string, string];
        await expectExact(from, until);
      },
    ),
    { numRuns: 60 },
  );
}, 120_000);

it('folds again only the days that were touched', async () => {
  const users = [await addUser(db.appPool), await addUser(db.appPool)];
  for (const user of users) {
    for (let day = 1; day <= 28; day++) {
      await addEvent(db.appPool, {
        user,
        type: 'view',
        at: `2024-02-${String(day).padStart(2, '0')}T10:00:00Z`,
      });
    }
  }
  const refresh = async (): Promise<number> =>
    (await db.appPool.query('SELECT app_schema.refresh_user_days() AS rows')).rows[0].rows;
  expect(await refresh()).toBe(56);
  const [user] = users as [number];
  await addEvent(db.appPool, { user, type: 'view', at: '2024-02-03T12:00:00Z' });
  await addEvent(db.appPool, { user, type: 'adjustment', at: '2024-02-04T12:00:00Z' });
  expect(await refresh()).toBe(1);
  expect(await refresh()).toBe(0);
  await expectExact('-infinity', 'infinity');
});

it('misses nothing that another transaction commits after the refresh', async () => {
  const user = await addUser(db.appPool);
  const writer = await db.appPool.connect();
  try {
    await writer.query('BEGIN');
    await writer.query(
      "INSERT INTO app_schema.events (user_id, event_type, event_timestamp) VALUES ($1, 'view', '2024-02-01T10:00:00Z')",
      [user],
    );
    await addEvent(db.appPool, { user, type: 'view', at: '2024-02-01T11:00:00Z' });
    await db.appPool.query('SELECT app_schema.refresh_user_days()');
    await writer.query('COMMIT');
  } finally {
    writer.release();
  }
  await expectExact('-infinity', 'infinity');
  await db.appPool.query('SELECT app_schema.refresh_user_days()');
  await expectExact('-infinity', 'infinity');
});
