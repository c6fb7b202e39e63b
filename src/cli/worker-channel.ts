import { Option } from 'commander';
import type { JobMessage } from '../jobs/messages.ts';

/** The way from a command that runs as a job to its worker. */
export interface WorkerChannel {
  send(message: JobMessage): void;
}

/** How a worker starts a command. An open channel alone says nothing: npx and tsx open one, too. */
const flag = '--as-job';
export const asJobOption = (): Option => new Option(flag, 'a worker runs this command').hideHelp();

/** Present where a worker started this process. With the worker this process ends, too, as by SIGTERM: nobody waits for its answer any more. */
export function openWorkerChannel(): WorkerChannel | undefined {
  if (!process.argv.includes(flag) || !process.send) return undefined;
  process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
  // A channel that somebody listens to would keep the process from ending.
  process.channel?.unref();
  return {
    send: (message) => {
      if (process.connected) process.send?.(message);
    },
  };
}
