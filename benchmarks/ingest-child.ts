import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('./ingest-servers.ts', import.meta.url));

/** `checked` and `row` take one event a request, `bare` takes none and writes by itself: see ingest-servers.ts. */
export type ServerRole = 'ours' | 'checked' | 'row';

export interface Usage {
  readonly cpu: NodeJS.CpuUsage;
  readonly rssBytes: number;
}

/** Runs a server in a process of its own. */
export async function withIngestServer<T>(
  role: ServerRole,
  url: string,
  run: (port: number, usage: () => Promise<Usage>) => Promise<T>,
): Promise<T> {
  const child = start(role, url);
  try {
    const [{ port }] = (await once(child, 'message')) as [{ port: number }];
    return await run(port, async () => {
      child.send('usage');
      return ((await once(child, 'message')) as [Usage])[0];
    });
  } finally {
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
}

/** Lets a process insert by itself for some seconds. @returns what it measured */
export async function insertBare<T>(url: string, seconds: number): Promise<T> {
  const child = start('bare', url, String(seconds));
  const [sample] = (await once(child, 'message')) as [T];
  await once(child, 'exit');
  return sample;
}

function start(...args: string[]): ChildProcess {
  // To see where the time goes: BENCH_NODE_ARGS='--cpu-prof --cpu-prof-dir=/tmp/profiles'.
  const extra = process.env['BENCH_NODE_ARGS']?.split(' ') ?? [];
  const execArgv = [...process.execArgv, ...extra];
  return fork(program, args, { execArgv, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
}
