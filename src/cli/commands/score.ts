import type { Command } from 'commander';
import { latestPeriod } from '../../analytics/read.ts';
import { openLinearAlgebra } from '../../compute/open-linear-algebra.ts';
import type { Database } from '../../database/open-database.ts';
import { AppError } from '../../errors.ts';
import { trainRecommendations } from '../../recommendations/train.ts';
import { parseAsOf } from '../../scoring/as-of.ts';
import { type ScoreSummary, score } from '../../scoring/score.ts';
import type { Metrics, Missing } from '../../scoring/status.ts';
import type { CliContext } from '../context.ts';
import { type MetricRow, metricRows, renderMetrics } from '../metrics-table.ts';
import { VERSION } from '../version.ts';

/** After so long without a purchase, scores as of today mostly say that the data are old. */
const STALE_DAYS = 60;
const MS_PER_DAY = 86_400_000;

/** What the answers are called where people read them. */
const titles: Record<string, string> = {
  purchase: 'buys within 30 days',
  churn: 'buys within churn horizon',
  first_purchase: 'first purchase within 30 days',
  ltv: 'revenue',
};

interface Evaluation {
  models?: Record<string, Metrics>;
  chosen?: unknown;
}

export function renderMissing(name: string, missing: readonly Missing[]): string[] {
  if (missing.length === 0) return [];
  return [
    `${name}: insufficient data`,
    ...missing.map(({ what, have, need }) => `  ${what}: ${have}, needed ${need}`),
  ];
}

/** Evaluations as they are stored with a training, by kind. */
export function renderEvaluations(
  { output }: CliContext,
  evaluations: Readonly<Record<string, Evaluation>>,
): void {
  const rowsOf = (kind: string): MetricRow[] => {
    const { models = {}, chosen } = evaluations[kind] ?? {};
    return metricRows(titles[kind] as string, models, chosen);
  };
  const probabilities = ['purchase', 'churn', 'first_purchase'].flatMap(rowsOf);
  for (const rows of [probabilities, rowsOf('ltv')].filter((each) => each.length > 0)) {
    output.line();
    output.line(
      'What each model said one horizon earlier against what came (* is the one that was chosen before that):',
    );
    output.line(renderMetrics('score', rows));
  }
}

/** Scores and trains recommendations as of one moment; the story goes to stderr, what it returns is the result. */
export async function scoreAll(cli: CliContext, database: Database, asOf: Date): Promise<ScoreSummary> {
  const scoring = cli.output.progress('scoring customers');
  const summary = await score(database.mlPool, database.appPool, {
    ...cli.config.scoring,
    asOf,
    codeVersion: VERSION,
    onProgress: scoring.update,
  });
  const visitors = summary.visitors > 0 ? `, and ${summary.visitors} who only looked` : '';
  scoring.done(`${summary.customers} customers scored${visitors}`);
  const training = cli.output.progress('training recommendations');
  const algebra = openLinearAlgebra();
  const trained = await trainRecommendations(database.mlPool, database.appPool, {
    asOf,
    codeVersion: VERSION,
    algebra,
  }).finally(() => algebra.close());
  training.done(
    `${trained.pairs} pairs of ${trained.products} products, ${trained.repeatedly} of them bought repeatedly`,
  );
  return summary;
}

function renderSummary(cli: CliContext, summary: ScoreSummary): void {
  const { output } = cli;
  output.line(
    `run ${summary.modelRunId}: ${summary.customers} customers as of ${summary.asOf.toISOString()}`,
  );
  if (summary.trained.length > 0) output.line(`models trained first: ${summary.trained.join(', ')}`);
  if (summary.revenue) {
    const { expected, lower, upper } = summary.revenue;
    const whole = (value: number): string => Math.round(value).toLocaleString('en-US');
    output.line(
      `predicted revenue of ${cli.config.scoring.ltvHorizonDays} days: ${whole(expected)} (${whole(lower)} to ${whole(upper)} in 8 of 10 cases, if the model is right: see totalRatio)`,
    );
  }
  for (const line of [
    ...renderMissing('LTV', summary.ltv.missing),
    ...renderMissing('churn', summary.churn.missing),
    ...renderMissing('purchase within 30 days', summary.purchase.missing),
    ...renderMissing('first purchase within 30 days', summary.firstPurchase.missing),
  ]) {
    output.line(line);
  }
  renderEvaluations(cli, {
    purchase: summary.purchase.evaluation,
    churn: summary.churn.evaluation,
    first_purchase: summary.firstPurchase.evaluation,
    ltv: summary.ltv.evaluation,
  });
  const staleDays = Math.floor((summary.asOf.getTime() - summary.latestPurchase.getTime()) / MS_PER_DAY);
  if (staleDays > STALE_DAYS) {
    const day = summary.latestPurchase.toISOString().slice(0, 10);
    output.notice(
      `The latest purchase is ${staleDays} days before this moment. For scores as of then: --as-of ${day}`,
    );
  }
}

/** Of a shop whose events are history, scores as of today say that everybody has left: a schedule must not put them over those of then. */
async function refuseStale({ appPool }: Database, asOf: Date): Promise<void> {
  const period = await latestPeriod(appPool, asOf);
  if (!period) return;
  const days = Math.floor((asOf.getTime() - Date.parse(period.end_date)) / MS_PER_DAY);
  if (days <= STALE_DAYS) return;
  throw new AppError('SCORING_STALE', `the latest event is ${days} days old`, {
    details: { latest: period.end_date },
    hint: `Scores as of then: customer-analyzer score --as-of ${period.end_date}`,
  });
}

export function registerScore(program: Command, cli: CliContext): void {
  program
    .command('score')
    .description('Score every customer and train the recommendations')
    .option(
      '--as-of <moment>',
      'use only what happened before: YYYY-MM-DD (the end of that day), or a moment with its zone; default: now',
    )
    .option(
      '--unless-stale',
      `leave the scores as they are where the latest event is older than ${STALE_DAYS} days`,
    )
    .option('--json', 'answer as JSON')
    .action(({ asOf, json, unlessStale }: { asOf?: string; json?: boolean; unlessStale?: boolean }) =>
      cli.withDatabase(async (database) => {
        const moment = asOf === undefined ? new Date() : await parseAsOf(database.appPool, asOf);
        if (unlessStale) await refuseStale(database, moment);
        const summary = await scoreAll(cli, database, moment);
        if (!json) return renderSummary(cli, summary);
        const {
          modelRunId,
          customers,
          visitors,
          latestPurchase,
          revenue,
          trained,
          ltv,
          purchase,
          firstPurchase,
          churn,
        } = summary;
        const part = ({ missing, evaluation }: typeof purchase | typeof ltv) => ({ missing, evaluation });
        cli.output.json({
          modelRunId,
          asOf: moment,
          customers,
          visitors,
          latestPurchase,
          revenue: revenue ?? null,
          trained,
          ltv: part(ltv),
          purchase: part(purchase),
          firstPurchase: part(firstPurchase),
          churn: part(churn),
        });
      }),
    );
}
