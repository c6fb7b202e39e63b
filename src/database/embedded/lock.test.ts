import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { lockHolder, tryLock } from './lock.ts';
import { processIdentity } from './process-identity.ts';

let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'lock-'));
  path = join(directory, 'embedded.lock');
});
afterEach(() => rmSync(directory, { recursive: true }));

describe('the lock of a home', () => {
  it('is given to one, and names its holder to the others until it is released', async () => {
    const first = await tryLock(path);
    expect(first.lock).toBeDefined();
    expect((await tryLock(path)).holder).toMatchObject({ pid: process.pid });
    expect(await lockHolder(path)).toMatchObject({ pid: process.pid });
    await first.lock?.release();
    expect(await lockHolder(path)).toBeUndefined();
    expect((await tryLock(path)).lock).toBeDefined();
  });

  it.each([
    ['of a process that has ended', JSON.stringify({ pid: 2_147_483_646, startedAt: 'x' })],
    [
      'of a process id that another process has now',
      JSON.stringify({ pid: process.pid, startedAt: 'long ago' }),
    ],
    ['without content, as after a power cut', ''],
    ['of something else', '{"pid":"none"}'],
  ])('is taken over when it is %s', async (_name, content) => {
    writeFileSync(path, content);
    expect((await tryLock(path)).lock).toBeDefined();
    expect(await lockHolder(path)).toEqual(expect.objectContaining(processIdentity(process.pid)));
  });

  it('is given to exactly one of many that find a stale one, and no file is left behind', async () => {
    for (let round = 0; round < 50; round++) {
      writeFileSync(path, JSON.stringify({ pid: 2_147_483_646, startedAt: 'x' }));
      const attempts = await Promise.all(Array.from({ length: 8 }, () => tryLock(path)));
      const locks = attempts.flatMap((attempt) => attempt.lock ?? []);
      expect(locks).toHaveLength(1);
      expect(readdirSync(directory)).toEqual(['embedded.lock']);
      await locks[0]?.release();
    }
  });

  it('is not released by a former holder', async () => {
    const former = await tryLock(path);
    rmSync(path);
    const current = await tryLock(path);
    await former.lock?.release();
    expect((await tryLock(path)).holder).toBeDefined();
    await current.lock?.release();
  });
});
