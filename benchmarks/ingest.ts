import { LoadClient } from './http-client.ts';
import { insertBare, type ServerRole, type Usage, warmUpSeconds, withIngestServer } from './ingest-child.ts';
import { eventRequest, prepareShop } from './ingest-messages.ts';
import { type PostgresCpu, postgresCpuOf } from './postgres-cpu.ts';
import { withShopServer } from './shop-server.ts';

/*
 * npm run bench -- ingest [ROUNDS] [SECONDS] [PART OF A NAME]
 *
 * What the intake over HTTP costs, against baselines of the same run, in turns, on the embedded server with its durable settings
 * (fsync, synchronous_commit = on):
 * - bare: one Node process that does nothing but INSERT ... VALUES of 100 rows into the same tables (events, with all its
 *   indexes, keys and triggers, and the ledger of messages), one transaction each, on as many connections as the intake has
 *   writers; no HTTP, no parsing, ids known beforehand;
 * - one row a request: what one writes first for the same task, with the same web framework: it checks the key and the body, and writes
 *   the message with its row in one transaction of one statement, over a pool of 10;
 * - one row and no check: the same without key, ledger or look-up of ids, which no shop could run; a floor.
 * Servers run in processes of their own; one client, this process, drives them over connections kept alive. Each event is new; customers
 * and products are there already.
 *
 * CPU is printed for an event as Node + PostgreSQL's backends + its other processes + this client, in microseconds. Where both cores are full, that is
 * what decides, and it moves less than rates do when others use the machine too.
 *
 * Measured with nothing else at work, medians of five rounds of 2 s, on a day when these machines were a quarter slower than on others: batches of 100
 * against bare inserts .89 (1.00 .85 .89 1.04 .70; the aim is .5); against one row a request at its best 10.5 (11.8 10.3 11.5 10.5 8.2; the aim is 10);
 * single events at 64 clients 2.9 (3.8 3.1 2.8 2.9 2.1; the aim is 2) times that server; alone .65: there nothing can be gathered. CPU an event in batches
 * 28 + 50, bare 8 + 52, one row 252 + 556, single at 64 clients 123 + 86. Before groups of 500, no asking for conflicts and moments read by their shape it
 * was 8.6 (8.8 8.0 8.6). While the embedded server packed its WAL, which costs who commits each row the most, batches had a median of 10.2.
 * Before binary arrays, with a shorter warm-up, batches took 30 + 50.
 *
 * Where a group of 500 goes (EXPLAIN ANALYZE, us an event, its clocks included): foreign keys 16, of which the row itself is least and starting each check
 * most; events with their indexes 13; the ledger 6; look-ups of ids 6, arrays and the rest of the statement 5; the customer's days 3. Node's part: reading
 * a message 8 (JSON 1.5, canonical text and its hash 2), sockets 3, garbage 3, the group's arrays 1.7.
 *
 * Where a backend's 50 us went (perf, before): index entries 29 %, foreign keys 17, the customer's days 7, asking whether an event or message is there 6,
 * arrays read from text 8, WAL 8, the statement's own joins and lists 15. Since then rows come as binary arrays and events are not asked for (43 where it was 50 and bare
 * inserts take 51, groups of 800, one connection); what is left is what bare inserts do too.
 *
 * What was tried: nine round trips a group (0.43 of bare); sent together in two (group-commit.ts, store.ts); in one where nothing has to be looked up
 * (plain.ts); no transaction block around the one statement, and the second writer only for 50 messages; security headers
 * made once. Then hashed lists in that statement (queries.ts: 92 to 45 us of the backend at groups of 500), no spreading of objects where a message is read (20 to
 * 9 us), one-shot hashes (1.1 to 0.5 us), binary arrays (binary-arrays.ts: 5.0 to 1.7 us of Node), keys sorted by insertion (0.7 us). Dropped: array
 * parameters as text written by ourselves (0.7 us an element of JSON where node-postgres takes 0.4); a young generation of 32 MB (a tenth less CPU, 30 MB more
 * RSS); rows of a group in order of customers (nothing); letting go of a message's body once it is read (nothing); undefined in place of deleted properties
 * (a fifth slower); three and four writers (group-commit.ts).
 */

interface Sample {
  perSecond: number;
  p50: number;
  p99: number;
  /** Processor time for one event, in microseconds. */
  cpu: Cpu;
  /** The most that was seen of the server's process. */
  rssMegabytes: number;
}

interface Cpu {
  /** Of the server's process, or of the one that inserts by itself. */
  node: number;
  backends: number;
  /** Checkpointer, WAL and background writer. */
  others: number;
  /** Of this process, which makes the load. */
  client: number;
}

/** Bodies that are made ready; who is faster ends early. */
const mostPerSecond = 35_000;
const bareRows = 'bare, rows of 100';
const batches = 'ours, batches of 100, 16 clients';
const checked = (clients: number): string => `one row a request, ${clients} clients`;
const row = (clients: number): string => `one row and no check, ${clients} clients`;
const ours = (clients: number): string => `ours, single, ${clients} clients`;

export async function run(args: string[]): Promise<void> {
  const rounds = Number(args[0] ?? 3);
  const seconds = Number(args[1] ?? 4);
  const only = args[2] ?? '';
  await withShopServer({}, async ({ url }) => {
    const authorization = await prepareShop(url);
    const postgres = (await postgresCpuOf(url)) ?? (() => ({ backends: Number.NaN, others: Number.NaN }));
    const samples = new Map<string, Sample[]>();
    for (let round = 1; round <= rounds; round++) {
      for (const [name, measure] of plan(url, authorization, seconds, postgres)) {
        if (!name.includes(only)) continue;
        const sample = await measure();
        samples.set(name, [...(samples.get(name) ?? []), sample]);
        process.stdout.write(`round ${round}: ${line(name, sample)}\n`);
      }
    }
    if (only === '') report(samples);
  });
}

function plan(
  url: string,
  authorization: string,
  seconds: number,
  postgres: () => PostgresCpu,
): [string, () => Promise<Sample>][] {
  const http =
    (role: ServerRole, clients: number, batch = 1) =>
    (): Promise<Sample> =>
      withIngestServer(role, url, (port, usage) => {
        const path = role !== 'ours' ? '/' : batch > 1 ? '/v1/batch' : '/v1/track';
        return drive(
          port,
          clients,
          seconds,
          batch,
          () => eventRequest(authorization, path, batch),
          usage,
          postgres,
        );
      });
  return [
    [bareRows, () => bare(url, seconds, postgres)],
    [batches, http('ours', 16, 100)],
    [checked(8), http('checked', 8)],
    [ours(1), http('ours', 1)],
    [checked(1), http('checked', 1)],
    [ours(8), http('ours', 8)],
    [ours(64), http('ours', 64)],
    [checked(64), http('checked', 64)],
    [row(64), http('row', 64)],
  ];
}

async function bare(url: string, seconds: number, postgres: () => PostgresCpu): Promise<Sample> {
  let before = postgres();
  let after = before;
  const { usage, events, ...sample } = await insertBare(
    url,
    seconds,
    () => (before = postgres()),
    () => (after = postgres()),
  );
  const node = usage.cpu.user + usage.cpu.system;
  const cpu = perEvent(events, node, 0, before, after);
  return { ...sample, cpu, rssMegabytes: usage.rssBytes / 2 ** 20 };
}

function perEvent(
  events: number,
  node: number,
  client: number,
  before: PostgresCpu,
  after: PostgresCpu,
): Cpu {
  return {
    node: node / events,
    backends: (after.backends - before.backends) / events,
    others: (after.others - before.others) / events,
    client: client / events,
  };
}

function medianCpu(each: readonly Cpu[]): Cpu {
  const of = (part: keyof Cpu): number => median(each.map((cpu) => cpu[part]));
  return { node: of('node'), backends: of('backends'), others: of('others'), client: of('client') };
}

function line(name: string, { perSecond, p50, p99, cpu, rssMegabytes }: Sample): string {
  const latency = `p50 ${p50.toFixed(1)} ms  p99 ${p99.toFixed(1)} ms`;
  const parts = (['node', 'backends', 'others', 'client'] as const).map((part) => cpu[part].toFixed(0));
  const rate = `${Math.round(perSecond).toString().padStart(7)} events/s`;
  return `${name.padEnd(34)} ${rate}  ${latency}  CPU us an event ${parts.join(' + ')}  RSS ${rssMegabytes.toFixed(0)} MB`;
}

function report(samples: ReadonlyMap<string, Sample[]>): void {
  const rate = (name: string): number => median((samples.get(name) ?? []).map((each) => each.perSecond));
  process.stdout.write('\nmedians\n');
  for (const [name, each] of samples) {
    const middle = {
      perSecond: rate(name),
      p50: median(each.map(({ p50 }) => p50)),
      p99: median(each.map(({ p99 }) => p99)),
      cpu: medianCpu(each.map(({ cpu }) => cpu)),
      rssMegabytes: Math.max(...each.map(({ rssMegabytes }) => rssMegabytes)),
    };
    process.stdout.write(`${line(name, middle)}\n`);
  }
  /** Of each round, since what else the machine does changes from one to the next. */
  const ratio = (label: string, one: string, others: string[]): void => {
    const rounds = (samples.get(one) ?? []).map(
      ({ perSecond }, round) =>
        perSecond / Math.max(...others.map((other) => samples.get(other)?.[round]?.perSecond ?? 0)),
    );
    const each = rounds.map((value) => value.toFixed(2)).join(', ');
    process.stdout.write(`${label}: ${median(rounds).toFixed(2)} (rounds: ${each})\n`);
  };
  ratio('batches of 100 / bare multi-row inserts', batches, [bareRows]);
  ratio('batches of 100 / one row a request (its best)', batches, [checked(8), checked(64)]);
  ratio('single events at 64 clients / one row a request', ours(64), [checked(64)]);
  ratio('batches of 100 / one row and no check', batches, [row(64)]);
  ratio('single events at 64 clients / one row and no check', ours(64), [row(64)]);
}

/** Requests are made before the time runs: the client is not what is measured. */
async function drive(
  port: number,
  clients: number,
  seconds: number,
  batch: number,
  request: () => Buffer,
  usage: () => Promise<Usage>,
  postgres: () => PostgresCpu,
): Promise<Sample> {
  const count = Math.ceil(((warmUpSeconds + seconds) * mostPerSecond) / batch);
  const requests = Array.from({ length: count }, request);
  const connections = await Promise.all(Array.from({ length: clients }, () => LoadClient.open(port)));
  const repeat = async (client: LoadClient, until: number, latencies: number[]): Promise<void> => {
    while (performance.now() < until && requests.length > 0) {
      const begun = performance.now();
      const { status } = await client.send(requests.pop() as Buffer);
      if (status !== 200) throw new Error(`answered ${status}`);
      latencies.push(performance.now() - begun);
    }
  };
  const warmUntil = performance.now() + warmUpSeconds * 1_000;
  await Promise.all(connections.map((client) => repeat(client, warmUntil, [])));
  const latencies: number[] = [];
  const before = await usage();
  const databaseBefore = postgres();
  const clientBefore = process.cpuUsage();
  let rssBytes = before.rssBytes;
  const watch = setInterval(async () => {
    rssBytes = Math.max(rssBytes, (await usage()).rssBytes);
  }, 500);
  const started = performance.now();
  const until = started + seconds * 1_000;
  await Promise.all(connections.map((client) => repeat(client, until, latencies)));
  const elapsed = (performance.now() - started) / 1_000;
  clearInterval(watch);
  const { user, system } = process.cpuUsage(clientBefore);
  const databaseAfter = postgres();
  const { cpu } = await usage();
  const node = cpu.user + cpu.system - before.cpu.user - before.cpu.system;
  for (const client of connections) client.close();
  const sorted = latencies.toSorted((a, b) => a - b);
  const at = (share: number): number =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] as number;
  return {
    perSecond: (latencies.length * batch) / elapsed,
    p50: at(0.5),
    p99: at(0.99),
    cpu: perEvent(latencies.length * batch, node, user + system, databaseBefore, databaseAfter),
    rssMegabytes: rssBytes / 2 ** 20,
  };
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] as number;
}
