import { LoadClient } from './http-client.ts';
import { insertBare, type ServerRole, type Usage, withIngestServer } from './ingest-child.ts';
import { eventRequest, prepareShop } from './ingest-messages.ts';
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
 * Measured with nothing else on the 2 cores, two rounds of 2 s: batches of 100 against bare inserts 0.68 and 0.72; against one row a request at its best
 * 7.9 and 7.8 (the aim is 10, and bare inserts themselves reach 11.6); single events at 64 clients 2.0 and 2.6 times that server, at 1 client 0.8 and 0.6:
 * alone nothing can be gathered. Node's CPU an event: 30 us in batches, 116 to 172 singly at 64 clients, where one row a request takes 210 to 234. RSS at
 * most 222 MB. Beside other work (load 3 to 12, five rounds): 0.65 to 0.98; 5.0 to 9.5; 1.7 to 2.9.
 *
 * What was tried: nine round trips a group (0.43 of bare); sent together in two (group-commit.ts, store.ts); in one where nothing has to be looked up
 * (plain.ts); four writers in place of two: no gain. No transaction block around the one statement, and the second writer only for 50 messages; security headers
 * made once. Then hashed lists in that statement (queries.ts: 92 to 45 us of the backend at groups of 500, bare takes 35, so that little is left there: perf
 * shows b-tree inserts), no spreading of objects where a message is read (20 to 9 us), one-shot hashes (1.1 to 0.5 us). Dropped: array
 * parameters written by ourselves (0.7 us an element of JSON where node-postgres takes 0.4); a young generation of 32 MB (a tenth less CPU, 30 MB more RSS).
 */

interface Sample {
  perSecond: number;
  p50: number;
  p99: number;
  /** Of the server's process, for one event. */
  cpuMicroseconds?: number;
  /** The most that was seen. */
  rssMegabytes?: number;
}

/** Bodies that are made ready; who is faster ends early. */
const mostPerSecond = 25_000;
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
    const samples = new Map<string, Sample[]>();
    for (let round = 1; round <= rounds; round++) {
      for (const [name, measure] of plan(url, authorization, seconds)) {
        if (!name.includes(only)) continue;
        const sample = await measure();
        samples.set(name, [...(samples.get(name) ?? []), sample]);
        process.stdout.write(`round ${round}: ${line(name, sample)}\n`);
      }
    }
    if (only === '') report(samples);
  });
}

function plan(url: string, authorization: string, seconds: number): [string, () => Promise<Sample>][] {
  const http =
    (role: ServerRole, clients: number, batch = 1) =>
    (): Promise<Sample> =>
      withIngestServer(role, url, (port, usage) => {
        const path = role !== 'ours' ? '/' : batch > 1 ? '/v1/batch' : '/v1/track';
        return drive(port, clients, seconds, batch, () => eventRequest(authorization, path, batch), usage);
      });
  return [
    [bareRows, () => insertBare(url, seconds)],
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
): Promise<Sample> {
  const requests = Array.from({ length: 2_000 + Math.ceil((seconds * mostPerSecond) / batch) }, request);
  const connections = await Promise.all(Array.from({ length: clients }, () => LoadClient.open(port)));
  const post = async (client: LoadClient): Promise<void> => {
    const { status } = await client.send(requests.pop() as Buffer);
    if (status !== 200) throw new Error(`answered ${status}`);
  };
  // Code that has not run a thousand times yet runs slowly, ours more of it.
  for (let i = 0; i < Math.max(8, 1_500 / clients / batch); i++) await Promise.all(connections.map(post));
  const latencies: number[] = [];
  const before = await usage();
  let rssBytes = before.rssBytes;
  const watch = setInterval(async () => {
    rssBytes = Math.max(rssBytes, (await usage()).rssBytes);
  }, 500);
  const started = performance.now();
  const until = started + seconds * 1_000;
  const repeat = async (client: LoadClient): Promise<void> => {
    while (performance.now() < until && requests.length > 0) {
      const begun = performance.now();
      await post(client);
      latencies.push(performance.now() - begun);
    }
  };
  await Promise.all(connections.map(repeat));
  const elapsed = (performance.now() - started) / 1_000;
  clearInterval(watch);
  const { cpu } = await usage();
  const cpuMicroseconds =
    (cpu.user + cpu.system - before.cpu.user - before.cpu.system) / (latencies.length * batch);
  for (const client of connections) client.close();
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

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] as number;
}
