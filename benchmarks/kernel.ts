import { openLinearAlgebra } from '../src/compute/open-linear-algebra.ts';
import type { LinearAlgebra, SparseRows } from '../src/models/linear-algebra/linear-algebra.ts';
import { plainLinearAlgebra } from '../src/models/linear-algebra/plain.ts';
import { Random } from '../src/models/random.ts';
import { showErrors } from './kernel-errors.ts';
import { Peers } from './peer.ts';

/*
 * npm run bench -- kernel [ROUNDS]
 *
 * The WebAssembly kernel on one thread and two: a product of 2,048 x 2,048 and the inverse of 3,700 x 3,700 against numpy and scipy
 * (OpenBLAS, which has AVX-512 where the kernel has 128 bits), and both, smaller, against the plain TypeScript that it falls back to.
 * In turns, best of the rounds, copies into the kernel's memory and out of it counted. "Of the processor" is what other work on the
 * machine does not stretch. Last the error of the inverse of ridge matrices, relative to its largest element, against 64 bits.
 *
 * Measured (2 cores that up to 14 others wanted too, Node 20; GFLOP a second of the processor): product 32, on two threads 32, numpy 95
 * to 97; inverse 31, on two threads 31, scipy 52 to 65, on two threads 20 (OpenBLAS spins where the kernel sleeps). Plain TypeScript 1.2
 * and 1.3, so 24 and 20 times slower. By the clock at a load of 6: product 25 on one thread, inverse 2.1 s on one and 2.0 s on two.
 * ALS: 15 times faster than plain TypeScript from 64 factors on, sparse Gram matrices 3 to 4 times. Errors: 2e-7 at a condition of 58, 1e-5 at 5,700, 8e-4 at 570,000.
 */

interface Time {
  seconds: number;
  processorSeconds: number;
}

interface Contestant {
  readonly name: string;
  run(): Promise<Time>;
}

async function timed(work: () => Promise<unknown>): Promise<Time> {
  const [started, before] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(before);
  return { seconds: (performance.now() - started) / 1000, processorSeconds: (user + system) / 1e6 };
}

async function contest(
  title: string,
  operations: number,
  rounds: number,
  contestants: Contestant[],
): Promise<void> {
  const best = contestants.map(() => ({ seconds: Infinity, processorSeconds: Infinity }));
  for (let round = 0; round < rounds; round++) {
    for (const [i, contestant] of contestants.entries()) {
      const time = await contestant.run();
      best[i]!.seconds = Math.min(best[i]!.seconds, time.seconds);
      best[i]!.processorSeconds = Math.min(best[i]!.processorSeconds, time.processorSeconds);
    }
  }
  process.stdout.write(`${title}, best of ${rounds}:\n`);
  for (const [i, { seconds, processorSeconds }] of best.entries()) {
    const speeds = [seconds, processorSeconds].map((time) => (operations / time / 1e9).toFixed(1));
    const speed = operations > 0 ? `, ${speeds[0]} GFLOP/s, ${speeds[1]} a second of the processor` : '';
    const clock = (seconds / best[0]!.seconds).toFixed(2);
    const own = (processorSeconds / best[0]!.processorSeconds).toFixed(2);
    process.stdout.write(
      `  ${contestants[i]!.name}: ${seconds.toFixed(3)} s, ${processorSeconds.toFixed(3)} of the processor${speed}; ` +
        `time / the first's: ${clock} by the clock, ${own} of the processor\n`,
    );
  }
}

function normal(count: number, stream: string): Float32Array {
  const random = Random.fromSeed(1, stream);
  return Float32Array.from({ length: count }, () => random.normal());
}

function product(name: string, compute: LinearAlgebra, n: number): Contestant {
  const [a, b] = [normal(n * n, 'a'), normal(n * n, 'b')];
  return { name, run: () => timed(() => compute.multiply(a, b, { m: n, n, depth: n })) };
}

function inverse(name: string, compute: LinearAlgebra, ridge: Float32Array, n: number): Contestant {
  const matrix = new Float32Array(n * n);
  return {
    name,
    run: () => {
      matrix.set(ridge);
      return timed(() => compute.invertPositiveDefinite(matrix, n));
    },
  };
}

function peers(python: Peers | undefined, operation: string, n: number): Contestant[] {
  if (!python) return [];
  return [1, 2].map((threads) => ({
    name: `${operation === 'multiply' ? 'numpy' : 'scipy'}, threads ${threads}`,
    run: async () => python.run<Time[]>('linear_algebra.py', [operation, `${n}`, `${threads}`, '1'])[0]!,
  }));
}

async function ridgeOf(compute: LinearAlgebra, n: number): Promise<Float32Array> {
  const ridge = await compute.denseGram(normal(400 * n, 'ridge'), 400, n);
  for (let i = 0; i < n; i++) ridge[i * (n + 1)]! += 1;
  return ridge;
}

/** Rows of 20 products of 4,000, the low numbers much more often. */
function baskets(rowCount: number): SparseRows {
  const random = Random.fromSeed(1, 'baskets');
  const offsets = Int32Array.from({ length: rowCount + 1 }, (_, row) => row * 20);
  const columns = Int32Array.from({ length: rowCount * 20 }, () => Math.floor(4000 * random.uniform() ** 3));
  for (let row = 0; row < rowCount; row++) columns.subarray(row * 20, (row + 1) * 20).sort();
  return { columnCount: 4000, offsets, columns, values: new Float32Array(columns.length).fill(1) };
}

async function contestSparse(rounds: number, contestants: LinearAlgebra[]): Promise<void> {
  const names = ['kernel, threads 1', 'kernel, threads 2', 'plain TypeScript'];
  const against = (work: (compute: LinearAlgebra) => Promise<unknown>) =>
    contestants.map((compute, i) => ({ name: names[i]!, run: () => timed(() => work(compute)) }));
  const rows = baskets(50_000);
  await contest(
    'X^T X of 50,000 rows with 20 of 4,000 products',
    0,
    rounds,
    against((one) => one.gram(rows)),
  );
  const few = baskets(5000);
  for (const k of [32, 64, 128]) {
    const factors = normal(4000 * k, 'factors');
    const gram = await contestants[0]!.denseGram(factors, 4000, k);
    const problem = { rows: few, targets: few.values, factors, k, gram };
    await contest(
      `5,000 systems of ALS with 20 entries, ${k} factors`,
      0,
      rounds,
      against((one) => one.solveNormalEquations(problem)),
    );
  }
}

export async function run(args: string[]): Promise<void> {
  const rounds = Number(args[0] ?? 5);
  const python = Peers.prepare();
  const [one, two] = [openLinearAlgebra({ threads: 1 }), openLinearAlgebra({ threads: 2 })];
  try {
    await contest('product, 2,048 x 2,048', 2 * 2048 ** 3, rounds, [
      product('kernel, threads 1', one, 2048),
      product('kernel, threads 2', two, 2048),
      ...peers(python, 'multiply', 2048),
    ]);
    const ridge = await ridgeOf(two, 3700);
    await contest('inverse, 3,700 x 3,700', 3700 ** 3, rounds, [
      inverse('kernel, threads 1', one, ridge, 3700),
      inverse('kernel, threads 2', two, ridge, 3700),
      ...peers(python, 'invert', 3700),
    ]);
    await contest('product, 512 x 512', 2 * 512 ** 3, rounds, [
      product('kernel, threads 1', one, 512),
      product('plain TypeScript', plainLinearAlgebra, 512),
    ]);
    const small = await ridgeOf(two, 800);
    await contest('inverse, 800 x 800', 800 ** 3, rounds, [
      inverse('kernel, threads 1', one, small, 800),
      inverse('plain TypeScript', plainLinearAlgebra, small, 800),
    ]);
    await contestSparse(rounds, [one, two, plainLinearAlgebra]);
    await showErrors(two, 600);
  } finally {
    await Promise.all([one.close(), two.close()]);
  }
}
