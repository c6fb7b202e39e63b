import type { Command } from 'commander';
import { AppError } from '../../errors.ts';
import { eraseUser, exportUser } from '../../operations/privacy/erasure.ts';
import { type JsonOption, userId } from '../arguments.ts';
import type { CliContext } from '../context.ts';
import { renderTable } from '../table.ts';
import { withAdmin } from './db-monitoring.ts';

interface EraseOptions extends JsonOption {
  yes?: boolean;
  rejects?: string[];
}

async function erase(cli: CliContext, id: number, options: EraseOptions): Promise<void> {
  if (!options.yes) {
    throw new AppError('USAGE', `customer ${id} would be erased for good`, {
      hint: 'Keep what you must hand out first (users export), then say --yes.',
    });
  }
  const report = await withAdmin(cli, (pool) => eraseUser(pool, id, options.rejects ?? []));
  if (options.json) return cli.output.json(report);
  const lines = [
    ...report.tables.map(({ table_name: place, rows }) => ({ place, rows })),
    ...report.files.map(({ file: place, rows }) => ({ place, rows })),
  ];
  const columns = [
    { heading: 'where', cell: (row: (typeof lines)[number]) => row.place, maxLength: 160 },
    { heading: 'rows', cell: (row: (typeof lines)[number]) => row.rows, align: 'right' as const },
  ];
  cli.output.line(renderTable(lines, columns));
  cli.output.line(
    `\nCustomer ${id} is erased: no table has a row of theirs, and their events count as nobody's.`,
  );
  cli.output.notice(
    'Backups from before still have them until they are removed; a restore here erases them again. Other files of rejected rows: --rejects FILE.',
  );
}

export function registerErasure(users: Command, cli: CliContext): void {
  users
    .command('export')
    .description('All that is held of one customer, as JSON')
    .argument('<id>', 'user_id', userId)
    .action((id: number) => withAdmin(cli, async (pool) => cli.output.json(await exportUser(pool, id))));
  users
    .command('erase')
    .description('Erase one customer everywhere; revenue and counts of events stay')
    .argument('<id>', 'user_id', userId)
    .option('--yes', 'erase, and do not ask')
    .option('--rejects <file...>', 'files of rejected rows to take them out of')
    .option('--json', 'answer as JSON')
    .action((id: number, options: EraseOptions) => erase(cli, id, options));
}
