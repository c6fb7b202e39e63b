import { type Command, InvalidArgumentError } from 'commander';
import {
  getModelRun,
  listModels,
  type ModelRow,
  promoteModel,
  type RealisedOutcome,
  realisedOutcomes,
} from '../../analytics/models.ts';
import type { Database } from '../../database/open-database.ts';
import { parseAsOf } from '../../scoring/as-of.ts';
import { wholeNumber } from '../arguments.ts';
import type { CliContext } from '../context.ts';
import { type MetricRow, metricRows, renderMetrics } from '../metrics-table.ts';
import { type Column, day, percent, renderTable } from '../table.ts';

const kinds = [
  'purchase',
  'churn',
  'first_purchase',
  'ltv',
  'segmentation',
  'recommendations',
  'scoring',
] as const;

const modelColumns: Column<ModelRow>[] = [
  { heading: 'run', cell: (m) => m.model_run_id, align: 'right' },
  { heading: 'kind', cell: (m) => m.kind },
  { heading: 'algorithm', cell: (m) => m.algorithm },
  { heading: 'status', cell: (m) => m.status },
  { heading: 'as of', cell: (m) => m.as_of.toISOString().slice(0, 16).replace('T', ' ') },
  { heading: 'data from', cell: (m) => day(m.data_from) },
  { heading: 'customers', cell: (m) => m.customers, align: 'right' },
  { heading: 'seconds', cell: (m) => m.duration_seconds?.toFixed(1), align: 'right' },
  { heading: 'version', cell: (m) => m.code_version },
];

/** Two standard errors: of twenty shops where all is right, one is outside by chance. */
function judgement({ said, came, standard_error }: RealisedOutcome): string {
  const off = (came - said) / standard_error;
  if (!Number.isFinite(off)) return '-';
  if (Math.abs(off) <= 2) return 'as said';
  return `${off > 0 ? 'more' : 'fewer'} than said (${Math.abs(off).toFixed(1)} standard errors)`;
}

const outcomeColumns: Column<RealisedOutcome>[] = [
  { heading: 'run', cell: (o) => o.model_run_id, align: 'right' },
  { heading: 'as of', cell: (o) => day(o.as_of) },
  { heading: 'question', cell: (o) => o.question },
  { heading: 'days', cell: (o) => o.horizon_days, align: 'right' },
  { heading: 'customers', cell: (o) => o.customers, align: 'right' },
  { heading: 'we said', cell: (o) => percent(o.said), align: 'right' },
  { heading: 'came', cell: (o) => percent(o.came), align: 'right' },
  { heading: 'verdict', cell: judgement },
];

interface Drift {
  name: string;
  psi: number;
  level: string;
}

/** What moved, by model; the strongest first. */
function driftRows(evaluation: Record<string, unknown>): (Drift & { kind: string })[] {
  const byKind = (evaluation['drift'] ?? {}) as Record<string, Drift[]>;
  return Object.entries(byKind).flatMap(([kind, drifts]) =>
    drifts
      .filter(({ level }) => level !== 'stable')
      .sort((a, b) => b.psi - a.psi)
      .map((drift) => ({ kind, ...drift })),
  );
}

const driftColumns: Column<Drift & { kind: string }>[] = [
  { heading: 'model', cell: (d) => d.kind },
  { heading: 'feature', cell: (d) => d.name },
  { heading: 'PSI', cell: (d) => d.psi.toFixed(3), align: 'right' },
  { heading: 'drift', cell: (d) => d.level },
];

function evaluationRows(kind: string, evaluation: Record<string, unknown>): MetricRow[] {
  const { models, chosen } = evaluation as { models?: Parameters<typeof metricRows>[1]; chosen?: unknown };
  return models ? metricRows(kind, models, chosen) : [];
}

async function show(cli: CliContext, { appPool }: Database, id: number, json?: boolean): Promise<void> {
  const run = await getModelRun(appPool, id);
  if (json) return cli.output.json(run);
  const { output } = cli;
  output.line(renderTable([run], modelColumns));
  const rows = evaluationRows(run.kind, run.evaluation);
  if (rows.length > 0) output.line(`\n${renderMetrics('kind', rows)}`);
  const { contest, selection, fittedAt } = run.parameters;
  for (const [name, value] of Object.entries({ fittedAt, contest, selection }))
    if (value) output.line(`\n${name}: ${JSON.stringify(value, null, 2)}`);
  if (run.kind !== 'scoring') return;
  output.line(`\nmodels applied: ${JSON.stringify(run.parameters['models'])}`);
  const drifted = driftRows(run.evaluation);
  if (drifted.length > 0) output.line(`\n${renderTable(drifted, driftColumns)}`);
  else output.line('\nno drift since the training');
}

async function check(
  cli: CliContext,
  { appPool }: Database,
  { asOf, json }: { asOf?: string; json?: boolean },
): Promise<void> {
  const until = asOf === undefined ? new Date() : await parseAsOf(appPool, asOf);
  const items = await realisedOutcomes(appPool, until);
  if (json) return cli.output.json({ items });
  if (items.length === 0)
    return cli.output.notice('no scoring is old enough yet: its horizon has to pass first');
  cli.output.line(renderTable(items, outcomeColumns));
}

function parseKind(text: string): string {
  if ((kinds as readonly string[]).includes(text)) return text;
  throw new InvalidArgumentError(`Choose of ${kinds.join(', ')}.`);
}

const runId = wholeNumber(1, Number.MAX_SAFE_INTEGER);

export function registerModels(program: Command, cli: CliContext): void {
  const models = program.command('models').description('The registry: what was trained, what is in use');
  models
    .command('list')
    .description('Trainings and scorings, newest first')
    .option('--kind <kind>', `one of ${kinds.join(', ')}`, parseKind)
    .option('--limit <n>', 'rows', wholeNumber(1, 10_000), 20)
    .option('--json', 'answer as JSON')
    .action(({ kind, limit, json }: { kind?: string; limit: number; json?: boolean }) =>
      cli.withDatabase(async ({ appPool }) => {
        const items = await listModels(appPool, kind, limit);
        if (json) cli.output.json({ items });
        else cli.output.line(renderTable(items, modelColumns));
      }),
    );
  models
    .command('show')
    .description('One run: how it came about, how it did, how far the customers have moved since')
    .argument('<run>', 'model_run_id', runId)
    .option('--json', 'answer as JSON')
    .action((id: number, { json }: { json?: boolean }) =>
      cli.withDatabase((database) => show(cli, database, id, json)),
    );
  models
    .command('promote')
    .description('Make a run the champion of its kind, also an older one; the next score applies it')
    .argument('<run>', 'model_run_id', runId)
    .option('--json', 'answer as JSON')
    .action((id: number, { json }: { json?: boolean }) =>
      cli.withDatabase(async ({ appPool }) => {
        const kind = await promoteModel(appPool, id);
        if (json) cli.output.json({ modelRunId: id, kind });
        else cli.output.line(`run ${id} is the champion of ${kind} now`);
      }),
    );
  models
    .command('check')
    .description('What earlier scorings said, and what came since')
    .option('--as-of <moment>', 'what is known by then; default: now')
    .option('--json', 'answer as JSON')
    .action((flags: { asOf?: string; json?: boolean }) =>
      cli.withDatabase((database) => check(cli, database, flags)),
    );
}
