import { randomBytes } from 'node:crypto';
import { text as readAll } from 'node:stream/consumers';
import { type Command, InvalidArgumentError, Option } from 'commander';
import {
  type AdministratorRow,
  createAdministrator,
  disableAdministrator,
  listAdministrators,
} from '../../access/administrators.ts';
import { recordAction, terminal } from '../../access/audit.ts';
import { type Role, roles } from '../../access/scopes.ts';
import type { Pool } from '../../database/pool.ts';
import { AppError } from '../../errors.ts';
import type { JsonOption } from '../arguments.ts';
import type { CliContext } from '../context.ts';
import { type Column, day, renderTable } from '../table.ts';

const columns: Column<AdministratorRow>[] = [
  { heading: 'id', cell: (a) => a.administrator_id, align: 'right' },
  { heading: 'login', cell: (a) => a.login },
  { heading: 'role', cell: (a) => a.role },
  { heading: 'state', cell: (a) => (a.disabled_at ? 'disabled' : 'active') },
  { heading: 'created', cell: (a) => day(a.created_at) },
  { heading: 'last login', cell: (a) => day(a.last_login_at) },
];

function loginName(text: string): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}$/.test(text)) return text.toLowerCase();
  throw new InvalidArgumentError('Give 1 to 100 letters, digits, and . _ @ + - after the first.');
}

interface CreateOptions extends JsonOption {
  role: Role;
  passwordStdin?: boolean;
}

async function create(cli: CliContext, pool: Pool, login: string, options: CreateOptions): Promise<void> {
  const given = options.passwordStdin ? (await readAll(process.stdin)).replace(/\r?\n$/, '') : undefined;
  const password = given ?? randomBytes(15).toString('base64url');
  const id = await createAdministrator(pool, login, options.role, password);
  await recordAction(pool, terminal, 'admins create', `id=${id}`, 'ok');
  // Given by its owner, it is not repeated.
  if (options.json) return cli.output.json({ id, login, ...(given === undefined ? { password } : {}) });
  if (given === undefined) cli.output.line(password);
  cli.output.notice(
    given === undefined ? `administrator ${id}. The password is shown this once.` : `administrator ${id}`,
  );
}

async function disable(cli: CliContext, pool: Pool, login: string, json: boolean | undefined): Promise<void> {
  const found = (await listAdministrators(pool)).find((each) => each.login === login);
  if (!found) {
    throw new AppError('NOT_FOUND', `there is no administrator ${login}`, {
      hint: 'customer-analyzer admins list shows who there is.',
    });
  }
  const id = found.administrator_id;
  await disableAdministrator(pool, id);
  await recordAction(pool, terminal, 'admins disable', `id=${id}`, 'ok');
  if (json) cli.output.json({ id, login });
  else cli.output.line(`${login} is disabled and logged out`);
}

export function registerAdmins(program: Command, cli: CliContext): void {
  const admins = program.command('admins').description('People who log in');
  admins
    .command('create')
    .description('Add somebody; without --password-stdin a password is made and shown, this once')
    .argument('<login>', 'a name or an e-mail address', loginName)
    .addOption(new Option('--role <role>', 'what it opens').choices(roles).default('admin'))
    .option('--password-stdin', 'read the password, 12 characters or more, from standard input')
    .option('--json', 'answer as JSON')
    .action((login: string, options: CreateOptions) =>
      cli.withDatabase((db) => create(cli, db.appPool, login, options)),
    );
  admins
    .command('list')
    .description('Who can log in')
    .option('--json', 'answer as JSON')
    .action(({ json }: JsonOption) =>
      cli.withDatabase(async ({ appPool }) => {
        const items = await listAdministrators(appPool);
        if (json) cli.output.json({ items });
        else cli.output.line(renderTable(items, columns));
      }),
    );
  admins
    .command('disable')
    .description('Log somebody out and let nobody in by this login')
    .argument('<login>', 'login', loginName)
    .option('--json', 'answer as JSON')
    .action((login: string, { json }: JsonOption) =>
      cli.withDatabase((db) => disable(cli, db.appPool, login, json)),
    );
}
