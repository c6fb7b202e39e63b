import { open, stat } from 'node:fs/promises';
import { AppError } from '../../errors.ts';

const diskFullText = /No space left on device|Disk quota exceeded/;

/** Why a postmaster ended before it was ready, as its own log tells. */
export type LaunchFailureReason = 'port-busy' | 'disk-full' | 'memory-in-use' | 'already-running' | 'other';

export class LaunchFailure extends Error {
  readonly reason: LaunchFailureReason;
  /** The last lines that the server wrote in this launch. */
  readonly logLines: string[];

  constructor(message: string, logLines: string[]) {
    super(message);
    this.name = 'LaunchFailure';
    this.logLines = logLines;
    this.reason = launchFailureReason(logLines.join('\n'));
  }
}

function launchFailureReason(log: string): LaunchFailureReason {
  if (diskFullText.test(log)) return 'disk-full';
  if (/could not bind|could not create any TCP\/IP sockets|Address already in use/.test(log)) {
    return 'port-busy';
  }
  if (/pre-existing shared memory block/.test(log)) return 'memory-in-use';
  if (/lock file ".*" already exists/.test(log)) return 'already-running';
  return 'other';
}

/** ENOSPC and EDQUOT of Node, 53100 of PostgreSQL (class 53, disk_full), and the messages of its programs. */
export function isDiskFull(error: unknown): boolean {
  if (error instanceof LaunchFailure) return error.reason === 'disk-full';
  if (!(error instanceof Error)) return false;
  const code = (error as { code?: unknown }).code;
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === '53100' || code === 'DISK_FULL') return true;
  return diskFullText.test(error.message);
}

export function diskFullError(directory: string, cause?: unknown): AppError {
  return new AppError('DISK_FULL', `There is no space left for the database in ${directory}.`, {
    details: { directory },
    hint: `Free some space on the disk that holds ${directory} (df -h shows it), or set CUSTOMER_ANALYZER_HOME to a directory on a larger disk, and start again. What was committed is kept.`,
    cause,
  });
}

/** One error for whatever happened while the embedded server was started in `directory`. */
export function asEmbeddedError(error: unknown, directory: string): AppError {
  if (error instanceof AppError) return error;
  if (isDiskFull(error)) return diskFullError(directory, error);
  if (error instanceof LaunchFailure) return launchError(error, directory);
  const code = (error as { code?: unknown }).code;
  const reason = error instanceof Error ? error.message : String(error);
  return new AppError(
    'EMBEDDED_START_FAILED',
    `The embedded PostgreSQL in ${directory} did not start: ${reason}.`,
    {
      details: { directory },
      hint:
        code === 'EACCES' || code === 'EPERM'
          ? `This user may not write there: give it the directory, start as the user that owns it, or set CUSTOMER_ANALYZER_HOME to another directory.`
          : 'Look at the cause below, or set DATABASE_URL to a PostgreSQL of your own.',
      cause: error,
    },
  );
}

function launchError(failure: LaunchFailure, directory: string): AppError {
  return new AppError(
    'EMBEDDED_START_FAILED',
    `The embedded PostgreSQL in ${directory} did not start: ${failure.message}.`,
    { details: { directory, log: failure.logLines }, hint: launchHint(failure.reason), cause: failure },
  );
}

function launchHint(reason: LaunchFailureReason): string {
  if (reason === 'port-busy')
    return 'No free port was found on the loopback address: end the program that uses it, or give another port.';
  if (reason === 'memory-in-use')
    return 'Processes of an earlier PostgreSQL still hold its memory: end them (ps shows them as "postgres: …") and start again.';
  return 'The last lines of the server log (details.log) say why. If the data directory is damaged, move it away and restore a backup into a fresh one.';
}

/** The last `count` lines that were appended to a log after `offset`, at most 16 KiB of them. */
export async function logLinesSince(path: string, offset: number, count = 15): Promise<string[]> {
  const size = await stat(path).then(
    (entry) => entry.size,
    () => 0,
  );
  const from = Math.max(offset > size ? 0 : offset, size - 16_384);
  if (size <= from) return [];
  const file = await open(path, 'r');
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(size - from), 0, size - from, from);
    return buffer.toString('utf8', 0, bytesRead).split('\n').filter(Boolean).slice(-count);
  } finally {
    await file.close();
  }
}
