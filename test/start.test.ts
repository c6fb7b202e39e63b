import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { withDatabase } from '../src/database/connection-urls.ts';
import { runCli } from './support/cli.ts';
import { createTestDatabase, type TestDatabase } from './support/test-database.ts';

const bin = fileURLToPath(new URL('../bin/customer-analyzer.js', import.meta.url));
const home = mkdtempSync(join(tmpdir(), 'customer-analyzer-start-'));
const env = {
  CUSTOMER_ANALYZER_HOME: home,
  CUSTOMER_ANALYZER_DATABASE_PORT: String(45_000 + (process.pid % 10_000)),
};

beforeAll(() => chmodSync(home, 0o755));
afterAll(() => rmSync(home, { recursive: true, force: true }));

function serve(extra: Record<string, string>): {
  child: ChildProcess;
  ready: Promise<string>;
  ended: Promise<number | null>;
} {
  const child = spawn(process.execPath, [bin, 'start', '--port', '0'], {
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'], ...env, ...extra },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  const ready = new Promise<string>((resolve, reject) => {
    let text = '';
    child.stdout?.on('data', (chunk) => {
      text += chunk;
      if (text.includes('Stop with Ctrl-C')) resolve(text);
    });
    ended.then((code) => reject(new Error(`ended with ${code} before it was ready:\n${text}`)));
  });
  return { child, ready, ended };
}

describe('the first start, from nothing', () => {
  it('makes a database and a demonstration shop, scores it, says what to try next, and exits 0 with --once', async () => {
    const first = await runCli(['start', '--once'], env);
    expect(first.code, first.stderr).toBe(0);
    expect(first.stderr).toContain('2000 customers scored');
    expect(first.stdout).toContain('Customer Analyzer is ready');
    const commands = first.stdout
      .split('\n')
      .filter((line) => /^ {2}npx customer-analyzer (users|import|score|demo)/.test(line));
    expect(commands.length).toBeGreaterThanOrEqual(4);

    const segments = await runCli(['segments', '--json'], env);
    const { items } = JSON.parse(segments.stdout) as { items: { customers: number }[] };
    expect(items.reduce((sum, segment) => sum + segment.customers, 0)).toBe(2000);

    const example = Number(/users show (\d+)/.exec(first.stdout)?.[1]);
    const { items: recommended } = JSON.parse(
      (await runCli(['recommend', String(example), '--json'], env)).stdout,
    );
    expect(recommended).toHaveLength(10);
    for (const item of recommended) expect(item.reason.length).toBeGreaterThan(5);
  });

  it('makes no second shop at the second start, serves until a signal, and ends with 0', async () => {
    const { child, ready, ended } = serve({});
    const text = await ready;
    const address = /ready: (http:\S+)/.exec(text)?.[1];
    expect((await fetch(`${address}/readyz`)).status).toBe(200);
    const users = `${address}/api/users?limit=1`;
    expect((await fetch(users)).status).toBe(401);
    // The link that is printed works, and the key that the text says how to make.
    const token = new RegExp(`${address}/set-up#([\\w-]{43})`).exec(text)?.[1];
    const body = JSON.stringify({ token, login: 'ann', password: 'correct horse battery' });
    const headers = { 'content-type': 'application/json' };
    expect((await fetch(`${address}/api/set-up`, { method: 'POST', headers, body })).status).toBe(200);
    const made = await runCli(['keys', 'create', '--scope', 'read'], env);
    expect(made.stdout).toMatch(/^ca_read_[\w-]{43}\n$/);
    const authorization = `Bearer ${made.stdout.trim()}`;
    const page = (await (await fetch(users, { headers: { authorization } })).json()) as { items: unknown[] };
    expect(page.items).toHaveLength(1);
    const url = await runCli(['db', 'url', '--role', 'app_user'], env);
    expect(url.stdout).toMatch(
      /^postgresql:\/\/app_user:app_password@127\.0\.0\.1:\d+\/customer_analyzer\n$/,
    );
    // As if the first start had been killed between the shop and its scores.
    const client = new pg.Client({ connectionString: url.stdout.trim() });
    await client.connect();
    await client.query(
      'DELETE FROM app_schema.user_score_details; DELETE FROM app_schema.user_metrics; DELETE FROM app_schema.recommenders; DELETE FROM app_schema.model_runs',
    );
    await client.end();
    child.kill('SIGTERM');
    expect(await ended).toBe(0);
    expect((await runCli(['db', 'url'], env)).stderr).toContain('DATABASE_UNREACHABLE');
  });

  it('finishes a start that was killed before it had scored', async () => {
    const next = await runCli(['start', '--once'], env);
    expect(next.code, next.stderr).toBe(0);
    expect(next.stderr).toContain('2000 customers scored');
    expect(next.stderr).not.toContain('making a demonstration shop');
  });

  it('demo remove leaves nothing of it', async () => {
    const removed = await runCli(['demo', 'remove', '--json'], env);
    expect(removed.code, removed.stderr).toBe(0);
    expect(JSON.parse(removed.stdout).events).toBeGreaterThan(90_000);
    expect(JSON.parse((await runCli(['users', 'list', '--json'], env)).stdout).items).toEqual([]);
    expect((await runCli(['score'], env)).stderr).toContain('SCORING_NO_DATA');
  });

  it('does not bring the shop back after that', async () => {
    expect((await runCli(['start', '--once'], env)).code).toBe(0);
    expect(JSON.parse((await runCli(['users', 'list', '--json'], env)).stdout).items).toEqual([]);
  });
});

describe('where DATABASE_URL is set', () => {
  let db: TestDatabase;
  beforeAll(async () => {
    db = await createTestDatabase();
  });
  afterAll(() => db.drop());

  it('makes no demonstration shop', async () => {
    const started = await runCli(['start', '--once'], { DATABASE_URL: db.url });
    expect(started.code, started.stderr).toBe(0);
    expect((await db.adminPool.query('SELECT count(*) AS n FROM app_schema.users')).rows[0].n).toBe(0);
  });
});

describe('exit codes and errors on the terminal', () => {
  it.each([
    [['users', 'show', 'x'], 2],
    [['users', 'list', '--limit', '0'], 2],
    [['nonsense'], 2],
    [['top-products', '--start', '2025-02-30', '--end', '2025-03-01'], 2],
    [['db', 'url', '--role', 'nobody'], 2],
    [['import', '--source', 'demo', 'x.csv'], 2],
    [['import', '--source', '', 'x.csv'], 2],
    [['--version'], 0],
    [['--help'], 0],
  ])('%j ends with %i', async (args, code) => {
    const result = await runCli(args, env);
    expect(result.code, result.stderr).toBe(code);
    if (code !== 0) expect(result.stderr.length).toBeGreaterThan(10);
  });

  it.each([
    ['DATABASE_URL', 'localhost:5432', 'CONFIG_INVALID'],
    ['PORT', '30x', 'CONFIG_INVALID'],
    ['LOG_LEVEL', 'loud', 'CONFIG_INVALID'],
    ['NODE_ENV', 'production', 'DEFAULT_PASSWORD'],
  ])('%s=%s is refused: %s', async (name, value, code) => {
    const result = await runCli(['segments'], { [name]: value });
    expect(result.stderr).toContain(code);
    expect(result.code).toBe(2);
  });

  it('says of a database that is there but not set up how to set it up', async () => {
    const server = withDatabase(inject('templateUrl'), 'postgres');
    const result = await runCli(['segments'], { DATABASE_URL: server });
    expect(result.stderr).toContain('DATABASE_NOT_READY');
    expect(result.stderr).toContain('db migrate');
  });

  it('says what is wrong with a database that cannot be reached or is not set up, and repeats no password', async () => {
    const result = await runCli(['segments'], {
      DATABASE_URL: 'postgresql://postgres:secret-word@127.0.0.1:1/x',
    });
    expect(result.stderr).toContain('DATABASE_UNREACHABLE');
    expect(result.stderr).not.toContain('secret-word');
    expect(result.code).toBe(1);
  });
});
