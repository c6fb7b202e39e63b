import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, fstatSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Binaries } from './binaries.ts';
import { LaunchFailure, logLinesSince } from './failure.ts';
import type { Place } from './place.ts';
import { findPostmaster, type PostmasterPid, readPostmasterPid } from './postmaster-pid.ts';
import { isAlive, type ProcessIdentity } from './process-identity.ts';
import { logFileOf, openLog, rotateLog } from './server-log.ts';
import { asUser } from './unprivileged-user.ts';

const pollMs = 20;
const tellEveryMs = 10_000;

/** A running postmaster, whether this process launched it or found it. */
export interface Postmaster {
  identity: ProcessIdentity;
  port: number;
  socketDirectory: string;
  /** Resolves when a postmaster of our own ends; undefined for one that was found. */
  ended?: Promise<unknown>;
}

export interface Launch {
  binaries: Binaries;
  place: Place;
  port: number;
  addresses: readonly string[];
  socketDirectory: string;
  notice: (text: string) => void;
}

/** Starts the server and resolves when it accepts connections. Throws LaunchFailure when it ends before. */
export async function launchPostmaster(launch: Launch): Promise<Postmaster> {
  const log = logFileOf(launch.place.base);
  await rotateLog(log, false);
  const stale = await readPostmasterPid(launch.place.dataDirectory);
  const descriptor = openLog(log, launch.place.user);
  const logStart = fstatSync(descriptor).size;
  const child = spawnPostmaster(launch, descriptor, stale?.pid);
  closeSync(descriptor);
  const ending = endOf(child);
  const found = await waitUntilReady(launch, child, ending);
  if (typeof found === 'string') throw new LaunchFailure(found, await logLinesSince(log, logStart));
  if (found.listenAddress !== launch.addresses[0]) {
    // Somebody took the port on 127.0.0.1 after we looked; the server is content with ::1, the people are not.
    await stopPostmaster(found.identity, launch.notice);
    throw new LaunchFailure('the port was taken', ['Address already in use']);
  }
  child.unref();
  return {
    identity: found.identity,
    port: found.port,
    socketDirectory: launch.socketDirectory,
    ended: ending,
  };
}

function spawnPostmaster(launch: Launch, log: number, stalePid: number | undefined): ChildProcess {
  const { place, binaries } = launch;
  // On the command line, where ALTER SYSTEM cannot override them: loopback only, at the port that we tell people.
  const settings = {
    listen_addresses: launch.addresses.join(','),
    port: launch.port,
    unix_socket_directories: launch.socketDirectory,
    unix_socket_permissions: '0700',
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  return spawn(binaries.postgres, ['-D', place.dataDirectory, ...flags], {
    cwd: '/',
    // A session of its own: Ctrl-C in the terminal reaches only Node, which orders the stop.
    detached: true,
    stdio: ['ignore', log, log],
    env: {
      PATH: process.env['PATH'],
      LC_ALL: 'C',
      TZ: 'UTC',
      // PostgreSQL takes the lock file of an ended postmaster for a living one when its process id was given to another
      // process, or is that of a zombie. Whoever launches knows that no postmaster lives; the variable (which pg_ctl uses)
      // excuses this one id, and the check that nobody holds the old shared memory stays.
      ...(stalePid ? { PG_GRANDPARENT_PID: String(stalePid) } : {}),
    },
    ...asUser(place.user),
  });
}

/** Resolves with a sentence on how the process ended. */
function endOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (code, signal) =>
      resolve(signal ? `it was ended by ${signal}` : `it ended with code ${code}`),
    );
  });
}

async function waitUntilReady(launch: Launch, child: ChildProcess, ending: Promise<string>) {
  let ended: string | undefined;
  ending.then((how) => {
    ended = how;
  });
  let tellAt = Date.now() + tellEveryMs;
  for (;;) {
    await Promise.race([sleep(pollMs), ending]);
    if (ended !== undefined) return ended;
    const found = await findPostmaster(launch.place.dataDirectory);
    if (found?.pid === child.pid && isReady(found)) return found!;
    // No limit: recovery after a crash takes as long as the log is long, and ending it would only begin it anew.
    if (Date.now() >= tellAt) {
      launch.notice(
        'PostgreSQL is still starting: it recovers what was committed before it was interrupted.',
      );
      tellAt += tellEveryMs;
    }
  }
}

export function isReady(found: PostmasterPid | undefined): boolean {
  return found?.status === 'ready';
}

/** Fast shutdown (SIGINT: transactions are rolled back, everything is written); harsher only when that takes over a minute. */
export async function stopPostmaster(
  identity: ProcessIdentity,
  notice: (text: string) => void,
  patienceMs = 60_000,
): Promise<void> {
  if (await endsAfter(identity, 'SIGINT', patienceMs)) return;
  notice(
    `PostgreSQL did not stop within ${Math.round(patienceMs / 1000)} s; it is stopped at once and recovers at the next start.`,
  );
  if (await endsAfter(identity, 'SIGQUIT', Math.min(patienceMs, 10_000))) return;
  notice(
    `PostgreSQL (process ${identity.pid}) does not answer and is killed; it recovers at the next start.`,
  );
  await endsAfter(identity, 'SIGKILL', 5_000);
}

async function endsAfter(
  identity: ProcessIdentity,
  signal: NodeJS.Signals,
  patienceMs: number,
): Promise<boolean> {
  const deadline = Date.now() + patienceMs;
  if (!isAlive(identity)) return true;
  try {
    process.kill(identity.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return true;
    throw error;
  }
  while (Date.now() < deadline) {
    if (!isAlive(identity)) return true;
    await sleep(pollMs);
  }
  return false;
}
