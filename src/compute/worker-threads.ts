import { Worker } from 'node:worker_threads';
import { AppError } from '../errors.ts';
import {
  createKernelMemory,
  type KernelFunction,
  type KernelRunner,
} from '../models/linear-algebra/kernel.ts';

/**
 * All that a thread does. As text and not as a file of its own, since Node 20 loads no TypeScript in a thread that tsx did not start
 * (vitest's), and a file would have one name in src and another in dist.
 */
const threadCode = `
const { parentPort, workerData } = require('node:worker_threads');
const { module, memory, thread, threads } = workerData;
const { exports } = new WebAssembly.Instance(module, { env: { memory } });
parentPort.on('message', ({ name, args }) => {
  exports[name](thread, threads, ...args);
  parentPort.postMessage('done');
});
`;

interface PendingCall {
  missing: number;
  resolve(): void;
  reject(error: Error): void;
}

/**
 * Threads that run the kernel on one shared memory, so that the caller's event loop stays free. They do not keep the process alive
 * while there is nothing to do. When one dies, the others, which may wait for it at a barrier for ever, are stopped: the pending call
 * and all later ones fail.
 */
export class WorkerThreads implements KernelRunner {
  readonly memory = createKernelMemory();
  readonly #workers: readonly Worker[];
  #pending: PendingCall | undefined;
  #stopped: AppError | undefined;

  constructor(module: WebAssembly.Module, threads: number) {
    this.#workers = Array.from({ length: threads }, (_, thread) => {
      const workerData = { module, memory: this.memory, thread, threads };
      const worker = new Worker(threadCode, { eval: true, workerData, execArgv: [], env: {} });
      worker.unref();
      worker.on('message', () => this.#done());
      worker.on('error', (cause) => void this.#stop(`A computing thread failed: ${cause.message}`, cause));
      worker.on('exit', () => void this.#stop('A computing thread ended unexpectedly.'));
      return worker;
    });
  }

  get threads(): number {
    return this.#workers.length;
  }

  run(name: KernelFunction, args: readonly number[]): Promise<void> {
    if (this.#stopped) return Promise.reject(this.#stopped);
    return new Promise((resolve, reject) => {
      this.#pending = { missing: this.#workers.length, resolve, reject };
      for (const worker of this.#workers) {
        worker.ref();
        worker.postMessage({ name, args });
      }
    });
  }

  close(): Promise<void> {
    return this.#stop('The computing threads were closed.');
  }

  #done(): void {
    if (!this.#pending || --this.#pending.missing > 0) return;
    for (const worker of this.#workers) worker.unref();
    this.#pending.resolve();
    this.#pending = undefined;
  }

  async #stop(reason: string, cause?: Error): Promise<void> {
    this.#stopped ??= new AppError('INTERNAL', reason, { cause });
    this.#pending?.reject(this.#stopped);
    this.#pending = undefined;
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }
}
