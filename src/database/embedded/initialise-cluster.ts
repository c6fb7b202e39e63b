import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { appendFile, chmod, mkdir, open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { AppError } from '../../errors.ts';
import type { Binaries } from './binaries.ts';
import { diskFullError, isDiskFull } from './failure.ts';
import { renderSettings } from './settings.ts';
import { asUser, giveTo, type SystemUser } from './unprivileged-user.ts';

const run = promisify(execFile);
const settingsFile = 'customer-analyzer.conf';

/**
 * Locales in order of preference. C.UTF-8 sorts by code point, which no update of the system changes (an index built under
 * another order would be corrupt), and knows the letters of every language; where it is missing, as on older macOS, only the
 * order of letters comes from C. With C alone, lower() would leave Russian as it is.
 */
const locales = [
  ['--locale=C.UTF-8'],
  ['--locale=C', '--lc-ctype=en_US.UTF-8'],
  ['--locale=C', '--lc-ctype=UTF-8'],
  ['--no-locale'],
];

export interface ClusterOptions {
  dataDirectory: string;
  superuser: string;
  superuserPassword: string;
  user: SystemUser | undefined;
  /** Without waiting for the disk: for clusters that may be lost. */
  unsafe: boolean;
}

/** Whether there is a cluster; refuses a directory that holds something else, or a cluster of another major. */
export async function hasCluster(dataDirectory: string, major: number): Promise<boolean> {
  const entries = await readdir(dataDirectory).catch((error: NodeJS.ErrnoException): string[] => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
  if (entries.length === 0) return false;
  const version = await readFile(join(dataDirectory, 'PG_VERSION'), 'utf8').catch(() => undefined);
  if (version === undefined || !entries.includes('global')) throw damaged(dataDirectory);
  if (Number(version.trim()) !== major) throw otherMajor(dataDirectory, version.trim(), major);
  return true;
}

/**
 * Makes a cluster. It is built under another name and renamed when it is complete, so that one that was interrupted is never
 * taken for a good one; call under the lock, since what earlier attempts left is removed.
 */
export async function initialiseCluster(binaries: Binaries, options: ClusterOptions): Promise<void> {
  const parent = dirname(options.dataDirectory);
  const prefix = `${basename(options.dataDirectory)}.initialising-`;
  for (const name of await readdir(parent)) {
    if (name.startsWith(prefix))
      await rm(join(parent, name), { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
  const draft = join(parent, prefix + randomBytes(4).toString('hex'));
  try {
    await mkdir(draft, { mode: 0o700 });
    giveTo(options.user, draft);
    await runInitdb(binaries, draft, options);
    await appendFile(
      join(draft, 'cluster', 'postgresql.conf'),
      `\ninclude_if_exists = '${settingsFile}'  # managed by Customer Analyzer\n`,
    );
    await rename(join(draft, 'cluster'), options.dataDirectory);
    if (!options.unsafe) await flushDirectory(parent);
  } catch (error) {
    if (isDiskFull(error)) throw diskFullError(parent, error);
    throw error;
  } finally {
    await rm(draft, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}

async function runInitdb(binaries: Binaries, draft: string, options: ClusterOptions): Promise<void> {
  const passwordFile = join(draft, 'password');
  // In a file, since everybody on the machine can read a program's arguments.
  await writeFile(passwordFile, `${options.superuserPassword}\n`, { mode: 0o600 });
  giveTo(options.user, passwordFile);
  let failure: unknown;
  for (const locale of locales) {
    try {
      const parameters = initdbArguments(draft, passwordFile, options);
      await run(binaries.initdb, [...parameters, ...locale], {
        cwd: '/',
        env: { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' },
        ...asUser(options.user),
      });
      return;
    } catch (error) {
      failure = error;
      const output = String((error as { stderr?: unknown }).stderr ?? '');
      if (!/invalid locale (name|settings)/.test(output)) break;
      await rm(join(draft, 'cluster'), { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
    }
  }
  if (isDiskFull(failure)) throw failure;
  const output = String((failure as { stderr?: unknown }).stderr ?? failure).trim();
  throw new AppError(
    'EMBEDDED_START_FAILED',
    `initdb could not make a database in ${dirname(options.dataDirectory)}.`,
    {
      details: { output: output.split('\n').slice(-15) },
      hint: 'The last lines of initdb (details.output) say why.',
      cause: failure,
    },
  );
}

function initdbArguments(draft: string, passwordFile: string, options: ClusterOptions): string[] {
  return [
    `--pgdata=${join(draft, 'cluster')}`,
    `--username=${options.superuser}`,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--data-checksums',
    ...(options.unsafe ? ['--no-sync'] : []),
  ];
}

/** Rewritten at each start, so that a new version of this program brings its settings along. */
export async function writeSettings(
  dataDirectory: string,
  settings: Record<string, string>,
  user: SystemUser | undefined,
): Promise<void> {
  const path = join(dataDirectory, settingsFile);
  await writeFile(path, renderSettings(settings), { mode: 0o600 });
  await chmod(path, 0o600);
  giveTo(user, path);
}

async function flushDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

function damaged(dataDirectory: string): AppError {
  return new AppError(
    'EMBEDDED_START_FAILED',
    `${dataDirectory} is not empty and not a complete PostgreSQL database.`,
    {
      details: { dataDirectory },
      hint: 'It is left untouched. Move it away and restore a backup into a fresh one, or set CUSTOMER_ANALYZER_HOME to another directory.',
    },
  );
}

function otherMajor(dataDirectory: string, found: string, major: number): AppError {
  return new AppError(
    'EMBEDDED_START_FAILED',
    `The data in ${dataDirectory} are of PostgreSQL ${found}, and the embedded one is ${major}.`,
    {
      details: { dataDirectory, found, expected: String(major) },
      hint: `Dump them with PostgreSQL ${found}, move the directory away, start again and restore; or set DATABASE_URL to a PostgreSQL ${found} that serves them.`,
    },
  );
}
