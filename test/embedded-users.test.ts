import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, cpSync, existsSync, mkdirSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { packagedBinaries } from '../src/database/embedded/binaries.ts';
import { startEmbedded } from '../src/database/embedded/server.ts';
import { unprivilegedUser, userById } from '../src/database/embedded/unprivileged-user.ts';
import { EmbeddedHarness, isRoot, query, somePort, superuserPassword } from './support/embedded-harness.ts';

const ordinary = 65_534;

describe.skipIf(!isRoot)('as root', () => {
  const harness = new EmbeddedHarness();
  afterAll(() => harness.cleanUp());
  const options = (home: string) => ({ home, port: somePort(), superuserPassword });

  it('the server runs as an unprivileged user, who owns the data', async () => {
    const server = await startEmbedded(options(harness.home()));
    expect(statSync(`/proc/${server.pid}`).uid).toBe(unprivilegedUser().uid);
    expect(statSync(server.dataDirectory).uid).toBe(unprivilegedUser().uid);
    await server.stop();
  });

  it('below a closed folder data go where that user can reach them, the place is told and found again', async () => {
    const closed = harness.home();
    const sharedRoot = join(harness.home(), 'shared');
    chmodSync(closed, 0o700);
    const home = join(closed, 'project', '.data');
    const binaries = join(closed, 'project', 'native');
    cpSync(packagedBinaries(), binaries, { recursive: true, verbatimSymlinks: true });
    const notices: string[] = [];
    const start = { ...options(home), binaries, sharedRoot, onNotice: (text: string) => notices.push(text) };
    const first = await startEmbedded(start);
    expect(first.dataDirectory.startsWith(sharedRoot)).toBe(true);
    expect(notices.some((text) => text.includes(first.dataDirectory))).toBe(true);
    expect(notices.some((text) => text.includes('binaries are copied'))).toBe(true);
    await query(first.url('postgres'), 'CREATE TABLE kept AS SELECT 42 AS n');
    await first.stop();

    // A folder that was renamed keeps its data.
    renameSync(join(closed, 'project'), join(closed, 'renamed'));
    const moved = {
      ...start,
      home: join(closed, 'renamed', '.data'),
      binaries: join(closed, 'renamed', 'native'),
    };
    const second = await startEmbedded(moved);
    expect(second.dataDirectory).toBe(first.dataDirectory);
    expect(await query(second.url('postgres'), 'SELECT n FROM kept')).toEqual([{ n: 42 }]);
    await second.stop();

    // A copy of the folder beside its original begins with data of its own.
    execFileSync('cp', ['-a', join(closed, 'renamed'), join(closed, 'copy')]);
    const copy = await startEmbedded({ ...moved, home: join(closed, 'copy', '.data') });
    expect(copy.dataDirectory).not.toBe(first.dataDirectory);
    await copy.stop();

    // A folder that was deleted and made again begins anew, and its former data are left alone.
    rmSync(join(closed, 'renamed', '.data'), { recursive: true });
    renameSync(join(closed, 'renamed'), join(closed, 'project'));
    const third = await startEmbedded(start);
    expect(third.dataDirectory).not.toBe(first.dataDirectory);
    expect(existsSync(first.dataDirectory)).toBe(true);
    await third.stop();
  });

  it('data that were reachable and no longer are give an error, not an empty database', async () => {
    const outer = harness.home();
    const home = join(outer, '.data');
    await (await startEmbedded(options(home))).stop();
    chmodSync(outer, 0o700);
    await expect(startEmbedded(options(home))).rejects.toMatchObject({
      code: 'EMBEDDED_START_FAILED',
      message: expect.stringContaining('cannot reach the data'),
    });
    chmodSync(outer, 0o755);
    await (await startEmbedded(options(home))).stop();
  });

  it('root runs the database of an ordinary user as that user, who can start it again afterwards', async () => {
    const home = harness.home();
    chownSync(home, ordinary, ordinary);
    const first = harness.child({ home }, { uid: ordinary, gid: ordinary });
    expect((await first.line('ready')).uid).toBe(ordinary);
    first.process.kill('SIGTERM');
    expect(await first.exit).toBe(0);

    const server = await startEmbedded(options(home));
    expect(statSync(`/proc/${server.pid}`).uid).toBe(ordinary);
    await server.stop();

    const second = harness.child({ home }, { uid: ordinary, gid: ordinary });
    await second.line('ready');
    second.process.kill('SIGTERM');
    expect(await second.exit).toBe(0);
  });

  it('an ordinary user after root: a clear error while the server is down, attached while it runs', async () => {
    const home = harness.home();
    const server = await startEmbedded(options(home));
    const guest = harness.child({ home }, { uid: ordinary, gid: ordinary });
    expect(await guest.line('ready')).toMatchObject({ attached: true, port: server.port, pid: server.pid });
    guest.process.kill('SIGTERM');
    expect(await guest.exit).toBe(0);
    await server.stop();

    const late = harness.child({ home }, { uid: ordinary, gid: ordinary });
    const failure = await late.line('failure');
    const owner = unprivilegedUser();
    expect(failure.code).toBe('EMBEDDED_START_FAILED');
    if (owner.uid !== ordinary)
      expect(failure.message).toContain(`belong to the user ${userById(owner.uid, owner.gid).name}`);
    expect(failure.hint).toContain('CUSTOMER_ANALYZER_HOME');
  });

  it('an ordinary user whose modules belong to root and lack their links uses a copy', async () => {
    const folder = harness.home();
    const binaries = join(folder, 'native');
    cpSync(packagedBinaries(), binaries, { recursive: true, verbatimSymlinks: true });
    rmSync(join(binaries, 'lib', 'libicuuc.so.60'));
    const home = join(folder, '.data');
    mkdirSync(home);
    chownSync(home, ordinary, ordinary);
    const child = harness.child({ home, binaries }, { uid: ordinary, gid: ordinary });
    await child.line('ready');
    expect(existsSync(join(home, 'binaries'))).toBe(true);
    expect(existsSync(join(binaries, 'lib', 'libicuuc.so.60'))).toBe(false);
    child.process.kill('SIGTERM');
    expect(await child.exit).toBe(0);
  });
});
