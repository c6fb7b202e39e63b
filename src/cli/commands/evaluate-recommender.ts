import { type Command, Option } from 'commander';
import { openLinearAlgebra } from '../../compute/open-linear-algebra.ts';
import { evaluateFiles, type FileTrial } from '../../recommendations/evaluate-files.ts';
import { wholeNumber } from '../arguments.ts';
import type { CliContext } from '../context.ts';
import { renderTable } from '../table.ts';

interface Flags {
  train: string;
  test: string;
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

async function evaluateRecommender(cli: CliContext, flags: Flags): Promise<void> {
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

export function registerEvaluateRecommender(evaluate: Command, cli: CliContext): void {
  evaluate
    .command('recommender')
    .description('Judge the recommenders on two files of user,item[,rating][,timestamp]; needs no database')
    .requiredOption('--train <file>', 'what models learn from: a header, commas or tabs')
    .requiredOption('--test <file>', 'what the users took afterwards')
    .option('--k <n>', 'length of the lists', wholeNumber(1, 1000), 10)
    .option('--repeats', 'recommend and ask for what a user had before as well')
    .addOption(
      new Option('--validation <how>', 'what to hold out of the training file to choose by').choices([
        'random',
        'temporal',
      ]),
    )
    .option('--json', 'answer as JSON')
    .action((flags: Flags) => evaluateRecommender(cli, flags));
}
