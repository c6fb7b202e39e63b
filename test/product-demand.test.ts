import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { inSnapshot } from '../src/database/pool.ts';
import { countDemand } from '../src/models/recommender/product-demand.ts';
import { demandRows, readShop } from '../src/recommendations/shop-data.ts';
import { createTestDatabase, type TestDatabase } from './support/test-database.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db.drop());
beforeEach(() => db.clear());

/** The same, as SQL says it. */
const REFERENCE = `
  WITH shop AS (
    SELECT time_zone FROM app_schema.settings
  ), weighted AS (
    SELECT e.product_id, e.user_id, e.event_timestamp,
      CASE e.event_type WHEN 'purchase' THEN 1.0 WHEN 'add_to_cart' THEN 0.5 ELSE 0.1 END AS strength
    FROM app_schema.events e
    WHERE e.product_id IS NOT NULL AND e.event_type IN ('purchase', 'add_to_cart', 'view') AND e.event_timestamp < $1
  ), touches AS (
    SELECT w.product_id, w.user_id,
      max(w.strength * power(0.5, least(100, extract(epoch FROM $1::timestamptz - w.event_timestamp)::double precision / 86400 / 30))) AS weight,
      max(w.strength) FILTER (WHERE w.event_timestamp >= $1::timestamptz - interval '7 days') AS week,
      max(w.strength) FILTER (WHERE w.event_timestamp >= $1::timestamptz - interval '30 days') AS month,
      max(w.strength) FILTER (WHERE w.event_timestamp >= $1::timestamptz - interval '90 days') AS quarter,
      max(w.strength) FILTER (WHERE w.event_timestamp >= $1::timestamptz - interval '365 days') AS year
    FROM weighted w
    GROUP BY w.product_id, w.user_id
  ), demand AS (
    SELECT product_id, sum(weight::numeric) AS demand, coalesce(sum(week), 0) AS week, coalesce(sum(month), 0) AS month,
      coalesce(sum(quarter), 0) AS quarter, coalesce(sum(year), 0) AS year
    FROM touches GROUP BY product_id
  ), days AS (
    SELECT DISTINCT e.product_id, e.user_id, (e.event_timestamp AT TIME ZONE shop.time_zone)::date AS day
    FROM app_schema.events e CROSS JOIN shop
    WHERE e.event_type = 'purchase' AND e.user_id IS NOT NULL AND e.product_id IS NOT NULL AND e.event_timestamp < $1
  ), gaps AS (
    SELECT product_id, user_id, day - lag(day) OVER (PARTITION BY product_id, user_id ORDER BY day) AS gap FROM days
  ), counts AS (
    SELECT g.product_id, count(*) AS buyers, count(*) FILTER (WHERE g.again) AS repeaters
    FROM (SELECT product_id, user_id, bool_or(gap IS NOT NULL) AS again FROM gaps GROUP BY product_id, user_id) g
    GROUP BY g.product_id
  ), intervals AS (
    SELECT product_id, percentile_cont(0.5) WITHIN GROUP (ORDER BY gap) AS days FROM gaps WHERE gap IS NOT NULL GROUP BY product_id
  ), categories AS (
    SELECT p.category, sum(c.buyers) AS buyers, sum(c.repeaters) AS repeaters
    FROM counts c JOIN app_schema.products p USING (product_id) WHERE p.is_merchandise AND p.category IS NOT NULL GROUP BY p.category
  ), category_intervals AS (
    SELECT p.category, percentile_cont(0.5) WITHIN GROUP (ORDER BY g.gap) AS days
    FROM gaps g JOIN app_schema.products p USING (product_id) WHERE p.is_merchandise AND g.gap IS NOT NULL AND p.category IS NOT NULL GROUP BY p.category
  ), repetition AS (
    SELECT c.product_id, c.buyers, ((c.repeaters + coalesce(10.0 * k.repeaters / k.buyers, 0)) / (c.buyers + CASE WHEN k.buyers > 0 THEN 10 ELSE 0 END))::real AS share,
      c.repeaters >= 5 OR coalesce(k.repeaters >= 5, false) AS is_known,
      CASE WHEN c.repeaters >= 5 THEN i.days ELSE coalesce(j.days, i.days) END AS days
    FROM counts c
    JOIN app_schema.products p USING (product_id)
    LEFT JOIN categories k ON k.category = p.category
    LEFT JOIN category_intervals j ON j.category = p.category
    LEFT JOIN intervals i ON i.product_id = c.product_id
  )
  SELECT p.product_id, p.category, round(d.demand / max(d.demand) OVER (), 9)::real AS popularity,
    d.week::float8 AS week, d.month::float8 AS month, d.quarter::float8 AS quarter, d.year::float8 AS year,
    coalesce(r.buyers, 0)::integer AS buyers, coalesce(r.share, 0)::real AS repeat_share,
    coalesce(r.is_known AND r.share >= 0.05 AND r.days IS NOT NULL, false) AS is_bought_repeatedly, r.days::real AS repeat_interval_days
  FROM demand d
  JOIN app_schema.products p ON p.product_id = d.product_id AND p.is_merchandise
  LEFT JOIN repetition r ON r.product_id = d.product_id
  ORDER BY p.product_id`;

/** Two years of a shop whose clocks change, drawn by a hash: whole hours, so that nights meet their borders; refunds; events of nobody known; postage. */
const SHOP = `
  WITH zone AS (UPDATE app_schema.settings SET time_zone = 'America/New_York'), users AS (
    INSERT INTO app_schema.users SELECT FROM generate_series(1, 60)
  ), products AS (
    INSERT INTO app_schema.products (product_id, name, category, is_merchandise)
    SELECT n, 'product ' || n, (ARRAY['tea', 'ink', '', NULL])[1 + n % 4], n <> 7 FROM generate_series(1, 24) n
  ), drawn AS (
    SELECT n, abs(hashint8extended(n, 1)) AS a, abs(hashint8extended(n, 2)) AS b, abs(hashint8extended(n, 3)) AS c, abs(hashint8extended(n, 4)) AS d
    FROM generate_series(1, 6000) n
  )
  INSERT INTO app_schema.events (user_id, product_id, event_type, event_timestamp)
  SELECT nullif(a % 61, 0), 1 + sqrt(b % 529)::integer % 23, (ARRAY['view', 'view', 'add_to_cart', 'purchase', 'purchase', 'refund'])[1 + c % 6],
    '2022-06-01T04:00:00Z'::timestamptz + (d % 17520) * interval '1 hour'
  FROM drawn`;

async function both(asOf: string) {
  const moment = new Date(asOf);
  const { rows } = await db.mlPool.query(REFERENCE, [moment]);
  const shop = await inSnapshot(db.mlPool, (client) => readShop(client, moment));
  return { rows, counted: demandRows(shop, countDemand(shop, moment.getTime() / 86_400_000)) };
}

/** As reals, which is how the database says most of it. */
const rounded = (rows: readonly object[]) =>
  rows.map((row) =>
    Object.entries(row).map(([name, value]) => [
      name,
      typeof value === 'number' ? Math.fround(value) : value,
    ]),
  );

describe('demand of products', () => {
  it('counts what the database counts, also before the end of what was read', async () => {
    await db.adminPool.query(SHOP);
    for (const asOf of ['2024-06-01T04:00:00Z', '2023-03-12T07:00:00Z', '2022-11-06T06:00:00Z']) {
      const { rows, counted } = await both(asOf);
      expect(counted).toHaveLength(22);
      expect(counted.filter((row) => row.is_bought_repeatedly).length).toBeGreaterThan(5);
      expect(counted.length - counted.filter((row) => row.is_bought_repeatedly).length).toBeGreaterThan(0);
      expect(rounded(counted)).toEqual(rounded(rows));
      const whole = await inSnapshot(db.mlPool, (client) =>
        readShop(client, new Date('2024-06-02T00:00:00Z')),
      );
      expect(demandRows(whole, countDemand(whole, new Date(asOf).getTime() / 86_400_000))).toEqual(counted);
    }
  });

  it('counts all that a customer did, also of one who did more than trains', async () => {
    await db.adminPool.query(`
      WITH users AS (INSERT INTO app_schema.users SELECT FROM generate_series(1, 7)), products AS (
        INSERT INTO app_schema.products (name) SELECT 'product ' || n FROM generate_series(1, 40) n
      )
      INSERT INTO app_schema.events (user_id, product_id, event_type, event_timestamp)
      SELECT CASE WHEN n <= 5000 THEN 1 ELSE 1 + n % 7 END, 1 + abs(hashint8extended(n, 1)) % 40, (ARRAY['view', 'purchase'])[1 + n % 2],
        '2023-06-01T00:00:00Z'::timestamptz + abs(hashint8extended(n, 2)) % 8760 * interval '1 hour'
      FROM generate_series(1, 5400) n`);
    const { rows, counted } = await both('2024-06-01T00:00:00Z');
    expect(rounded(counted)).toEqual(rounded(rows));
    expect(counted.every((row) => row.repeat_interval_days! < 10)).toBe(true);
  });

  it('is there where nobody has an account, and of what sold decades ago', async () => {
    await db.adminPool.query("INSERT INTO app_schema.products (name) VALUES ('kettle'), ('cup'), ('spoon')");
    await db.adminPool.query('INSERT INTO app_schema.users SELECT FROM generate_series(1, 1)');
    await db.adminPool.query(
      "INSERT INTO app_schema.events (user_id, product_id, event_type, event_timestamp) VALUES (NULL, 1, 'view', '2024-05-30'), (NULL, 1, 'purchase', '2024-05-31'), (NULL, 1, 'purchase', '2024-05-01'), (1, 2, 'purchase', '1980-01-01')",
    );
    const { rows, counted } = await both('2024-06-01T00:00:00Z');
    expect(counted).toEqual(rows);
    expect(counted).toMatchObject([
      { popularity: 1, week: 1, buyers: 0 },
      { popularity: 0, year: 0, buyers: 1 },
    ]);
  });

  it('is of nothing where nothing happened', async () => {
    expect((await both('2024-06-01T00:00:00Z')).counted).toEqual([]);
  });
});
