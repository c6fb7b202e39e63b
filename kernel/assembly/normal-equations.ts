import { outerProducts, PANEL } from './micro-kernel';
import { writeFloors } from './panels';
import { barrier, fail, nextTask } from './threads';

/** Rows of factors gathered at a time: with k = 128 they and their weighted copies are 64 KiB. */
const DEPTH: i32 = 64;
const ROWS_PER_TASK: i32 = 16;

/** target[0..k) += factor * source[0..k), k a multiple of 4. */
function addVector(target: usize, source: usize, factor: f32, from: i32, k: i32): void {
  const f = f32x4.splat(factor);
  for (let i: usize = (from & ~3) << 2, end: usize = k << 2; i < end; i += 16) {
    v128.store(target + i, f32x4.add(v128.load(target + i), f32x4.mul(f, v128.load(source + i))));
  }
}

function addToDiagonal(a: usize, k: i32, value: f32): void {
  for (let i: usize = 0; i < (k as usize); i++) {
    const at = a + i * (((k as usize) + 1) << 2);
    f32.store(at, f32.load(at) + value);
  }
}

function scaleVector(target: usize, source: usize, factor: f32, k: i32): void {
  const f = f32x4.splat(factor);
  for (let i: usize = 0, end: usize = k << 2; i < end; i += 16) {
    v128.store(target + i, f32x4.mul(f, v128.load(source + i)));
  }
}

/** Rows of `factors` that `columns` names, one after the other: as they are, and times their weight. */
function gather(
  depth: i32,
  k: i32,
  columns: usize,
  weights: usize,
  factors: usize,
  gathered: usize,
  weighted: usize,
): void {
  const step = (k << 2) as usize;
  for (let d: usize = 0; d < (depth as usize); d++) {
    const factor = factors + (i32.load(columns + (d << 2)) as usize) * step;
    memory.copy(gathered + d * step, factor, step);
    scaleVector(weighted + d * step, factor, f32.load(weights + (d << 2)), k);
  }
}

/** Upper half of a (k x k) += sum over d of weighted[d] (outer) gathered[d]. */
function accumulate(a: usize, k: i32, depth: i32, weighted: usize, gathered: usize): void {
  const step = (k << 2) as usize;
  for (let i = 0; i < k; i += 4) {
    for (let j = i & ~7; j < k; j += PANEL) {
      outerProducts(
        depth,
        weighted + (i << 2),
        step,
        gathered + (j << 2),
        step,
        a + (i as usize) * step + (j << 2),
        step,
        1,
        true,
      );
    }
  }
}

/**
 * The upper factor U with U^T U = a, in place, 8 rows at a time. `floors`: k pivots that must be exceeded.
 * Returns 0, or 1 + the row whose pivot is not.
 */
function factorise(a: usize, k: i32, floors: usize): i32 {
  const step = (k << 2) as usize;
  for (let top = 0; top < k; top += PANEL) {
    const rows = a + (top as usize) * step;
    for (let j = top; j < k; j += PANEL) {
      const b = a + (j << 2);
      outerProducts(top, a + (top << 2), step, b, step, rows + (j << 2), step, -1, true);
      outerProducts(top, a + (top << 2) + 16, step, b, step, rows + 4 * step + (j << 2), step, -1, true);
    }
    for (let j = top; j < top + PANEL; j++) {
      const row = a + (j as usize) * step;
      for (let i = top; i < j; i++) {
        const other = a + (i as usize) * step;
        addVector(row, other, -f32.load(other + (j << 2)), j, k);
      }
      const pivot = f32.load(row + (j << 2));
      if (!(pivot > f32.load(floors + (j << 2))) || pivot === Infinity) return 1 + j;
      scaleVector(row, row, 1 / sqrt(pivot), k);
    }
  }
  return 0;
}

function sumOfProducts(x: usize, y: usize, from: i32, k: i32): f32 {
  let sum: f32 = 0;
  let i = from;
  for (; i < k && (i & 3) !== 0; i++) sum += f32.load(x + (i << 2)) * f32.load(y + (i << 2));
  let sums = f32x4.splat(0);
  for (; i < k; i += 4) sums = f32x4.add(sums, f32x4.mul(v128.load(x + (i << 2)), v128.load(y + (i << 2))));
  return (
    sum +
    (f32x4.extract_lane(sums, 0) + f32x4.extract_lane(sums, 1)) +
    (f32x4.extract_lane(sums, 2) + f32x4.extract_lane(sums, 3))
  );
}

/** b becomes the solution of U^T U x = b. */
function substitute(u: usize, k: i32, b: usize): void {
  const step = (k << 2) as usize;
  for (let j = 0; j < k; j++) {
    const row = u + (j as usize) * step;
    const value = f32.load(b + (j << 2)) / f32.load(row + (j << 2));
    // Exactly what follows j: addVector would touch up to three numbers before it.
    let i = j + 1;
    for (; i < k && (i & 3) !== 0; i++)
      f32.store(b + (i << 2), f32.load(b + (i << 2)) - value * f32.load(row + (i << 2)));
    if (i < k) addVector(b, row, -value, i, k);
    f32.store(b + (j << 2), value);
  }
  for (let j = k - 1; j >= 0; j--) {
    const row = u + (j as usize) * step;
    f32.store(
      b + (j << 2),
      (f32.load(b + (j << 2)) - sumOfProducts(row, b, j + 1, k)) / f32.load(row + (j << 2)),
    );
  }
}

/**
 * For each row of a sparse matrix of weights c and targets t (both aligned with `columns`) the x of
 * (gram + r I + sum of c f f^T) x = sum of t f, r the row's ridge, f the row of `factors` (k numbers, k a multiple of 8) that a column names. `gram` is k x k, whole.
 * `work` has room for k * (k + 129) numbers for each thread.
 * The status is 1 + a row whose equations are not positive definite.
 */
export function solveNormalEquations(
  thread: i32,
  threads: i32,
  rows: i32,
  k: i32,
  offsets: usize,
  columns: usize,
  weights: usize,
  targets: usize,
  ridges: usize,
  factors: usize,
  gram: usize,
  solutions: usize,
  work: usize,
): void {
  const step = (k << 2) as usize;
  const a = work + (thread as usize) * (((k + 2 * DEPTH + 1) * k) as usize) * 4;
  const gathered = a + (k as usize) * step;
  const weighted = gathered + (DEPTH as usize) * step;
  const floors = weighted + (DEPTH as usize) * step;
  for (let task = nextTask(); task * ROWS_PER_TASK < rows; task = nextTask()) {
    const last = min(rows, (task + 1) * ROWS_PER_TASK);
    for (let row = task * ROWS_PER_TASK; row < last; row++) {
      memory.copy(a, gram, (k as usize) * step);
      addToDiagonal(a, k, f32.load(ridges + ((row as usize) << 2)));
      const b = solutions + (row as usize) * step;
      memory.fill(b, 0, step);
      const end = i32.load(offsets + ((row as usize) << 2), 4);
      for (let start = i32.load(offsets + ((row as usize) << 2)); start < end; start += DEPTH) {
        const depth = min(DEPTH, end - start);
        const entries = (start as usize) << 2;
        gather(depth, k, columns + entries, weights + entries, factors, gathered, weighted);
        for (let d: usize = 0; d < (depth as usize); d++) {
          addVector(b, gathered + d * step, f32.load(targets + entries + (d << 2)), 0, k);
        }
        accumulate(a, k, depth, weighted, gathered);
      }
      writeFloors(a, step, k, floors);
      if (factorise(a, k, floors) !== 0) fail(row + 1);
      else substitute(a, k, b);
    }
  }
  barrier(threads);
}

/**
 * Each of `count` systems of k unknowns (k a multiple of 8; matrices and right sides one after the other, in whose places factors and
 * solutions are written) by Cholesky. The solution of a system that is not positive definite is NaN. `work`: k numbers for each thread.
 */
export function solveSystems(
  thread: i32,
  threads: i32,
  count: i32,
  k: i32,
  matrices: usize,
  rights: usize,
  work: usize,
): void {
  const step = (k << 2) as usize;
  const floors = work + (thread as usize) * step;
  for (let task = nextTask(); task * ROWS_PER_TASK < count; task = nextTask()) {
    const last = min(count, (task + 1) * ROWS_PER_TASK);
    for (let row = task * ROWS_PER_TASK; row < last; row++) {
      const a = matrices + (row as usize) * step * (k as usize);
      const b = rights + (row as usize) * step;
      writeFloors(a, step, k, floors);
      if (factorise(a, k, floors) === 0) substitute(a, k, b);
      else for (let i: usize = 0; i < step; i += 4) f32.store(b + i, NaN);
    }
  }
  barrier(threads);
}
