import type pg from 'pg';
import { withLogin } from './connection-urls.ts';
import { type EmbeddedServer, startEmbedded } from './embedded/server.ts';
import { migrate, type RolePasswords } from './migrations.ts';
import { createPool } from './pool.ts';
import { checkReady } from './ready.ts';

export const DATABASE_NAME = 'customer_analyzer';

export interface DatabaseOptions {
  databaseUrl: string | undefined;
  appDatabaseUrl?: string | undefined;
  mlDatabaseUrl?: string | undefined;
  passwords: RolePasswords & { superuser: string };
  home: string;
  embeddedPort: number;
  /** Set up and migrate: always for the embedded server, on request elsewhere. */
  migrate: boolean;
  onNotice: (text: string) => void;
}

type LoginRole = 'admin' | 'app' | 'ml';

export interface Database {
  /** Present where this process uses the embedded server. */
  readonly embedded: EmbeddedServer | undefined;
  readonly urls: Readonly<Record<LoginRole, string>>;
  /** Logs in as app_user: reads and writes data. */
  readonly appPool: pg.Pool;
  /** Logs in as ml_user: reads. */
  readonly mlPool: pg.Pool;
  readonly appliedMigrations: readonly string[];
  close(): Promise<void>;
}

/** Opens the database of a process: the embedded server, or what DATABASE_URL names. Close it to stop what it started. */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const embedded =
    options.databaseUrl === undefined
      ? await startEmbedded({
          home: options.home,
          port: options.embeddedPort,
          superuserPassword: options.passwords.superuser,
          onNotice: options.onNotice,
        })
      : undefined;
  const pools: pg.Pool[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(pools.map((pool) => pool.end()));
    await embedded?.stop();
  };
  try {
    const admin = options.databaseUrl ?? (embedded as EmbeddedServer).url(DATABASE_NAME);
    const urls = Object.freeze({
      admin,
      app: options.appDatabaseUrl ?? withLogin(admin, 'app_user', options.passwords.app),
      ml: options.mlDatabaseUrl ?? withLogin(admin, 'ml_user', options.passwords.ml),
    });
    const appliedMigrations = embedded || options.migrate ? await migrate(admin, options.passwords) : [];
    const appPool = createPool(urls.app, { applicationName: 'customer-analyzer' });
    const mlPool = createPool(urls.ml, { applicationName: 'customer-analyzer scoring', max: 4 });
    pools.push(appPool, mlPool);
    await checkReady(appPool);
    return Object.freeze({ embedded, urls, appPool, mlPool, appliedMigrations, close });
  } catch (error) {
    await close();
    throw error;
  }
}
