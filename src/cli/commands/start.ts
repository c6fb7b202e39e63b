import type { Command } from 'commander';
import { issueSetUpToken } from '../../access/administrators.ts';
import { findUsers, type UserFilters } from '../../analytics/find-users.ts';
import { latestRun } from '../../analytics/read.ts';
import type { Database } from '../../database/open-database.ts';
import { isEmpty } from '../../database/ready.ts';
import { hasDemoShop, loadDemoShop } from '../../demo/load.ts';
import { dayBefore, defaultSize } from '../../demo/parameters.ts';
import { openDemoShop } from '../../demo/simulate.ts';
import { createLogger } from '../../logger.ts';
import { wholeNumber } from '../arguments.ts';
import type { CliContext } from '../context.ts';
import { serveApi, untilSignal, work } from '../serving.ts';
import { scoreAll } from './score.ts';

async function makeDemoShop(cli: CliContext, database: Database): Promise<void> {
  const progress = cli.output.progress('making a demonstration shop');
  const shop = openDemoShop({ ...defaultSize, lastDay: dayBefore(new Date()) });
  const loaded = await loadDemoShop(shop, { appPool: database.appPool, onProgress: progress.update });
  progress.done(`${loaded.users} people, ${loaded.products} products, ${loaded.accepted} events`);
}

/** A customer worth looking at: one of the best, else the first. */
async function exampleUserId(database: Database): Promise<number | undefined> {
  const first = async (filters: UserFilters): Promise<number | undefined> => {
    const search = { filters, sort: 'user_id', descending: false, limit: 1 } as const;
    return (await findUsers(database.appPool, search)).items[0]?.user_id;
  };
  return (await first({ segment: 'champions' }).catch(() => undefined)) ?? first({});
}

function tryNext(cli: CliContext, database: Database, address: string | undefined, id: number): void {
  const { line } = cli.output;
  // The user's own psql line, with the password that the development server has; where that is not running or not ours, `db psql` knows what to do.
  const psql =
    database.embedded && address
      ? `PGPASSWORD=${cli.config.passwords.superuser} psql -h localhost -p ${database.embedded.port} -U postgres -d customer_analyzer`
      : 'npx customer-analyzer db psql --';
  line('Try next:');
  line(`  ${psql} -c "SELECT * FROM app_schema.get_user_stats(${id})"`);
  if (address) {
    line('  KEY=$(npx customer-analyzer keys create --scope read)');
    line(`  curl -s -H "Authorization: Bearer $KEY" ${address}/api/users/${id}/recommendations`);
  }
  line(`  npx customer-analyzer users show ${id}`);
  line();
}

async function welcome(
  cli: CliContext,
  database: Database,
  address: string | undefined,
  withDemo: boolean,
): Promise<void> {
  const { line } = cli.output;
  line();
  line(
    address
      ? `Customer Analyzer is ready: ${address}  (API: ${address}/docs)`
      : 'Customer Analyzer is ready.',
  );
  if (database.embedded)
    line(`PostgreSQL: port ${database.embedded.port}, data in ${database.embedded.dataDirectory}`);
  line();
  const token = address ? await issueSetUpToken(database.appPool) : undefined;
  if (token) {
    line('Nobody can log in yet. Make yourself the administrator (works once, for 24 hours):');
    line(`  ${address}/set-up#${token}`);
    line();
  }
  const id = await exampleUserId(database);
  if (id !== undefined) tryNext(cli, database, address, id);
  line('Load your own data:');
  if (withDemo) line('  npx customer-analyzer demo remove');
  line('  npx customer-analyzer import FILE');
  line('  npx customer-analyzer score');
  if (!address) return;
  line();
  line('Stop with Ctrl-C.');
}

interface StartOptions {
  once?: boolean;
  demo: boolean;
  worker: boolean;
  port?: number;
}

async function serve(
  cli: CliContext,
  database: Database,
  options: StartOptions,
  withDemo: boolean,
): Promise<void> {
  const logger = createLogger(cli.config.logLevel);
  const address = await serveApi(cli, database, logger, options.port);
  if (options.worker) work(cli, database, logger);
  await welcome(cli, database, address, withDemo);
  await untilSignal();
}

async function start(cli: CliContext, database: Database, options: StartOptions): Promise<void> {
  if (database.appliedMigrations.length > 0)
    cli.output.notice(`database set up: ${database.appliedMigrations.length} migrations applied`);
  // Never where DATABASE_URL is set: that database is somebody's own.
  if (options.demo && database.embedded && (await isEmpty(database.appPool)))
    await makeDemoShop(cli, database);
  const withDemo = await hasDemoShop(database.appPool);
  // A start that was killed between the two steps is finished by the next one.
  if (withDemo && database.embedded && !(await latestRun(database.appPool, 'recommendations'))) {
    await scoreAll(cli, database, new Date());
  }
  if (options.once) await welcome(cli, database, undefined, withDemo);
  else await serve(cli, database, options, withDemo);
}

export function registerStart(program: Command, cli: CliContext): void {
  program
    .command('start')
    .description('Set everything up and serve; an empty embedded database gets a demonstration shop')
    .option('--once', 'set up, then exit instead of serving')
    .option('--no-demo', 'leave an empty database empty')
    .option('--no-worker', 'serve only; run `customer-analyzer worker` beside it')
    .option('--port <n>', 'port of the HTTP API', wholeNumber(0, 65_535))
    .action((options: StartOptions) =>
      cli.withDatabase((database) => start(cli, database, options), {
        migrate: true,
      }),
    );
}
