import { setTimeout as sleep } from 'node:timers/promises';
import type { Postmaster } from './postmaster.ts';
import { isAlive } from './process-identity.ts';
import { rotateLog } from './server-log.ts';

const pollMs = 500;
const rotateEveryPolls = 120;
/** Waits before the attempts to restart; the last one repeats, since somebody may be freeing the full disk meanwhile. */
const backoffMs = [0, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000];
/** A server that stayed up this long has earned a fresh set of attempts. */
const stableMs = 60_000;

export interface Supervision {
  current(): Postmaster;
  /** Ends the watch; a restart that is under way is awaited, so that the caller then knows what runs. */
  end(): Promise<void>;
}

export interface SuperviseOptions {
  logFile: string;
  /** Launches again on the same port; the supervisor repeats it with pauses. */
  relaunch: () => Promise<Postmaster>;
  notice: (text: string) => void;
}

/**
 * Restarts the postmaster when it ends unasked. (A backend that crashes is PostgreSQL's own affair: the postmaster
 * recovers by itself.)
 */
export function supervise(first: Postmaster, options: SuperviseOptions): Supervision {
  let current = first;
  const ending = new AbortController();
  let busy: Promise<void> | undefined;
  let polls = 0;
  let attempts = 0;
  let startedAt = Date.now();

  const timer = setInterval(check, pollMs);
  timer.unref();
  first.ended?.then(check);

  function check(): void {
    if (ending.signal.aborted || busy) return;
    if (!isAlive(current.identity))
      busy = restart().finally(() => {
        busy = undefined;
      });
    else if (++polls % rotateEveryPolls === 0) rotateLog(options.logFile, true).catch(() => undefined);
  }

  async function restart(): Promise<void> {
    if (Date.now() - startedAt > stableMs) attempts = 0;
    options.notice(`PostgreSQL (process ${current.identity.pid}) ended unexpectedly; it is started again.`);
    while (await pause(backoffMs[Math.min(attempts++, backoffMs.length - 1)])) {
      try {
        current = await options.relaunch();
        startedAt = Date.now();
        current.ended?.then(check);
        options.notice(`PostgreSQL runs again (process ${current.identity.pid}, port ${current.port}).`);
        return;
      } catch (error) {
        tellFailure(error);
      }
    }
  }

  /** False when the watch was ended meanwhile. */
  async function pause(ms: number | undefined): Promise<boolean> {
    await sleep(ms, undefined, { ref: false, signal: ending.signal }).catch(() => undefined);
    return !ending.signal.aborted;
  }

  function tellFailure(error: unknown): void {
    if (attempts > backoffMs.length) return;
    const reason = error instanceof Error ? error.message : String(error);
    const next = attempts === backoffMs.length ? ' It is tried again every 30 s.' : '';
    options.notice(`PostgreSQL could not be started again: ${reason}${next}`);
  }

  return {
    current: () => current,
    async end() {
      ending.abort();
      clearInterval(timer);
      await busy;
    },
  };
}
