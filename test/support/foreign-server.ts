import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { packagedBinaries, prepareBinaries } from '../../src/database/embedded/binaries.ts';
import { asUser, giveTo, isRoot, unprivilegedUser } from '../../src/database/embedded/unprivileged-user.ts';
import { until } from './embedded-harness.ts';

export interface ForeignServer {
  readonly folder: string;
  readonly port: number;
  url(database: string): string;
  /** Writes a file that the server's user owns and nobody else reads. */
  write(name: string, content: string): string;
  start(settings: Record<string, string>): Promise<void>;
  stop(): Promise<void>;
  remove(): Promise<void>;
}

/** A server that our supervisor does not run: no checksums, any address, TLS. What it listens on is not ours to decide elsewhere. */
export async function createForeignServer(): Promise<ForeignServer> {
  const folder = mkdtempSync(join(tmpdir(), 'customer-analyzer-foreign-'));
  const user = isRoot() ? unprivilegedUser() : undefined;
  chmodSync(folder, 0o755);
  giveTo(user, folder);
  const binaries = await prepareBinaries(packagedBinaries(), folder, user, () => undefined);
  const data = join(folder, 'data');
  const port = 50_000 + (process.pid % 9_000);
  const write = (name: string, content: string): string => {
    const path = join(folder, name);
    writeFileSync(path, content, { mode: 0o600 });
    giveTo(user, path);
    return path;
  };
  const environment = { cwd: '/', env: { PATH: process.env['PATH'], LC_ALL: 'C' }, ...asUser(user) };
  execFileSync(
    binaries.initdb,
    [
      '-D',
      data,
      '-U',
      'postgres',
      `--pwfile=${write('password', 'postgres\n')}`,
      '--auth=scram-sha-256',
      '--no-sync',
      '--encoding=UTF8',
      '--locale=C',
    ],
    { stdio: 'ignore', ...environment },
  );
  let child: ReturnType<typeof spawn> | undefined;
  const url = (database: string): string => `postgresql://postgres:postgres@localhost:${port}/${database}`;
  const stop = async (): Promise<void> => {
    if (child?.exitCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGINT');
    await ended;
  };
  return {
    folder,
    port,
    url,
    write,
    stop,
    async start(settings) {
      const all = {
        port: String(port),
        unix_socket_directories: folder,
        fsync: 'off',
        shared_preload_libraries: 'pg_stat_statements',
        ...settings,
      };
      const flags = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
      child = spawn(binaries.postgres, ['-D', data, ...flags], { stdio: 'ignore', ...environment });
      await until(async () => {
        if (child?.exitCode !== null) throw new Error('the server did not start');
        const client = new pg.Client({
          host: folder,
          port,
          user: 'postgres',
          password: 'postgres',
          database: 'postgres',
        });
        return client.connect().then(
          () => client.end().then(() => true),
          () => false,
        );
      });
    },
    async remove() {
      await stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
