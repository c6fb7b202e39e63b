import { isReady } from './postmaster.ts';
import { findPostmaster, isPostmasterOf } from './postmaster-pid.ts';
import { dataDirectoryOf, readState } from './state.ts';

export interface RunningEmbedded {
  host: '127.0.0.1';
  port: number;
  /** The process id of the postmaster. */
  pid: number;
  dataDirectory: string;
  socketDirectory: string;
}

/** The server of a home that accepts connections now, whoever started it; undefined when there is none. */
export async function findRunningEmbedded(home: string): Promise<RunningEmbedded | undefined> {
  const state = await readState(home);
  const dataDirectory = dataDirectoryOf(state?.base ?? home);
  try {
    const found = await findPostmaster(dataDirectory);
    if (!found || !isReady(found)) return undefined;
    const { port, pid, socketDirectory } = found;
    return { host: '127.0.0.1', port, pid, dataDirectory, socketDirectory };
  } catch (error) {
    // The data directory is closed to other users; what the home tells is open to them.
    if ((error as NodeJS.ErrnoException).code !== 'EACCES' || !state) throw error;
    if (!(await isPostmasterOf(state.pid, dataDirectory))) return undefined;
    const { port, pid, socketDirectory } = state;
    return { host: '127.0.0.1', port, pid, dataDirectory, socketDirectory };
  }
}
