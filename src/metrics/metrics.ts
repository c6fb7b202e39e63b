import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Pool } from '../database/pool.ts';

export type IngestOutcome = 'accepted' | 'duplicate' | 'rejected' | 'conflict';

interface IntakeLoad {
  readonly requests: number;
  readonly bytes: number;
}

/** What happens in this process, counted for Prometheus. What stands in the database is read when somebody asks (read.ts). */
export interface Metrics {
  readonly registry: Registry;
  /** `route` is the pattern, never the address: that names customers. */
  observeRequest(method: string, route: string, status: number, seconds: number): void;
  /** For whoever takes events in: one call for each outcome of a batch, with its number. */
  countIngested(outcome: IngestOutcome, events: number): void;
  /** Shows how many connections of a pool are there, idle, and waited for. */
  watchPool(name: string, pool: Pool): void;
  /** Shows what has been let in and is not written yet. */
  watchIntake(intake: IntakeLoad): void;
}

/** From an answer out of memory to the 30 seconds after which a statement is ended. */
const REQUEST_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** A registry of its own, so that several servers can live in one process, as in tests. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const requests = new Histogram({
    name: 'customer_analyzer_http_request_duration_seconds',
    help: 'Answers by method, route and status',
    labelNames: ['method', 'route', 'status'],
    buckets: REQUEST_SECONDS,
    registers: [registry],
  });
  const ingested = new Counter({
    name: 'customer_analyzer_ingested_events_total',
    help: 'Events taken in over HTTP, by outcome',
    labelNames: ['outcome'],
    registers: [registry],
  });
  for (const outcome of ['accepted', 'duplicate', 'rejected', 'conflict']) ingested.inc({ outcome }, 0);
  const pools = new Map<string, Pool>();
  new Gauge({
    name: 'customer_analyzer_pool_connections',
    help: 'Connections of a pool: open, idle; waiting are requests that have none yet',
    labelNames: ['pool', 'state'],
    registers: [registry],
    collect() {
      for (const [pool, { totalCount, idleCount, waitingCount }] of pools) {
        this.set({ pool, state: 'open' }, totalCount);
        this.set({ pool, state: 'idle' }, idleCount);
        this.set({ pool, state: 'waiting' }, waitingCount);
      }
    },
  });
  const watchIntake = (intake: IntakeLoad): void => {
    for (const of of ['requests', 'bytes'] as const)
      new Gauge({
        name: `customer_analyzer_intake_${of}`,
        help: `Events over HTTP: ${of} that are read, wait or are written`,
        registers: [registry],
        collect() {
          this.set(intake[of]);
        },
      });
  };
  return {
    registry,
    watchIntake,
    observeRequest: (method, route, status, seconds) =>
      requests.observe({ method, route, status: String(status) }, seconds),
    countIngested: (outcome, events) => ingested.inc({ outcome }, events),
    watchPool: (name, pool) => void pools.set(name, pool),
  };
}
