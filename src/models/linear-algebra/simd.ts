import {
  checkMatrix,
  checkNormalEquations,
  checkProduct,
  checkSparseRows,
  checkSystems,
  notPositiveDefinite,
} from './checks.ts';
import type { KernelFunction, KernelRunner } from './kernel.ts';
import { KernelMemory, padded, type StoredMatrix } from './kernel-memory.ts';
import type { LinearAlgebra, MultiplyOptions, NormalEquations, SparseRows } from './linear-algebra.ts';
import { columnsAscend, transposeRows } from './sparse-rows.ts';

/** BLOCK of kernel/assembly/invert.ts, DEPTH of multiply.ts and of normal-equations.ts. */
const INVERT_BLOCK = 128;
const MULTIPLY_DEPTH = 256;
const GATHERED_ROWS = 64;
/** WIDTH of sparse-product.ts. */
const PRODUCT_WIDTH = 32;

interface StoredRows {
  offsets: number;
  columns: number;
  values: number;
}

/**
 * The kernel of kernel/assembly on one thread or several. Results are the same to the bit however many there are: no sum is divided
 * among threads. Operands are copied into the kernel's memory and results out of it, which takes a hundredth of the time.
 */
export class SimdLinearAlgebra implements LinearAlgebra {
  readonly name = 'simd';
  readonly #runner: KernelRunner;
  #last: Promise<unknown> = Promise.resolve();

  constructor(runner: KernelRunner) {
    this.#runner = runner;
  }

  close(): Promise<void> {
    return this.#runner.close();
  }

  async gram(x: SparseRows): Promise<Float32Array> {
    checkSparseRows('x', x);
    const byColumn = transposeRows(x);
    const byRow = columnsAscend(x) ? x : transposeRows(byColumn);
    return this.#alone(async (memory) => {
      const rows = planRows(memory, byRow);
      const columns = planRows(memory, byColumn);
      const result = memory.matrix(x.columnCount, x.columnCount);
      memory.reserve(`The Gram matrix of ${x.columnCount} columns`);
      writeRows(memory, rows, byRow);
      writeRows(memory, columns, byColumn);
      memory.write(result);
      await this.#run('sparseGram', [
        x.columnCount,
        ...[rows.offsets, rows.columns, rows.values],
        ...[columns.offsets, columns.columns, columns.values],
        ...[result.address, result.step],
      ]);
      return memory.read(result);
    });
  }

  async denseGram(a: Float32Array, rows: number, columns: number): Promise<Float32Array> {
    checkMatrix('a', a, rows, columns);
    const size = { m: columns, n: columns, depth: rows };
    return this.#alone((memory) => this.#multiply(memory, a, undefined, size, { transposeA: true }));
  }

  async multiply(
    a: Float32Array,
    b: Float32Array,
    size: { m: number; n: number; depth: number },
    options: MultiplyOptions = {},
  ): Promise<Float32Array> {
    checkProduct(a, b, size, options);
    return this.#alone((memory) => this.#multiply(memory, a, b, size, options));
  }

  /** Without b: A^T A. */
  async #multiply(
    memory: KernelMemory,
    a: Float32Array,
    b: Float32Array | undefined,
    { m, n, depth }: { m: number; n: number; depth: number },
    { transposeA = false, transposeB = false, alpha = 1, add }: MultiplyOptions,
  ): Promise<Float32Array> {
    const left = transposeA ? memory.matrix(depth, m) : memory.matrix(m, depth);
    const right = !b ? left : transposeB ? memory.matrix(n, depth) : memory.matrix(depth, n);
    const result = memory.matrix(m, n);
    const leftPanels = memory.array(padded(m) * MULTIPLY_DEPTH);
    const rightPanels = b ? memory.array(padded(n) * MULTIPLY_DEPTH) : leftPanels;
    memory.reserve(`A product of ${m} x ${depth} and ${depth} x ${n}`);
    memory.write(left, a);
    if (b) memory.write(right, b);
    const times = Math.fround(add?.times ?? 1);
    memory.write(result, times === 1 ? add?.matrix : add?.matrix.map((value) => value * times));
    await this.#run('multiply', [
      ...[padded(m), padded(n), depth, alpha],
      ...[left.address, left.step, Number(transposeA), right.address, right.step, Number(!transposeB)],
      ...[result.address, result.step, leftPanels, rightPanels, Number(!b)],
    ]);
    return memory.read(result);
  }

  async invertPositiveDefinite(matrix: Float32Array, n: number): Promise<Float32Array> {
    checkMatrix('matrix', matrix, n, n);
    return this.#alone(async (memory) => {
      const stored = memory.matrix(n, n);
      const size = padded(n);
      const floors = memory.array(size);
      const panels = memory.array(size * INVERT_BLOCK);
      const work = memory.array(6 * INVERT_BLOCK ** 2 + this.#runner.threads * 8 * INVERT_BLOCK);
      memory.reserve(`The inverse of a matrix of ${n} rows`);
      memory.write(stored, matrix);
      fillPaddedDiagonal(memory, stored, size);
      await this.#run('invert', [size, stored.address, stored.step, floors, panels, work]);
      const status = memory.status();
      if (status !== 0) throw notPositiveDefinite('The matrix', { pivot: status - 1 });
      memory.read(stored, matrix);
      // The kernel leaves minus the inverse. Minus nothing stays nothing: -0 would differ from 0 in comparisons.
      for (let i = 0; i < matrix.length; i++) matrix[i] = 0 - matrix[i]!;
      return matrix;
    });
  }

  async sparseProduct(x: SparseRows, b: Float32Array, n: number): Promise<Float32Array> {
    checkSparseRows('x', x);
    checkMatrix('b', b, x.columnCount, n);
    const count = x.offsets.length - 1;
    const width = Math.ceil(n / PRODUCT_WIDTH) * PRODUCT_WIDTH;
    return this.#alone(async (memory) => {
      const rows = planRows(memory, x);
      const right = memory.matrix(x.columnCount, n, width);
      const result = memory.matrix(count, n, width);
      const work = memory.array(this.#runner.threads * x.columnCount * PRODUCT_WIDTH);
      memory.reserve(`A product of ${count} sparse rows and ${x.columnCount} x ${n}`);
      writeRows(memory, rows, x);
      memory.write(right, b);
      await this.#run('sparseProduct', [
        ...[count, width, x.columnCount, rows.offsets, rows.columns, rows.values],
        ...[right.address, right.step, result.address, result.step, work],
      ]);
      return memory.read(result);
    });
  }

  async solveSystems(matrices: Float32Array, rights: Float32Array, k: number): Promise<Float32Array> {
    checkSystems(matrices, rights, k);
    const count = rights.length / k;
    const width = padded(k);
    return this.#alone(async (memory) => {
      const systems = Array.from({ length: count }, () => memory.rows(k, k));
      const solutions = memory.rows(count, k);
      const work = memory.array(this.#runner.threads * width);
      memory.reserve(`${count} systems of ${k} unknowns`);
      systems.forEach((system, at) => {
        memory.write(system, matrices.subarray(at * k * k, (at + 1) * k * k));
        fillPaddedDiagonal(memory, system, width);
      });
      memory.write(solutions, rights);
      await this.#run('solveSystems', [count, width, systems[0]?.address ?? 0, solutions.address, work]);
      return memory.read(solutions);
    });
  }

  async solveNormalEquations(problem: NormalEquations): Promise<Float32Array> {
    checkNormalEquations(problem);
    const { rows, k, gram, ridges } = problem;
    const count = rows.offsets.length - 1;
    const width = padded(k);
    return this.#alone(async (memory) => {
      const entries = planRows(memory, rows);
      const targets = memory.array(rows.values.length);
      const diagonals = memory.array(count);
      const [factors, solutions] = [memory.rows(rows.columnCount, k), memory.rows(count, k)];
      const base = memory.rows(k, k);
      const work = memory.array(this.#runner.threads * width * (width + 2 * GATHERED_ROWS + 1));
      memory.reserve(`${count} systems of ${k} unknowns`);
      writeRows(memory, entries, rows);
      memory.writeArray(targets, problem.targets);
      memory.writeArray(diagonals, ridges ?? new Float32Array(count));
      memory.write(factors, problem.factors);
      memory.write(base, gram);
      fillPaddedDiagonal(memory, base, width);
      await this.#run('solveNormalEquations', [
        ...[count, width, entries.offsets, entries.columns, entries.values, targets],
        ...[diagonals, factors.address, base.address, solutions.address, work],
      ]);
      const status = memory.status();
      if (status !== 0) throw notPositiveDefinite(`The system of row ${status - 1}`, { row: status - 1 });
      return memory.read(solutions);
    });
  }

  #run(name: KernelFunction, args: readonly number[]): Promise<void> {
    return this.#runner.run(name, args);
  }

  /** One operation at a time has the memory. */
  #alone<Result>(operation: (memory: KernelMemory) => Promise<Result>): Promise<Result> {
    const result = this.#last.then(() => operation(new KernelMemory(this.#runner.memory)));
    this.#last = result.catch(() => undefined);
    return result;
  }
}

/** What is added to fill up multiples of 8 is a unit matrix: it changes nothing of the rest. */
function fillPaddedDiagonal(memory: KernelMemory, matrix: StoredMatrix, size: number): void {
  for (let i = matrix.rows; i < size; i++) memory.floats(matrix.address + i * (matrix.step + 4), 1)[0] = 1;
}

function planRows(memory: KernelMemory, rows: SparseRows): StoredRows {
  return {
    offsets: memory.array(rows.offsets.length),
    columns: memory.array(rows.columns.length),
    values: memory.array(rows.values.length),
  };
}

function writeRows(memory: KernelMemory, to: StoredRows, rows: SparseRows): void {
  memory.writeArray(to.offsets, rows.offsets);
  memory.writeArray(to.columns, rows.columns);
  memory.writeArray(to.values, rows.values);
}
