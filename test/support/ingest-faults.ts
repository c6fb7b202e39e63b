import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { withLogin } from '../../src/database/connection-urls.ts';
import type { EmbeddedServer } from '../../src/database/embedded/server.ts';
import { migrate } from '../../src/database/migrations.ts';
import { createPool } from '../../src/database/pool.ts';
import { type Credentials, credentials } from './api.ts';
import { PASSWORDS } from './test-database.ts';

export interface FaultPlan {
  events: number;
  clients: number;
  serverKills: number;
  databaseKills: number;
  /** Of the messages sent, how many are sent once more although they were acknowledged. */
  duplicateShare: number;
  batch: number;
}

export interface FaultReport {
  sent: number;
  acknowledged: number;
  accepted: number;
  duplicates: number;
  failedRequests: number;
  serverKills: number;
  databaseKills: number;
  stored: number;
  distinct: number;
  lostAcknowledged: number;
  users: number;
}

const serverScript = fileURLToPath(new URL('./ingest-server.ts', import.meta.url));
const DATABASE = 'faults';
const customers = 500;

/**
 * Clients send events, each again until it is acknowledged and some once more, while the server's process and PostgreSQL are killed (-9)
 * at equal shares of the way. The server must be restarted by PostgreSQL's supervisor: start it with startEmbedded.
 */
export async function runFaults(plan: FaultPlan, server: EmbeddedServer, port: number): Promise<FaultReport> {
  const url = server.url(DATABASE);
  await migrate(url, PASSWORDS);
  const host = new Server(withLogin(url, 'app_user', PASSWORDS.app), port);
  await host.start();
  const run = new FaultRun(plan, port, await writeCredentials(url));
  try {
    await Promise.all([run.send(), run.breakThings(host, server)]);
  } finally {
    await host.stop();
  }
  return run.report(url);
}

async function writeCredentials(url: string): Promise<Credentials> {
  const pool = createPool(withLogin(url, 'app_user', PASSWORDS.app), { applicationName: 'fault-test' });
  try {
    return await credentials(pool, 'write');
  } finally {
    await pool.end();
  }
}

/** The API in a process of its own. */
class Server {
  readonly #url: string;
  readonly #port: number;
  #child: ChildProcess | undefined;

  constructor(url: string, port: number) {
    this.#url = url;
    this.#port = port;
  }

  async start(): Promise<void> {
    const args = ['--import', 'tsx', serverScript, this.#url, String(this.#port)];
    this.#child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(this.#child.stdout!, 'data');
  }

  async kill(): Promise<void> {
    const child = this.#child as ChildProcess;
    child.kill('SIGKILL');
    await once(child, 'exit');
    await this.start();
  }

  async stop(): Promise<void> {
    this.#child?.kill('SIGKILL');
  }
}

class FaultRun {
  readonly #plan: FaultPlan;
  readonly #port: number;
  readonly #credentials: Credentials;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #acknowledged = new Set<string>();
  #next = 0;
  #isDone = false;
  readonly #counts = {
    sent: 0,
    accepted: 0,
    duplicates: 0,
    failedRequests: 0,
    serverKills: 0,
    databaseKills: 0,
  };

  constructor(plan: FaultPlan, port: number, credentials: Credentials) {
    this.#plan = plan;
    this.#credentials = credentials;
    this.#port = port;
  }

  async send(): Promise<void> {
    await Promise.all(Array.from({ length: this.#plan.clients }, () => this.#client()));
    this.#isDone = true;
    this.#agent.destroy();
  }

  /** Kills spread over the way, PostgreSQL's between the server's. */
  async breakThings(host: Server, server: EmbeddedServer): Promise<void> {
    const { events, serverKills, databaseKills } = this.#plan;
    const kills = [
      ...Array.from({ length: serverKills }, (_, i) => ({ at: (i + 1) / (serverKills + 1), of: 'server' })),
      ...Array.from({ length: databaseKills }, (_, i) => ({ at: (i + 0.5) / databaseKills, of: 'database' })),
    ].sort((a, b) => a.at - b.at);
    for (const { at, of } of kills) {
      while (this.#acknowledged.size < at * events && !this.#isDone) await sleep(5);
      if (of === 'server') await host.kill();
      else await this.#killDatabase(server);
      this.#counts[of === 'server' ? 'serverKills' : 'databaseKills'] += 1;
    }
  }

  async #killDatabase(server: EmbeddedServer): Promise<void> {
    const { pid } = server;
    process.kill(pid, 'SIGKILL');
    while (server.pid === pid) await sleep(20);
  }

  async #client(): Promise<void> {
    const { events, batch, duplicateShare } = this.#plan;
    let again: Message[] = [];
    while (this.#next < events) {
      const from = this.#next;
      this.#next = Math.min(events, from + batch);
      const fresh = Array.from({ length: this.#next - from }, (_, i) => message(from + i));
      await this.#untilAcknowledged([...fresh, ...again]);
      again = fresh.slice(0, Math.round(fresh.length * duplicateShare));
    }
    if (again.length > 0) await this.#untilAcknowledged(again);
  }

  async #untilAcknowledged(messages: Message[]): Promise<void> {
    const body = JSON.stringify({ batch: messages, sentAt: new Date().toISOString() });
    for (;;) {
      this.#counts.sent += messages.length;
      const answer = await this.#post(body);
      if (answer === null) {
        this.#counts.failedRequests += 1;
        await sleep(50 + Math.random() * 100);
        continue;
      }
      this.#counts.accepted += answer.accepted;
      this.#counts.duplicates += answer.duplicates;
      if (answer.rejected > 0) throw new Error(JSON.stringify(answer));
      for (const { messageId } of messages) this.#acknowledged.add(messageId);
      return;
    }
  }

  /** Null where the server was gone, or said that it cannot; anything else but 200 is a failure of the test. */
  #post(body: string): Promise<{ accepted: number; duplicates: number; rejected: number } | null> {
    return new Promise((resolve, reject) => {
      const headers = {
        ...this.#credentials,
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
      };
      const options = {
        agent: this.#agent,
        port: this.#port,
        host: '127.0.0.1',
        path: '/v1/batch',
        method: 'POST',
        headers,
      };
      const outgoing = request(options, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (piece) => (text += piece));
        response.on('aborted', () => resolve(null));
        response.on('end', () => {
          if (response.statusCode === 200) resolve(JSON.parse(text));
          else if (response.statusCode === 503) resolve(null);
          else reject(new Error(`${response.statusCode}: ${text}`));
        });
      });
      outgoing.on('error', () => resolve(null));
      outgoing.end(body);
    });
  }

  async report(url: string): Promise<FaultReport> {
    const client = new pg.Client(url);
    await client.connect();
    const { rows } = await client.query(
      `SELECT count(*)::integer AS stored, count(DISTINCT external_id)::integer AS "distinct",
         (SELECT count(*)::integer FROM app_schema.users) AS users,
         (SELECT count(*)::integer FROM unnest($1::text[]) a (id)
          WHERE NOT EXISTS (SELECT FROM app_schema.events e WHERE e.external_id = a.id || '/1')) AS "lostAcknowledged"
       FROM app_schema.events`,
      [[...this.#acknowledged]],
    );
    await client.end();
    return { ...this.#counts, acknowledged: this.#acknowledged.size, ...rows[0] };
  }
}

interface Message {
  readonly messageId: string;
  readonly [field: string]: unknown;
}

/** Every tenth is of a visitor, so that customers are found in more ways than one. */
function message(n: number): Message {
  const person = `c${n % customers}`;
  const who = n % 10 === 0 ? { anonymousId: person } : { userId: person };
  const properties = { product_id: `p${n % 50}`, price: 1 + (n % 7), n };
  const timestamp = new Date(1_717_200_000_000 + n * 1_000).toISOString();
  return { type: 'track', messageId: `f${n}`, ...who, event: 'Product Viewed', properties, timestamp };
}
