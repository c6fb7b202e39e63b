import type { Command } from 'commander';
import * as read from '../../analytics/read.ts';
import type { Pool } from '../../database/pool.ts';
import { AppError } from '../../errors.ts';
import { getRecommendations, type Recommendation } from '../../recommendations/serve.ts';
import {
  calendarDay,
  type JsonOption,
  type Language,
  languageOption,
  userId,
  wholeNumber,
} from '../arguments.ts';
import type { CliContext } from '../context.ts';
import { type Column, money, percent, renderTable } from '../table.ts';

const recommendationColumns: Column<Recommendation>[] = [
  { heading: '#', cell: (r) => r.rank, align: 'right' },
  { heading: 'product', cell: (r) => r.name },
  { heading: 'price', cell: (r) => money(r.price), align: 'right' },
  { heading: 'score', cell: (r) => r.score.toFixed(4), align: 'right' },
  { heading: 'reason', cell: (r) => r.reason },
];

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

interface RecommendOptions extends JsonOption {
  limit: number;
  language: Language;
  category?: string;
}

async function recommend(cli: CliContext, pool: Pool, id: number, options: RecommendOptions): Promise<void> {
  const { limit, language, category } = options;
  const items = await getRecommendations(pool, id, limit, { language, category });
  if (items.length === 0) await read.getUser(pool, id);
  if (options.json) return cli.output.json({ items });
  if (items.length === 0) cli.output.notice(await whyNothing(pool, category));
  else cli.output.line(renderTable(items, recommendationColumns));
}

/** An empty list has a reason too. */
async function whyNothing(pool: Pool, category: string | undefined): Promise<string> {
  if (!(await read.latestRun(pool, 'recommendations')))
    return 'nothing to recommend yet: run `customer-analyzer score` first';
  return category === undefined
    ? 'nothing to recommend: there is no product that this customer does not have'
    : `nothing to recommend in the category ${category}`;
}

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
    .command('recommend')
    .description('Products for one customer, each with its reason')
    .argument('<id>', 'user_id', userId)
    .option('--limit <n>', 'rows', wholeNumber(1, 100), 10)
    .option('--category <name>', 'only this category')
    .addOption(languageOption())
    .option('--json', 'answer as JSON')
    .action((id: number, options: RecommendOptions) =>
      cli.withDatabase((db) => recommend(cli, db.appPool, id, options)),
    );
  program
    .command('top-products')
    .description('Products by revenue; without a period, the 30 days up to the latest event')
    .option('--start <day>', 'first day, YYYY-MM-DD', calendarDay)
    .option('--end <day>', 'last day, included', calendarDay)
    .option('--limit <n>', 'rows', wholeNumber(1, 100_000), 10)
    .option('--json', 'answer as JSON')
    .action((options: TopOptions) => cli.withDatabase((db) => topProducts(cli, db.appPool, options)));
}
