import { type Command, InvalidArgumentError } from 'commander';
import * as read from '../../analytics/read.ts';
import type { Pool } from '../../database/pool.ts';
import {
  getList,
  type ListRequest,
  type Recommendation,
  type RecommendationOptions,
} from '../../recommendations/serve.ts';
import {
  decimal,
  type JsonOption,
  type Language,
  languageOption,
  productId,
  userId,
  wholeNumber,
} from '../arguments.ts';
import type { CliContext } from '../context.ts';
import { type Column, money, renderTable } from '../table.ts';

const columns: Column<Recommendation>[] = [
  { heading: '#', cell: (r) => r.rank, align: 'right' },
  { heading: 'product', cell: (r) => r.name },
  { heading: 'price', cell: (r) => money(r.price), align: 'right' },
  { heading: 'score', cell: (r) => r.score.toFixed(4), align: 'right' },
  { heading: 'reason', cell: (r) => r.reason },
];

const windows = ['recent', 'week', 'month', 'quarter', 'year'];

interface ListFlags extends JsonOption {
  limit: number;
  track?: boolean;
  language: Language;
  category?: string;
  minPrice?: number;
  maxPrice?: number;
  outOfStock?: boolean;
  diversity?: number;
  maxPerCategory?: number;
  /** False after --no-buy-again. */
  buyAgain?: boolean;
  window?: string;
}

function optionsOf(flags: ListFlags): RecommendationOptions {
  return {
    language: flags.language,
    category: flags.category,
    min_price: flags.minPrice,
    max_price: flags.maxPrice,
    in_stock: flags.outOfStock ? false : undefined,
    diversity: flags.diversity,
    max_per_category: flags.maxPerCategory,
    buy_again: flags.buyAgain === false ? false : undefined,
  };
}

/** An empty list has a reason too. */
async function whyNothing(pool: Pool, category: string | undefined): Promise<string> {
  if (!(await read.latestRun(pool, 'recommendations')))
    return 'nothing to recommend yet: run `customer-analyzer score` first';
  return category === undefined
    ? 'nothing to recommend: no product is left that may be shown here'
    : `nothing to recommend in the category ${category}`;
}

async function show(cli: CliContext, pool: Pool, request: ListRequest, flags: ListFlags): Promise<void> {
  const list = await getList(pool, request, { track: flags.track ?? false });
  if (list.items.length === 0 && request.kind === 'user') await read.getUser(pool, request.userId);
  if (flags.json) return cli.output.json(list);
  if (list.items.length === 0) return cli.output.notice(await whyNothing(pool, flags.category));
  cli.output.line(renderTable(list.items, columns));
  if (list.recommendation_id !== undefined) cli.output.notice(`recommendation_id ${list.recommendation_id}`);
}

function productIds(text: string, before: number[] = []): number[] {
  const ids = text.split(',').map(productId);
  if (before.length + ids.length > 200) throw new InvalidArgumentError('Give at most 200 products.');
  return [...before, ...ids];
}

function withListFlags(command: Command): Command {
  return command
    .option('--limit <n>', 'rows', wholeNumber(1, 100), 10)
    .option('--category <name>', 'only this category')
    .option('--min-price <amount>', 'only from this price', decimal(0, Number.MAX_SAFE_INTEGER))
    .option('--max-price <amount>', 'only up to this price', decimal(0, Number.MAX_SAFE_INTEGER))
    .option('--out-of-stock', 'also what is out of stock')
    .option('--diversity <d>', '0 to 1: towards 1, what resembles others comes later', decimal(0, 1))
    .option('--max-per-category <n>', 'at most so many of one category', wholeNumber(1, 1000))
    .option('--track', 'write the list down; events that bring its recommendation_id back are counted')
    .addOption(languageOption())
    .option('--json', 'answer as JSON');
}

export function registerRecommend(program: Command, cli: CliContext): void {
  const ask = (
    flags: ListFlags,
    request: (base: { limit: number; options: RecommendationOptions }) => ListRequest,
  ) =>
    cli.withDatabase((db) =>
      show(cli, db.appPool, request({ limit: flags.limit, options: optionsOf(flags) }), flags),
    );
  withListFlags(
    program
      .command('recommend')
      .description('Products for one customer, each with its reason')
      .argument('<id>', 'user_id', userId)
      .option('--no-buy-again', 'leave out whatever was bought'),
  ).action((id: number, flags: ListFlags) => ask(flags, (base) => ({ ...base, kind: 'user', userId: id })));
  const products = program.command('products').description('Products beside a product, a basket, a session');
  withListFlags(
    products
      .command('similar')
      .description('What is like one product')
      .argument('<id>', 'product_id', productId),
  ).action((id: number, flags: ListFlags) =>
    ask(flags, (base) => ({ ...base, kind: 'similar', productId: id })),
  );
  withListFlags(
    products
      .command('bought-together')
      .description('What customers take beside all of a basket')
      .argument('<ids>', 'product_id of each, with commas between', productIds),
  ).action((ids: number[], flags: ListFlags) =>
    ask(flags, (base) => ({ ...base, kind: 'bought_together', productIds: ids })),
  );
  withListFlags(
    products
      .command('session')
      .description('For a visitor without an account, from what was looked at')
      .argument('<ids>', 'product_id of each, the latest last, with commas between', productIds),
  ).action((ids: number[], flags: ListFlags) =>
    ask(flags, (base) => ({ ...base, kind: 'session', productIds: ids })),
  );
  withListFlags(
    products
      .command('popular')
      .description('The most wanted products of the shop or a category')
      .option('--window <period>', `one of ${windows.join(', ')}`, parseWindow, 'recent'),
  ).action((flags: ListFlags) =>
    ask(flags, ({ limit, options: { category, ...options } }) => ({
      kind: 'popular',
      limit,
      options,
      category,
      window: flags.window,
    })),
  );
}

function parseWindow(text: string): string {
  if (windows.includes(text)) return text;
  throw new InvalidArgumentError(`Choose of ${windows.join(', ')}.`);
}
