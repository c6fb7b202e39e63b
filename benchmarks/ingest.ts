import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request as httpRequest } from 'node:http';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { withShopServer } from './shop-server.ts';

/*
 * npm run bench -- ingest [ROUNDS] [SECONDS]
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
 * Measured on 2 cores with other work going on (load 6; single rounds of 3 s, so rough): batches of 100 against bare inserts 0.46 and 0.77, against
 * one row a request 9.9 and 8.3; single events at 64 clients 1.24 and 1.05. A single event costs the server twice the time of Node that the naive one
 * takes (353 and 185 us before bodies were read by events) and PostgreSQL half (150 and 330 us): what is left to gain is in Node.
 *
 * What was tried: nine round trips a group (0.43 of bare at a load of 12, where each costs milliseconds); sent together in two
 * (group-commit.ts, store.ts); in one where nothing has to be looked up (plain.ts); four writers in place of two: no gain.
 */

type Role = 'ours' | 'naive' | 'bare';
interface Sample {
  perSecond: number;
  p50: number;
  p99: number;
}

const worker = fileURLToPath(new URL('./ingest-servers.ts', import.meta.url));
const customers = 2_000;
const products = 300;
/** Bodies that are made ready; who is faster ends early. */
const mostPerSecond = 25_000;

export async function run(args: string[]): Promise<void> {
  const rounds = Number(args[0] ?? 3);
  const seconds = Number(args[1] ?? 4);
  await withShopServer({}, async ({ url }) => {
    await prepare(url);
    const samples = new Map<string, Sample[]>();
    for (let round = 1; round <= rounds; round++) {
      for (const [name, measure] of plan(url, seconds)) {
        const sample = await measure();
        samples.set(name, [...(samples.get(name) ?? []), sample]);
        process.stdout.write(`round ${round}: ${line(name, sample)}\n`);
      }
    }
    report(samples);
  });
}

function plan(url: string, seconds: number): [string, () => Promise<Sample>][] {
  const http = (role: 'ours' | 'naive', clients: number, batch: number) => (): Promise<Sample> =>
    withChild(role, url, async (port) => drive(role, port, clients, batch, seconds));
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

function line(name: string, { perSecond, p50, p99 }: Sample): string {
  return `${name.padEnd(34)} ${Math.round(perSecond).toString().padStart(7)} events/s  p50 ${p50.toFixed(1)} ms  p99 ${p99.toFixed(1)} ms`;
}

function report(samples: ReadonlyMap<string, Sample[]>): void {
  const rate = (name: string): number => median((samples.get(name) ?? []).map((each) => each.perSecond));
  process.stdout.write('\nmedians\n');
  for (const [name, each] of samples) {
    const middle = {
      perSecond: rate(name),
      p50: median(each.map(({ p50 }) => p50)),
      p99: median(each.map(({ p99 }) => p99)),
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
}

async function withChild<T>(role: Role, url: string, run: (port: number) => Promise<T>): Promise<T> {
  const child: ChildProcess = fork(worker, [role, url], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  try {
    const [{ port }] = (await once(child, 'message')) as [{ port: number }];
    return await run(port);
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
  agent.destroy();
  const sorted = latencies.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] as number;
  return { perSecond: (latencies.length * batch) / elapsed, p50: at(0.5), p99: at(0.99) };
}

function send(agent: Agent, port: number, path: string, body: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) };
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
