import { readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { commandLine, type ProcessIdentity, processIdentity } from './process-identity.ts';

/** What a postmaster writes into postmaster.pid (src/include/utils/pidfile.h of PostgreSQL). */
export interface PostmasterPid {
  pid: number;
  dataDirectory: string;
  port: number;
  socketDirectory: string;
  /** The first address that it could bind; empty when there is none. */
  listenAddress: string;
  status: 'starting' | 'stopping' | 'ready' | 'standby' | '';
}

export function parsePostmasterPid(text: string): PostmasterPid | undefined {
  const lines = text.split('\n').map((line) => line.trim());
  const pid = Number(lines[0]);
  if (!Number.isInteger(pid) || pid <= 0 || !lines[1]) return undefined;
  return {
    pid,
    dataDirectory: lines[1],
    port: Number(lines[3] ?? 0) || 0,
    socketDirectory: lines[4] ?? '',
    listenAddress: lines[5] ?? '',
    status: (lines[7] ?? '') as PostmasterPid['status'],
  };
}

/** The content of a data directory's postmaster.pid, whether or not such a process lives; undefined when there is none. */
export async function readPostmasterPid(dataDirectory: string): Promise<PostmasterPid | undefined> {
  try {
    return parsePostmasterPid(await readFile(join(dataDirectory, 'postmaster.pid'), 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The living postmaster of a data directory. A process that merely inherited its id is not one. */
export async function findPostmaster(
  dataDirectory: string,
): Promise<(PostmasterPid & { identity: ProcessIdentity }) | undefined> {
  const found = await readPostmasterPid(dataDirectory);
  if (!found) return undefined;
  const identity = processIdentity(found.pid);
  if (!identity || !(await isPostmasterOf(found.pid, dataDirectory))) return undefined;
  return { ...found, identity };
}

/**
 * Its command line names the program and the directory; its children have renamed themselves ("postgres: checkpointer").
 * /proc/PID/cwd would say the same, but root in a container may not read that of another user.
 */
export async function isPostmasterOf(pid: number, dataDirectory: string): Promise<boolean> {
  // Joined, since outside Linux a program's path that holds spaces comes in pieces.
  const line = commandLine(pid).join(' ');
  if (!/(?:^|\/)(?:postgres|postmaster) .*-D/.test(line)) return false;
  const real = await realpath(dataDirectory).catch(() => dataDirectory);
  return line.includes(dataDirectory) || line.includes(real);
}
