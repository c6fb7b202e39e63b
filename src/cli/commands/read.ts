import type { Command } from 'commander';
import * as read from '../../analytics/read.ts';
import type { Pool } from '../../database/pool.ts';
import { AppError } from '../../errors.ts';
import { calendarDay, type JsonOption, wholeNumber } from '../arguments.ts';
import type { CliContext } from '../context.ts';
import { type Column, money, percent, renderTable } from '../table.ts';

const productColumns: Column<read.TopProduct>[] = [
  { heading: 'id', cell: (p) => p.product_id, align: 'right' },
  { heading: 'product', cell: (p) => p.name },
  { heading: 'views', cell: (p) => p.views, align: 'right' },
  { heading: 'carts', cell: (p) => p.cart_additions, align: 'right' },
  { heading: 'orders', cell: (p) => p.purchases, align: 'right' },
  { heading: 'buyers', cell: (p) => p.buyers, align: 'right' },
  { heading: 'revenue', cell: (p) => money(p.revenue), align: 'right' },
  { heading: 'conversion', cell: (p) => percent(p.conversion), align: 'right' },
];

interface TopOptions extends JsonOption {
  start?: string;
  end?: string;
  limit: number;
}

async function topProducts(
  cli: CliContext,
  pool: Pool,
  { start, end, limit, json }: TopOptions,
): Promise<void> {
  if ((start === undefined) !== (end === undefined)) {
    throw new AppError('USAGE', '--start and --end are given together or not at all', {
      hint: '--start 2024-01-01 --end 2024-01-31',
    });
  }
  const period =
    start !== undefined && end !== undefined
      ? { start_date: start, end_date: end }
      : await read.latestPeriod(pool, new Date());
  const items = period ? await read.getTopProducts(pool, period, limit) : [];
  if (json)
    return cli.output.json({ start: period?.start_date ?? null, end: period?.end_date ?? null, items });
  if (period) cli.output.notice(`${period.start_date} to ${period.end_date}`);
  cli.output.line(renderTable(items, productColumns));
}

export function registerRead(program: Command, cli: CliContext): void {
  program
    .command('top-products')
    .description('Products by revenue; without a period, the 30 days up to the latest event')
    .option('--start <day>', 'first day, YYYY-MM-DD', calendarDay)
    .option('--end <day>', 'last day, included', calendarDay)
    .option('--limit <n>', 'rows', wholeNumber(1, 100_000), 10)
    .option('--json', 'answer as JSON')
    .action((options: TopOptions) => cli.withDatabase((db) => topProducts(cli, db.appPool, options)));
}
