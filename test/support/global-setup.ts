import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { startEmbedded } from '../../src/database/embedded/server.ts';
import { migrate } from '../../src/database/migrations.ts';
import { PASSWORDS, TEMPLATE_DATABASE } from './test-database.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    templateUrl: string;
  }
}

/** One real server for the whole run, with a migrated template database that each test file clones. */
export async function setup(project: TestProject): Promise<() => Promise<void>> {
  // Tests that spawn the CLI run what users run: the build.
  execFileSync('npm', ['run', '--silent', 'build'], { stdio: 'inherit' });
  const home = mkdtempSync(join(tmpdir(), 'customer-analyzer-test-'));
  // Open to traverse: started by root, the server runs as somebody else, and would move its data to a shared place.
  chmodSync(home, 0o755);
  const server = await startEmbedded({
    home,
    port: 20_000 + (process.pid % 20_000),
    superuserPassword: PASSWORDS.superuser,
    // Nothing here must outlive a power cut, and the tests write a lot.
    settings: { fsync: 'off', full_page_writes: 'off', max_connections: '200' },
  });
  const templateUrl = server.url(TEMPLATE_DATABASE);
  await migrate(templateUrl, PASSWORDS);
  project.provide('templateUrl', templateUrl);
  return async () => {
    await server.stop();
    rmSync(home, { recursive: true, force: true });
  };
}
