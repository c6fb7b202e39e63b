import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

function isInstalled(program: string, version = '--version'): boolean {
  return spawnSync(program, [version]).status === 0;
}

export const hasPsql = isInstalled('psql');
export const hasPgDump = isInstalled('pg_dump');
export const hasPgBackRest = isInstalled('pgbackrest', 'version');

/** libpq's environment for a URL: what a container's entry point and a person at a terminal would have set. */
function connectionEnvironment(url: string): NodeJS.ProcessEnv {
  const { hostname, port, username, password, pathname } = new URL(url);
  return {
    ...process.env,
    PGHOST: hostname,
    PGPORT: port,
    PGUSER: decodeURIComponent(username),
    PGPASSWORD: decodeURIComponent(password),
    PGDATABASE: decodeURIComponent(pathname.slice(1)),
  };
}

/** Runs a client program against the database of a URL; throws with what it wrote to stderr where it fails. */
export async function runClient(
  program: 'psql' | 'pg_dump',
  url: string,
  args: string[],
  environment: Record<string, string> = {},
): Promise<string> {
  const env = { ...connectionEnvironment(url), ...environment };
  return (await run(program, args, { env, maxBuffer: 64 * 1024 * 1024 })).stdout;
}
