import { setTimeout as sleep } from 'node:timers/promises';
import { packagedBinaries, prepareBinaries } from './binaries.ts';
import { asEmbeddedError, LaunchFailure } from './failure.ts';
import { hasCluster, initialiseCluster, writeSettings } from './initialise-cluster.ts';
import type { Lock } from './lock.ts';
import { verifyLogin } from './login.ts';
import { makeSocketDirectory, type Place, resolvePlace } from './place.ts';
import { findFreePort, loopbackAddresses } from './port.ts';
import { isReady, type Launch, launchPostmaster, type Postmaster, stopPostmaster } from './postmaster.ts';
import { findPostmaster } from './postmaster-pid.ts';
import { presentProcesses } from './presence.ts';
import { logFileOf } from './server-log.ts';
import { serverSettings } from './settings.ts';
import { readState, writeState } from './state.ts';
import { supervise } from './supervise.ts';

const portAttempts = 5;
const memoryPatienceMs = 30_000;

/** The options of startEmbedded with their defaults. */
export interface Context {
  home: string;
  port: number;
  superuser: string;
  superuserPassword: string;
  binaries: string | undefined;
  sharedRoot: string | undefined;
  settings: Record<string, string>;
  notice: (text: string) => void;
}

/** A server that this process watches and stops. */
export interface Owned {
  place: Place;
  current(): Postmaster;
  stop(): Promise<void>;
}

/** Brings the server of a home up, under its lock, which is released when that fails or when the server is stopped. */
export async function own(context: Context, lock: Lock): Promise<Owned> {
  try {
    const place = await resolvePlace(context.home, context.notice, context.sharedRoot);
    const launch = await prepareLaunch(context, place);
    const adopted = await adopt(context, place);
    const postmaster = adopted ?? (await launchOnFreePort(context, launch));
    try {
      await verifyLogin({ ...context, port: postmaster.port, dataDirectory: place.dataDirectory });
      await remember(context, place, postmaster);
    } catch (error) {
      if (!adopted) await stopPostmaster(postmaster.identity, context.notice);
      throw error;
    }
    return guard(context, lock, launch, postmaster);
  } catch (error) {
    await lock.release();
    throw error;
  }
}

type LaunchBase = Omit<Launch, 'port'>;

async function prepareLaunch(context: Context, place: Place): Promise<LaunchBase> {
  const source = context.binaries ?? packagedBinaries();
  return {
    binaries: await prepareBinaries(source, place.binariesRoot, place.user, context.notice),
    place,
    addresses: await loopbackAddresses(),
    socketDirectory: makeSocketDirectory(place.base, place.user),
    notice: context.notice,
  };
}

/** A server whose Node was killed goes on running; one that is about to stop is awaited. */
async function adopt(context: Context, place: Place): Promise<Postmaster | undefined> {
  for (;;) {
    const found = await findPostmaster(place.dataDirectory);
    if (!found) return undefined;
    if (isReady(found)) {
      context.notice(
        `PostgreSQL (process ${found.pid}) was still running from an earlier start; it is taken over.`,
      );
      return { identity: found.identity, port: found.port, socketDirectory: found.socketDirectory };
    }
    await sleep(100);
  }
}

async function launchOnFreePort(context: Context, launch: LaunchBase): Promise<Postmaster> {
  await ensureCluster(context, launch);
  const remembered = (await readState(context.home))?.port;
  const busy = new Set<number>();
  const memoryDeadline = Date.now() + memoryPatienceMs;
  for (;;) {
    const port = await findFreePort(context.port, remembered, launch.addresses, busy);
    try {
      return await launchPostmaster({ ...launch, port });
    } catch (error) {
      const reason = error instanceof LaunchFailure ? error.reason : 'other';
      // Between our look and the server's bind, somebody else may take a port.
      if (reason === 'port-busy' && busy.size < portAttempts) busy.add(port);
      // Children of a killed postmaster notice its death only after the statement that they are at.
      else if (reason === 'memory-in-use' && Date.now() < memoryDeadline) await sleep(250);
      else throw error;
    }
  }
}

async function ensureCluster(context: Context, { binaries, place }: LaunchBase): Promise<void> {
  const settings = serverSettings(context.settings);
  if (!(await hasCluster(place.dataDirectory, binaries.major))) {
    await initialiseCluster(binaries, {
      dataDirectory: place.dataDirectory,
      superuser: context.superuser,
      superuserPassword: context.superuserPassword,
      user: place.user,
      unsafe: settings['fsync'] === 'off',
    });
  }
  await writeSettings(place.dataDirectory, settings, place.user);
}

function remember(context: Context, place: Place, postmaster: Postmaster): Promise<void> {
  return writeState({
    home: context.home,
    base: place.base,
    port: postmaster.port,
    pid: postmaster.identity.pid,
    socketDirectory: postmaster.socketDirectory,
  });
}

function guard(context: Context, lock: Lock, launch: LaunchBase, first: Postmaster): Owned {
  const { place } = launch;
  const supervision = supervise(first, {
    logFile: logFileOf(place.base),
    notice: context.notice,
    async relaunch() {
      try {
        // The same port: everybody who is connected knows only that one.
        const postmaster = await launchPostmaster({ ...launch, port: first.port });
        await remember(context, place, postmaster).catch(() => undefined);
        return postmaster;
      } catch (error) {
        throw asEmbeddedError(error, place.base);
      }
    },
  });
  let stopping: Promise<void> | undefined;
  return {
    place,
    current: supervision.current,
    stop: () => {
      stopping ??= stopOwned();
      return stopping;
    },
  };

  async function stopOwned(): Promise<void> {
    try {
      await supervision.end();
      const others = await presentProcesses(context.home);
      if (others.length === 0) return await stopPostmaster(supervision.current().identity, context.notice);
      const list = others.map(({ pid }) => pid).join(', ');
      context.notice(`PostgreSQL goes on running: process ${list} uses it and takes it over.`);
    } finally {
      await lock.release();
    }
  }
}
