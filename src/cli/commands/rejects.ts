import { type Command, InvalidArgumentError } from 'commander';
import type { Database } from '../../database/open-database.ts';
import {
  getDeadLetter,
  listDeadLetters,
  replayDeadLetters,
  type StoredReject,
} from '../../ingestion/live/dead-letters/dead-letters.ts';
import { LiveIngestion } from '../../ingestion/live/ingestion.ts';
import { type JsonOption, wholeNumber } from '../arguments.ts';
import type { CliContext } from '../context.ts';
import { type Column, renderTable } from '../table.ts';

const rejectColumns: Column<StoredReject>[] = [
  { heading: 'id', cell: (r) => r.rejectId, align: 'right' },
  { heading: 'received', cell: (r) => r.receivedAt.toISOString().slice(0, 19).replace('T', ' ') },
  { heading: 'source', cell: (r) => r.source },
  { heading: 'kind', cell: (r) => r.kind },
  { heading: 'code', cell: (r) => r.code },
  { heading: 'times', cell: (r) => r.attempts, align: 'right' },
  { heading: 'reason', cell: (r) => r.reason, maxLength: 70 },
];

interface Filter extends JsonOption {
  code?: string;
}

interface ListOptions extends Filter {
  after: number;
  limit: number;
}

async function list(cli: CliContext, { appPool }: Database, options: ListOptions): Promise<void> {
  const { after, code, limit, json } = options;
  const items = await listDeadLetters(appPool, { after, code }, limit);
  if (json) return cli.output.json({ items });
  if (items.length === 0) return cli.output.notice('nothing was refused');
  cli.output.line(renderTable(items, rejectColumns));
  const last = items.at(-1);
  if (last && items.length === limit) cli.output.notice(`more: add --after ${last.rejectId}`);
}

async function show(cli: CliContext, { appPool }: Database, id: number, json?: boolean): Promise<void> {
  const found = await getDeadLetter(appPool, id);
  if (json) return cli.output.json(found);
  cli.output.line(renderTable([found], rejectColumns));
  cli.output.line(`\n${found.reason}\n\n${found.body}`);
  if (!found.isWhole) cli.output.notice('too large to be kept whole: it cannot be replayed');
}

async function replay(
  cli: CliContext,
  { appPool }: Database,
  id: number | undefined,
  { code, json }: Filter,
): Promise<void> {
  const ingestion = new LiveIngestion(appPool, { now: () => new Date(), limits: cli.config.ingest });
  try {
    const counts = await replayDeadLetters(appPool, ingestion, { id, code });
    const { replayed, accepted, duplicates, rejected } = counts;
    if (json) cli.output.json(counts);
    else
      cli.output.line(
        `${replayed} replayed = ${accepted} accepted + ${duplicates} duplicates + ${rejected} rejected again`,
      );
  } finally {
    await ingestion.close();
  }
}

function rejectCode(text: string): string {
  if (/^[a-z_]{1,40}$/.test(text)) return text;
  throw new InvalidArgumentError('Give a code as `rejects list` shows it.');
}

const rejectId = wholeNumber(1, Number.MAX_SAFE_INTEGER);

export function registerRejects(program: Command, cli: CliContext): void {
  const rejects = program.command('rejects').description('Events over HTTP that were refused');
  rejects
    .command('list')
    .description('In the order of arrival')
    .option('--code <code>', 'only those with this code', rejectCode)
    .option('--after <id>', 'start after this one', wholeNumber(0, Number.MAX_SAFE_INTEGER), 0)
    .option('--limit <n>', 'rows', wholeNumber(1, 10_000), 50)
    .option('--json', 'answer as JSON')
    .action((options: ListOptions) => cli.withDatabase((database) => list(cli, database, options)));
  rejects
    .command('show')
    .description('One of them, with its reason and contents')
    .argument('<id>', 'number from `rejects list`', rejectId)
    .option('--json', 'answer as JSON')
    .action((id: number, { json }: JsonOption) =>
      cli.withDatabase((database) => show(cli, database, id, json)),
    );
  rejects
    .command('replay')
    .description('Take them in again, after their cause was put right; what succeeds leaves the list')
    .argument('[id]', 'only this one; default: all', rejectId)
    .option('--code <code>', 'only those with this code', rejectCode)
    .option('--json', 'answer as JSON')
    .action((id: number | undefined, options: Filter) =>
      cli.withDatabase((database) => replay(cli, database, id, options)),
    );
}
