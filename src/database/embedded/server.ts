import { mkdir, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { standBy } from './attach.ts';
import { asEmbeddedError } from './failure.ts';
import { type LockAttempt, tryLock } from './lock.ts';
import { verifyLogin } from './login.ts';
import { type Context, type Owned, own } from './own.ts';
import { resolvePlace } from './place.ts';
import { announcePresence } from './presence.ts';
import { findRunningEmbedded, type RunningEmbedded } from './running.ts';

export interface StartEmbeddedOptions {
  /** Absolute path of the directory for data, log and state (`.data`); made when it is missing. */
  home: string;
  /** Taken when it is free, else a free one near it; 5432 by default. */
  port?: number;
  superuser?: 'postgres';
  /** Set when the database is made; later starts must give the same. */
  superuserPassword: string;
  /** A directory with bin, lib and share, in place of the npm package's. */
  binaries?: string;
  /** Where data and binaries go when the user who runs PostgreSQL for root cannot reach `home`; /var/lib/customer-analyzer. */
  sharedRoot?: string;
  /** Added to, or in place of, our own settings of postgresql.conf. */
  settings?: Record<string, string>;
  /** Sentences for people: places, waiting, recovery. */
  onNotice?: (text: string) => void;
}

export interface EmbeddedServer {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** The process id of the postmaster. It and the port may change when the server is started again. */
  readonly pid: number;
  readonly dataDirectory: string;
  readonly socketDirectory: string;
  readonly superuser: string;
  /** Whether another process owns the server. When that one ends, this process takes the server over. */
  readonly attached: boolean;
  /** The superuser's connection URL of a database. */
  url(database: string): string;
  /** Stops the server, unless another process owns or still uses it. Safe to call twice. */
  stop(): Promise<void>;
}

/**
 * Starts the PostgreSQL of a home, or attaches to it when another process has started it. Every failure is an AppError:
 * EMBEDDED_BINARIES_MISSING, EMBEDDED_NO_USER, EMBEDDED_START_FAILED or DISK_FULL. The caller orders the stop, on SIGINT and
 * SIGTERM too: the server runs in a session of its own and outlives a Node that is killed; the next start takes it over.
 */
export async function startEmbedded(options: StartEmbeddedOptions): Promise<EmbeddedServer> {
  try {
    await mkdir(options.home, { recursive: true });
    return await enter(contextOf(options, await realpath(options.home)));
  } catch (error) {
    throw asEmbeddedError(error, options.home);
  }
}

function contextOf(options: StartEmbeddedOptions, home: string): Context {
  return {
    home,
    port: options.port ?? 5432,
    superuser: options.superuser ?? 'postgres',
    superuserPassword: options.superuserPassword,
    binaries: options.binaries,
    sharedRoot: options.sharedRoot,
    settings: options.settings ?? {},
    notice: options.onNotice ?? (() => undefined),
  };
}

async function enter(context: Context): Promise<EmbeddedServer> {
  const lockFile = join(context.home, 'embedded.lock');
  for (let told = false; ; told = true) {
    const { lock, holder } = await lockOrExplain(context, lockFile);
    if (lock) return ownedServer(context, await own(context, lock));
    const running = await findRunningEmbedded(context.home);
    if (running) return attachedServer(context, lockFile, running);
    if (!told)
      context.notice(`Process ${holder.pid} is starting or stopping PostgreSQL here; waiting for it.`);
    await sleep(100);
  }
}

async function lockOrExplain(context: Context, lockFile: string): Promise<LockAttempt> {
  try {
    return await tryLock(lockFile);
  } catch (error) {
    // "The data belong to the user postgres" says more than "permission denied, open embedded.lock".
    if ((error as NodeJS.ErrnoException).code === 'EACCES') await resolvePlace(context.home, context.notice);
    throw error;
  }
}

function ownedServer(context: Context, owned: Owned): EmbeddedServer {
  return {
    ...common(context, () => owned.current().port),
    get port() {
      return owned.current().port;
    },
    get pid() {
      return owned.current().identity.pid;
    },
    dataDirectory: owned.place.dataDirectory,
    get socketDirectory() {
      return owned.current().socketDirectory;
    },
    attached: false,
    stop: owned.stop,
  };
}

async function attachedServer(
  context: Context,
  lockFile: string,
  running: RunningEmbedded,
): Promise<EmbeddedServer> {
  const leave = await announcePresence(context.home);
  try {
    await verifyLogin({ ...context, ...running });
  } catch (error) {
    await leave?.();
    throw error;
  }
  // Who may not announce itself may not own the server either: it belongs to another user.
  const watch = leave && standBy({ ...context, port: running.port }, lockFile);
  const now = () => watch?.owned()?.current();
  return {
    ...common(context, () => now()?.port ?? running.port),
    get port() {
      return now()?.port ?? running.port;
    },
    get pid() {
      return now()?.identity.pid ?? running.pid;
    },
    dataDirectory: running.dataDirectory,
    get socketDirectory() {
      return now()?.socketDirectory ?? running.socketDirectory;
    },
    get attached() {
      return !watch?.owned();
    },
    async stop() {
      await watch?.end();
      await leave?.();
      await watch?.owned()?.stop();
    },
  };
}

function common(context: Context, port: () => number) {
  const login = `${encodeURIComponent(context.superuser)}:${encodeURIComponent(context.superuserPassword)}`;
  return {
    host: '127.0.0.1' as const,
    superuser: context.superuser,
    url: (database: string) => `postgresql://${login}@127.0.0.1:${port()}/${encodeURIComponent(database)}`,
  };
}
