import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type pg from 'pg';
import { withLogin } from '../src/database/connection-urls.ts';
import { startEmbedded } from '../src/database/embedded/server.ts';
import { migrate } from '../src/database/migrations.ts';
import { createPool } from '../src/database/pool.ts';

const passwords = { app: 'app_password', ml: 'ml_password', admin: 'admin_password' };

export interface ShopServer {
  /** Superuser's, of a migrated and empty database. */
  readonly url: string;
  readonly app: pg.Pool;
  readonly ml: pg.Pool;
}

/** A server of the benchmark's own, gone with all its data when `run` ends. `settings` are those that the measurement does not rest on. */
export async function withShopServer<T>(
  settings: Record<string, string>,
  run: (shop: ShopServer) => Promise<T>,
): Promise<T> {
  const home = mkdtempSync(join(tmpdir(), 'customer-analyzer-bench-'));
  // Open to traverse: started by root, the server runs as somebody else.
  chmodSync(home, 0o755);
  const port = 20_000 + (process.pid % 20_000);
  const server = await startEmbedded({ home, port, superuserPassword: 'postgres', settings });
  try {
    const url = server.url('customer_analyzer');
    await migrate(url, passwords);
    const pool = (role: 'app' | 'ml'): pg.Pool =>
      createPool(withLogin(url, `${role}_user`, passwords[role]), { applicationName: 'bench' });
    const [app, ml] = [pool('app'), pool('ml')];
    const result = await run({ url, app, ml });
    await Promise.all([app.end(), ml.end()]);
    return result;
  } finally {
    await server.stop();
    rmSync(home, { recursive: true, force: true });
  }
}
