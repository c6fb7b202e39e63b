import pg from 'pg';

/*
 * A shop of any size, made by the server itself: heterogeneous customers who come, buy at rates of their own and drop out unseen,
 * products of skewed popularity, several events a visit, over two years. Every number is a hash of the row's own ids, so the same
 * size gives the same shop, whatever the plan.
 *
 * Rows lie nearly in the order of time, as events arrive (two connections write, visits of even and odd keys), and not customer by
 * customer: an aggregation by customer has to gather them.
 */

export interface BigShopSize {
  customers: number;
  /** About so many; the shop that was made says how many there are. */
  events: number;
  products?: number;
}

export interface BigShop {
  readonly customers: number;
  readonly products: number;
  readonly events: number;
  readonly purchases: number;
  readonly buyers: number;
  /** Of the database, with indexes. */
  readonly bytes: number;
}

const start = '2023-01-01T00:00:00Z';
const days = 730;
const meanVisitSize = 3.6;

/** Uniform on (0, 1) by two keys: hashes are immutable and parallel safe, random() with a seed hangs on the order of rows. */
const UNIFORM = `
  CREATE FUNCTION pg_temp.uniform(p_key bigint, p_stream bigint) RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE
  AS 'SELECT ((hashint8extended(p_key, p_stream) & 9007199254740991) + 0.5) / 9007199254740992.0::double precision'`;

const PRODUCTS = `
  INSERT INTO app_schema.products (product_id, name, category, price)
  SELECT id, 'Product ' || id, 'Category ' || (hashint8extended(id, 1) & 63), round((3 + 97 * pg_temp.uniform(id, 2) ^ 2)::numeric, 2)
  FROM generate_series(1, $1::integer) id`;

const USERS = `
  INSERT INTO app_schema.users (user_id, username, registration_date)
  SELECT id, 'customer' || id, $2::timestamptz + pg_temp.uniform(id, 3) * $3::integer * interval '1 day'
  FROM generate_series(1, $1::integer) id`;

/**
 * Visits of each customer: their number by an exponential rate of the customer's own times an exponential lifetime that the
 * end of the shop cuts; their moments uniform in it, as a Poisson process has them. One visit in four buys, customers differing
 * from never (one in seven) to three in five.
 */
const VISITS = `
  CREATE UNLOGGED TABLE bench.visits AS
  WITH customers AS (
    SELECT user_id, registration_date AS joined,
      least(extract(epoch FROM $2::timestamptz - registration_date) / 86400, -300 * ln(pg_temp.uniform(user_id, 4)))::double precision AS lifetime,
      -ln(pg_temp.uniform(user_id, 5)) AS rate,
      greatest(0, 0.7 * pg_temp.uniform(user_id, 6) - 0.1) AS conversion
    FROM app_schema.users
  ), counts AS (
    SELECT *, 1 + floor(greatest(0, $1::float8 - count(*) OVER ()) * rate * lifetime / sum(rate * lifetime) OVER ()
      + pg_temp.uniform(user_id, 7))::integer AS visits
    FROM customers
  ), visits AS (
    SELECT user_id, user_id * 65536::bigint + n AS key,
      joined + CASE n WHEN 0 THEN 0 ELSE lifetime * pg_temp.uniform(user_id * 65536::bigint + n, 8) END * interval '1 day' AS moment,
      pg_temp.uniform(user_id * 65536::bigint + n, 9) < conversion AS buys
    FROM counts CROSS JOIN LATERAL generate_series(0, least(visits, 65536) - 1) n
  ), sized AS (
    SELECT *, 1 + CASE WHEN buys THEN floor(7 * pg_temp.uniform(key, 10)) ELSE least(40, floor(-2.9 * ln(pg_temp.uniform(key, 10)))) END::integer AS size
    FROM visits
  )
  SELECT user_id, key, moment, buys, size, (sum(size) OVER (ORDER BY moment, key))::bigint - size AS before
  FROM sized ORDER BY moment, key`;

/**
 * A visit that buys ends with one to three lines of one order after a cart; one such visit in 30 has a last event more: the line came back.
 * Customers differ in what they pay for the same, from a third to twice the price: without that there is no spend to tell them apart by.
 */
const EVENTS = `
  INSERT INTO app_schema.events (event_id, user_id, product_id, event_type, event_timestamp, properties, source_id, external_id)
  SELECT e.event_id, e.user_id, CASE WHEN e.type <> 'bot_command' THEN p.product_id END, e.type, e.moment,
    CASE WHEN e.type IN ('purchase', 'refund') THEN jsonb_build_object('order_id', e.key, 'quantity', e.quantity, 'unit_price', p.price,
      'amount', round(e.quantity * p.price * (0.3 + 2 * pg_temp.uniform(e.user_id, 15) ^ 2)::numeric, 2)) ELSE '{}' END,
    $1, 'e' || e.event_id
  FROM (
    SELECT v.user_id, v.key, v.before + n AS event_id, v.moment + n * interval '37 seconds' AS moment,
      1 + floor(-1.2 * ln(pg_temp.uniform(v.before + n, 12)))::integer AS quantity,
      1 + floor($2::integer * pg_temp.uniform(v.before + n, 13) ^ 3)::integer AS product_id,
      CASE
        WHEN v.buys AND n = v.size AND n > 1 AND v.key % 30 = 0 THEN 'refund'
        WHEN v.buys AND n > v.size - 1 - v.key % 3 THEN 'purchase'
        WHEN v.buys AND n > v.size - 3 - v.key % 3 THEN 'add_to_cart'
        WHEN pg_temp.uniform(v.before + n, 14) < 0.85 THEN 'view'
        WHEN pg_temp.uniform(v.before + n, 14) < 0.93 THEN 'add_to_cart'
        ELSE 'bot_command'
      END AS type
    FROM bench.visits v CROSS JOIN LATERAL generate_series(1, v.size) n
    WHERE v.key % 2 = $3
  ) e
  JOIN app_schema.products p USING (product_id)`;

/** What slows a load down: the statements that take each part away and bring it back. */
const CONSTRAINTS = `
  SELECT format('ALTER TABLE app_schema.events DROP CONSTRAINT %I', conname) AS drop,
    format('ALTER TABLE app_schema.events ADD CONSTRAINT %I %s', conname, pg_get_constraintdef(oid)) AS create
  FROM pg_constraint WHERE conrelid = 'app_schema.events'::regclass AND contype IN ('f', 'p')`;
const INDEXES = `
  SELECT format('DROP INDEX app_schema.%I', c.relname) AS drop, pg_get_indexdef(i.indexrelid) AS create
  FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
  WHERE i.indrelid = 'app_schema.events'::regclass AND NOT i.indisprimary`;

const SEQUENCES = `
  SELECT setval('app_schema.users_user_id_seq', (SELECT max(user_id) FROM app_schema.users)),
    setval('app_schema.products_product_id_seq', (SELECT max(product_id) FROM app_schema.products)),
    setval('app_schema.events_event_id_seq', (SELECT max(event_id) FROM app_schema.events))`;

const FACTS = `
  SELECT count(*)::integer AS events, count(*) FILTER (WHERE event_type = 'purchase')::integer AS purchases,
    count(DISTINCT user_id) FILTER (WHERE event_type = 'purchase')::integer AS buyers,
    pg_database_size(current_database())::float8 AS bytes
  FROM app_schema.events`;

/** The moment after the last visit can begin. */
export const bigShopEnd = new Date(Date.parse(start) + days * 86_400_000);

interface SlowPart {
  readonly drop: string;
  readonly create: string;
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client(url);
  await client.connect();
  await client.query(
    "SET synchronous_commit = off; SET work_mem = '256MB'; SET maintenance_work_mem = '1GB'",
  );
  await client.query(UNIFORM);
  return client;
}

async function loadEvents(lanes: readonly pg.Client[], products: number): Promise<void> {
  const [client] = lanes as [pg.Client];
  const source = "INSERT INTO app_schema.sources (name) VALUES ('big shop') RETURNING source_id";
  const { source_id: sourceId } = (await client.query(source)).rows[0];
  const indexes = (await client.query<SlowPart>(INDEXES)).rows;
  const constraints = (await client.query<SlowPart>(CONSTRAINTS)).rows;
  for (const { drop } of [...constraints, ...indexes]) await client.query(drop);
  await Promise.all(lanes.map((lane, i) => lane.query(EVENTS, [sourceId, products, i])));
  const waiting = indexes.values();
  await Promise.all(
    lanes.map(async (lane) => {
      for (const { create } of waiting) await lane.query(create);
    }),
  );
  for (const { create } of constraints) await client.query(create);
}

/**
 * Fills a migrated, empty database. Indexes and keys of the events are dropped and made anew, so `url` is the superuser's.
 *
 * Measured, 1,000,000 customers and 19,874,982 events (4.8 GB, 509,355 buyers), with fsync off, on 2 cores that three times as much
 * other work shared: 471 s, of which visits 50, events 151, indexes 164, keys 82. One connection in place of two took 564 there
 * (events 213).
 */
export async function loadBigShop(url: string, size: BigShopSize): Promise<BigShop> {
  const { customers, events, products = 100_000 } = size;
  const lanes = [await connect(url), await connect(url)];
  const [client] = lanes as [pg.Client, pg.Client];
  try {
    await client.query('CREATE SCHEMA bench');
    await client.query(PRODUCTS, [products]);
    await client.query(USERS, [customers, start, days]);
    await client.query(VISITS, [events / meanVisitSize, bigShopEnd]);
    await loadEvents(lanes, products);
    await client.query('DROP SCHEMA bench CASCADE');
    await client.query(SEQUENCES);
    await client.query('VACUUM ANALYZE');
    const facts = (await client.query<Omit<BigShop, 'customers' | 'products'>>(FACTS)).rows[0];
    return { customers, products, ...facts } as BigShop;
  } finally {
    await Promise.all(lanes.map((lane) => lane.end()));
  }
}
