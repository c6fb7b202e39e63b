import { availableParallelism } from 'node:os';
import { AppError } from '../errors.ts';
import { compileKernel } from '../models/linear-algebra/kernel.ts';
import type { LinearAlgebra } from '../models/linear-algebra/linear-algebra.ts';
import { plainLinearAlgebra } from '../models/linear-algebra/plain.ts';
import { SimdLinearAlgebra } from '../models/linear-algebra/simd.ts';
import { WorkerThreads } from './worker-threads.ts';

export interface ComputeOptions {
  /** As many as the machine has processors unless given. Results do not depend on it. */
  readonly threads?: number;
  /** Plain TypeScript even where the kernel would run: to compare, or to rule it out as a cause. */
  readonly plain?: boolean;
}

/** The kernel on worker threads, or plain TypeScript where there is no SIMD. `close` it when done. @throws VALIDATION for less than one thread */
export function openLinearAlgebra(options: ComputeOptions = {}): LinearAlgebra {
  const threads = options.threads ?? availableParallelism();
  if (!Number.isSafeInteger(threads) || threads < 1)
    throw new AppError('VALIDATION', `The number of computing threads has to be 1 or more, not ${threads}.`);
  const module = options.plain ? undefined : compileKernel();
  if (!module) return plainLinearAlgebra;
  return new SimdLinearAlgebra(new WorkerThreads(module, threads));
}
