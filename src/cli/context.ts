import { type Config, loadConfig } from '../config.ts';
import { type Database, openDatabase } from '../database/open-database.ts';
import { createOutput, type Output } from './output.ts';
import type { WorkerChannel } from './worker-channel.ts';

/** What every command gets: configuration, a database when it asks for one, and a place to print. */
export interface CliContext {
  readonly config: Config;
  readonly output: Output;
  /** Opens the database for the time of `run`; an embedded server that was not running is stopped afterwards. */
  withDatabase<T>(run: (database: Database) => Promise<T>, options?: OpenOptions): Promise<T>;
  /** What a signal has to close before the database; a command that serves registers its server. */
  beforeClose(close: () => Promise<void>): void;
}

interface OpenOptions {
  /** Set up and migrate also where DATABASE_URL names the database (the embedded one always is). */
  migrate?: boolean;
  /** False where the command is there to mend what is not ready. */
  checkReady?: boolean;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
/** 128 + the number of the signal, as shells have it. */
const EXIT_CODES: Partial<Record<NodeJS.Signals, number>> = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 };
/** For statements that are under way; then the server is stopped, and what is not committed is rolled back. */
const INTERRUPT_GRACE_MS = 2_000;
/** Those who supervise services kill after ten seconds; before that all is closed, or given up: with PostgreSQL frozen nothing ever answers. */
const CLOSE_WITHIN_MS = 8_000;

function loadEnvironment(): NodeJS.ProcessEnv {
  try {
    process.loadEnvFile();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  return process.env;
}

export function createContext(channel: WorkerChannel | undefined): CliContext {
  const config = loadConfig(loadEnvironment());
  const output = createOutput(process, channel);
  const closers: (() => Promise<void>)[] = [];
  return Object.freeze({
    config,
    output,
    beforeClose: (close: () => Promise<void>) => void closers.push(close),
    async withDatabase<T>(run: (database: Database) => Promise<T>, options: OpenOptions = {}): Promise<T> {
      const database = await openDatabase({
        ...config,
        migrate: options.migrate ?? false,
        checkReady: options.checkReady ?? true,
        onNotice: output.notice,
      });
      // A signal would otherwise leave the embedded server behind. To be stopped is how a service ends, and no failure.
      let interrupted = false;
      const interrupt = (signal: NodeJS.Signals): void => {
        // Told a second time: whoever asks does not want to wait.
        if (interrupted) process.exit(EXIT_CODES[signal]);
        interrupted = true;
        setTimeout(() => process.exit(1), CLOSE_WITHIN_MS).unref();
        const stop = async (): Promise<void> => {
          if (closers.length > 0) output.notice('stopping');
          // Side by side: what serves and what works have their time to end each, not one after the other.
          await Promise.allSettled(closers.map((close) => close()));
          // A worker that ended has nobody to tell: what is under way must not be committed behind the back of the next one.
          await database.close(channel ? 0 : INTERRUPT_GRACE_MS);
        };
        stop().finally(() => process.exit(closers.length > 0 ? 0 : EXIT_CODES[signal]));
      };
      for (const signal of SIGNALS) process.on(signal, interrupt);
      try {
        return await run(database);
      } catch (error) {
        if (!interrupted) throw error;
        output.notice('Interrupted. What was committed stays.');
        return await new Promise<never>(() => undefined);
      } finally {
        if (!interrupted) {
          for (const signal of SIGNALS) process.off(signal, interrupt);
          await database.close();
        }
      }
    },
  });
}
