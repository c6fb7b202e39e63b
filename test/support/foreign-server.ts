import { type ChildProcess, execFileSync, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { packagedBinaries, prepareBinaries } from '../../src/database/embedded/binaries.ts';
import { asUser, giveTo, isRoot, unprivilegedUser } from '../../src/database/embedded/unprivileged-user.ts';
import { until } from './embedded-harness.ts';

export class ForeignServer {
  readonly folder: string;
  /** Writes a file that the server's user owns and nobody else reads; returns its path. */
  readonly write: (name: string, content: string) => string;
  readonly #data: string;
  readonly #port: number;
  readonly #program: string;
  readonly #environment: SpawnOptions;
  #child: ChildProcess | undefined;

  constructor(
    folder: string,
    data: string,
    port: number,
    program: string,
    environment: SpawnOptions,
    write: (name: string, content: string) => string,
  ) {
    this.folder = folder;
    this.write = write;
    this.#data = data;
    this.#port = port;
    this.#program = program;
    this.#environment = environment;
  }

  url(database: string): string {
    return `postgresql://postgres:postgres@localhost:${this.#port}/${database}`;
  }

  async start(settings: Record<string, string>): Promise<void> {
    const all = {
      port: String(this.#port),
      unix_socket_directories: this.folder,
      fsync: 'off',
      shared_preload_libraries: 'pg_stat_statements',
      ...settings,
    };
    const flags = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const child = spawn(this.#program, ['-D', this.#data, ...flags], {
      ...this.#environment,
      stdio: 'ignore',
    });
    this.#child = child;
    await until(() => {
      if (child.exitCode !== null) throw new Error('the server did not start');
      return this.#answers();
    });
  }

  async #answers(): Promise<boolean> {
    const login = { user: 'postgres', password: 'postgres', database: 'postgres' };
    const client = new pg.Client({ host: this.folder, port: this.#port, ...login });
    try {
      await client.connect();
      await client.end();
      return true;
    } catch {
      return false;
    }
  }

  async remove(): Promise<void> {
    const child = this.#child;
    if (child && child.exitCode === null) {
      const ended = once(child, 'exit');
      child.kill('SIGINT');
      await ended;
    }
    rmSync(this.folder, { recursive: true, force: true });
  }
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
  return new ForeignServer(folder, data, port, binaries.postgres, environment, write);
}
