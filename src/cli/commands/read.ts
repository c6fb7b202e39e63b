import { type Command, Option } from 'commander';
import * as read from '../../analytics/read.ts';
import type { Pool } from '../../database/pool.ts';
import { AppError } from '../../errors.ts';
import { getRecommendations, type Recommendation } from '../../recommendations/serve.ts';
import { calendarDay, userId, wholeNumber } from '../arguments.ts';
import type { CliContext } from '../context.ts';
import { type Column, day, money, percent, renderTable } from '../table.ts';

export type Language = 'en' | 'ru';
interface JsonOption {
  json?: boolean;
}

export const languageOption = (): Option =>
  new Option('--language <code>', 'language of names and reasons').choices(['en', 'ru']).default('en');

function displayName(user: read.UserRow): string {
  return [user.first_name, user.last_name].filter(Boolean).join(' ') || user.username || `#${user.user_id}`;
}

function segmentName(user: read.UserRow, language: Language): string | null {
  return language === 'ru' ? user.segment_name_ru : user.segment_name_en;
}

function userColumns(language: Language): Column<read.UserRow>[] {
  return [
    { heading: 'id', cell: (u) => u.user_id, align: 'right' },
    { heading: 'customer', cell: displayName },
    { heading: 'segment', cell: (u) => segmentName(u, language) },
    { heading: 'LTV', cell: (u) => money(u.ltv), align: 'right' },
    { heading: 'churn', cell: (u) => percent(u.churn_probability), align: 'right' },
    { heading: 'buys in 30 d', cell: (u) => percent(u.purchase_probability_30d), align: 'right' },
  ];
}

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

function score(value: string | null, status: string): string {
  return value ?? status.replace('_', ' ');
}

/** What spoke for (+) and against (-) a purchase within 30 days, strongest first. */
function reasons(because: unknown): string | null {
  if (!Array.isArray(because) || because.length === 0) return null;
  // Two fit a card; --json has all.
  return because
    .slice(0, 2)
    .map(({ feature, effect }) => `${feature} ${effect > 0 ? '+' : ''}${effect.toFixed(1)}`)
    .join(', ');
}

function renderCard(
  card: read.UserCard,
  stats: read.UserStats,
  currency: string,
  language: Language,
): string {
  const facts: [string, string | number | null][] = [
    ['customer', `${displayName(card)} (id ${card.user_id})`],
    ['segment', segmentName(card, language)],
    ['lifetime value', score(card.ltv === null ? null : `${money(card.ltv)} ${currency}`, card.ltv_status)],
    ['churn within horizon', score(percent(card.churn_probability), card.churn_status)],
    ['buys within 30 days', score(percent(card.purchase_probability_30d), card.purchase_status)],
    ['because (log-odds)', reasons(card.explanation?.['purchase_because'])],
    ['orders', stats.purchases],
    ['revenue so far', `${money(stats.revenue)} ${currency}`],
    ['events', `${stats.total_events} (${stats.views} views, ${stats.cart_additions} cart additions)`],
    ['last activity', day(stats.last_activity)],
    ['scored as of', card.as_of === null ? null : new Date(card.as_of).toISOString()],
  ];
  return renderTable(facts, [
    { heading: '', cell: ([name]) => name },
    { heading: '', cell: ([, value]) => value },
  ])
    .split('\n')
    .slice(2)
    .join('\n');
}

interface ListOptions extends JsonOption {
  limit: number;
  after: number;
  segment?: string;
  language: Language;
}

async function listUsers(cli: CliContext, pool: Pool, options: ListOptions): Promise<void> {
  const { limit, after, segment } = options;
  const rows = await read.listUsers(pool, { limit, afterUserId: after, segment });
  if (options.json) return cli.output.json({ items: rows });
  cli.output.line(renderTable(rows, userColumns(options.language)));
  const last = rows.at(-1);
  if (last && rows.length === limit) cli.output.notice(`more: add --after ${last.user_id}`);
}

async function showUser(
  cli: CliContext,
  pool: Pool,
  id: number,
  options: JsonOption & { language: Language },
): Promise<void> {
  const card = await read.getUser(pool, id);
  const stats = await read.getUserStats(pool, id, new Date());
  if (options.json) return cli.output.json({ ...card, stats });
  const shop = await read.getShop(pool);
  cli.output.line(renderCard(card, stats, shop.currency, options.language));
}

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
  const users = program.command('users').description('Customers and their scores');
  users
    .command('list')
    .description('A page of customers by id')
    .option('--limit <n>', 'rows', wholeNumber(1, 100_000), 20)
    .option('--after <id>', 'the last id of the page before', wholeNumber(0, 2_147_483_647), 0)
    .option('--segment <code>', 'only this segment')
    .addOption(languageOption())
    .option('--json', 'answer as JSON')
    .action((options: ListOptions) => cli.withDatabase((db) => listUsers(cli, db.appPool, options)));
  users
    .command('show')
    .description('One customer: scores, activity')
    .argument('<id>', 'user_id', userId)
    .addOption(languageOption())
    .option('--json', 'answer as JSON')
    .action((id: number, options: JsonOption & { language: Language }) =>
      cli.withDatabase((db) => showUser(cli, db.appPool, id, options)),
    );
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
