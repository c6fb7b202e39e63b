import { createApi } from '../api/app.ts';
import { listen } from '../api/listen.ts';
import type { Database } from '../database/open-database.ts';
import { createPool } from '../database/pool.ts';
import { startWorker } from '../jobs/worker.ts';
import type { Logger } from '../logger.ts';
import { warmConnections } from '../recommendations/serve.ts';
import type { CliContext } from './context.ts';
import { VERSION } from './version.ts';

const CONNECTIONS = 10;
/** A request that takes longer answers 503: whoever asked has gone by then. */
const LONGEST_STATEMENT_MS = 30_000;
/** With all connections busy for so long, more who wait would only make it worse: they are told to come back. */
const CONNECT_WITHIN_MS = 5_000;
/** Requests that are under way may end; then their connections are cut. */
const ANSWER_WITHIN_MS = 4_000;

/**
 * Opens the HTTP door, with connections of its own: a worker in the same process cannot take them away. Closed at a signal.
 * @returns the address
 */
export async function serveApi(
  cli: CliContext,
  database: Database,
  logger: Logger,
  givenPort: number | undefined,
): Promise<string> {
  const { config } = cli;
  const appPool = createPool(database.urls.app, {
    applicationName: 'customer-analyzer api',
    max: CONNECTIONS,
    min: CONNECTIONS,
    queryTimeoutMs: LONGEST_STATEMENT_MS,
    connectTimeoutMs: CONNECT_WITHIN_MS,
  });
  const { corsOrigins, trustProxy, rateLimits, metricsToken } = config;
  const api = await createApi({
    appPool,
    logger,
    version: VERSION,
    now: () => new Date(),
    corsOrigins,
    trustProxy,
    rateLimits,
    metricsToken,
    ingest: config.ingest,
  });
  const fixed = givenPort !== undefined || config.portGiven;
  const address = await listen(api, config.host, givenPort ?? config.port, !fixed);
  void warmConnections(appPool, CONNECTIONS);
  cli.beforeClose(async () => {
    const late = setTimeout(() => api.server.closeAllConnections(), ANSWER_WITHIN_MS);
    await api.close();
    clearTimeout(late);
    await appPool.end();
  });
  return address;
}

/** Starts a worker in this process; its jobs run in processes of their own. Ended at a signal, its job finished or handed back. */
export function work(cli: CliContext, database: Database, logger: Logger): void {
  const { app, ml, admin } = database.urls;
  const worker = startWorker({
    pool: database.appPool,
    url: app,
    logger,
    now: () => new Date(),
    program: {
      command: [...process.execArgv, process.argv[1] as string],
      env: { ...process.env, DATABASE_URL: admin, APP_DATABASE_URL: app, ML_DATABASE_URL: ml },
    },
  });
  cli.beforeClose(() => worker.stop());
}

/** A signal ends the process, through what was registered with beforeClose. */
export const untilSignal = (): Promise<never> =>
  new Promise<never>(() => {
    // A pending promise alone keeps no process alive; a worker whose database is away may hold nothing else.
    setInterval(() => undefined, 1 << 30);
  });
