import { CommanderError } from 'commander';
import { databaseError } from '../database/database-error.ts';
import { AppError } from '../errors.ts';

/** The one place where an error becomes text on a terminal: code, what happened, what to do; and the exit code. */
export function renderError(thrown: unknown): { text: string; exitCode: number } {
  if (thrown instanceof CommanderError) {
    // commander has printed its own message already; help and version are no failures.
    return { text: '', exitCode: thrown.exitCode === 0 ? 0 : 2 };
  }
  const error = databaseError(thrown);
  if (!(error instanceof AppError)) {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    return {
      text: `INTERNAL: ${text}\n  This is a bug. Please report it with the lines above.`,
      exitCode: 1,
    };
  }
  const lines = [`${error.code}: ${error.message}`];
  if (error.hint) lines.push(`  ${error.hint}`);
  const log = error.details['log'];
  if (typeof log === 'string') lines.push(...log.split('\n').map((line) => `  | ${line}`));
  return { text: lines.join('\n'), exitCode: error.exitCode };
}

/** What a worker is told of a command that failed: kept in the history of jobs, so in one line. */
export function failureOf(thrown: unknown): { code: string; message: string } {
  const error = databaseError(thrown);
  if (error instanceof AppError) return { code: error.code, message: error.message };
  return { code: thrown instanceof CommanderError ? 'USAGE' : 'INTERNAL', message: error.message };
}
