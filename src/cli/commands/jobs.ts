import { setTimeout as sleep } from 'node:timers/promises';
import { Argument, type Command, Option } from 'commander';
import type { Database } from '../../database/open-database.ts';
import { AppError, type ErrorCode, errorCodes } from '../../errors.ts';
import { type JobName, parseJobName } from '../../jobs/catalogue.ts';
import { requestRun, reviveDeadLetter, type ScheduleChange, setSchedule } from '../../jobs/manage.ts';
import {
  type DeadLetter,
  type JobRow,
  listDeadLetters,
  listJobs,
  listRuns,
  type RunRow,
  runOfRequest,
  workerAgeSeconds,
} from '../../jobs/read.ts';
import { type JsonOption, wholeNumber } from '../arguments.ts';
import type { CliContext } from '../context.ts';
import { type Column, renderTable } from '../table.ts';

/** A worker says that it lives every 5 seconds. */
const WORKER_IS_LATE_SECONDS = 30;

const minute = (moment: Date | string | null): string | null =>
  moment === null ? null : new Date(moment).toISOString().slice(0, 16).replace('T', ' ');

function progressOf({ state, progress, message }: RunRow): string | null {
  if (state !== 'running' || !progress) return message;
  const { label, done, total } = progress;
  return total > 0 ? `${label} ${Math.floor((100 * done) / total)}%` : label;
}

const jobColumns: Column<JobRow>[] = [
  { heading: 'job', cell: (j) => j.job },
  { heading: 'schedule', cell: (j) => (j.enabled ? j.cron : 'off') },
  { heading: 'zone', cell: (j) => j.time_zone ?? 'shop' },
  { heading: 'missed', cell: (j) => (j.missed === 'run_once' ? 'run once' : 'skip') },
  { heading: 'next (UTC)', cell: (j) => (j.enabled ? minute(j.next_run_at) : null) },
  { heading: 'waiting', cell: (j) => j.waiting, align: 'right' },
  { heading: 'last', cell: (j) => j.last_run?.state },
  { heading: 'at (UTC)', cell: (j) => minute(j.last_run?.started_at ?? null) },
];

const runColumns: Column<RunRow>[] = [
  { heading: 'run', cell: (r) => r.run_id, align: 'right' },
  { heading: 'job', cell: (r) => r.job },
  { heading: 'state', cell: (r) => r.state },
  { heading: 'try', cell: (r) => r.attempt, align: 'right' },
  { heading: 'because', cell: (r) => r.cause.replace('_', ' ') },
  { heading: 'started (UTC)', cell: (r) => minute(r.started_at) },
  { heading: 'seconds', cell: (r) => r.duration_seconds.toFixed(1), align: 'right' },
  { heading: 'error', cell: (r) => r.error_code },
  { heading: '', cell: progressOf, maxLength: 80 },
];

const letterColumns: Column<DeadLetter>[] = [
  { heading: 'id', cell: (l) => l.id },
  { heading: 'job', cell: (l) => l.job },
  { heading: 'died (UTC)', cell: (l) => minute(l.died_at) },
  { heading: 'error', cell: (l) => l.error_code },
  { heading: '', cell: (l) => l.message, maxLength: 80 },
];

/** The end of one attempt at a request; progress is shown on the way. */
async function waitForRun(cli: CliContext, { appPool }: Database, job: JobName, id: string): Promise<RunRow> {
  const progress = cli.output.progress(job);
  for (;;) {
    const run = await runOfRequest(appPool, id);
    if (run && run.state !== 'running') {
      progress.done(run.state);
      return run;
    }
    if (run?.progress) progress.update(run.progress.done, run.progress.total);
    await sleep(500);
  }
}

async function run(
  cli: CliContext,
  database: Database,
  job: JobName,
  { wait, json }: { wait?: boolean; json?: boolean },
): Promise<void> {
  const id = await requestRun(database.appPool, job);
  const age = await workerAgeSeconds(database.appPool);
  if (age === null || age > WORKER_IS_LATE_SECONDS)
    cli.output.notice('No worker is running: it waits until one does. Start one: customer-analyzer worker');
  if (!wait) {
    if (json) cli.output.json({ id, job });
    else
      cli.output.line(
        `${job} is waiting for a worker; customer-analyzer jobs history ${job} shows how it goes`,
      );
    return;
  }
  const ended = await waitForRun(cli, database, job, id);
  if (json) cli.output.json(ended);
  else cli.output.line(renderTable([ended], runColumns));
  if (ended.state === 'succeeded' || ended.state === 'skipped') return;
  const code =
    ended.error_code && ended.error_code in errorCodes ? (ended.error_code as ErrorCode) : 'JOB_FAILED';
  throw new AppError(code, ended.message ?? `${job} ${ended.state}`, {
    hint: 'It is tried again as long as attempts are left: customer-analyzer jobs history',
  });
}

interface ScheduleFlags extends JsonOption {
  timeZone?: string;
  missed?: 'run-once' | 'skip';
  off?: boolean;
}

async function schedule(
  cli: CliContext,
  { appPool }: Database,
  job: JobName,
  cron: string | undefined,
  { timeZone, missed, off, json }: ScheduleFlags,
): Promise<void> {
  const change: ScheduleChange = {
    cron,
    time_zone: timeZone === 'shop' ? '' : timeZone,
    missed: missed === 'run-once' ? 'run_once' : missed,
    enabled: !off,
  };
  const next = await setSchedule(appPool, job, change, new Date());
  if (json) return cli.output.json({ job, enabled: !off, next_run_at: off ? null : next });
  cli.output.line(off ? `${job} runs only on request` : `${job} runs next at ${next.toISOString()}`);
}

const jobArgument = (): Argument => new Argument('<name>', 'as in `jobs list`').argParser(parseJobName);

function registerReading(jobs: Command, cli: CliContext): void {
  jobs
    .command('list')
    .description('Jobs with their schedules, what waits, how the last run ended')
    .option('--json', 'answer as JSON')
    .action(({ json }: JsonOption) =>
      cli.withDatabase(async ({ appPool }) => {
        const items = await listJobs(appPool);
        const worker_age_seconds = await workerAgeSeconds(appPool);
        if (json) return cli.output.json({ items, worker_age_seconds });
        cli.output.line(renderTable(items, jobColumns));
        if (worker_age_seconds === null || worker_age_seconds > WORKER_IS_LATE_SECONDS)
          cli.output.notice('No worker is running. Start one: customer-analyzer worker');
      }),
    );
  jobs
    .command('history')
    .description('Runs, newest first: attempts, what was skipped, what runs and how far it is')
    .argument('[name]', 'of one job only', parseJobName)
    .option('--limit <n>', 'rows', wholeNumber(1, 1000), 20)
    .option('--json', 'answer as JSON, with what the commands answered')
    .action((job: JobName | undefined, { limit, json }: JsonOption & { limit: number }) =>
      cli.withDatabase(async ({ appPool }) => {
        const items = await listRuns(appPool, { job, limit });
        if (json) cli.output.json({ items });
        else cli.output.line(renderTable(items, runColumns));
      }),
    );
  jobs
    .command('dead')
    .description('What failed for the last time')
    .option('--revive <id>', 'try this one again')
    .option('--json', 'answer as JSON')
    .action(({ revive, json }: JsonOption & { revive?: string }) =>
      cli.withDatabase(async ({ appPool }) => {
        if (revive) {
          const job = await reviveDeadLetter(appPool, revive);
          return json ? cli.output.json({ job }) : cli.output.line(`${job} is waiting for a worker`);
        }
        const items = await listDeadLetters(appPool);
        if (json) cli.output.json({ items });
        else cli.output.line(renderTable(items, letterColumns));
      }),
    );
}

export function registerJobs(program: Command, cli: CliContext): void {
  const jobs = program.command('jobs').description('Background work: schedules, history, runs on request');
  registerReading(jobs, cli);
  jobs
    .command('run')
    .description('Ask for a run as soon as a worker is free')
    .addArgument(jobArgument())
    .option('--wait', 'until it has ended; its failure is the failure of this command')
    .option('--json', 'answer as JSON')
    .action((job: JobName, flags: JsonOption & { wait?: boolean }) =>
      cli.withDatabase((database) => run(cli, database, job, flags)),
    );
  jobs
    .command('schedule')
    .description('Say when a job runs by itself')
    .addArgument(jobArgument())
    .argument('[cron]', 'minute, hour, day of month, month, day of week: "30 3 * * *"; left out: as it was')
    .option('--time-zone <name>', 'whose clock, such as Europe/Berlin; "shop" is that of the settings')
    .addOption(
      new Option('--missed <what>', 'when it fell due while no worker ran').choices(['run-once', 'skip']),
    )
    .option('--off', 'only on request')
    .option('--json', 'answer as JSON')
    .action((job: JobName, cron: string | undefined, flags: ScheduleFlags) =>
      cli.withDatabase((database) => schedule(cli, database, job, cron, flags)),
    );
}
