import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { loadDemoShop } from '../src/demo/load.ts';
import { type DemoOptions, dayBefore } from '../src/demo/parameters.ts';
import { removeDemo } from '../src/demo/remove.ts';
import { openDemoShop } from '../src/demo/simulate.ts';
import { createTestDatabase, type TestDatabase } from './support/test-database.ts';

const options: DemoOptions = { customers: 80, products: 40, days: 200, seed: 7, lastDay: '2026-03-31' };

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());
beforeEach(() => database.clear());

const load = (change: Partial<DemoOptions> = {}, force = false) =>
  loadDemoShop(openDemoShop({ ...options, ...change }), { appPool: database.appPool }, { force });

async function one<T>(sql: string): Promise<T> {
  return (await database.adminPool.query(sql)).rows[0] as T;
}

/** Everything but the ids that the database gives. */
const CONTENT = `
  SELECT md5(string_agg(row_text, E'\\n' ORDER BY row_text)) AS content FROM (
    SELECT concat_ws('|', 'event', e.external_id, e.event_type, e.event_timestamp, e.properties, ui.external_id, pi.external_id) AS row_text
    FROM app_schema.events e
    JOIN app_schema.user_identities ui USING (user_id)
    LEFT JOIN app_schema.product_identities pi USING (product_id)
    UNION ALL
    SELECT concat_ws('|', 'user', i.external_id, greatest(u.telegram_id, 0), u.first_name, u.last_name, u.username, u.registration_date, u.profile_data)
    FROM app_schema.users u JOIN app_schema.user_identities i USING (user_id)
    UNION ALL
    SELECT concat_ws('|', 'product', i.external_id, p.name, p.category, p.price, p.description, p.attributes, p.stock, p.is_merchandise)
    FROM app_schema.products p JOIN app_schema.product_identities i USING (product_id)
  ) all_rows`;

const COUNTS = `
  SELECT (SELECT count(*)::int FROM app_schema.events) AS events, (SELECT count(*)::int FROM app_schema.users) AS users,
    (SELECT count(*)::int FROM app_schema.products) AS products,
    (SELECT count(*)::int FROM app_schema.user_identities) + (SELECT count(*)::int FROM app_schema.product_identities) AS identities`;

/** A customer, a product and a purchase of another source; either may be given. */
async function addRealEvent(ids: { user?: number; product?: number } = {}): Promise<void> {
  await database.appPool.query(
    `WITH source AS (INSERT INTO app_schema.sources (name) VALUES ('till') ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING source_id),
       new_user AS (INSERT INTO app_schema.users (first_name) SELECT 'Real' WHERE $1::int IS NULL RETURNING user_id),
       new_product AS (INSERT INTO app_schema.products (name) SELECT 'Real thing' WHERE $2::int IS NULL RETURNING product_id)
     INSERT INTO app_schema.events (user_id, product_id, event_type, event_timestamp, properties, source_id, external_id)
     SELECT coalesce($1, (SELECT user_id FROM new_user)), coalesce($2, (SELECT product_id FROM new_product)), 'purchase', '2026-01-05',
       '{"amount": 10}', source_id, gen_random_uuid()::text FROM source`,
    [ids.user ?? null, ids.product ?? null],
  );
}

describe('loading', () => {
  it('writes the whole shop, and the same shop again is all duplicates', async () => {
    const progress: [number, number][] = [];
    const first = await loadDemoShop(openDemoShop(options), {
      appPool: database.appPool,
      onProgress: (done, total) => progress.push([done, total]),
    });
    expect(first).toMatchObject({
      users: 92,
      usersAdded: 92,
      products: 40,
      productsAdded: 40,
      duplicates: 0,
    });
    expect(first.accepted).toBe(first.read);
    expect(first.read).toBeGreaterThan(1000);
    expect(progress.at(-1)).toEqual([92, 92]);
    expect(await one(COUNTS)).toEqual({ events: first.read, users: 92, products: 40, identities: 132 });

    const { content } = await one<{ content: string }>(CONTENT);
    const again = await load();
    expect(again).toMatchObject({
      usersAdded: 0,
      productsAdded: 0,
      accepted: 0,
      duplicates: first.read,
      otherShops: [],
    });
    expect(await one(CONTENT)).toEqual({ content });
  });

  it('writes the same rows into every database, whatever ids it gives', async () => {
    await load();
    const { content } = await one<{ content: string }>(CONTENT);
    await database.clear();
    await load({ seed: 8 });
    expect(await one(CONTENT)).not.toEqual({ content });
    await removeDemo(database.appPool);
    await load(); // ids go on from where they were
    expect(
      (await one<{ least: number }>('SELECT min(user_id) AS least FROM app_schema.users')).least,
    ).toBeGreaterThan(1);
    expect(await one(CONTENT)).toEqual({ content });
  });

  it('puts back what went missing, and counts it', async () => {
    const first = await load();
    const gone = await database.adminPool.query(`DELETE FROM app_schema.events WHERE event_type = 'view'`);
    const again = await load();
    expect(again.accepted).toBe(gone.rowCount);
    expect(again.duplicates).toBe(first.read - gone.rowCount!);
  });

  it('keeps two shops apart', async () => {
    const first = await load();
    const second = await load({ seed: 8 });
    expect(second).toMatchObject({ usersAdded: 92, duplicates: 0, otherShops: [first.shopId] });
    expect(await one(COUNTS)).toMatchObject({ users: 184, products: 80, events: first.read + second.read });
  });

  it('lets two runs at once end as one shop', async () => {
    const both = await Promise.all([load(), load()]);
    expect(both.map(({ accepted }) => accepted).sort((x, y) => x - y)).toEqual([0, both[0]!.read]);
  });

  it('gives negative telegram ids to those without an account, and none that Telegram could give to the others', async () => {
    await load();
    const ids = await one(
      `SELECT count(*) FILTER (WHERE telegram_id < 0) > 40 AS without, count(*) FILTER (WHERE telegram_id >= 2 ^ 52) > 5 AS with,
         count(*) FILTER (WHERE telegram_id BETWEEN 0 AND 2 ^ 52 - 1)::int AS possible FROM app_schema.users`,
    );
    expect(ids).toEqual({ without: true, with: true, possible: 0 });
  });

  it('earns what the order process says, in the revenue function of the schema', async () => {
    const { read } = await load();
    const sums = await one<Record<string, number>>(
      `SELECT sum(app_schema.event_revenue(event_type, properties)) FILTER (WHERE event_type = 'purchase') AS revenue,
         count(DISTINCT properties ->> 'order_id') AS orders, count(*) AS events FROM app_schema.events`,
    );
    expect(sums['events']).toBe(read);
    // The mean order of this behaviour is 5 * 24 / 3 = 40.
    expect(sums['revenue']! / sums['orders']!).toBeGreaterThan(30);
    expect(sums['revenue']! / sums['orders']!).toBeLessThan(50);
  });

  it('lies in the past when it ends on the day before', async () => {
    await load({ lastDay: dayBefore(new Date()) });
    expect(await one('SELECT max(event_timestamp) < now() AS past FROM app_schema.events')).toEqual({
      past: true,
    });
  });
});

describe('the command', () => {
  const run = (args: string[]) =>
    spawn(process.execPath, ['bin/customer-analyzer.js', ...args], {
      env: { ...process.env, DATABASE_URL: database.url },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  const size = [
    '--customers',
    '80',
    '--products',
    '40',
    '--days',
    '200',
    '--seed',
    '7',
    '--end',
    '2026-03-31',
  ];

  async function answer(args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
    const child = run(args);
    const [stdout, stderr, [code]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'exit'),
    ]);
    return { code: code as number, stdout, stderr };
  }

  it('makes the same shop as the feature, says where, and removes it', async () => {
    const made = await answer(['generate', ...size, '--json']);
    expect(made).toMatchObject({ code: 0 });
    expect(made.stderr).toContain(`writing to ${new URL(database.url).host}/${database.name}`);
    const result = JSON.parse(made.stdout);
    expect(result).toMatchObject({ duplicates: 0, users: 92, truth: { orders: { r: 0.7 } } });
    expect(await load()).toMatchObject({ shopId: result.shopId, accepted: 0, duplicates: result.read });
    const removed = await answer(['demo', 'remove', '--json']);
    expect(JSON.parse(removed.stdout)).toMatchObject({ events: result.read, users: 92, products: 40 });
  });

  it.each([[['--customers', '0']], [['--days', '1.5']], [['--seed', 'x']], [['--end', '2026-02-30']]])(
    'refuses %j as wrong use and writes nothing',
    async (args) => {
      expect(await answer(['generate', ...args])).toMatchObject({ code: 2, stdout: '' });
      expect(await one(COUNTS)).toMatchObject({ events: 0, users: 0 });
    },
  );

  it('asks for --force beside real events', async () => {
    await addRealEvent();
    const refused = await answer(['generate', ...size]);
    expect(refused).toMatchObject({ code: 2, stdout: '' });
    expect(refused.stderr).toContain('DEMO_NOT_ALLOWED');
    expect(refused.stderr).toContain('--force');
    expect(await answer(['generate', ...size, '--force'])).toMatchObject({ code: 0 });
  });

  it('leaves nothing behind when it is killed half-way', async () => {
    const child = run(['generate', '--customers', '20000']);
    const backends = (state: string) =>
      one<{ count: number }>(
        `SELECT count(*)::int FROM pg_stat_activity
         WHERE datname = current_database() AND usename = 'app_user' AND pid <> pg_backend_pid() AND ${state}`,
      ).then(({ count }) => count);
    await vi.waitUntil(() => backends(`query LIKE 'COPY app_schema.events%'`), { timeout: 50_000 });
    child.kill('SIGKILL');
    await once(child, 'exit');
    await vi.waitUntil(async () => (await backends(`query LIKE 'COPY app_schema.events%'`)) === 0, {
      timeout: 50_000,
    });
    expect(await one(COUNTS)).toEqual({ events: 0, users: 0, products: 0, identities: 0 });
    expect((await load()).duplicates).toBe(0);
  });
});

describe('beside real events', () => {
  it('refuses without force, and writes nothing', async () => {
    await addRealEvent();
    await expect(load()).rejects.toMatchObject({ code: 'DEMO_NOT_ALLOWED' });
    expect(await one(COUNTS)).toEqual({ events: 1, users: 1, products: 1, identities: 0 });
  });

  it('refuses beside an event written by hand, which has no source', async () => {
    await database.appPool.query(`INSERT INTO app_schema.events (event_type) VALUES ('view')`);
    await expect(load()).rejects.toMatchObject({ code: 'DEMO_NOT_ALLOWED' });
  });

  it('mixes with force, and is taken out again to the last row', async () => {
    await addRealEvent();
    const REAL = `SELECT (SELECT json_agg(e) FROM app_schema.events e) AS events, (SELECT json_agg(u) FROM app_schema.users u) AS users,
      (SELECT json_agg(p) FROM app_schema.products p) AS products`;
    const before = await one(REAL);
    const loaded = await load({}, true);
    expect(await removeDemo(database.appPool)).toEqual({
      events: loaded.read,
      users: 92,
      products: 40,
      usersKept: 0,
      productsKept: 0,
    });
    expect(await one(REAL)).toEqual(before);
    expect(await one(COUNTS)).toMatchObject({ identities: 0 });
  });
});

describe('removing', () => {
  it('does nothing where there is no demonstration', async () => {
    const nothing = { events: 0, users: 0, products: 0, usersKept: 0, productsKept: 0 };
    expect(await removeDemo(database.appPool)).toEqual(nothing);
    await load();
    await removeDemo(database.appPool);
    expect(await removeDemo(database.appPool)).toEqual(nothing);
  });

  it('keeps a person and a product that real events or another source refer to', async () => {
    await load();
    const ids = (
      await database.adminPool.query('SELECT user_id FROM app_schema.users ORDER BY user_id LIMIT 2')
    ).rows.map((row) => row.user_id as number);
    const products = (
      await database.adminPool.query('SELECT product_id FROM app_schema.products ORDER BY product_id LIMIT 2')
    ).rows.map((row) => row.product_id as number);
    await addRealEvent({ user: ids[0]!, product: products[0]! });
    await database.appPool.query(`INSERT INTO app_schema.user_identities VALUES ('telegram', '1', $1)`, [
      ids[1],
    ]);
    await database.appPool.query(`INSERT INTO app_schema.product_identities VALUES ('till', '1', $1)`, [
      products[1],
    ]);
    expect(await removeDemo(database.appPool)).toMatchObject({
      users: 90,
      products: 38,
      usersKept: 2,
      productsKept: 2,
    });
    expect(await one(COUNTS)).toEqual({ events: 1, users: 2, products: 2, identities: 2 });
  });

  it('takes the scores of its people with them', async () => {
    await load();
    await database.appPool.query(
      'INSERT INTO app_schema.user_metrics (user_id, ltv) SELECT user_id, 1 FROM app_schema.users',
    );
    await removeDemo(database.appPool);
    expect(await one('SELECT count(*)::int AS scores FROM app_schema.user_metrics')).toEqual({ scores: 0 });
  });
});
