import type { Command } from 'commander';
import type { Database } from '../../database/open-database.ts';
import { parseAsOf } from '../../scoring/as-of.ts';
import type { EvaluateOptions } from '../../scoring/evaluate.ts';
import { evaluateLifetimeValue } from '../../scoring/evaluate-lifetime-value.ts';
import { evaluateOutcome } from '../../scoring/evaluate-outcome.ts';
import { evaluateSegments } from '../../scoring/evaluate-segments.ts';
import { type Language, languageOption, wholeNumber } from '../arguments.ts';
import type { CliContext } from '../context.ts';
import { renderLifetimeValue, renderOutcome, renderSegments } from '../evaluation-tables.ts';
import { registerEvaluateRecommender } from './evaluate-recommender.ts';

interface Flags {
  asOf?: string;
  horizon?: number;
  cutoffs: number;
  json?: boolean;
  language: Language;
}

type Kind = 'purchase' | 'churn' | 'ltv' | 'segments';

const descriptions: Record<Kind, string> = {
  purchase:
    'Was the probability of a purchase right? Models and a naive baseline, at several cut-offs in the past',
  churn: 'Was the probability of churn right?',
  ltv: 'Was the forecast of revenue right?',
  segments: 'Are the segments worth having? What came of each, beside other ways to part the customers',
};

interface Evaluation {
  readonly horizonDays: number;
  readonly cutoffs: readonly unknown[];
}

/** What was found, and how a person would read it. */
interface Answer {
  readonly result: Evaluation;
  readonly text: () => string;
}

async function answer(
  mlPool: Database['mlPool'],
  kind: Kind,
  options: EvaluateOptions,
  language: Language,
): Promise<Answer> {
  if (kind === 'ltv') {
    const result = await evaluateLifetimeValue(mlPool, options);
    return { result, text: () => renderLifetimeValue(result) };
  }
  if (kind === 'segments') {
    const result = await evaluateSegments(mlPool, options);
    return { result, text: () => renderSegments(result, language) };
  }
  const result = await evaluateOutcome(mlPool, kind, options);
  return { result, text: () => renderOutcome(kind, result) };
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
  const { result, text } = await answer(mlPool, kind, options, flags.language);
  const count = result.cutoffs.length;
  progress.done(`${count} cut-off${count === 1 ? '' : 's'}, ${result.horizonDays} days each`);
  if (flags.json) cli.output.json(result);
  else cli.output.line(text());
}

export function registerEvaluate(program: Command, cli: CliContext): void {
  const command = program
    .command('evaluate')
    .description('Judge the models on the past: trained before a cut-off, tested after it');
  for (const kind of ['purchase', 'churn', 'ltv', 'segments'] as const) {
    const one = command
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
    if (kind === 'segments') one.addOption(languageOption());
  }
  registerEvaluateRecommender(command, cli);
}
