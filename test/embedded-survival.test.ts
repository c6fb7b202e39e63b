import { spawn } from 'node:child_process';
import { chownSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { findRunningEmbedded } from '../src/database/embedded/running.ts';
import { startEmbedded } from '../src/database/embedded/server.ts';
import {
  EmbeddedHarness,
  exists,
  isRoot,
  query,
  somePort,
  superuserPassword,
  until,
} from './support/embedded-harness.ts';

let harness = new EmbeddedHarness();
afterEach(async () => {
  await harness.cleanUp();
  harness = new EmbeddedHarness();
});

function start(home: string, notices: string[] = []) {
  return startEmbedded({ home, port: somePort(), superuserPassword, onNotice: (text) => notices.push(text) });
}

describe('the embedded server survives', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)('%s: a clean stop, nothing to recover', async (signal) => {
    const home = harness.home();
    const child = harness.child({ home }, { write: true });
    const { pid } = await child.line('ready');
    await child.line('committed');
    child.process.kill(signal);
    expect(await child.exit).toBe(0);
    expect(exists(pid)).toBe(false);
    expect(await findRunningEmbedded(home)).toBeUndefined();
    expect(readFileSync(join(home, 'postgresql.log'), 'utf8')).toContain('database system is shut down');

    const server = await start(home);
    await server.stop();
    expect(readFileSync(join(home, 'postgresql.log'), 'utf8')).not.toContain('was not properly shut down');
  });

  it('kill -9 of Node: the next start takes the orphan over and nothing committed is lost', async () => {
    const home = harness.home();
    const child = harness.child({ home }, { write: true });
    const { pid, port } = await child.line('ready');
    await until(() => child.lines.filter((line) => line.committed).length >= 100);
    child.process.kill('SIGKILL');
    await child.exit;
    const committed = child.lines.flatMap((line) => line.committed ?? []);
    expect(exists(pid)).toBe(true);

    const notices: string[] = [];
    const server = await start(home, notices);
    expect(server).toMatchObject({ pid, port, attached: false });
    expect(notices.join()).toContain('taken over');
    const rows = await query(server.url('postgres'), 'SELECT n FROM written ORDER BY n');
    expect(rows.slice(0, committed.length).map((row) => row['n'])).toEqual(committed);
    await server.stop();
    expect(exists(pid)).toBe(false);
  });

  it('kill -9 of Node and of PostgreSQL: the next start recovers what was committed', async () => {
    const home = harness.home();
    const child = harness.child({ home }, { write: true });
    const { pid } = await child.line('ready');
    await until(() => child.lines.filter((line) => line.committed).length >= 100);
    child.process.kill('SIGKILL');
    process.kill(pid, 'SIGKILL');
    await child.exit;
    const committed = child.lines.flatMap((line) => line.committed ?? []);

    const server = await start(home);
    expect(server.pid).not.toBe(pid);
    const rows = await query(server.url('postgres'), 'SELECT n FROM written ORDER BY n');
    expect(rows.slice(0, committed.length).map((row) => row['n'])).toEqual(committed);
    await server.stop();
  });

  it('kill -9 of the postmaster: it is started again on the same port, with the data', async () => {
    const notices: string[] = [];
    const server = await start(harness.home(), notices);
    const { pid, port } = server;
    await query(server.url('postgres'), 'CREATE TABLE kept AS SELECT 42 AS n');
    process.kill(pid, 'SIGKILL');
    await until(() => server.pid !== pid);
    expect(server.port).toBe(port);
    expect(await query(server.url('postgres'), 'SELECT n FROM kept')).toEqual([{ n: 42 }]);
    expect(notices.some((text) => text.includes('ended unexpectedly'))).toBe(true);
    await server.stop();
  });

  it('kill -9 of a postmaster that was taken over, and so is no child of ours', async () => {
    const home = harness.home();
    const child = harness.child({ home });
    const { pid } = await child.line('ready');
    child.process.kill('SIGKILL');
    await child.exit;
    const server = await start(home);
    expect(server.pid).toBe(pid);
    process.kill(pid, 'SIGKILL');
    await until(() => server.pid !== pid);
    expect(await query(server.url('postgres'), 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
    await server.stop();
  });

  it('kill -9 of a backend: PostgreSQL recovers by itself, under the same postmaster', async () => {
    const server = await start(harness.home());
    const { pid } = server;
    await query(server.url('postgres'), 'CREATE TABLE kept AS SELECT 42 AS n');
    const suicide = query(server.url('postgres'), 'SELECT pg_backend_pid() AS pid, pg_sleep(30)');
    const [sleeper] = await untilRows(
      server.url('postgres'),
      "SELECT pid FROM pg_stat_activity WHERE query LIKE '%pg_sleep(30)%' AND pid <> pg_backend_pid()",
    );
    process.kill(Number(sleeper?.['pid']), 'SIGKILL');
    await expect(suicide).rejects.toThrow();
    const rows = await untilRows(server.url('postgres'), 'SELECT n FROM kept');
    expect(rows).toEqual([{ n: 42 }]);
    expect(server.pid).toBe(pid);
    await server.stop();
  });

  it('a busy port: the next free one is taken, and remembered; the preferred one comes back', async () => {
    const port = somePort();
    const squatter = createServer().listen(port, '127.0.0.1');
    await new Promise((resolve) => squatter.once('listening', resolve));
    const home = harness.home();
    const options = { home, port, superuserPassword };
    const first = await startEmbedded(options);
    expect(first.port).not.toBe(port);
    expect(first.port - port).toBeLessThanOrEqual(20);
    expect(await findRunningEmbedded(home)).toMatchObject({ port: first.port, pid: first.pid });
    const chosen = first.port;
    await first.stop();

    const second = await startEmbedded(options);
    expect(second.port).toBe(chosen);
    await second.stop();
    await new Promise((resolve) => squatter.close(resolve));
    const third = await startEmbedded(options);
    expect(third.port).toBe(port);
    await third.stop();
  });

  it('two starts at once on a fresh home: one makes the database, the second attaches', async () => {
    const home = harness.home();
    const children = [harness.child({ home }), harness.child({ home })];
    const [one, two] = await Promise.all(children.map((child) => child.line('ready')));
    expect([one?.attached, two?.attached].sort()).toEqual([false, true]);
    expect(two?.pid).toBe(one?.pid);
    expect(two?.port).toBe(one?.port);
    const attached = children.find((child) => child.lines.some((line) => line.ready?.attached))!;
    expect(attached.lines.some((line) => line.notice?.includes('waiting for it'))).toBe(true);
  });

  it('an owner that ends: the server goes on for the attached one, which then owns and stops it', async () => {
    const home = harness.home();
    const owner = harness.child({ home });
    const { pid } = await owner.line('ready');
    const guest = harness.child({ home });
    expect((await guest.line('ready')).attached).toBe(true);
    owner.process.kill('SIGTERM');
    expect(await owner.exit).toBe(0);
    expect(await guest.line('takenOver')).toMatchObject({ pid });
    guest.process.kill('SIGTERM');
    expect(await guest.exit).toBe(0);
    expect(exists(pid)).toBe(false);
  });

  it('an attached one that ends leaves the server alone', async () => {
    const home = harness.home();
    const owner = await start(home);
    const guest = await start(home);
    expect(guest.attached).toBe(true);
    expect(guest.url('postgres')).toBe(owner.url('postgres'));
    await guest.stop();
    expect(await query(owner.url('postgres'), 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
    await owner.stop();
    expect(exists(owner.pid)).toBe(false);
  });

  it('lock files whose process id was given to another process', async () => {
    const home = harness.home();
    const first = await start(home);
    await first.stop();
    // A living process of the same user, so that PostgreSQL by itself would take it for its postmaster.
    const { uid, gid } = statSync(first.dataDirectory);
    const other = spawn('sleep', ['60'], { cwd: '/', ...(isRoot ? { uid, gid } : {}) });
    try {
      writeFileSync(join(home, 'embedded.lock'), JSON.stringify({ pid: other.pid, startedAt: 'long ago' }));
      const lines = [
        other.pid,
        first.dataDirectory,
        1_700_000_000,
        first.port,
        first.socketDirectory,
        '127.0.0.1',
        '  1 1',
        'ready',
      ];
      const pidFile = join(first.dataDirectory, 'postmaster.pid');
      writeFileSync(pidFile, `${lines.join('\n')}\n`, { mode: 0o600 });
      chownSync(pidFile, uid, gid);
      expect(await findRunningEmbedded(home)).toBeUndefined();
      const second = await start(home);
      expect(second.attached).toBe(false);
      expect(await query(second.url('postgres'), 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
      await second.stop();
    } finally {
      other.kill('SIGKILL');
    }
  });

  it('a start that is killed while it makes the database', async () => {
    const home = harness.home();
    const child = harness.child({ home });
    await until(() => readdirSync(home).some((name) => name.includes('.initialising-')));
    child.process.kill('SIGKILL');
    await child.exit;
    expect(readdirSync(home)).not.toContain('postgresql');
    const server = await start(home);
    expect(await query(server.url('postgres'), 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
    expect(readdirSync(home).filter((name) => name.includes('initialising'))).toEqual([]);
    await server.stop();
  });
});

async function untilRows(url: string, text: string): Promise<Record<string, unknown>[]> {
  for (;;) {
    const rows = await query(url, text).catch(() => []);
    if (rows.length > 0) return rows;
    await sleep(50);
  }
}
