import { type Config, loadConfig } from '../config.ts';
import { type Database, openDatabase } from '../database/open-database.ts';
import { createOutput, type Output } from './output.ts';

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
}

function loadEnvironment(): NodeJS.ProcessEnv {
  try {
    process.loadEnvFile();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  return process.env;
}

export function createContext(): CliContext {
  const config = loadConfig(loadEnvironment());
  const output = createOutput(process);
  const closers: (() => Promise<void>)[] = [];
  return Object.freeze({
    config,
    output,
    beforeClose: (close: () => Promise<void>) => void closers.unshift(close),
    async withDatabase<T>(run: (database: Database) => Promise<T>, options: OpenOptions = {}): Promise<T> {
      const database = await openDatabase({
        ...config,
        migrate: options.migrate ?? false,
        onNotice: output.notice,
      });
      // A signal would otherwise leave the embedded server behind. To be stopped is how a service ends, and no failure.
      const interrupt = (signal: NodeJS.Signals): void => {
        const exitCode = closers.length > 0 ? 0 : signal === 'SIGINT' ? 130 : 143;
        const stop = async (): Promise<void> => {
          for (const close of closers) await close();
          await database.close();
        };
        stop().finally(() => process.exit(exitCode));
      };
      process.once('SIGINT', interrupt).once('SIGTERM', interrupt);
      try {
        return await run(database);
      } finally {
        process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
        await database.close();
      }
    },
  });
}
