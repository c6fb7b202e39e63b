import type pg from 'pg';

export interface ProductRow {
  name?: string;
  category?: string;
  price?: number;
  stock?: number | null;
  is_merchandise?: boolean;
  is_hidden?: boolean;
}

export interface EventRow {
  user?: number | null;
  product?: number | null;
  type: string;
  /** A moment with its offset; now() when left out. */
  at?: string;
  properties?: Record<string, unknown>;
}

async function insert(pool: pg.Pool, sql: string, values: unknown[]): Promise<number> {
  return (await pool.query<[number]>({ text: sql, values, rowMode: 'array' })).rows[0]?.[0] as number;
}

export function addUser(pool: pg.Pool, firstName = 'Ann'): Promise<number> {
  return insert(pool, 'INSERT INTO app_schema.users (first_name) VALUES ($1) RETURNING user_id', [firstName]);
}

export function addProduct(pool: pg.Pool, row: ProductRow = {}): Promise<number> {
  return insert(
    pool,
    `INSERT INTO app_schema.products (name, category, price, stock, is_merchandise, is_hidden)
     VALUES ($1, $2, $3, $4, $5, $6) RETURNING product_id`,
    [
      row.name ?? 'Cup',
      row.category ?? null,
      row.price ?? null,
      row.stock ?? null,
      row.is_merchandise ?? true,
      row.is_hidden ?? false,
    ],
  );
}

export function addEvent(pool: pg.Pool, row: EventRow): Promise<number> {
  return insert(
    pool,
    `INSERT INTO app_schema.events (user_id, product_id, event_type, event_timestamp, properties)
     VALUES ($1, $2, $3, coalesce($4, now()), $5) RETURNING event_id`,
    [row.user ?? null, row.product ?? null, row.type, row.at ?? null, row.properties ?? {}],
  );
}

export async function setTimeZone(pool: pg.Pool, timeZone: string): Promise<void> {
  await pool.query('UPDATE app_schema.settings SET time_zone = $1', [timeZone]);
}

/** Runs one query in a session of another time zone, as a client abroad would. */
export async function queryFrom<T extends pg.QueryResultRow>(
  pool: pg.Pool,
  timeZone: string,
  sql: string,
  values: unknown[] = [],
): Promise<T[]> {
  const client = await pool.connect();
  try {
    await client.query("SELECT set_config('TimeZone', $1, false)", [timeZone]);
    return (await client.query<T>(sql, values)).rows;
  } finally {
    client.release(true);
  }
}
