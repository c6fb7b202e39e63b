import { Cron } from 'croner';
import { AppError } from '../errors.ts';

function invalid(expression: string, problem: string): AppError {
  return new AppError('JOB_SCHEDULE', `"${expression}" ${problem}`, {
    details: { cron: expression },
    hint: 'Write minute, hour, day of month, month, day of week: "30 3 * * *" is each day at 03:30, "0 2 * * 0" each Sunday at 02:00.',
  });
}

function parse(expression: string, timeZone: string): Cron {
  try {
    new Intl.DateTimeFormat('en', { timeZone });
  } catch {
    throw new AppError('JOB_SCHEDULE', `there is no time zone "${timeZone}"`, {
      details: { timeZone },
      hint: 'Write it as Europe/Berlin or UTC.',
    });
  }
  try {
    // Without a function to call, croner only calculates.
    return new Cron(expression, { timezone: timeZone, paused: true, mode: '5-part' });
  } catch (error) {
    throw invalid(expression, `is no schedule: ${(error as Error).message.replace(/^CronPattern: /, '')}`);
  }
}

/**
 * The first moment after `after` when the clock of a zone shows what the expression says. Where clocks go forward, what falls into the
 * hour that is not there comes once, when it would have begun to be over (02:30 at 03:00); where they go back, a given time of day comes once, the first time.
 * @throws JOB_SCHEDULE where it is no expression, no zone, or no day that ever comes
 */
export function nextRun(expression: string, timeZone: string, after: Date): Date {
  const next = parse(expression, timeZone).nextRun(after);
  if (!next) throw invalid(expression, 'is a day that never comes');
  return next;
}

/** Runs that fell due, `first` and those up to `now`: the latest of them, and how many there were (at most `limit` are looked at). */
export function dueRuns(
  expression: string,
  timeZone: string,
  first: Date,
  now: Date,
  limit = 10_000,
): { latest: Date; count: number } {
  const cron = parse(expression, timeZone);
  let latest = first;
  let count = 1;
  for (let next = cron.nextRun(first); next && next <= now && count < limit; next = cron.nextRun(next)) {
    latest = next;
    count++;
  }
  return { latest, count };
}
