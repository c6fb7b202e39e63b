import { statfsSync } from 'node:fs';
import { totalmem } from 'node:os';

const mebibyte = 1024 * 1024;

/** Memory that this process may use, in bytes: a container's limit counts. */
function memoryBytes(): number {
  const limit = process.constrainedMemory();
  return limit > 0 && limit < totalmem() ? limit : totalmem();
}

function share(bytes: number, divisor: number, leastMiB: number, mostMiB: number): string {
  return `${Math.round(Math.min(mostMiB, Math.max(leastMiB, bytes / divisor / mebibyte)))}MB`;
}

/**
 * Parallel queries exchange rows through /dev/shm, of which a container has 64 MB by default: a parallel hash join then fails
 * with "could not resize shared memory segment". A slower plan is better than a failing one.
 */
function parallelSettings(): Record<string, string> {
  try {
    const shared = statfsSync('/dev/shm');
    if (shared.bavail * shared.bsize >= 256 * mebibyte) return {};
  } catch {
    return {}; // Systems without /dev/shm (macOS) have no such limit.
  }
  return { max_parallel_workers_per_gather: '0', max_parallel_maintenance_workers: '0' };
}

/** The settings of the embedded server for a small machine of 2 cores. Durability (fsync, synchronous_commit) stays on. */
export function serverSettings(extra: Record<string, string> = {}): Record<string, string> {
  const memory = memoryBytes();
  return {
    shared_preload_libraries: 'pg_stat_statements',
    password_encryption: 'scram-sha-256',
    timezone: 'UTC',
    log_timezone: 'UTC',
    // Memory is taken as pages are read. Lists of a shop of 20 million events took a third more processor with 256 MB than with 4 GB.
    shared_buffers: share(memory, 4, 32, 1024),
    effective_cache_size: share(memory, 2, 64, 4096),
    work_mem: '16MB',
    maintenance_work_mem: share(memory, 16, 32, 128),
    // Imports write WAL in bursts: with the default of 1 GB and 5 minutes they would pay for a checkpoint every few seconds.
    max_wal_size: '2GB',
    min_wal_size: '128MB',
    checkpoint_timeout: '15min',
    // The first change of a page after a checkpoint writes it whole, and live events touch some 150 pages of indexes for 50 rows: to pack them (these
    // binaries know pglz alone) took 29 to 44 ms of the processor where all else took 5, for two thirds of the bytes (20 million events).
    wal_compression: 'off',
    random_page_cost: '1.1',
    // The queries are short, compiling them costs more than it saves; these binaries bring no LLVM either.
    jit: 'off',
    // Errors reach the client in full. The log would repeat the statement and its context, and with them passwords of
    // CREATE ROLE and customers' data.
    log_min_error_statement: 'panic',
    log_error_verbosity: 'terse',
    log_line_prefix: '%m [%p] %q%u@%d ',
    // Written by the supervisor's file, which it also limits in size; a collector process would be one more to adopt.
    logging_collector: 'off',
    ...parallelSettings(),
    ...extra,
  };
}

export function renderSettings(settings: Record<string, string>): string {
  const lines = Object.entries(settings).map(([name, value]) => `${name} = '${value.replaceAll("'", "''")}'`);
  return [
    '# Written by Customer Analyzer at each start: changes here are lost.',
    '# Put your own into postgresql.conf below the include, or use ALTER SYSTEM.',
    ...lines,
    '',
  ].join('\n');
}
