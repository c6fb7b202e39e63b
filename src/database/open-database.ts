import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { AppError } from '../errors.ts';
import { withLogin } from './connection-urls.ts';
import { type EmbeddedServer, startEmbedded } from './embedded/server.ts';
import { migrate, migrationStatus, type RolePasswords } from './migrations.ts';
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
  /** False where the command is there to mend what is not ready. */
  checkReady?: boolean;
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
  /** Waits for connections that are in use, with `graceMs` no longer than that. Safe to call twice. */
  close(graceMs?: number): Promise<void>;
}

/** Before the first set-up there is no app_user, and PostgreSQL says of that only that the password is wrong. */
async function explainNotReady(error: unknown, adminUrl: string): Promise<never> {
  const statuses = await migrationStatus(adminUrl).catch(() => undefined);
  if (!statuses || statuses.some(({ state }) => state !== 'pending')) throw error;
  throw new AppError('DATABASE_NOT_READY', 'the database is not set up', {
    hint: 'Set it up: customer-analyzer db migrate',
    cause: error,
  });
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
  const end = async (graceMs: number | undefined): Promise<void> => {
    const ended = Promise.all(pools.map((pool) => pool.end()));
    await (graceMs === undefined ? ended : Promise.race([ended, sleep(graceMs)]));
    await embedded?.stop();
  };
  let closing: Promise<void> | undefined;
  const close = (graceMs?: number): Promise<void> => {
    closing ??= end(graceMs);
    return closing;
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
    if (options.checkReady ?? true)
      await checkReady(appPool).catch((error: unknown) => explainNotReady(error, admin));
    return Object.freeze({ embedded, urls, appPool, mlPool, appliedMigrations, close });
  } catch (error) {
    await close();
    throw error;
  }
}
