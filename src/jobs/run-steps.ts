import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants, setPriority } from 'node:os';
import type { JobMessage, Progress } from './messages.ts';

/** How the program is started anew: what stands after `node`, and its environment. */
export interface Program {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
}

export type Outcome =
  | { readonly state: 'succeeded'; readonly result: unknown }
  | { readonly state: 'failed'; readonly code: string; readonly message: string }
  | { readonly state: 'stopped' };

interface RunOptions {
  readonly program: Program;
  /** Ends the command that runs: it gets `KILL_AFTER_MS` to leave in order. */
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
}

const KILL_AFTER_MS = 3_000;
/** Below the 23 hours after which pg-boss gives up waiting. */
const LONGEST_RUN_MS = 20 * 3_600_000;
/** What a command answers is kept in the history; more than this is no answer to look at there. */
const MAX_ANSWER_CHARACTERS = 500_000;
const MAX_COMPLAINT_CHARACTERS = 2_000;

/** Answers to stdout: one JSON value, or none that we could keep. */
function parseAnswer(text: string): unknown {
  if (text.length > MAX_ANSWER_CHARACTERS) return null;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function stopOn(signal: AbortSignal, child: ChildProcess): () => void {
  let late: NodeJS.Timeout | undefined;
  const stop = (): void => {
    child.kill('SIGTERM');
    late ??= setTimeout(() => child.kill('SIGKILL'), KILL_AFTER_MS);
  };
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop);
  return () => {
    signal.removeEventListener('abort', stop);
    clearTimeout(late);
  };
}

/**
 * Runs one command in a process of its own: its calculations do not hold up the requests that this process answers, its memory is given
 * back, and it ends with us, since the channel between us closes.
 */
async function runStep(args: readonly string[], options: RunOptions): Promise<Outcome> {
  const { program, signal, onProgress } = options;
  const child = spawn(process.execPath, [...program.command, '--as-job', ...args], {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: program.env,
    // Out of our group: Ctrl-C at the terminal is for the worker, which hands the job back before it ends it.
    detached: true,
  });
  let answer = '';
  let complaint = '';
  let failure: { code: string; message: string } | undefined;
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    if (answer.length <= MAX_ANSWER_CHARACTERS) answer += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(-MAX_COMPLAINT_CHARACTERS);
  });
  child.on('message', (message: JobMessage) => {
    if ('progress' in message) onProgress(message.progress);
    else failure = message.failure;
  });
  const timeLimit = AbortSignal.timeout(LONGEST_RUN_MS);
  const off = stopOn(AbortSignal.any([signal, timeLimit]), child);
  try {
    // Whoever waits for an answer goes first.
    if (child.pid !== undefined) setPriority(child.pid, constants.priority.PRIORITY_BELOW_NORMAL);
    const [code, killedBy] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
    if (code === 0 && !failure) return { state: 'succeeded', result: parseAnswer(answer) };
    if (signal.aborted) return { state: 'stopped' };
    const why = killedBy ? `killed by ${killedBy}` : `exit code ${code}`;
    return {
      state: 'failed',
      code: failure?.code ?? 'JOB_FAILED',
      message: failure?.message ?? `${args.join(' ')}: ${why}. ${complaint.trim()}`.trim(),
    };
  } catch (error) {
    return { state: 'failed', code: 'JOB_FAILED', message: (error as Error).message };
  } finally {
    off();
  }
}

/** Runs commands one after another, up to the first that does not succeed. The result is that of the only step, or the list of all. */
export async function runSteps(steps: readonly (readonly string[])[], options: RunOptions): Promise<Outcome> {
  const results: unknown[] = [];
  for (const args of steps) {
    const outcome = await runStep(args, options);
    if (outcome.state !== 'succeeded') return outcome;
    results.push(outcome.result);
  }
  return { state: 'succeeded', result: results.length === 1 ? results[0] : results };
}
