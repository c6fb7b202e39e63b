import { openLinearAlgebra } from '../src/compute/open-linear-algebra.ts';
import type { LinearAlgebra } from '../src/models/linear-algebra/linear-algebra.ts';
import { plainLinearAlgebra } from '../src/models/linear-algebra/plain.ts';
import { Random } from '../src/models/random.ts';
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
 * Errors: 2e-7 at a condition of 58, 1e-5 at 5,700, 8e-4 at 570,000.
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
    const speed = (operations / seconds / 1e9).toFixed(1);
    const processor = (operations / processorSeconds / 1e9).toFixed(1);
    const ratio =
      i === 0 ? '' : `; its time / the kernel's on one thread: ${(seconds / best[0]!.seconds).toFixed(2)}`;
    const own =
      i === 0
        ? ''
        : ` by the clock, ${(processorSeconds / best[0]!.processorSeconds).toFixed(2)} of the processor`;
    process.stdout.write(
      `  ${contestants[i]!.name}: ${seconds.toFixed(3)} s, ${speed} GFLOP/s, ${processor} a second of the processor; ` +
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

/** Popularity falls as 1 / rank, and customers of one taste, of ten, buy mostly from the same tenth of the items. */
function purchases(customers: number, items: number): Float32Array {
  const random = Random.fromSeed(1, 'purchases');
  return Float32Array.from({ length: customers * items }, (_, at) => {
    const [customer, item] = [Math.floor(at / items), at % items];
    const share = (customer % 10 === item % 10 ? 300 : 10) / (10 + item);
    return random.bernoulli(Math.min(0.9, share)) ? 1 : 0;
  });
}

/** With half as many customers as items G has no inverse of its own: its condition is its largest eigenvalue over lambda. */
async function errors(compute: LinearAlgebra, n: number): Promise<void> {
  const gram = await compute.denseGram(purchases(n / 2, n), n / 2, n);
  process.stdout.write(`error of the inverse of G + lambda I, ${n} items, ${n / 2} customers:\n`);
  const largest = await largestEigenvalue(gram, n);
  for (const lambda of [100, 10, 1, 0.1, 0.01]) {
    const ridge = gram.map((value, i) => (i % (n + 1) === 0 ? value + lambda : value));
    const condition = ((largest + lambda) / lambda).toExponential(1);
    const exact = await plainLinearAlgebra.invertPositiveDefinite(ridge.slice(), n);
    const ours = await compute.invertPositiveDefinite(ridge, n).catch((error: Error) => error.message);
    const error = typeof ours === 'string' ? ours : relativeError(ours, exact).toExponential(1);
    process.stdout.write(`  lambda ${lambda}, condition ${condition}: ${error}\n`);
  }
}

function relativeError(ours: Float32Array, exact: Float32Array): number {
  let [most, size] = [0, 0];
  for (let i = 0; i < exact.length; i++) {
    most = Math.max(most, Math.abs(ours[i]! - exact[i]!));
    size = Math.max(size, Math.abs(exact[i]!));
  }
  return most / size;
}

async function largestEigenvalue(matrix: Float32Array, n: number): Promise<number> {
  let vector = new Float32Array(n).fill(1 / Math.sqrt(n));
  let norm = 0;
  for (let round = 0; round < 50; round++) {
    const next = await plainLinearAlgebra.multiply(matrix, vector, { m: n, n: 1, depth: n });
    norm = Math.hypot(...next);
    vector = next.map((value) => value / norm);
  }
  return norm;
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
    await errors(two, 600);
  } finally {
    await Promise.all([one.close(), two.close()]);
  }
}
