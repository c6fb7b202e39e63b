import type { Command } from 'commander';
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

export function registerTrain(program: Command, cli: CliContext): void {
  program
    .command('train')
    .description('Fit, calibrate and judge the models; promote those that are not worse than what is in use')
    .option(
      '--as-of <moment>',
      'use only what happened before: YYYY-MM-DD (the end of that day), or a moment with its zone; default: now',
    )
    .option('--json', 'answer as JSON')
    .action(({ asOf, json }: { asOf?: string; json?: boolean }) =>
      cli.withDatabase(async ({ mlPool, appPool }) => {
        const moment = asOf === undefined ? new Date() : await parseAsOf(appPool, asOf);
        const progress = cli.output.progress('training models');
        const models = await train(mlPool, appPool, {
          ...cli.config.scoring,
          asOf: moment,
          codeVersion: VERSION,
          onProgress: progress.update,
        });
        const promoted = models.filter((model) => model.promoted).length;
        progress.done(`${models.length} kinds, ${promoted} promoted`);
        if (json) return cli.output.json({ asOf: moment, models });
        cli.output.line(renderTable(models, columns));
        for (const { kind, missing } of models)
          for (const line of renderMissing(kind, missing)) cli.output.line(line);
        renderEvaluations(cli, Object.fromEntries(models.map((model) => [model.kind, model.evaluation])));
      }),
    );
}
