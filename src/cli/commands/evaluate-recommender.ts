import { type Command, Option } from 'commander';
import { openLinearAlgebra } from '../../compute/open-linear-algebra.ts';
import type { Database } from '../../database/open-database.ts';
import { AppError } from '../../errors.ts';
import { evaluateFiles, type FileTrial } from '../../recommendations/evaluate-files.ts';
import { evaluateRefresh } from '../../recommendations/evaluate-refresh.ts';
import { evaluateShop, type ShopTrial, type ShopTrialOptions } from '../../recommendations/evaluate-shop.ts';
import { parseAsOf } from '../../scoring/as-of.ts';
import { wholeNumber } from '../arguments.ts';
import type { CliContext } from '../context.ts';
import { day, percent, renderTable } from '../table.ts';
import { VERSION } from '../version.ts';
import { renderRefreshTrial } from './evaluate-refresh.ts';

interface Flags {
  train?: string;
  test?: string;
  asOf?: string;
  refreshAfter?: number;
  horizon: number;
  k: number;
  repeats?: boolean;
  validation?: 'random' | 'temporal';
  json?: boolean;
}

/** Six digits: more are noise of the last place of a sum. */
const rounded = (_key: string, value: unknown): unknown =>
  typeof value === 'number' ? Number(value.toPrecision(6)) : value;

function renderTrial({ models, chosen, validation, trainSeconds, k, users }: FileTrial): string {
  const share = (value: number | undefined): string => (value ?? 0).toFixed(4);
  return [
    renderTable(Object.entries(models), [
      { heading: 'model', cell: ([name]) => (name === chosen ? `${name} *` : name) },
      { heading: `nDCG@${k}`, cell: ([, metrics]) => share(metrics.ndcg), align: 'right' },
      { heading: `MAP@${k}`, cell: ([, metrics]) => share(metrics.map), align: 'right' },
      { heading: 'precision', cell: ([, metrics]) => share(metrics.precision), align: 'right' },
      { heading: 'recall', cell: ([, metrics]) => share(metrics.recall), align: 'right' },
      { heading: 'hit rate', cell: ([, metrics]) => share(metrics.hitRate), align: 'right' },
      { heading: 'validation', cell: ([name]) => share(validation[name]), align: 'right' },
      { heading: 'train s', cell: ([name]) => (trainSeconds[name] ?? 0).toFixed(2), align: 'right' },
    ]),
    `* chosen by nDCG on the validation part of the training file. Means over ${users} users; every item is ranked.`,
  ].join('\n');
}

async function evaluateOnFiles(
  cli: CliContext,
  flags: Flags & { train: string; test: string },
): Promise<void> {
  const progress = cli.output.progress('evaluating recommender');
  const algebra = openLinearAlgebra();
  const result = await evaluateFiles({
    train: flags.train,
    test: flags.test,
    k: flags.k,
    repeats: flags.repeats ?? false,
    validation: flags.validation,
    algebra,
    clock: () => performance.now(),
    onStep: cli.output.notice,
  }).finally(() => algebra.close());
  progress.done(`${Object.keys(result.models).length} models, ${result.users} users`);
  if (flags.json) cli.output.json(JSON.parse(JSON.stringify(result, rounded)));
  else cli.output.line(renderTrial(result));
}

const groupTitles = {
  next: 'The next purchases, repeats included',
  fresh: 'Products that the customer had not bought',
};

function renderShopTrial({ asOf, horizonDays, k, tasks, served }: ShopTrial): string {
  const share = (value: number): string => value.toFixed(4);
  const tables = (['next', 'fresh'] as const).flatMap((task) =>
    (['warm', 'cold'] as const).flatMap((group) => {
      const { users, models } = tasks[task][group];
      if (users === 0) return [];
      const who = group === 'warm' ? 'customers with a history' : 'customers without a history';
      return [
        `${groupTitles[task]}: ${users} ${who}`,
        renderTable(Object.entries(models), [
          { heading: 'model', cell: ([name]) => name },
          { heading: `nDCG@${k}`, cell: ([, each]) => share(each.ndcg), align: 'right' },
          { heading: '95 %', cell: ([, each]) => `${share(each.ndcgLow)}-${share(each.ndcgHigh)}` },
          { heading: 'MAP', cell: ([, each]) => share(each.map), align: 'right' },
          { heading: 'precision', cell: ([, each]) => share(each.precision), align: 'right' },
          { heading: 'recall', cell: ([, each]) => share(each.recall), align: 'right' },
          { heading: 'hit rate', cell: ([, each]) => share(each.hitRate), align: 'right' },
          { heading: 'coverage', cell: ([, each]) => percent(each.coverage), align: 'right' },
          { heading: 'novelty', cell: ([, each]) => each.novelty.toFixed(1), align: 'right' },
        ]),
        '',
      ];
    }),
  );
  return [
    ...tables,
    `served: the list that a training of ${day(new Date(asOf.getTime() - 1))} would have served (${served.algorithm}), read through SQL; the others rank all products without rules. What came in the ${horizonDays} days after it.`,
    'coverage: products that stand in any list. novelty: bits of surprise, -log2 of the share of customers who had the product.',
  ].join('\n');
}

async function judgeRefresh(
  cli: CliContext,
  pools: Database,
  options: ShopTrialOptions,
  { refreshAfter: ageDays = 0, json }: Flags,
): Promise<void> {
  const result = await evaluateRefresh(pools, { ...options, ageDays });
  if (json) cli.output.json(JSON.parse(JSON.stringify(result, rounded)));
  else cli.output.line(renderRefreshTrial(result));
}

async function judgeAll(
  cli: CliContext,
  pools: Database,
  options: ShopTrialOptions,
  { json }: Flags,
): Promise<void> {
  const progress = cli.output.progress('evaluating recommender');
  const result = await evaluateShop(pools, options);
  progress.done(
    `${result.tasks.next.warm.users} customers with a history, ${result.tasks.next.cold.users} without`,
  );
  if (json) cli.output.json(JSON.parse(JSON.stringify(result, rounded)));
  else cli.output.line(renderShopTrial(result));
}

async function evaluateOnShop(cli: CliContext, database: Database, flags: Flags): Promise<void> {
  const asOf = flags.asOf === undefined ? undefined : await parseAsOf(database.appPool, flags.asOf);
  const algebra = openLinearAlgebra();
  const options: ShopTrialOptions = {
    asOf,
    horizonDays: flags.horizon,
    k: flags.k,
    codeVersion: VERSION,
    algebra,
    clock: () => performance.now(),
    onStep: cli.output.notice,
  };
  const judge = flags.refreshAfter === undefined ? judgeAll : judgeRefresh;
  await judge(cli, database, options, flags).finally(() => algebra.close());
}

async function evaluateRecommender(cli: CliContext, flags: Flags): Promise<void> {
  const { train, test } = flags;
  if (train !== undefined && test !== undefined) return evaluateOnFiles(cli, { ...flags, train, test });
  if (train !== undefined || test !== undefined)
    throw new AppError('USAGE', '--train and --test go together', {
      hint: 'Without both, the recommenders are judged on the database.',
    });
  return cli.withDatabase((database) => evaluateOnShop(cli, database, flags));
}

export function registerEvaluateRecommender(evaluate: Command, cli: CliContext): void {
  evaluate
    .command('recommender')
    .description(
      'Judge the recommenders on the past of the shop, or on two files of user,item[,rating][,timestamp]',
    )
    .option('--as-of <moment>', 'the cut-off (its window must have ended); default: the latest possible')
    .option('--horizon <days>', 'length of the window after the cut-off', wholeNumber(1, 3650), 30)
    .option(
      '--refresh-after <days>',
      'judge a refresh instead: a training so many days before the cut-off, that training refreshed, and a new one',
      wholeNumber(1, 3650),
    )
    .option('--train <file>', 'what models learn from, instead of the database: a header, commas or tabs')
    .option('--test <file>', 'what the users took afterwards')
    .option('--k <n>', 'length of the lists', wholeNumber(1, 1000), 10)
    .option('--repeats', 'with files: recommend and ask for what a user had before as well')
    .addOption(
      new Option(
        '--validation <how>',
        'with files: what to hold out of the training file to choose by',
      ).choices(['random', 'temporal']),
    )
    .option('--json', 'answer as JSON')
    .action((flags: Flags) => evaluateRecommender(cli, flags));
}
