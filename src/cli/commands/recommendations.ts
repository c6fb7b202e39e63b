import { type Command, InvalidArgumentError } from 'commander';
import * as read from '../../analytics/read.ts';
import { openLinearAlgebra } from '../../compute/open-linear-algebra.ts';
import type { Database } from '../../database/open-database.ts';
import type { Pool } from '../../database/pool.ts';
import { AppError } from '../../errors.ts';
import * as control from '../../recommendations/control.ts';
import { type NotRefreshed, refreshRecommendations } from '../../recommendations/refresh.ts';
import { parseAsOf } from '../../scoring/as-of.ts';
import { calendarDay, decimal, type JsonOption, productId, wholeNumber } from '../arguments.ts';
import type { CliContext } from '../context.ts';
import { type Column, percent, renderTable } from '../table.ts';
import { VERSION } from '../version.ts';
import { registerExperiment } from './recommendation-experiments.ts';

const ruleColumns: Column<control.Rule>[] = [
  { heading: 'rule', cell: (r) => r.rule_id, align: 'right' },
  { heading: 'action', cell: (r) => r.action },
  { heading: 'product', cell: (r) => r.product_id, align: 'right' },
  { heading: 'category', cell: (r) => r.category },
  { heading: 'from', cell: (r) => r.min_price, align: 'right' },
  { heading: 'to', cell: (r) => r.max_price, align: 'right' },
  { heading: 'how', cell: how },
  { heading: 'note', cell: (r) => r.note },
];

function how({ factor, position, interval_days }: control.Rule): string | null {
  if (factor) return `times ${factor}`;
  if (position) return `place ${position}`;
  return interval_days ? `every ${interval_days} days` : null;
}

const rateColumns: Column<control.RecommendationRate>[] = [
  { heading: 'of', cell: (r) => r.reason_code ?? r.kind ?? r.model_run_id },
  { heading: 'lists', cell: (r) => r.lists, align: 'right' },
  { heading: 'shown', cell: (r) => r.shown, align: 'right' },
  { heading: 'clicks', cell: (r) => r.clicks, align: 'right' },
  { heading: 'clicked', cell: (r) => percent(r.click_rate), align: 'right' },
  { heading: 'purchases', cell: (r) => r.purchases, align: 'right' },
  { heading: 'bought', cell: (r) => percent(r.purchase_rate), align: 'right' },
];

function parseAction(text: string): control.RuleContent['action'] {
  const action = control.ruleActions.find((each) => each === text);
  if (action) return action;
  throw new InvalidArgumentError(`Choose of ${control.ruleActions.join(', ')}.`);
}

interface RuleFlags extends JsonOption {
  product?: number;
  category?: string;
  minPrice?: number;
  maxPrice?: number;
  factor?: number;
  position?: number;
  intervalDays?: number;
  note?: string;
}

async function addRule(
  cli: CliContext,
  pool: Pool,
  action: control.RuleContent['action'],
  flags: RuleFlags,
): Promise<void> {
  const rule = await control.addRule(pool, {
    action,
    product_id: flags.product,
    category: flags.category,
    min_price: flags.minPrice,
    max_price: flags.maxPrice,
    factor: flags.factor,
    position: flags.position,
    interval_days: flags.intervalDays,
    note: flags.note,
  });
  if (flags.json) return cli.output.json(rule);
  cli.output.line(renderTable([rule], ruleColumns));
}

function registerRules(parent: Command, cli: CliContext): void {
  const rules = parent.command('rules').description('What the shop decides; in force with the next list');
  const amount = decimal(0, Number.MAX_SAFE_INTEGER);
  rules
    .command('list')
    .description('All rules')
    .option('--json', 'answer as JSON')
    .action(({ json }: JsonOption) =>
      cli.withDatabase(async ({ appPool }) => {
        const items = await control.listRules(appPool);
        if (json) return cli.output.json({ items });
        if (items.length === 0) return cli.output.notice('no rules: everything may be recommended');
        cli.output.line(renderTable(items, ruleColumns));
      }),
    );
  rules
    .command('add')
    .description('Add a rule about the products that all of --product, --category and prices fit')
    .argument('<action>', `one of ${control.ruleActions.join(', ')}`, parseAction)
    .option('--product <id>', 'product_id', productId)
    .option('--category <name>', 'category')
    .option('--min-price <amount>', 'from this price', amount)
    .option('--max-price <amount>', 'up to this price', amount)
    .option('--factor <x>', 'of boost: times the score, below 1 lowers', amount)
    .option('--position <n>', 'of pin: the place in the list', wholeNumber(1, 100))
    .option('--interval-days <n>', 'of buy_again: how often it is needed', amount)
    .option('--note <text>', 'why')
    .option('--json', 'answer as JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  rules add exclude --category Kitchen --max-price 2\n  rules add boost --category Books --factor 1.5\n  rules add pin --product 7 --position 1\n  rules add buy_again --category Food --interval-days 30',
    )
    .action((action: control.RuleContent['action'], flags: RuleFlags) =>
      cli.withDatabase(({ appPool }) => addRule(cli, appPool, action, flags)),
    );
  rules
    .command('remove')
    .description('Take a rule back')
    .argument('<rule>', 'rule_id', wholeNumber(1, 2_147_483_647))
    .action((id: number) =>
      cli.withDatabase(async ({ appPool }) => {
        await control.removeRule(appPool, id);
        cli.output.line(`rule ${id} is gone`);
      }),
    );
}

interface RateFlags extends JsonOption {
  start?: string;
  end?: string;
  by: string;
}

async function showRates(cli: CliContext, pool: Pool, { start, end, by, json }: RateFlags): Promise<void> {
  if ((start === undefined) !== (end === undefined))
    throw new AppError('USAGE', '--start and --end are given together or not at all', {
      hint: '--start 2024-01-01 --end 2024-01-31',
    });
  const period =
    start !== undefined && end !== undefined
      ? { start_date: start, end_date: end }
      : await read.lastDays(pool, new Date());
  const items = await control.recommendationRates(pool, period, by);
  if (json) return cli.output.json({ start: period.start_date, end: period.end_date, items });
  cli.output.notice(`${period.start_date} to ${period.end_date}`);
  if (items.length === 0)
    cli.output.notice('no list was tracked: `recommend ID --track`, or track=true over HTTP');
  else cli.output.line(renderTable(items, rateColumns));
}

const notRefreshed: Record<NotRefreshed, string> = {
  untrained: 'no version is served that could be refreshed: train recommendations first',
  no_news: 'nothing came since what is served was fitted',
  busy: 'another refresh is at work',
  overtaken: 'another version was promoted meanwhile; nothing was published',
};

interface RefreshFlags extends JsonOption {
  asOf?: string;
}

async function refresh(
  cli: CliContext,
  { mlPool, appPool }: Database,
  { asOf, json }: RefreshFlags,
): Promise<void> {
  const algebra = openLinearAlgebra();
  const result = await refreshRecommendations(mlPool, appPool, {
    asOf: asOf === undefined ? undefined : await parseAsOf(appPool, asOf),
    now: new Date(),
    codeVersion: VERSION,
    algebra,
    onStep: cli.output.notice,
  }).finally(() => algebra.close());
  if (json) return cli.output.json(result);
  if (!result.refreshed) return cli.output.line(notRefreshed[result.because]);
  cli.output.line(
    `run ${result.modelRunId}: training ${result.refreshedFrom} refreshed in ${result.seconds.toFixed(1)} s, ${result.algorithm}, ${result.pairs} pairs of ${result.products} products`,
  );
}

export function registerRecommendations(program: Command, cli: CliContext): void {
  const parent = program
    .command('recommendations')
    .description('Rules of the shop, experiments, refreshes, and what came of the lists');
  registerRules(parent, cli);
  registerExperiment(parent, cli);
  parent
    .command('refresh')
    .description(
      'Between two trainings: fit what the last one chose on what is known by now, new products and pairs included',
    )
    .option(
      '--as-of <moment>',
      'use only what happened before: YYYY-MM-DD (the end of that day), or a moment with its zone; default: now, or the moment of what is served where that is later',
    )
    .option('--json', 'answer as JSON')
    .action((flags: RefreshFlags) => cli.withDatabase((database) => refresh(cli, database, flags)));
  parent
    .command('rates')
    .description(
      'How many of the tracked products were clicked and bought; without a period, of the last 30 days',
    )
    .option('--start <day>', 'first day, YYYY-MM-DD', calendarDay)
    .option('--end <day>', 'last day, included', calendarDay)
    .option('--by <what>', 'reason, model or kind', 'reason')
    .option('--json', 'answer as JSON')
    .action((flags: RateFlags) => cli.withDatabase(({ appPool }) => showRates(cli, appPool, flags)));
}
