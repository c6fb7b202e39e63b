import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { AppError } from '../../errors.ts';
import type { CliContext } from '../context.ts';

const scripts = new URL('../../../scripts/', import.meta.url);
/** What the scripts do without a database. */
const OFFLINE = ['--list', '--verify', '--help', '-h'];
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** The script has the terminal, says for itself what went wrong, and its exit code is ours. */
async function runScript(name: string, args: string[], databaseUrl: string | undefined): Promise<void> {
  const child = spawn(fileURLToPath(new URL(name, scripts)), args, {
    stdio: 'inherit',
    env: { ...process.env, ...(databaseUrl ? { DATABASE_URL: databaseUrl } : {}) },
  });
  const pass = (signal: NodeJS.Signals): void => void child.kill(signal);
  for (const signal of SIGNALS) process.on(signal, pass);
  try {
    const [code] = (await once(child, 'exit')) as [number | null];
    process.exitCode = code ?? 1;
  } catch (error) {
    throw new AppError('BACKUP_UNAVAILABLE', `scripts/${name} cannot be run: ${(error as Error).message}`, {
      hint: 'Run it from a checkout of the project on a machine with bash, psql and pg_dump; DATABASE_URL names the database.',
      cause: error,
    });
  } finally {
    for (const signal of SIGNALS) process.off(signal, pass);
  }
}

async function run(cli: CliContext, name: string, args: string[]): Promise<void> {
  if (cli.config.databaseUrl || args.some((arg) => OFFLINE.includes(arg)))
    return runScript(name, args, cli.config.databaseUrl);
  await cli.withDatabase((database) => runScript(name, args, database.urls.admin), { checkReady: false });
}

/** Options are the scripts' own: `--help` is theirs, too. */
export function registerBackup(program: Command, cli: CliContext): void {
  program
    .command('backup')
    .description('Back up the database (scripts/backup-db.sh); `backup drill` rehearses a restore')
    .argument('[args...]', 'drill [FILE], or options of the script: --list, --verify FILE…, --quiet')
    .helpOption(false)
    .allowUnknownOption()
    .action((args: string[]) =>
      args[0] === 'drill'
        ? run(cli, 'restore-db.sh', ['--drill', ...args.slice(1)])
        : run(cli, 'backup-db.sh', args),
    );
  program
    .command('restore')
    .description('Restore a backup (scripts/restore-db.sh)')
    .argument('[args...]', 'FILE and options of the script: --replace, --yes, --force, --drop-old, …')
    .helpOption(false)
    .allowUnknownOption()
    .action((args: string[]) => run(cli, 'restore-db.sh', args));
}
