import type { Command } from 'commander';
import {
  type Experiment,
  listExperiments,
  startExperiment,
  stopExperiment,
} from '../../recommendations/control.ts';
import { decimal, type JsonOption, wholeNumber } from '../arguments.ts';
import type { CliContext } from '../context.ts';
import { type Column, day, percent, renderTable } from '../table.ts';

const columns: Column<Experiment>[] = [
  { heading: 'name', cell: (x) => x.name },
  { heading: 'control run', cell: (x) => x.control_run, align: 'right' },
  { heading: 'treatment run', cell: (x) => x.treatment_run, align: 'right' },
  { heading: 'share', cell: (x) => percent(x.share), align: 'right' },
  { heading: 'started', cell: (x) => day(x.started_at) },
  { heading: 'stopped', cell: (x) => day(x.stopped_at) },
];

interface StartFlags {
  control: number;
  treatment: number;
  share: number;
}

export function registerExperiment(parent: Command, cli: CliContext): void {
  const experiment = parent.command('experiment').description('Two published versions side by side');
  const run = wholeNumber(1, Number.MAX_SAFE_INTEGER);
  experiment
    .command('list')
    .description('All experiments, newest first')
    .option('--json', 'answer as JSON')
    .action(({ json }: JsonOption) =>
      cli.withDatabase(async ({ appPool }) => {
        const items = await listExperiments(appPool);
        if (json) cli.output.json({ items });
        else cli.output.line(renderTable(items, columns));
      }),
    );
  experiment
    .command('start')
    .description('Give a share of the customers the treatment, by a stable hash; the others the control')
    .argument('<name>', 'a name that none had before')
    .requiredOption('--control <run>', 'model_run_id', run)
    .requiredOption('--treatment <run>', 'model_run_id', run)
    .option('--share <s>', 'of the customers, 0 to 1', decimal(0, 1), 0.5)
    .action((name: string, flags: StartFlags) =>
      cli.withDatabase(async ({ appPool }) => {
        const { control: controlRun, treatment: treatmentRun, share } = flags;
        await startExperiment(appPool, { name, controlRun, treatmentRun, share });
        cli.output.line(
          `${percent(share)} of the customers get run ${treatmentRun}, the others run ${controlRun}`,
        );
      }),
    );
  experiment
    .command('stop')
    .description('All customers get the champion again')
    .action(() =>
      cli.withDatabase(async ({ appPool }) => {
        const name = await stopExperiment(appPool);
        cli.output.line(name === null ? 'no experiment was running' : `${name} is stopped`);
      }),
    );
}
