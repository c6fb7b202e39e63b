import { execFileSync, spawnSync } from 'node:child_process';
import { closeSync, openSync, readdirSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { isDiskFull } from '../src/database/embedded/failure.ts';
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

const harness = new EmbeddedHarness();
const mounts: string[] = [];

/** A small disk of its own, or undefined where this machine lets us mount none. */
function smallDisk(megabytes: number): string | undefined {
  const directory = harness.home();
  const attempt = spawnSync('mount', [
    '-t',
    'tmpfs',
    '-o',
    `size=${megabytes}m,mode=755`,
    'tmpfs',
    directory,
  ]);
  if (attempt.status !== 0) return undefined;
  mounts.push(directory);
  return directory;
}

function fill(file: string): void {
  const descriptor = openSync(file, 'w');
  try {
    for (const block of [Buffer.alloc(65_536), Buffer.alloc(4_096)]) {
      try {
        for (;;) writeSync(descriptor, block);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      }
    }
  } finally {
    closeSync(descriptor);
  }
}

const disk = isRoot && process.platform === 'linux' ? smallDisk(24) : undefined;

afterAll(async () => {
  for (const directory of mounts) execFileSync('umount', ['-l', directory]);
  await harness.cleanUp();
});

describe.skipIf(!disk)('a full disk', () => {
  const options = (home: string) => ({ home, port: somePort(), superuserPassword, until });

  it('while the database is made: names the directory, leaves nothing behind, works after the cure', async () => {
    const home = join(disk!, '.data');
    await expect(startEmbedded(options(home))).rejects.toMatchObject({
      code: 'DISK_FULL',
      message: expect.stringContaining(home),
      hint: expect.stringContaining('CUSTOMER_ANALYZER_HOME'),
    });
    expect(readdirSync(home).filter((name) => name.startsWith('postgresql'))).toEqual([]);
    execFileSync('mount', ['-o', 'remount,size=120m', disk!]);
    const server = await startEmbedded(options(home));
    await query(server.url('postgres'), 'CREATE TABLE kept AS SELECT 42 AS n');
    await server.stop();
  });

  it('at a later start and at run time', async () => {
    const home = join(disk!, '.data');
    const ballast = join(disk!, 'ballast');
    fill(ballast);
    await expect(startEmbedded(options(home))).rejects.toMatchObject({ code: 'DISK_FULL' });
    rmSync(ballast);

    const server = await startEmbedded(options(home));
    const url = server.url('postgres');
    await query(url, 'CREATE UNLOGGED TABLE big (filler text)');
    fill(ballast);
    const failure = await query(
      url,
      "INSERT INTO big SELECT repeat('x', 1000) FROM generate_series(1, 100000)",
    ).catch((error) => error);
    expect(isDiskFull(failure)).toBe(true);
    rmSync(ballast);
    expect(await query(url, 'SELECT n FROM kept')).toEqual([{ n: 42 }]);
    await server.stop();
  });

  it('that has no room for the write-ahead log: the server comes back by itself when there is some', async () => {
    const home = join(disk!, '.data');
    const ballast = join(disk!, 'ballast');
    const notices: string[] = [];
    const server = await startEmbedded({ ...options(home), onNotice: (text) => notices.push(text) });
    const { pid } = server;
    const url = server.url('postgres');
    fill(ballast);
    const switches = Array.from(
      { length: 8 },
      (_, n) => `CREATE TABLE wal_${n} (n int); SELECT pg_switch_wal();`,
    );
    for (const text of switches) await query(url, text).catch(() => undefined);
    await until(() => notices.some((text) => text.includes('There is no space left')));
    // Not before it has fallen: with room at once PostgreSQL recovers by itself, and nothing of ours is tested.
    await until(() => !exists(pid));
    rmSync(ballast);
    await until(() =>
      query(url, 'SELECT n FROM kept').then(
        (rows) => rows.length === 1,
        () => false,
      ),
    );
    // The new process answers a moment before whoever started it knows that it does.
    await until(() => server.pid !== pid);
    await server.stop();
  });
});
