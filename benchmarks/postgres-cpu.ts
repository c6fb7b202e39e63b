import { readdirSync, readFileSync } from 'node:fs';
import pg from 'pg';

/** Processor time in microseconds since each process began. */
export interface PostgresCpu {
  /** Processes that answer clients. */
  readonly backends: number;
  /** Checkpointer, WAL and background writer, the statistics and the postmaster. */
  readonly others: number;
}

/** Linux counts in hundredths of a second, whatever the kernel's own clock: proc(5), sysconf(_SC_CLK_TCK). */
const microsecondsPerTick = 10_000;

/** What reads the time of all processes of a server; null where there is no /proc. */
export async function postgresCpuOf(url: string): Promise<(() => PostgresCpu) | null> {
  const client = new pg.Client(url);
  await client.connect();
  const { rows } = await client.query<{ pid: number }>('SELECT pg_backend_pid() AS pid');
  const own = statOf(rows[0]?.pid ?? 0);
  await client.end();
  return own === null ? null : () => sumOf(own.parent);
}

function sumOf(postmaster: number): PostgresCpu {
  const sum = { backends: 0, others: 0 };
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    const stat = Number.isInteger(pid) ? statOf(pid) : null;
    if (stat === null || (stat.parent !== postmaster && pid !== postmaster)) continue;
    const isBackend = /^postgres: (app_user|ml_user|admin_user|postgres) /.test(titleOf(pid));
    sum[isBackend ? 'backends' : 'others'] += stat.microseconds;
  }
  return sum;
}

function titleOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
  } catch {
    return '';
  }
}

function statOf(pid: number): { parent: number; microseconds: number } | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name stands in brackets and may hold anything: what follows is state, parent, …, utime and stime at places 12 and 13.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const ticks = Number(fields[11]) + Number(fields[12]);
    return { parent: Number(fields[1]), microseconds: ticks * microsecondsPerTick };
  } catch {
    return null;
  }
}
