import { multiplyTile, outerProducts, PANEL, PANEL_STEP } from './micro-kernel';
import { mirror } from './multiply';
import { packAcross, packDown, unpackDown, writeFloors } from './panels';
import { invertBlock } from './pivot-block';
import { barrier, fail, failed, nextTask } from './threads';

/*
 * The inverse of a symmetric positive definite matrix by blocked symmetric sweeps (Gauss-Jordan without pivoting; Goodnight, "A tutorial
 * on the SWEEP operator", The American Statistician 33(3), 1979). For each diagonal block K = L L^T, with C the rest of its rows:
 *
 *     W = C L^-T;   the rest of the matrix -= W W^T;   C becomes W L^-1;   K becomes -K^-1
 *
 * After all blocks minus the inverse stands in place. Cholesky, inverse of the factor and product need as many multiplications
 * (n^3 / 2) but three different loops, whose work shrinks to nothing at one end; this is one product over the whole lower half each time,
 * which spreads over threads evenly. Only the lower half is kept, so the result is symmetric to the bit.
 */

const BLOCK: i32 = 128;
const PANEL_GROUP: i32 = 4;

function element(matrix: usize, step: usize, row: i32, column: i32): usize {
  return matrix + (row as usize) * step + ((column as usize) << 2);
}

/** W for one panel of 8 rows, and its rows of C replaced. `c` has room for a panel. */
function solvePanel(
  matrix: usize,
  step: usize,
  row: i32,
  k: i32,
  size: i32,
  rows: usize,
  columns: usize,
  c: usize,
  w: usize,
): void {
  const above = row < k;
  const across = element(matrix, step, k, row);
  const down = element(matrix, step, row, k);
  if (above) packAcross(across, step, size, c);
  else packDown(down, step, size, c);
  const half: usize = 16;
  for (let j = 0; j < size; j += PANEL) {
    // X is lower triangular: in row j of it nothing stands beyond column j.
    const x = rows + (((j / PANEL) * size) as usize) * PANEL_STEP;
    const to = w + (j as usize) * PANEL_STEP;
    const depth = j + PANEL;
    outerProducts(depth, x, PANEL_STEP, c, PANEL_STEP, to, PANEL_STEP, 1, false);
    outerProducts(depth, x + half, PANEL_STEP, c, PANEL_STEP, to + 4 * PANEL_STEP, PANEL_STEP, 1, false);
  }
  const outStep = above ? step : PANEL_STEP;
  for (let j = 0; j < size; j += PANEL) {
    const skipped = (j as usize) * PANEL_STEP;
    const x = columns + (((j / PANEL) * size) as usize) * PANEL_STEP + skipped;
    const to = (above ? across : c) + (j as usize) * outStep;
    outerProducts(size - j, x, PANEL_STEP, w + skipped, PANEL_STEP, to, outStep, 1, false);
    outerProducts(
      size - j,
      x + half,
      PANEL_STEP,
      w + skipped,
      PANEL_STEP,
      to + 4 * outStep,
      outStep,
      1,
      false,
    );
  }
  if (!above) unpackDown(c, size, down, step);
}

/** The rest of the lower half -= W W^T, a tile of 128 x 128 a task. */
function subtractProducts(n: i32, matrix: usize, step: usize, k: i32, size: i32, w: usize): void {
  const blocks = (n + BLOCK - 1) / BLOCK;
  const rowBytes = (size * 4) as usize;
  let task = nextTask();
  for (let i = 0, first = 0; i < blocks; first += ++i) {
    for (; task <= first + i; task = nextTask()) {
      const row = i * BLOCK;
      const column = (task - first) * BLOCK;
      if (row === k || column === k) continue;
      const to = element(matrix, step, row, column);
      const a = w + (row as usize) * rowBytes;
      const b = w + (column as usize) * rowBytes;
      multiplyTile(min(BLOCK, n - row), min(BLOCK, n - column), size, a, b, to, step, -1, row === column);
    }
  }
}

/**
 * Replaces a matrix of n x n, n a multiple of 8, rows `step` bytes apart, of which it reads the lower half, by minus its inverse, whole.
 * A pivot that is too small ends it: the status is then 1 + its row. `floors` has room for n numbers, `panels` for n x 128,
 * `work` for 6 x 128 x 128 and 8 x 128 more for each thread.
 */
export function invert(
  thread: i32,
  threads: i32,
  n: i32,
  matrix: usize,
  step: usize,
  floors: usize,
  panels: usize,
  work: usize,
): void {
  const block = (BLOCK * BLOCK) as usize;
  const rows = work;
  const columns = work + block * 4;
  const pivotWork = work + block * 8;
  const c = work + block * 24 + (thread as usize) * BLOCK * PANEL_STEP;
  const groups = (n / PANEL + PANEL_GROUP - 1) / PANEL_GROUP;
  if (thread === 0) writeFloors(matrix, step, n, floors);
  for (let k = 0; k < n; k += BLOCK) {
    const size = min(BLOCK, n - k);
    if (thread === 0) {
      const diagonal = element(matrix, step, k, k);
      const failure = invertBlock(diagonal, step, size, floors + (k << 2), rows, columns, pivotWork);
      if (failure !== 0) fail(k + failure);
    }
    barrier(threads);
    if (failed()) return;
    for (let group = nextTask(); group < groups; group = nextTask()) {
      const end = min(n, (group + 1) * PANEL_GROUP * PANEL);
      for (let row = group * PANEL_GROUP * PANEL; row < end; row += PANEL) {
        if (row >= k && row < k + size) continue;
        const w = panels + (row as usize) * ((size * 4) as usize);
        solvePanel(matrix, step, row, k, size, rows, columns, c, w);
      }
    }
    barrier(threads);
    subtractProducts(n, matrix, step, k, size, panels);
    barrier(threads);
  }
  mirror(threads, n, matrix, step);
}
