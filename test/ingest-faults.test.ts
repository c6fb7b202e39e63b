import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startEmbedded } from '../src/database/embedded/server.ts';
import { runFaults } from './support/ingest-faults.ts';
import { PASSWORDS } from './support/test-database.ts';

/** The whole of it: INGEST_FAULTS=full npx vitest run test/ingest-faults.test.ts */
const isFull = process.env['INGEST_FAULTS'] === 'full';
const plan = isFull
  ? { events: 100_000, clients: 8, serverKills: 20, databaseKills: 5, duplicateShare: 0.3, batch: 50 }
  : { events: 10_000, clients: 8, serverKills: 2, databaseKills: 1, duplicateShare: 0.3, batch: 50 };

it('clients that send again lose nothing and count nothing twice while server and PostgreSQL are killed', async () => {
  const home = mkdtempSync(join(tmpdir(), 'customer-analyzer-faults-'));
  chmodSync(home, 0o755);
  // Durable, other than the server of the other tests: what is killed here has to come back with all that it promised.
  const server = await startEmbedded({
    home,
    port: 20_000 + (process.pid % 20_000),
    superuserPassword: PASSWORDS.superuser,
  });
  try {
    const report = await runFaults(plan, server, 41_000 + (process.pid % 5_000));
    if (isFull) process.stdout.write(`${JSON.stringify(report)}\n`);
    expect(report).toMatchObject({
      acknowledged: plan.events,
      stored: plan.events,
      distinct: plan.events,
      lostAcknowledged: 0,
      serverKills: plan.serverKills,
      databaseKills: plan.databaseKills,
      users: 500,
    });
    expect(report.duplicates).toBeGreaterThanOrEqual(plan.events * plan.duplicateShare * 0.95);
    expect(report.failedRequests).toBeGreaterThan(0);
  } finally {
    await server.stop();
    rmSync(home, { recursive: true, force: true });
  }
}, 3_600_000);
