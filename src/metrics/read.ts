import { Gauge, type Registry } from 'prom-client';
import { databaseError } from '../database/database-error.ts';
import type { Pool } from '../database/pool.ts';
import * as queries from './queries.ts';

interface Maintenance {
  migrations: string[] | null;
  backup_age_seconds: number | null;
  drill_age_seconds: number | null;
  last_drill_succeeded: boolean | null;
}

/** How far the database and its workers are. */
export interface Readiness {
  readonly pendingMigrations: readonly string[];
  /** Since any worker was heard of; `null` where none was. */
  readonly workerAgeSeconds: number | null;
}

/** @param known names of the migrations of this program */
export async function readReadiness(pool: Pool, known: readonly string[]): Promise<Readiness> {
  try {
    const [maintenance, worker] = await Promise.all([
      pool.query<Maintenance>(queries.MAINTENANCE),
      pool.query<{ age_seconds: number | null }>(queries.WORKER_AGE),
    ]);
    const applied = new Set(maintenance.rows[0]?.migrations ?? []);
    return {
      pendingMigrations: known.filter((name) => !applied.has(name)),
      workerAgeSeconds: worker.rows[0]?.age_seconds ?? null,
    };
  } catch (error) {
    throw databaseError(error);
  }
}

type Row = Record<string, string | number | boolean | null>;

/** One series of samples: its name, what it means, the columns that label it, and the column with its value. */
interface Series {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  readonly value: string;
}

/** Of each query the series that come out of its rows. */
const series: readonly (readonly [string, readonly Series[]])[] = [
  [
    queries.QUEUE_DEPTH,
    [{ name: 'queue_jobs', help: 'Jobs that wait or run', labels: ['job', 'state'], value: 'jobs' }],
  ],
  [
    queries.JOB_RUNS,
    [
      {
        name: 'job_runs',
        help: 'Runs in the history (clean-up shortens it)',
        labels: ['job', 'state'],
        value: 'runs',
      },
      {
        name: 'job_last_run_timestamp_seconds',
        help: 'When the newest run with this end began',
        labels: ['job', 'state'],
        value: 'newest',
      },
      {
        name: 'job_last_run_duration_seconds',
        help: 'How long it took',
        labels: ['job', 'state'],
        value: 'seconds',
      },
    ],
  ],
  [
    queries.SCORE_AGE,
    [
      {
        name: 'score_age_seconds',
        help: 'Since scores or recommendations were published',
        labels: ['kind'],
        value: 'age_seconds',
      },
      {
        name: 'score_as_of_timestamp_seconds',
        help: 'The moment up to which events counted',
        labels: ['kind'],
        value: 'as_of',
      },
    ],
  ],
  [
    queries.MODEL_QUALITY,
    [
      {
        name: 'model_quality',
        help: 'Of the model in use, one horizon before its end',
        labels: ['kind', 'metric'],
        value: 'value',
      },
    ],
  ],
  [
    queries.MAINTENANCE,
    [
      {
        name: 'backup_age_seconds',
        help: 'Since the last backup that succeeded',
        labels: [],
        value: 'backup_age_seconds',
      },
      {
        name: 'last_drill_age_seconds',
        help: 'Since the last drill',
        labels: [],
        value: 'drill_age_seconds',
      },
      {
        name: 'last_drill_succeeded',
        help: '1 where the last drill succeeded',
        labels: [],
        value: 'last_drill_succeeded',
      },
    ],
  ],
  [
    queries.WORKER_AGE,
    [{ name: 'worker_age_seconds', help: 'Since any worker was heard of', labels: [], value: 'age_seconds' }],
  ],
];

/** A gauge without labels would show 0 after a reset, which is a value. */
function empty(gauge: Gauge, labels: readonly string[]): void {
  if (labels.length > 0) gauge.reset();
  else gauge.remove();
}

/** Registers what is read from the database at each scrape. @returns what reads it; without the database `database_up` says so, and the rest is left out */
export function watchDatabase(registry: Registry, pool: Pool, known: readonly string[]): () => Promise<void> {
  const gauge = (name: string, help: string, labels: readonly string[] = []): Gauge =>
    new Gauge({ name: `customer_analyzer_${name}`, help, labelNames: [...labels], registers: [registry] });
  const up = gauge('database_up', '1 where the database answers');
  const pending = gauge('migrations_pending', 'Migrations of this program that the database lacks');
  const groups = series.map(([sql, each]) => ({
    sql,
    gauges: each.map((one) => ({ ...one, gauge: gauge(one.name, one.help, one.labels) })),
  }));
  const show = async ({ sql, gauges }: (typeof groups)[number]): Promise<Row[]> => {
    const { rows } = await pool.query<Row>(sql);
    for (const { gauge, labels, value } of gauges) {
      empty(gauge, labels);
      for (const row of rows) {
        if (row[value] === null || row[value] === undefined) continue;
        gauge.set(Object.fromEntries(labels.map((label) => [label, String(row[label])])), Number(row[value]));
      }
    }
    return rows;
  };
  return async () => {
    try {
      // One after another, on one connection at most: a scrape is not what the others should wait for.
      for (const group of groups) {
        const rows = await show(group);
        if (group.sql !== queries.MAINTENANCE) continue;
        const applied = (rows as unknown as Maintenance[])[0]?.migrations ?? [];
        pending.set(known.filter((name) => !applied.includes(name)).length);
      }
      up.set(1);
    } catch {
      for (const { gauge, labels } of groups.flatMap(({ gauges }) => gauges)) empty(gauge, labels);
      pending.remove();
      up.set(0);
    }
  };
}
