import { Argument, type Command } from 'commander';
import { openLinearAlgebra } from '../../compute/open-linear-algebra.ts';
import type { Database } from '../../database/open-database.ts';
import { trainRecommendations } from '../../recommendations/train.ts';
import { parseAsOf } from '../../scoring/as-of.ts';
import { type TrainSummary, train } from '../../scoring/train.ts';
import type { CliContext } from '../context.ts';
import { type Column, renderTable } from '../table.ts';
import { VERSION } from '../version.ts';
import { renderEvaluations, renderMissing } from './score.ts';

interface Contest {
  against?: number | null;
  challengerLoss?: number | null;
  championLoss?: number | null;
}

/** The contest in words: who lost to whom, by what. */
function verdict({ promoted, parameters, missing }: TrainSummary): string {
  if (missing.length > 0) return 'insufficient data';
  const { against, challengerLoss, championLoss } = (parameters['contest'] ?? {}) as Contest;
  if (against === null || against === undefined) return 'promoted: the first of its kind';
  if (typeof challengerLoss !== 'number' || typeof championLoss !== 'number')
    return `promoted over run ${against}, which saw the last window itself`;
  const losses = `loss ${challengerLoss.toPrecision(4)}, of run ${against} ${championLoss.toPrecision(4)}`;
  return promoted ? `promoted: ${losses}` : `not promoted: ${losses}`;
}

const columns: Column<TrainSummary>[] = [
  { heading: 'run', cell: ({ modelRunId }) => modelRunId, align: 'right' },
  { heading: 'kind', cell: ({ kind }) => kind },
  { heading: 'algorithm', cell: ({ algorithm }) => algorithm },
  { heading: 'seconds', cell: ({ durationSeconds }) => durationSeconds.toFixed(1), align: 'right' },
  { heading: 'verdict', cell: verdict, maxLength: 80 },
];

interface Flags {
  asOf?: string;
  json?: boolean;
}

async function trainModels(cli: CliContext, database: Database, asOf: Date, json?: boolean): Promise<void> {
  const progress = cli.output.progress('training models');
  const models = await train(database.mlPool, database.appPool, {
    ...cli.config.scoring,
    asOf,
    codeVersion: VERSION,
    onProgress: progress.update,
  });
  const promoted = models.filter((model) => model.promoted).length;
  progress.done(`${models.length} kinds, ${promoted} promoted`);
  if (json) return cli.output.json({ asOf, models });
  cli.output.line(renderTable(models, columns));
  for (const { kind, missing } of models)
    for (const line of renderMissing(kind, missing)) cli.output.line(line);
  renderEvaluations(cli, Object.fromEntries(models.map((model) => [model.kind, model.evaluation])));
}

async function trainItems(cli: CliContext, database: Database, asOf: Date, json?: boolean): Promise<void> {
  const algebra = openLinearAlgebra();
  const trained = await trainRecommendations(database.mlPool, database.appPool, {
    asOf,
    codeVersion: VERSION,
    algebra,
    onStep: cli.output.notice,
  }).finally(() => algebra.close());
  if (json) return cli.output.json({ asOf, ...trained });
  cli.output.line(
    `run ${trained.modelRunId}: ${trained.algorithm}, ${trained.pairs} pairs of ${trained.products} products, ${trained.repeatedly} of them bought repeatedly`,
  );
  cli.output.line(trained.contest.promoted ? 'promoted' : `not promoted: ${JSON.stringify(trained.contest)}`);
}

export function registerTrain(program: Command, cli: CliContext): void {
  program
    .command('train')
    .description('Fit, calibrate and judge the models; promote those that are not worse than what is in use')
    .addArgument(
      new Argument('[what]', 'models of customers, or recommendations of products')
        .choices(['models', 'recommendations'])
        .default('models'),
    )
    .option(
      '--as-of <moment>',
      'use only what happened before: YYYY-MM-DD (the end of that day), or a moment with its zone; default: now',
    )
    .option('--json', 'answer as JSON')
    .action((what: string, { asOf, json }: Flags) =>
      cli.withDatabase(async (database) => {
        const moment = asOf === undefined ? new Date() : await parseAsOf(database.appPool, asOf);
        const run = what === 'recommendations' ? trainItems : trainModels;
        await run(cli, database, moment, json);
      }),
    );
}
