import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Command } from 'commander';
import { withLogin } from '../../database/connection-urls.ts';
import { findRunningEmbedded } from '../../database/embedded/running.ts';
import { migrate, migrationStatus } from '../../database/migrations.ts';
import { DATABASE_NAME, type Database } from '../../database/open-database.ts';
import { AppError } from '../../errors.ts';
import { cleanUp, refreshUserDays } from '../../jobs/manage.ts';
import { wholeNumber } from '../arguments.ts';
import type { CliContext } from '../context.ts';
import { renderTable } from '../table.ts';
import { registerDbCheck } from './db-check.ts';
import { registerDbMonitoring } from './db-monitoring.ts';

const ROLES = ['postgres', 'admin_user', 'app_user', 'ml_user'] as const;
type Role = (typeof ROLES)[number];

function parseRole(text: string): Role {
  const role = ROLES.find((each) => each === text);
  if (role) return role;
  throw new AppError('USAGE', `there is no role ${text}`, { hint: `Choose one of ${ROLES.join(', ')}.` });
}

/** `postgres` stands for whoever administers: the superuser here, the login of DATABASE_URL elsewhere. */
function urlOf(cli: CliContext, adminUrl: string, role: Role): string {
  const { passwords, appDatabaseUrl, mlDatabaseUrl } = cli.config;
  if (role === 'app_user') return appDatabaseUrl ?? withLogin(adminUrl, role, passwords.app);
  if (role === 'ml_user') return mlDatabaseUrl ?? withLogin(adminUrl, role, passwords.ml);
  return role === 'admin_user' ? withLogin(adminUrl, role, passwords.admin) : adminUrl;
}

async function runningAdminUrl(cli: CliContext): Promise<string> {
  if (cli.config.databaseUrl) return cli.config.databaseUrl;
  const running = await findRunningEmbedded(cli.config.home);
  if (!running) {
    throw new AppError('DATABASE_UNREACHABLE', 'the embedded PostgreSQL is not running', {
      hint: 'Start it with `npm start`, or use `customer-analyzer db psql`, which starts it for the time.',
    });
  }
  const { superuser, password } = { superuser: 'postgres', password: cli.config.passwords.superuser };
  return withLogin(`postgresql://127.0.0.1:${running.port}/${DATABASE_NAME}`, superuser, password);
}

/** psql inherits the terminal; the password travels in its environment, not in the process list. */
async function runPsql(cli: CliContext, database: Database, role: Role, args: string[]): Promise<void> {
  const url = new URL(urlOf(cli, database.urls.admin, role));
  const password = decodeURIComponent(url.password);
  url.password = '';
  const child = spawn('psql', ['--dbname', url.href, ...args], {
    stdio: 'inherit',
    env: { ...process.env, PGPASSWORD: password },
  });
  // Ctrl-C belongs to psql while it runs: it cancels a query there.
  const ignore = (): void => undefined;
  process.on('SIGINT', ignore);
  try {
    const [code] = (await once(child, 'exit')) as [number | null];
    process.exitCode = code ?? 1;
  } catch (error) {
    throw new AppError('PSQL_MISSING', 'psql is not installed', {
      hint: 'Install PostgreSQL client programs (Debian: apt-get install postgresql-client), or use pgAdmin with `customer-analyzer db url`.',
      cause: error,
    });
  } finally {
    process.off('SIGINT', ignore);
  }
}

async function showStatus(cli: CliContext, json: boolean): Promise<void> {
  const show = async (url: string): Promise<void> => {
    const statuses = await migrationStatus(url);
    if (json) return cli.output.json({ migrations: statuses });
    const columns = [
      { heading: 'migration', cell: (row: (typeof statuses)[number]) => row.name },
      { heading: 'state', cell: (row: (typeof statuses)[number]) => row.state },
      { heading: 'applied at', cell: (row: (typeof statuses)[number]) => row.appliedAt?.toISOString() },
    ];
    cli.output.line(renderTable(statuses, columns));
  };
  if (cli.config.databaseUrl) return show(cli.config.databaseUrl);
  await cli.withDatabase((database) => show(database.urls.admin), { checkReady: false });
}

function registerUpkeep(db: Command, cli: CliContext): void {
  db.command('refresh-days')
    .description(
      'Fold new events into days of customers; nothing depends on it but the speed of the next scoring',
    )
    .option('--rebuild', 'fold all days anew')
    .option('--json', 'answer as JSON')
    .action(({ rebuild = false, json }: { rebuild?: boolean; json?: boolean }) =>
      cli.withDatabase(async ({ appPool }) => {
        const days = await refreshUserDays(appPool, rebuild);
        if (json) cli.output.json({ days });
        else cli.output.line(`${days} days written`);
      }),
    );
  db.command('clean-up')
    .description('Remove old history of background work')
    .option('--keep-days <n>', 'history younger than this stays', wholeNumber(1, 3650), 90)
    .option('--json', 'answer as JSON')
    .action(({ keepDays, json }: { keepDays: number; json?: boolean }) =>
      cli.withDatabase(async ({ appPool }) => {
        const removed = await cleanUp(appPool, keepDays);
        if (json) return cli.output.json({ removed });
        for (const [what, count] of Object.entries(removed)) cli.output.line(`${what}: ${count} removed`);
      }),
    );
}

export function registerDb(program: Command, cli: CliContext): void {
  const db = program
    .command('db')
    .description('The database: migrations, address, psql, upkeep, monitoring, security');
  registerUpkeep(db, cli);
  registerDbMonitoring(db, cli);
  registerDbCheck(db, cli);
  db.command('migrate')
    .description('Set the database up, or bring it up to date')
    .option('--json', 'answer as JSON')
    .action(async ({ json }: { json?: boolean }) => {
      const { databaseUrl, passwords } = cli.config;
      const applied = databaseUrl
        ? await migrate(databaseUrl, passwords)
        : await cli.withDatabase(async (database) => [...database.appliedMigrations]);
      if (json) return cli.output.json({ applied });
      cli.output.line(applied.length > 0 ? `applied ${applied.join(', ')}` : 'the database is up to date');
    });
  db.command('status')
    .description('Show which migrations are applied')
    .option('--json', 'answer as JSON')
    .action(({ json }: { json?: boolean }) => showStatus(cli, json ?? false));
  db.command('url')
    .description('Print the address of the running database, for psql and other clients')
    .option('--role <name>', `log in as ${ROLES.join(', ')}`, 'postgres')
    .action(async ({ role }: { role: string }) => {
      const parsed = parseRole(role);
      cli.output.line(urlOf(cli, await runningAdminUrl(cli), parsed));
    });
  db.command('psql')
    .description('Open psql; what stands after -- is passed on to it')
    .option('--role <name>', `log in as ${ROLES.join(', ')}`, 'postgres')
    .argument('[args...]', 'arguments of psql')
    .action(async (args: string[], { role }: { role: string }) => {
      const parsed = parseRole(role);
      await cli.withDatabase((database) => runPsql(cli, database, parsed, args), { checkReady: false });
    });
}
