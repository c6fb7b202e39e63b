import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request as httpRequest } from 'node:http';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { createKey } from '../src/access/keys.ts';
import { withLogin } from '../src/database/connection-urls.ts';
import { createPool } from '../src/database/pool.ts';
import { withShopServer } from './shop-server.ts';

/*
 * npm run bench -- ingest [ROUNDS] [SECONDS] [PART OF A NAME]
 *
 * What the intake over HTTP costs, against two baselines of the same run, in turns, on the embedded server with its durable
 * settings (fsync, synchronous_commit = on):
 * - bare: one Node process that does nothing but INSERT ... VALUES of 100 rows into the same tables (events, with all its
 *   indexes, keys and triggers, and the ledger of messages), one transaction each, on as many connections as the intake has
 *   writers; no HTTP, no parsing, ids known beforehand;
 * - naive: a Fastify server that inserts one row a request into events alone, by a pool of 10.
 * Servers run in processes of their own; one client, this process, drives them by node:http with connections kept alive, the
 * same for both. Each event is new; customers and products are there already.
 *
 * Measured on 2 cores with other work going on (load 3 to 8, rounds of 3 s, so rough): batches of 100 against bare inserts 0.55 and 0.46, against
 * one row a request 3.3 and 3.8 (16 clients' JSON is made and parsed on the same two cores); single events at 64 clients 1.34. Node's CPU: 49 us an event
 * in batches; 220 us singly, with the look-up of the key, against 161 of the naive server, which asks for none. Of the 220 a quarter is the system's writing
 * to sockets, a seventh garbage, an eighth reading and hashing the message. The greatest RSS seen: 236 MB.
 *
 * What was tried: nine round trips a group (0.43 of bare at a load of 12, where each costs milliseconds); sent together in two
 * (group-commit.ts, store.ts); in one where nothing has to be looked up (plain.ts); four writers in place of two: no gain. What
 * helped last: no transaction block around the one statement and the second writer only for 50 messages (315 from 403 us), security headers made once (235).
 */

type Role = 'ours' | 'naive' | 'bare';
interface Sample {
  perSecond: number;
  p50: number;
  p99: number;
  /** Of the server's process, for one event. */
  cpuMicroseconds?: number;
  /** The most that was seen. */
  rssMegabytes?: number;
}

interface Usage {
  cpu: NodeJS.CpuUsage;
  rssBytes: number;
}

const worker = fileURLToPath(new URL('./ingest-servers.ts', import.meta.url));
const customers = 2_000;
const products = 300;
/** Bodies that are made ready; who is faster ends early. */
const mostPerSecond = 25_000;

export async function run(args: string[]): Promise<void> {
  const rounds = Number(args[0] ?? 3);
  const seconds = Number(args[1] ?? 4);
  const only = args[2] ?? '';
  await withShopServer({}, async ({ url }) => {
    await prepare(url);
    const samples = new Map<string, Sample[]>();
    for (let round = 1; round <= rounds; round++) {
      for (const [name, measure] of plan(url, seconds)) {
        if (!name.includes(only)) continue;
        const sample = await measure();
        samples.set(name, [...(samples.get(name) ?? []), sample]);
        process.stdout.write(`round ${round}: ${line(name, sample)}\n`);
      }
    }
    if (only === '') report(samples);
  });
}

function plan(url: string, seconds: number): [string, () => Promise<Sample>][] {
  const http = (role: 'ours' | 'naive', clients: number, batch: number) => (): Promise<Sample> =>
    withChild(role, url, (port, usage) => drive(role, port, clients, batch, seconds, usage));
  return [
    ['bare, rows of 100', () => bare(url, seconds)],
    ['ours, batches of 100, 16 clients', http('ours', 16, 100)],
    ['naive, 8 clients', http('naive', 8, 1)],
    ['ours, single, 1 client', http('ours', 1, 1)],
    ['naive, 1 client', http('naive', 1, 1)],
    ['ours, single, 8 clients', http('ours', 8, 1)],
    ['ours, single, 64 clients', http('ours', 64, 1)],
    ['naive, 64 clients', http('naive', 64, 1)],
  ];
}

function line(name: string, { perSecond, p50, p99, cpuMicroseconds, rssMegabytes }: Sample): string {
  const latency = `p50 ${p50.toFixed(1)} ms  p99 ${p99.toFixed(1)} ms`;
  const server =
    cpuMicroseconds === undefined
      ? ''
      : `  CPU ${cpuMicroseconds.toFixed(0)} us an event  RSS ${rssMegabytes?.toFixed(0)} MB`;
  return `${name.padEnd(34)} ${Math.round(perSecond).toString().padStart(7)} events/s  ${latency}${server}`;
}

function report(samples: ReadonlyMap<string, Sample[]>): void {
  const rate = (name: string): number => median((samples.get(name) ?? []).map((each) => each.perSecond));
  process.stdout.write('\nmedians\n');
  for (const [name, each] of samples) {
    const middle = {
      perSecond: rate(name),
      p50: median(each.map(({ p50 }) => p50)),
      p99: median(each.map(({ p99 }) => p99)),
      ...(each[0]?.cpuMicroseconds === undefined
        ? {}
        : {
            cpuMicroseconds: median(each.map(({ cpuMicroseconds = 0 }) => cpuMicroseconds)),
            rssMegabytes: Math.max(...each.map(({ rssMegabytes = 0 }) => rssMegabytes)),
          }),
    };
    process.stdout.write(`${line(name, middle)}\n`);
  }
  const ratio = (label: string, value: number): void =>
    void process.stdout.write(`${label}: ${value.toFixed(2)}\n`);
  const batches = rate('ours, batches of 100, 16 clients');
  const naive = Math.max(rate('naive, 8 clients'), rate('naive, 64 clients'));
  ratio('batches of 100 / bare multi-row inserts', batches / rate('bare, rows of 100'));
  ratio('batches of 100 / one row a request (its best)', batches / naive);
  ratio(
    'single events at 64 clients / one row a request',
    rate('ours, single, 64 clients') / rate('naive, 64 clients'),
  );
}

let authorization = '';

async function prepare(url: string): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  await client.query(`
    INSERT INTO app_schema.users (first_name) SELECT 'u' || i FROM generate_series(1, ${customers}) i;
    INSERT INTO app_schema.user_identities SELECT 'api', 'u' || user_id, user_id FROM app_schema.users;
    INSERT INTO app_schema.products (name, price) SELECT 'p' || i, 5 FROM generate_series(1, ${products}) i;
    INSERT INTO app_schema.product_identities SELECT 'api', 'p' || product_id, product_id FROM app_schema.products;
    INSERT INTO app_schema.sources (name) VALUES ('api')`);
  await client.end();
  const pool = createPool(withLogin(url, 'app_user', 'app_password'), { applicationName: 'bench' });
  const { key } = await createKey(pool, { scope: 'write', name: 'bench' });
  await pool.end();
  authorization = `Bearer ${key}`;
}

async function withChild<T>(
  role: Role,
  url: string,
  run: (port: number, usage: () => Promise<Usage>) => Promise<T>,
): Promise<T> {
  const child: ChildProcess = fork(worker, [role, url], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  try {
    const [{ port }] = (await once(child, 'message')) as [{ port: number }];
    return await run(port, async () => {
      child.send('usage');
      return ((await once(child, 'message')) as [Usage])[0];
    });
  } finally {
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
}

async function bare(url: string, seconds: number): Promise<Sample> {
  const child = fork(worker, ['bare', url, String(seconds)], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const [sample] = (await once(child, 'message')) as [Sample];
  await once(child, 'exit');
  return sample;
}

let sent = 0;

/** An event as a shop's server sends it, some 400 bytes. */
function message(): object {
  const n = ++sent;
  const product = `p${1 + ((n * 31) % products)}`;
  const buys = n % 20 === 0;
  const line = { product_id: product, price: 5, quantity: 1 };
  return {
    type: 'track',
    messageId: `node-next-${process.pid}-${n}`,
    userId: `u${1 + ((n * 17) % customers)}`,
    event: buys ? 'Order Completed' : 'Product Viewed',
    properties: buys
      ? { order_id: `o${n}`, products: [line] }
      : { ...line, url: `https://shop.example/${product}`, position: n % 40 },
    context: { library: { name: '@segment/analytics-node', version: '3.1.0' } },
    timestamp: new Date(1_717_200_000_000 + n * 40).toISOString(),
  };
}

/** Bodies are made before the time runs: the client is not what is measured. */
async function drive(
  role: Role,
  port: number,
  clients: number,
  batch: number,
  seconds: number,
  usage: () => Promise<Usage>,
): Promise<Sample> {
  const agent = new Agent({ keepAlive: true, maxSockets: clients });
  const path = role === 'naive' ? '/' : batch > 1 ? '/v1/batch' : '/v1/track';
  const body = (): string => {
    const messages = Array.from({ length: batch }, message);
    return JSON.stringify(batch > 1 ? { batch: messages } : messages[0]);
  };
  const bodies = Array.from({ length: 2_000 + Math.ceil((seconds * mostPerSecond) / batch) }, body);
  const post = (): Promise<void> => send(agent, port, path, bodies.pop() as string);
  // Code that has not run a thousand times yet runs slowly, ours more of it.
  for (let i = 0; i < Math.max(8, 1_500 / clients / batch); i++)
    await Promise.all(Array.from({ length: clients }, post));
  const latencies: number[] = [];
  const before = await usage();
  let rssBytes = before.rssBytes;
  const watch = setInterval(async () => {
    rssBytes = Math.max(rssBytes, (await usage()).rssBytes);
  }, 500);
  const started = performance.now();
  const until = started + seconds * 1_000;
  const client = async (): Promise<void> => {
    while (performance.now() < until && bodies.length > 0) {
      const begun = performance.now();
      await post();
      latencies.push(performance.now() - begun);
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  const elapsed = (performance.now() - started) / 1_000;
  clearInterval(watch);
  const { cpu } = await usage();
  const cpuMicroseconds =
    (cpu.user + cpu.system - before.cpu.user - before.cpu.system) / (latencies.length * batch);
  agent.destroy();
  const sorted = latencies.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] as number;
  return {
    perSecond: (latencies.length * batch) / elapsed,
    p50: at(0.5),
    p99: at(0.99),
    cpuMicroseconds,
    rssMegabytes: rssBytes / 2 ** 20,
  };
}

function send(agent: Agent, port: number, path: string, body: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = {
      authorization,
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    };
    const outgoing = httpRequest(
      { agent, port, path, method: 'POST', host: '127.0.0.1', headers },
      (response) => {
        response.resume();
        response.on('end', () =>
          response.statusCode === 200 ? resolve() : reject(new Error(`answered ${response.statusCode}`)),
        );
      },
    );
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] as number;
}
