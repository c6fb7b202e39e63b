import type { Command } from 'commander';
import type { Database } from '../../database/open-database.ts';
import { parseAsOf } from '../../scoring/as-of.ts';
import { evaluateLifetimeValue, evaluateOutcome } from '../../scoring/evaluate.ts';
import { wholeNumber } from '../arguments.ts';
import type { CliContext } from '../context.ts';
import { metricRows, renderMetrics } from '../metrics-table.ts';
import { day } from '../table.ts';

interface Flags {
  asOf?: string;
  horizon?: number;
  cutoffs: number;
  json?: boolean;
}

type Kind = 'purchase' | 'churn' | 'ltv';

const descriptions: Record<Kind, string> = {
  purchase:
    'Was the probability of a purchase right? Models and a naive baseline, at several cut-offs in the past',
  churn: 'Was the probability of churn right?',
  ltv: 'Was the forecast of revenue right?',
};

/** A cut-off is the moment after a day ends; the day itself is what a person calls it. */
function lastDayBefore(cutoff: Date): string {
  return day(new Date(cutoff.getTime() - 1)) ?? '';
}

async function evaluate(
  cli: CliContext,
  { mlPool, appPool }: Database,
  kind: Kind,
  flags: Flags,
): Promise<void> {
  const { scoring } = cli.config;
  const defaultHorizon = kind === 'purchase' ? scoring.purchaseHorizonDays : scoring.churnHorizonDays;
  const options = {
    cutoff: flags.asOf === undefined ? undefined : await parseAsOf(appPool, flags.asOf),
    horizonDays: flags.horizon ?? defaultHorizon,
    cutoffs: flags.cutoffs,
    minOutcomes: scoring.minOutcomes,
  };
  const progress = cli.output.progress(`evaluating ${kind}`);
  const result =
    kind === 'ltv'
      ? await evaluateLifetimeValue(mlPool, options)
      : await evaluateOutcome(mlPool, kind, options);
  progress.done(`${result.cutoffs.length} cut-offs, ${result.horizonDays} days each`);
  if (flags.json) return cli.output.json(result);
  const single = result.cutoffs.flatMap((cut) =>
    metricRows(lastDayBefore(cut.cutoff), cut.models, cut.chosen),
  );
  const together =
    kind === 'ltv' || result.cutoffs.length < 2 ? [] : metricRows('all', result.models, result.chosen);
  cli.output.line(renderMetrics('cut-off', [...single, ...together]));
  cli.output.line(`* chosen on what was known before the cut-off: ${result.chosen} at the last one`);
}

export function registerEvaluate(program: Command, cli: CliContext): void {
  const command = program
    .command('evaluate')
    .description('Judge the models on the past: trained before a cut-off, tested after it');
  for (const kind of ['purchase', 'churn', 'ltv'] as const) {
    command
      .command(kind)
      .description(descriptions[kind])
      .option(
        '--as-of <moment>',
        'the last cut-off (its window must have ended); default: the latest possible',
      )
      .option('--horizon <days>', 'length of the window after each cut-off', wholeNumber(1, 3650))
      .option('--cutoffs <n>', 'cut-offs, one horizon apart', wholeNumber(1, 24), 3)
      .option('--json', 'answer as JSON')
      .action((flags: Flags) => cli.withDatabase((database) => evaluate(cli, database, kind, flags)));
  }
}
