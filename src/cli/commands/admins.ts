import { randomBytes } from 'node:crypto';
import { text as readAll } from 'node:stream/consumers';
import { type Command, InvalidArgumentError, Option } from 'commander';
import {
  type AdministratorRow,
  createAdministrator,
  disableAdministrator,
  enableAdministrator,
  listAdministrators,
  resetPassword,
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

interface PasswordOptions extends JsonOption {
  passwordStdin?: boolean;
}

/** Read from standard input, or made. */
async function newPassword({
  passwordStdin,
}: PasswordOptions): Promise<{ password: string; isMade: boolean }> {
  if (!passwordStdin) return { password: randomBytes(15).toString('base64url'), isMade: true };
  return { password: (await readAll(process.stdin)).replace(/\r?\n$/, ''), isMade: false };
}

/** What was given by its owner is not repeated. */
function showPassword(
  cli: CliContext,
  { password, isMade }: { password: string; isMade: boolean },
  { id, login, json }: { id: number; login: string; json: boolean | undefined },
  done: string,
): void {
  if (json) {
    cli.output.json({ id, login, ...(isMade ? { password } : {}) });
    return;
  }
  if (isMade) cli.output.line(password);
  cli.output.notice(isMade ? `${done}. The password is shown this once.` : done);
}

interface CreateOptions extends PasswordOptions {
  role: Role;
}

async function create(cli: CliContext, pool: Pool, login: string, options: CreateOptions): Promise<void> {
  const made = await newPassword(options);
  const id = await createAdministrator(pool, login, options.role, made.password);
  await recordAction(pool, terminal, 'admins create', `id=${id}`, 'ok');
  showPassword(cli, made, { id, login, json: options.json }, `administrator ${id}`);
}

async function setPassword(
  cli: CliContext,
  pool: Pool,
  login: string,
  options: PasswordOptions,
): Promise<void> {
  const id = await idOf(pool, login);
  const made = await newPassword(options);
  await resetPassword(pool, id, made.password);
  await recordAction(pool, terminal, 'admins password', `id=${id}`, 'ok');
  showPassword(cli, made, { id, login, json: options.json }, `${login} is logged out and has a new password`);
}

async function idOf(pool: Pool, login: string): Promise<number> {
  const found = (await listAdministrators(pool)).find((each) => each.login === login);
  if (found) return found.administrator_id;
  throw new AppError('NOT_FOUND', `there is no administrator ${login}`, {
    hint: 'customer-analyzer admins list shows who there is.',
  });
}

const switches = {
  disable: {
    description: 'Log somebody out and let nobody in by this login',
    run: disableAdministrator,
    done: 'is disabled and logged out',
  },
  enable: {
    description: 'Let somebody who was disabled log in again, with the password of before',
    run: enableAdministrator,
    done: 'can log in again',
  },
};

async function turn(
  cli: CliContext,
  pool: Pool,
  name: keyof typeof switches,
  login: string,
  json: boolean | undefined,
): Promise<void> {
  const id = await idOf(pool, login);
  await switches[name].run(pool, id);
  await recordAction(pool, terminal, `admins ${name}`, `id=${id}`, 'ok');
  if (json) cli.output.json({ id, login });
  else cli.output.line(`${login} ${switches[name].done}`);
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
    .command('password')
    .description(
      'Give somebody a new password and log them out; without --password-stdin it is made and shown, this once',
    )
    .argument('<login>', 'login', loginName)
    .option('--password-stdin', 'read the password, 12 characters or more, from standard input')
    .option('--json', 'answer as JSON')
    .action((login: string, options: PasswordOptions) =>
      cli.withDatabase((db) => setPassword(cli, db.appPool, login, options)),
    );
  for (const name of ['disable', 'enable'] as const)
    admins
      .command(name)
      .description(switches[name].description)
      .argument('<login>', 'login', loginName)
      .option('--json', 'answer as JSON')
      .action((login: string, { json }: JsonOption) =>
        cli.withDatabase((db) => turn(cli, db.appPool, name, login, json)),
      );
}
