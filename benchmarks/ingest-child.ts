import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const program = fileURLToPath(new URL('./ingest-servers.ts', import.meta.url));

/** `checked` and `row` take one event a request, `bare` takes none and writes by itself: see ingest-servers.ts. */
export type ServerRole = 'ours' | 'checked' | 'row';

/**
 * Nothing is measured before: a server runs for weeks, and in its first seconds a fifth of its processor time goes into compiling
 * (perf: V8's compilers; 8 % still after three), which one that does more for each request has more of.
 */
export const warmUpSeconds = 6;

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

export interface BareSample {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly events: number;
  readonly usage: Usage;
}

/** Lets a process insert by itself for some seconds. Its connections are open when `begun` and `ended` are called. */
export async function insertBare(
  url: string,
  seconds: number,
  begun: () => void,
  ended: () => void,
): Promise<BareSample> {
  const child = start('bare', url, String(seconds));
  await once(child, 'message');
  begun();
  const [sample] = (await once(child, 'message')) as [BareSample];
  ended();
  child.send('end');
  await once(child, 'exit');
  return sample;
}

function start(...args: string[]): ChildProcess {
  // To see where the time goes: BENCH_NODE_ARGS='--cpu-prof --cpu-prof-dir=/tmp/profiles'.
  const extra = process.env['BENCH_NODE_ARGS']?.split(' ') ?? [];
  const execArgv = [...process.execArgv, ...extra];
  return fork(program, args, { execArgv, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
}
