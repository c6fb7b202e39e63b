import { createHash } from 'node:crypto';
import { once } from 'node:events';
import Fastify from 'fastify';
import type pg from 'pg';
import { FIND_API_KEY } from '../src/access/queries.ts';
import { createApi } from '../src/api/app.ts';
import { listen } from '../src/api/listen.ts';
import { withLogin } from '../src/database/connection-urls.ts';
import { createPool } from '../src/database/pool.ts';
import { createLogger } from '../src/logger.ts';
import { warmUpSeconds } from './ingest-child.ts';

/* The processes that benchmarks/ingest.ts measures: node ingest-servers.ts ours|checked|row|bare URL [SECONDS] */

const [role, url, seconds] = process.argv.slice(2) as [string, string, string];
const pool = createPool(withLogin(url, 'app_user', 'app_password'), { applicationName: `bench ${role}` });

async function serve(): Promise<void> {
  const app = role === 'ours' ? await ours() : role === 'checked' ? checkedRows() : uncheckedRows();
  await listen(app, '127.0.0.1', 0, false);
  process.send?.({ port: (app.server.address() as { port: number }).port });
  process.on('message', () =>
    process.send?.({ cpu: process.cpuUsage(), rssBytes: process.memoryUsage.rss() }),
  );
  await once(process, 'SIGTERM');
  process.exit(0);
}

function ours() {
  return createApi({
    appPool: pool,
    logger: createLogger('silent'),
    version: 'bench',
    now: () => new Date(),
    rateLimits: { perKey: 0, perPublicAddress: 0, perUnknownAddress: 0 },
  });
}

const text = { type: 'string', minLength: 1, maxLength: 200 } as const;
const product = { type: 'object', required: ['product_id'], properties: { product_id: text } } as const;
const messageSchema = {
  type: 'object',
  required: ['messageId', 'userId', 'event', 'properties', 'timestamp'],
  properties: {
    messageId: text,
    userId: text,
    event: text,
    timestamp: { type: 'string', format: 'date-time' },
    properties: {
      type: 'object',
      properties: { product_id: text, products: { type: 'array', items: product } },
    },
  },
} as const;

interface Message {
  messageId: string;
  userId: string;
  event: string;
  properties: object & { product_id?: string; products?: { product_id: string }[] };
  timestamp: string;
}

/** Takes what both servers of one row a request read alike; an order has one product here. */
function rowOf({ messageId, userId, event, properties, timestamp }: Message) {
  const productId = properties.product_id ?? properties.products?.[0]?.product_id ?? 'p1';
  const eventType = event === 'Order Completed' ? 'purchase' : 'view';
  return { messageId, userId, productId, eventType, timestamp, properties };
}

/**
 * What one writes first for the same task: the framework's own check of the body, the key looked up for each request, message and row in
 * one transaction. One statement of one round trip, which is the best that this plan can do; nobody new can come, which spares it more.
 */
function checkedRows() {
  const app = Fastify({ bodyLimit: 1 << 20 });
  app.addHook('onRequest', async (request, reply) => {
    const key = createHash('sha256').update(request.headers.authorization?.slice('Bearer '.length) ?? '');
    const { rows } = await pool.query({ name: 'key', text: FIND_API_KEY, values: [key.digest()] });
    if (rows[0]?.scope !== 'write') return reply.code(401).send({ error: 'unknown key' });
  });
  app.post('/', { schema: { body: messageSchema } }, async (request) => {
    const { messageId, userId, productId, eventType, timestamp, properties } = rowOf(request.body as Message);
    const hash = createHash('sha256').update(JSON.stringify(request.body)).digest('hex').slice(0, 32);
    const { rowCount } = await pool.query({
      name: 'checked',
      text: `WITH message AS (
          INSERT INTO app_schema.ingested_messages (source_id, message_id, body_hash) VALUES (1, $1, $2)
          ON CONFLICT (source_id, message_id) DO NOTHING RETURNING message_id
        )
        INSERT INTO app_schema.events (source_id, external_id, user_id, product_id, event_type, event_timestamp, properties)
        SELECT 1, message_id || '/1', i.user_id, p.product_id, $5, $6, $7
        FROM message, app_schema.user_identities i, app_schema.product_identities p
        WHERE i.source = 'api' AND i.external_id = $3 AND p.source = 'api' AND p.external_id = $4
        ON CONFLICT (source_id, external_id) DO NOTHING`,
      values: [messageId, hash, userId, productId, eventType, timestamp, properties],
    });
    return { success: true, status: rowCount === 1 ? 'accepted' : 'duplicate' };
  });
  return app;
}

/** Believes everybody and everything, and is told our ids. */
function uncheckedRows() {
  const app = Fastify({ bodyLimit: 1 << 20 });
  app.post('/', async (request) => {
    const { messageId, userId, productId, eventType, timestamp, properties } = rowOf(request.body as Message);
    await pool.query({
      name: 'unchecked',
      text: `INSERT INTO app_schema.events (source_id, external_id, user_id, product_id, event_type, event_timestamp, properties)
        VALUES (1, $1, $2, $3, $4, $5, $6) ON CONFLICT (source_id, external_id) DO NOTHING`,
      values: [
        messageId,
        Number(userId.slice(1)),
        Number(productId.slice(1)),
        eventType,
        timestamp,
        properties,
      ],
    });
    return { success: true };
  });
  return app;
}

const rowsPerInsert = 100;
const connections = 2;

async function insertBare(duration: number): Promise<void> {
  const clients = await Promise.all(Array.from({ length: connections }, () => pool.connect()));
  let n = 0;
  const insert = (client: pg.PoolClient): Promise<void> => {
    n += rowsPerInsert;
    return insertRows(client, n);
  };
  const warmUntil = performance.now() + warmUpSeconds * 1_000;
  const warmUp = async (client: pg.PoolClient): Promise<void> => {
    while (performance.now() < warmUntil) await insert(client);
  };
  await Promise.all(clients.map(warmUp));
  const latencies: number[] = [];
  process.send?.('begun');
  const cpuBefore = process.cpuUsage();
  const started = performance.now();
  const until = started + duration * 1_000;
  const write = async (client: pg.PoolClient): Promise<void> => {
    while (performance.now() < until) {
      const begun = performance.now();
      await insert(client);
      latencies.push(performance.now() - begun);
    }
  };
  await Promise.all(clients.map(write));
  const elapsed = (performance.now() - started) / 1_000;
  const sorted = latencies.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor(sorted.length * share)] as number;
  const events = latencies.length * rowsPerInsert;
  const usage = { cpu: process.cpuUsage(cpuBefore), rssBytes: process.memoryUsage.rss() };
  process.send?.({ perSecond: events / elapsed, p50: at(0.5), p99: at(0.99), events, usage });
  await once(process, 'message');
  for (const client of clients) client.release();
  await pool.end();
  process.disconnect();
}

const list = (width: number, casts: string[]): string =>
  Array.from(
    { length: rowsPerInsert },
    (_, row) => `(1, ${casts.map((cast, i) => `$${row * width + i + 1}${cast}`).join(', ')})`,
  ).join(', ');
const events = `INSERT INTO app_schema.events (source_id, external_id, user_id, product_id, event_type, event_timestamp, properties)
  VALUES ${list(6, ['', '', '', '', '', ''])} ON CONFLICT (source_id, external_id) DO NOTHING`;
const ledger = `INSERT INTO app_schema.ingested_messages (source_id, message_id, body_hash)
  VALUES ${list(2, ['', ''])} ON CONFLICT (source_id, message_id) DO NOTHING`;
const hash = '00000000-0000-0000-0000-000000000000';

async function insertRows(client: pg.PoolClient, from: number): Promise<void> {
  const rows = Array.from({ length: rowsPerInsert }, (_, i) => from + i);
  const key = (n: number): string => `bare-${process.pid}-${n}`;
  await client.query('BEGIN');
  await client.query({ name: 'ledger', text: ledger, values: rows.flatMap((n) => [key(n), hash]) });
  await client.query({
    name: 'events',
    text: events,
    values: rows.flatMap((n) => [
      `${key(n)}/1`,
      1 + ((n * 17) % 2_000),
      1 + ((n * 31) % 300),
      n % 20 === 0 ? 'purchase' : 'view',
      new Date(1_717_200_000_000 + n * 40).toISOString(),
      { unit_price: 5, quantity: 1, url: `https://shop.example/p${n % 300}`, position: n % 40 },
    ]),
  });
  await client.query('COMMIT');
}

if (role === 'bare') await insertBare(Number(seconds));
else await serve();
