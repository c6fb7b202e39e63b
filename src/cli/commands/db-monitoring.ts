import type { Command } from 'commander';
import { databaseError } from '../../database/database-error.ts';
import { migrationStatus } from '../../database/migrations.ts';
import { createPool, type Pool } from '../../database/pool.ts';
import { readActivity, readHealth, readSizes, readSlowQueries } from '../../operations/monitoring/read.ts';
import { type JsonOption, wholeNumber } from '../arguments.ts';
import type { CliContext } from '../context.ts';
import * as render from '../monitoring-tables.ts';

/** Who administers asks: app_user sees neither other roles' sessions nor the schema monitoring. */
export async function withAdmin<T>(
  cli: CliContext,
  run: (pool: Pool, url: string) => Promise<T>,
): Promise<T> {
  return cli.withDatabase(
    async ({ urls }) => {
      const pool = createPool(urls.admin, { applicationName: 'customer-analyzer db', max: 1 });
      try {
        return await run(pool, urls.admin);
      } catch (error) {
        throw databaseError(error);
      } finally {
        await pool.end();
      }
    },
    { checkReady: false },
  );
}

async function showSlowQueries(cli: CliContext, pool: Pool, limit: number, json?: boolean): Promise<void> {
  const items = await readSlowQueries(pool, limit);
  if (json) return cli.output.json({ items });
  if (items.length > 0) return cli.output.line(render.renderSlowQueries(items, cli.output.width));
  cli.output.notice(
    'No statistics: pg_stat_statements is missing, or was just reset. It needs shared_preload_libraries and CREATE EXTENSION.',
  );
}

async function showActivity(cli: CliContext, pool: Pool, json?: boolean): Promise<void> {
  const { sessions, locks } = await readActivity(pool);
  if (json) return cli.output.json({ sessions, locks });
  cli.output.line(
    sessions.length > 0 ? render.renderSessions(sessions, cli.output.width) : 'no other sessions',
  );
  if (locks.length > 0) cli.output.line(`\n${render.renderLocks(locks)}`);
}

async function showSizes(cli: CliContext, pool: Pool, json?: boolean): Promise<void> {
  const sizes = await readSizes(pool);
  if (json) return cli.output.json(sizes);
  cli.output.line(render.renderDatabase(sizes.database));
  cli.output.line(`\n${render.renderTableSizes(sizes.tables)}`);
  cli.output.line(`\n${render.renderIndexSizes(sizes.indexes)}`);
}

async function showHealth(cli: CliContext, pool: Pool, url: string, json?: boolean): Promise<void> {
  const pending = (await migrationStatus(url)).filter(({ state }) => state === 'pending');
  const items = await readHealth(
    pool,
    pending.map(({ name }) => name),
  );
  const trouble = items.some(({ verdict }) => verdict === 'trouble');
  if (trouble) process.exitCode = 1;
  if (json) return cli.output.json({ healthy: !trouble, items });
  cli.output.line(render.renderHealth(items, cli.output.width));
}

export function registerDbMonitoring(db: Command, cli: CliContext): void {
  db.command('health')
    .description('One line a question: is all well, and what to do; exit code 1 where there is trouble')
    .option('--json', 'answer as JSON')
    .action(({ json }: JsonOption) => withAdmin(cli, (pool, url) => showHealth(cli, pool, url, json)));
  db.command('activity')
    .description('Sessions: what they do, what they wait for, who blocks whom')
    .option('--json', 'answer as JSON')
    .action(({ json }: JsonOption) => withAdmin(cli, (pool) => showActivity(cli, pool, json)));
  db.command('slow-queries')
    .description('Statements by mean time, slowest first')
    .option('--limit <n>', 'rows', wholeNumber(1, 5000), 10)
    .option('--json', 'answer as JSON')
    .action(({ limit, json }: JsonOption & { limit: number }) =>
      withAdmin(cli, (pool) => showSlowQueries(cli, pool, limit, json)),
    );
  db.command('size')
    .description('Tables and indexes by size, with bloat, dead rows, unused and duplicate indexes')
    .option('--json', 'answer as JSON')
    .action(({ json }: JsonOption) => withAdmin(cli, (pool) => showSizes(cli, pool, json)));
}
