import { once } from 'node:events';
import Fastify from 'fastify';
import type pg from 'pg';
import { createApi } from '../src/api/app.ts';
import { withLogin } from '../src/database/connection-urls.ts';
import { createPool } from '../src/database/pool.ts';
import { createLogger } from '../src/logger.ts';

/* The processes that benchmarks/ingest.ts measures: node ingest-servers.ts ours|naive|bare URL [SECONDS] */

const [role, url, seconds] = process.argv.slice(2) as [string, string, string];
const pool = createPool(withLogin(url, 'app_user', 'app_password'), { applicationName: `bench ${role}` });

async function serve(): Promise<void> {
  const app = role === 'ours' ? await ours() : naive();
  await app.listen({ host: '127.0.0.1', port: 0 });
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

interface Message {
  messageId: string;
  userId: string;
  event: string;
  properties: object & { product_id?: string; products?: { product_id: string }[] };
  timestamp: string;
}

/** What one writes first: a request, a row. Ids need no look-up here, which is to its advantage. */
function naive() {
  const app = Fastify({ bodyLimit: 1 << 20 });
  app.post('/', async (request) => {
    const { messageId, userId, event, properties, timestamp } = request.body as Message;
    const product = properties.product_id ?? properties.products?.[0]?.product_id ?? 'p1';
    await pool.query({
      name: 'naive',
      text: `INSERT INTO app_schema.events (source_id, external_id, user_id, product_id, event_type, event_timestamp, properties)
        VALUES (1, $1, $2, $3, $4, $5, $6) ON CONFLICT (source_id, external_id) DO NOTHING`,
      values: [
        messageId,
        Number(userId.slice(1)),
        Number(product.slice(1)),
        event === 'Order Completed' ? 'purchase' : 'view',
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
  await Promise.all(clients.map(insert));
  const latencies: number[] = [];
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
  process.send?.({ perSecond: (latencies.length * rowsPerInsert) / elapsed, p50: at(0.5), p99: at(0.99) });
  for (const client of clients) client.release();
  await pool.end();
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
