import { type Command, InvalidArgumentError, Option } from 'commander';
import { recordAction, terminal } from '../../access/audit.ts';
import { createKey, type KeyRow, listKeys, revokeKey } from '../../access/keys.ts';
import { keyScopes, type Scope } from '../../access/scopes.ts';
import type { Pool } from '../../database/pool.ts';
import { type JsonOption, sourceName, wholeNumber } from '../arguments.ts';
import type { CliContext } from '../context.ts';
import { type Column, day, renderTable } from '../table.ts';

const DAY_MS = 86_400_000;

const minute = (moment: Date | null): string | null =>
  moment === null ? null : moment.toISOString().slice(0, 16).replace('T', ' ');

function state({ revoked_at, expires_at }: KeyRow): string {
  if (revoked_at) return 'revoked';
  return expires_at && expires_at.getTime() <= Date.now() ? 'expired' : 'valid';
}

const columns: Column<KeyRow>[] = [
  { heading: 'id', cell: (k) => k.key_id, align: 'right' },
  { heading: 'key', cell: (k) => `${k.prefix}…` },
  { heading: 'scope', cell: (k) => k.scope },
  { heading: 'name', cell: (k) => k.name },
  { heading: 'source', cell: (k) => k.source },
  { heading: 'state', cell: state },
  { heading: 'created', cell: (k) => day(k.created_at) },
  { heading: 'expires', cell: (k) => day(k.expires_at) },
  { heading: 'last used', cell: (k) => minute(k.last_used_at) },
];

interface CreateOptions extends JsonOption {
  scope: Scope;
  name: string;
  source?: string;
  expiresInDays?: number;
}

async function create(cli: CliContext, pool: Pool, options: CreateOptions): Promise<void> {
  const { scope, name, source, expiresInDays } = options;
  const expiresAt = expiresInDays === undefined ? undefined : new Date(Date.now() + expiresInDays * DAY_MS);
  const made = await createKey(pool, { scope, name, source, expiresAt });
  await recordAction(pool, terminal, 'keys create', `id=${made.id}`, 'ok');
  if (options.json) return cli.output.json(made);
  // The key alone on stdout: KEY=$(customer-analyzer keys create …)
  cli.output.line(made.key);
  cli.output.notice(`key ${made.id}, scope ${scope}. It is shown this once.`);
}

function keyName(text: string): string {
  if (text.length <= 100 && !text.includes('\0')) return text;
  throw new InvalidArgumentError('Give at most 100 characters.');
}

export function registerKeys(program: Command, cli: CliContext): void {
  const keys = program.command('keys').description('Keys of programs that call the HTTP API');
  keys
    .command('create')
    .description('Make a key and show it, this once')
    .addOption(new Option('--scope <scope>', 'what it opens').choices(keyScopes).makeOptionMandatory())
    .option('--name <name>', 'who uses it', keyName, '')
    .option('--source <name>', 'system whose events come with it', sourceName)
    .option('--expires-in-days <n>', 'default: never', wholeNumber(1, 36_500))
    .option('--json', 'answer as JSON')
    .action((options: CreateOptions) => cli.withDatabase((db) => create(cli, db.appPool, options)));
  keys
    .command('list')
    .description('All keys, also revoked ones')
    .option('--json', 'answer as JSON')
    .action(({ json }: JsonOption) =>
      cli.withDatabase(async ({ appPool }) => {
        const items = await listKeys(appPool);
        if (json) cli.output.json({ items });
        else cli.output.line(renderTable(items, columns));
      }),
    );
  keys
    .command('revoke')
    .description('Let nobody in with a key any more, at once')
    .argument('<id>', 'key_id', wholeNumber(1, Number.MAX_SAFE_INTEGER))
    .option('--json', 'answer as JSON')
    .action((id: number, { json }: JsonOption) =>
      cli.withDatabase(async ({ appPool }) => {
        await revokeKey(appPool, id);
        await recordAction(appPool, terminal, 'keys revoke', `id=${id}`, 'ok');
        if (json) cli.output.json({ id });
        else cli.output.line(`key ${id} is revoked`);
      }),
    );
}
