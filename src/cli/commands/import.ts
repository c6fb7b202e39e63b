import { type Command, Option } from 'commander';
import { formatNames } from '../../ingestion/formats/format.ts';
import { type ImportOptions, type ImportReport, importFiles } from '../../ingestion/import.ts';
import { sourceName, wholeNumber } from '../arguments.ts';
import type { CliContext } from '../context.ts';

interface Flags {
  format?: ImportOptions['format'];
  timeZone?: string;
  source?: string;
  rejects?: string;
  maxRejects?: number;
  dryRun?: boolean;
  json?: boolean;
}

function renderReport(cli: CliContext, report: ImportReport, dryRun: boolean): void {
  const { read, accepted, duplicates, rejected, rejectsFile, formats, samples } = report;
  cli.output.line(`format: ${[...new Set(formats)].join(', ')}`);
  cli.output.line(
    `${read} read = ${accepted} accepted + ${duplicates} duplicates + ${rejected} rejected${dryRun ? ' (nothing was written)' : ''}`,
  );
  for (const { file, line, reject } of samples)
    cli.output.line(`  ${file}:${line} ${reject.code}: ${reject.reason}`);
  if (rejected > samples.length) cli.output.line(`  … and ${rejected - samples.length} more`);
  if (rejectsFile !== null) cli.output.line(`rejected rows: ${rejectsFile}`);
}

async function importAll(cli: CliContext, files: string[], flags: Flags): Promise<void> {
  const { rejects, json, ...options } = flags;
  await cli.withDatabase(async ({ appPool }) => {
    const progress = cli.output.progress('importing');
    const report = await interruptible(cli, (signal) =>
      importFiles(
        files,
        { ...options, rejectsFile: rejects },
        {
          pool: appPool,
          stdin: process.stdin,
          signal,
          onProgress: ({ read, bytes, totalBytes }) =>
            totalBytes === null ? progress.update(read, 0) : progress.update(bytes, totalBytes),
        },
      ),
    );
    progress.done(`${report.read} rows in ${report.seconds.toFixed(1)} s`);
    if (json) {
      const { read, accepted, duplicates, rejected, rejectsFile, seconds } = report;
      cli.output.json({ read, accepted, duplicates, rejected, rejectsFile, seconds });
    } else renderReport(cli, report, flags.dryRun === true);
  });
}

/** Ctrl-C ends the import at the next chunk; the context, which waits for its connections, then ends the process. */
async function interruptible<T>(cli: CliContext, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const abort = (): void => controller.abort();
  process.once('SIGINT', abort).once('SIGTERM', abort);
  try {
    return await run(controller.signal);
  } catch (error) {
    if (!controller.signal.aborted) throw error;
    cli.output.notice('Interrupted. What was committed stays; the same command completes the import.');
    return await new Promise<never>(() => undefined);
  } finally {
    process.off('SIGINT', abort).off('SIGTERM', abort);
  }
}

export function registerImport(program: Command, cli: CliContext): void {
  program
    .command('import')
    .description('Import files of events, products or users (.gz too); - is standard input')
    .argument('<file...>', 'files to import')
    .addOption(new Option('--format <name>', 'format; default: detected').choices(formatNames))
    .option('--time-zone <name>', "time zone of times that name none; default: the shop's")
    .option('--source <name>', "name of the system the file comes from; default: the format's", sourceName)
    .option('--rejects <file>', 'where rejected rows go; default: FILE.rejects.csv in this folder')
    .option('--max-rejects <n>', 'give up when more rows are rejected', wholeNumber(0, 1e12))
    .option('--dry-run', 'look only: write nothing')
    .option('--json', 'answer as JSON')
    .action((files: string[], flags: Flags) => importAll(cli, files, flags));
}
