import cliProgress from 'cli-progress';
import type { WorkerChannel } from './worker-channel.ts';

/** Everything that a command prints goes through here: answers to stdout, the story of the work to stderr. */
export interface Output {
  /** Columns of the terminal; a file or a pipe has no edge, and gets lines that fit a wide one. */
  readonly width: number;
  line(text?: string): void;
  json(value: unknown): void;
  notice(text: string): void;
  progress(label: string): Progress;
}

interface Progress {
  update(done: number, total: number): void;
  done(text: string): void;
}

interface Terminal {
  stdout: NodeJS.WriteStream;
  stderr: NodeJS.WriteStream;
}

/** A reader of a log wants to know that the work goes on, not each percent. */
const PLAIN_LINE_EVERY_MS = 5_000;

function barProgress(label: string, stream: NodeJS.WriteStream): Progress {
  const bar = new cliProgress.SingleBar({
    format: `${label.padEnd(28)} {bar} {percentage}%  {value}/{total}`,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 30,
    hideCursor: true,
    clearOnComplete: true,
    stream,
  });
  let started = false;
  return {
    update(done, total) {
      if (!started) bar.start(total, done);
      else {
        bar.setTotal(total);
        bar.update(done);
      }
      started = true;
    },
    done(text) {
      if (started) bar.stop();
      stream.write(`${label.padEnd(28)} ${text}\n`);
    },
  };
}

function lineProgress(label: string, stream: NodeJS.WriteStream): Progress {
  let next = Date.now() + PLAIN_LINE_EVERY_MS;
  return {
    update(done, total) {
      if (Date.now() < next) return;
      next = Date.now() + PLAIN_LINE_EVERY_MS;
      stream.write(`${label}: ${total > 0 ? `${Math.floor((100 * done) / total)}%` : done}\n`);
    },
    done(text) {
      stream.write(`${label}: ${text}\n`);
    },
  };
}

function channelProgress(label: string, channel: WorkerChannel): Progress {
  return {
    update: (done, total) => channel.send({ progress: { label, done, total } }),
    done: (text) => channel.send({ progress: { label: `${label}: ${text}`, done: 1, total: 1 } }),
  };
}

/** Who runs as a job of a worker tells its progress to that. */
export function createOutput(terminal: Terminal, channel: WorkerChannel | undefined): Output {
  const { stdout, stderr } = terminal;
  return {
    width: stdout.columns || 160,
    line: (text = '') => void stdout.write(`${text}\n`),
    json: (value) => void stdout.write(`${JSON.stringify(value)}\n`),
    notice: (text) => void stderr.write(`${text}\n`),
    progress: (label) => {
      if (channel) return channelProgress(label, channel);
      return stderr.isTTY ? barProgress(label, stderr) : lineProgress(label, stderr);
    },
  };
}
