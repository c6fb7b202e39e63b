import { once } from 'node:events';
import { get, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { createKey } from '../src/access/keys.ts';
import { createPool } from '../src/database/pool.ts';
import { loadBigShop } from './big-shop.ts';
import { type Usage, withIngestServer } from './ingest-child.ts';
import { withShopServer } from './shop-server.ts';

/*
 * npm run bench -- customers [USERS] [EVENTS] [REPEATS]
 *
 * The list of customers over HTTP at 1,000,000 of them: search, filters, sorts and pages by cursor, each asked REPEATS times with other values, beside a look-up
 * of one customer by id. Then the export of all, read as fast as it comes and by a reader who is slow: memory of the server all along.
 *
 * Measured on 2 cores with other work (load 12), p50: by LTV, churn, probability to buy and registration 12 to 28 ms (before their indexes and the two
 * statements of find_users 2 s); by last_updated still 1.4 s, since one scoring gives everybody the same and an index of it would cost each scoring; by first
 * and last name 21 ms (before 570), a common first name 19 (595), a rare profile 52, the first page 14, one customer 19. Export of 1,000,000: 283 MB,
 * RSS 102 MB before and at most 235.
 */

const write = (line: string): void => void process.stdout.write(`${line}\n`);

/** Scores as a scoring leaves them: one buyer in seven without any. */
const SCORES = `
  INSERT INTO app_schema.segments (segment_id, code, name_en, name_ru, description_en, description_ru)
  SELECT 100 + i, 's' || i, 'Segment ' || i, 'Сегмент ' || i, '', '' FROM generate_series(1, 5) i;
  INSERT INTO app_schema.user_metrics (user_id, segment_id, ltv, churn_probability, purchase_probability_30d, last_updated)
  SELECT u.user_id, 101 + u.user_id % 5, round((exp(6 * x.u) - 1)::numeric, 2), x.v, x.w * (1 - x.v), now()
  FROM app_schema.users u, LATERAL (SELECT ((hashint8extended(u.user_id, 21) & 65535) / 65536.0)::float8 AS u,
    ((hashint8extended(u.user_id, 22) & 65535) / 65536.0)::real AS v, ((hashint8extended(u.user_id, 23) & 65535) / 65536.0)::real AS w) x
  WHERE u.user_id % 7 > 0;
  UPDATE app_schema.users SET first_name = (ARRAY['Ann', 'Boris', 'Chloe', 'Dmitri', 'Eva', 'Fedor', 'Grace'])[1 + user_id % 7],
    last_name = 'Name' || user_id % 5000, profile_data = jsonb_build_object('country', user_id % 50, 'vip', user_id % 1000 = 0);
  VACUUM ANALYZE`;

const questions: Record<string, (n: number) => string> = {
  'one customer': (n) => `/api/users/${1 + n}`,
  'first page': () => '/api/users',
  'by user name': (n) => `/api/users?search=customer${n}`,
  'by first and last name': (n) => `/api/users?search=ann%20name${n % 5000}`,
  'by a common first name': () => '/api/users?search=ann',
  'rare profile': () => '/api/users?profile=%7B%22vip%22%3Atrue%7D',
  'a country': (n) => `/api/users?profile=%7B%22country%22%3A${n % 50}%7D`,
  'a segment': (n) => `/api/users?segment=s${1 + (n % 5)}`,
  'highest LTV': () => '/api/users?sort=ltv&order=desc',
  'lowest churn': () => '/api/users?sort=churn_probability',
  'likeliest buyers': () => '/api/users?sort=purchase_probability_30d&order=desc',
  newest: () => '/api/users?sort=registration_date&order=desc',
  'last scored': () => '/api/users?sort=last_updated&order=desc',
  'segment by LTV': (n) => `/api/users?segment=s${1 + (n % 5)}&sort=ltv&order=desc`,
  'LTV above': () => '/api/users?min_ltv=395&sort=ltv&order=desc',
  'likely to go, valuable': () => '/api/users?min_churn_probability=0.8&min_ltv=300',
  'active since': () => '/api/users?active_since=2024-12-30T00%3A00%3A00Z',
  'inactive since': () => '/api/users?inactive_since=2024-06-01T00%3A00%3A00Z',
};

export async function run(args: string[]): Promise<void> {
  const customers = Number(args[0] ?? 1_000_000);
  const events = Number(args[1] ?? 2 * customers);
  const repeats = Number(args[2] ?? 15);
  await withShopServer({ fsync: 'off' }, async ({ url, app }) => {
    write(JSON.stringify(await loadBigShop(url, { customers, events, products: 10_000 })));
    const owner = createPool(url, { applicationName: 'bench', max: 1 });
    for (const statement of SCORES.split(';')) await owner.query(statement);
    await owner.end();
    const { key } = await createKey(app, { scope: 'read', name: 'bench' });
    await withIngestServer('ours', url, async (port, usage) => {
      const ask = asker(port, key);
      for (const [name, path] of Object.entries(questions))
        await measure(name, path, ask, repeats, customers);
      await deepPages(ask);
      await exportAll('as fast as it comes', ask, usage, 0);
      await exportAll('by a slow reader, 10 s', ask, usage, 10);
    });
  });
}

type Ask = (path: string) => Promise<IncomingMessage>;

function asker(port: number, key: string): Ask {
  return async (path) => {
    const request = get({ port, path, host: '127.0.0.1', headers: { authorization: `Bearer ${key}` } });
    const [response] = (await once(request, 'response')) as [IncomingMessage];
    if (response.statusCode !== 200) throw new Error(`${path}: ${response.statusCode}`);
    return response;
  };
}

async function bodyOf(response: IncomingMessage): Promise<string> {
  let text = '';
  for await (const piece of response) text += piece;
  return text;
}

async function measure(
  name: string,
  path: (n: number) => string,
  ask: Ask,
  repeats: number,
  customers: number,
): Promise<void> {
  const latencies: number[] = [];
  for (let i = 0; i < repeats; i++) {
    const begun = performance.now();
    await bodyOf(await ask(path((i * 7_919) % customers)));
    latencies.push(performance.now() - begun);
  }
  write(line(name, latencies));
}

function line(name: string, latencies: number[]): string {
  const sorted = latencies.toSorted((a, b) => a - b);
  const at = (share: number): string =>
    (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] as number).toFixed(1);
  return `${name.padEnd(24)} p50 ${at(0.5).padStart(8)} ms  p99 ${at(0.99).padStart(8)} ms`;
}

/** A hundred pages one after the other: the last must cost what the first did. */
async function deepPages(ask: Ask): Promise<void> {
  for (const query of ['sort=user_id', 'sort=ltv&order=desc']) {
    const latencies: number[] = [];
    let cursor = '';
    for (let page = 0; page < 30; page++) {
      const begun = performance.now();
      const body = JSON.parse(await bodyOf(await ask(`/api/users?limit=100&${query}${cursor}`)));
      latencies.push(performance.now() - begun);
      cursor = `&cursor=${body.next_cursor}`;
    }
    write(line(`30 pages, ${query}`, latencies));
  }
}

async function exportAll(
  name: string,
  ask: Ask,
  usage: () => Promise<Usage>,
  slowSeconds: number,
): Promise<void> {
  const before = (await usage()).rssBytes;
  let greatest = before;
  const watch = setInterval(async () => {
    greatest = Math.max(greatest, (await usage()).rssBytes);
  }, 200);
  const begun = performance.now();
  const response = await ask('/api/export/users?format=ndjson');
  let bytes = 0;
  for await (const piece of response) {
    bytes += piece.length;
    if (slowSeconds > 0 && performance.now() < begun + 1_000 * slowSeconds) await sleep(100);
  }
  clearInterval(watch);
  const megabytes = (value: number): string => (value / 2 ** 20).toFixed(0);
  write(
    `export, ${name}: ${megabytes(bytes)} MB in ${((performance.now() - begun) / 1000).toFixed(1)} s, RSS ${megabytes(before)} MB before, at most ${megabytes(greatest)} MB`,
  );
}
