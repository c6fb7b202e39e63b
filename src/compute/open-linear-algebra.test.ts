import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { compileKernel } from '../models/linear-algebra/kernel.ts';
import { Random } from '../models/random.ts';
import { openLinearAlgebra } from './open-linear-algebra.ts';
import { WorkerThreads } from './worker-threads.ts';

function numbers(count: number, stream: string): Float32Array {
  const random = Random.fromSeed(1, stream);
  return Float32Array.from({ length: count }, () => random.normal());
}

/** Every operation, all asked for at once. */
async function everything(threads: number): Promise<Float32Array[]> {
  const compute = openLinearAlgebra({ threads });
  const [rows, columns, k] = [500, 300, 20];
  const x = numbers(rows * columns, 'x');
  const sparse = {
    columnCount: columns,
    offsets: Int32Array.from({ length: rows + 1 }, (_, row) => row * 9),
    columns: Int32Array.from({ length: rows * 9 }, (_, i) => (i * 31) % columns),
    values: numbers(rows * 9, 'values').map(Math.abs),
  };
  const ridge = await compute.denseGram(x, rows, columns);
  try {
    return await Promise.all([
      compute.denseGram(x, rows, columns),
      compute.multiply(x, x, { m: columns, n: columns, depth: rows }, { transposeA: true }),
      compute.invertPositiveDefinite(ridge, columns),
      compute.gram(sparse),
      compute.solveNormalEquations({
        rows: sparse,
        targets: sparse.values,
        factors: numbers(columns * k, 'factors'),
        k,
        gram: Float32Array.from({ length: k * k }, (_, i) => (i % (k + 1) === 0 ? 1 : 0)),
      }),
    ]);
  } finally {
    await compute.close();
  }
}

it('gives the same to the bit on one thread, two and three', async () => {
  const one = await everything(1);
  expect(await everything(2)).toEqual(one);
  expect(await everything(3)).toEqual(one);
});

it('falls back to plain TypeScript when told so, and where there is no WebAssembly', async () => {
  expect(openLinearAlgebra({ plain: true }).name).toBe('plain');
  const module = new URL('./open-linear-algebra.ts', import.meta.url).href;
  const program = `const { openLinearAlgebra } = await import('${module}');
    const inverse = await openLinearAlgebra().invertPositiveDefinite(Float32Array.of(4), 1);
    console.log(openLinearAlgebra().name, inverse[0]);`;
  const options = ['--jitless', '--import', 'tsx', '--input-type=module', '--eval', program];
  expect(execFileSync(process.execPath, options, { encoding: 'utf8' })).toBe('plain 0.25\n');
  const compute = openLinearAlgebra({ threads: 1 });
  expect(compute.name).toBe('simd');
  await compute.close();
});

it('refuses less than one thread, which would never be done', () => {
  for (const threads of [0, -1, 1.5, Number.NaN])
    expect(() => openLinearAlgebra({ threads })).toThrow('1 or more');
});

it('fails, and does not wait for ever, when a thread dies while others wait for it', async () => {
  const threads = new WorkerThreads(compileKernel()!, 3);
  // The matrix lies where there is no memory: the thread that has the first block traps, the others stand at the barrier.
  const call = threads.run('invert', [8, 2 ** 31, 32, 2 ** 31, 2 ** 31, 2 ** 31]);
  await expect(call).rejects.toThrow('A computing thread failed');
  await expect(threads.run('sparseGram', [])).rejects.toThrow('A computing thread failed');
  await threads.close();
});

it('fails what is under way and what comes later once it is closed', async () => {
  const compute = openLinearAlgebra({ threads: 2 });
  const n = 1000;
  const ridge = await compute.denseGram(numbers(n * n, 'x'), n, n);
  const call = expect(compute.invertPositiveDefinite(ridge, n)).rejects.toThrow('were closed');
  await compute.close();
  await call;
  await expect(compute.denseGram(new Float32Array(1), 1, 1)).rejects.toThrow('were closed');
});
