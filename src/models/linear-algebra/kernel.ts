import { kernelCode } from './kernel-code.ts';

/** The functions of kernel/assembly/index.ts. Each takes the number of its thread and of all threads first. */
export type KernelFunction =
  | 'invert'
  | 'multiply'
  | 'solveNormalEquations'
  | 'solveSystems'
  | 'sparseGram'
  | 'sparseProduct';

/** Where kernel functions run: on the calling thread, or on threads that share the memory. */
export interface KernelRunner {
  readonly threads: number;
  readonly memory: WebAssembly.Memory;
  /** Calls the function once on every thread. One call at a time. */
  run(name: KernelFunction, args: readonly number[]): Promise<void>;
  /** Pending and later calls fail. */
  close(): Promise<void>;
}

function decode(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

/** `undefined` where the engine has no WebAssembly (`node --jitless`), no SIMD or no shared memory. */
export function compileKernel(): WebAssembly.Module | undefined {
  if (typeof WebAssembly === 'undefined') return undefined;
  const code = decode(kernelCode);
  return WebAssembly.validate(code) ? new WebAssembly.Module(code) : undefined;
}

/** 4 GiB: what 32-bit addresses reach. Address space only; memory is taken as it is used. */
const MAXIMUM_PAGES = 65_536;

export function createKernelMemory(): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: 1, maximum: MAXIMUM_PAGES, shared: true });
}

/** Runs the kernel on the calling thread, which it holds until done. */
export function runInPlace(module: WebAssembly.Module): KernelRunner {
  const memory = createKernelMemory();
  const instance = new WebAssembly.Instance(module, { env: { memory } });
  return {
    threads: 1,
    memory,
    run: async (name, args) => instance.exports[name]!(0, 1, ...args),
    close: async () => {},
  };
}
