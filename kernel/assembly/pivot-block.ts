import { PANEL, PANEL_STEP } from './micro-kernel';

/*
 * The diagonal blocks of the inversion, in f64: they are few, and what is lost in them is lost in all that follows.
 * A block is row-major, `size` x `size`, `size` a multiple of 8.
 */

function at(block: usize, size: i32, row: i32, column: i32): usize {
  return block + ((row * size + column) << 3);
}

/** target[from..to) += factor * source[from..to), two at a time: the number before an odd `from` and the one after an odd `to` change too. */
function addRow(target: usize, source: usize, factor: f64, from: i32, to: i32): void {
  const f = f64x2.splat(factor);
  for (let i: usize = (from & ~1) << 3, end: usize = to << 3; i < end; i += 16) {
    v128.store(target + i, f64x2.add(v128.load(target + i), f64x2.mul(f, v128.load(source + i))));
  }
}

function scaleRow(row: usize, factor: f64, from: i32, to: i32): void {
  const f = f64x2.splat(factor);
  for (let i: usize = (from & ~1) << 3, end: usize = to << 3; i < end; i += 16) {
    v128.store(row + i, f64x2.mul(f, v128.load(row + i)));
  }
}

/** The upper factor U with U^T U = the block, in place; below the diagonal stays rubbish. 0, or 1 + the row whose pivot is not above its floor. */
function factorise(u: usize, size: i32, floors: usize): i32 {
  for (let j = 0; j < size; j++) {
    const row = at(u, size, j, 0);
    for (let k = 0; k < j; k++) addRow(row, at(u, size, k, 0), -f64.load(at(u, size, k, j)), j, size);
    const pivot = f64.load(at(u, size, j, j));
    if (!(pivot > (f32.load(floors + (j << 2)) as f64)) || pivot === Infinity) return 1 + j;
    scaleRow(row, 1 / sqrt(pivot), j, size);
  }
  return 0;
}

/** x = the inverse of the lower factor U^T, zero above its diagonal. */
function invertFactor(u: usize, x: usize, size: i32): void {
  memory.fill(x, 0, (size * size) << 3);
  for (let i = 0; i < size; i++) {
    const row = at(x, size, i, 0);
    for (let k = 0; k < i; k++) addRow(row, at(x, size, k, 0), -f64.load(at(u, size, k, i)), 0, k + 1);
    const scale = 1 / f64.load(at(u, size, i, i));
    scaleRow(row, scale, 0, i);
    f64.store(row + (i << 3), scale);
  }
}

/** The lower half of p = x^T x: the inverse of the block. */
function multiplyFactors(x: usize, p: usize, size: i32): void {
  memory.fill(p, 0, (size * size) << 3);
  for (let i = 0; i < size; i++) {
    for (let k = i; k < size; k++)
      addRow(at(p, size, i, 0), at(x, size, k, 0), f64.load(at(x, size, k, i)), 0, i + 1);
  }
}

/**
 * Puts minus the inverse of a diagonal block in its place (lower half), and the inverse X of its lower Cholesky factor into two sets
 * of panels: `rows` with rows of X, depth along them, `columns` with its columns. `work` has room for two blocks of f64.
 * Returns 0, or 1 + the row of the block whose pivot is not above its floor; the block is then as it was.
 */
export function invertBlock(
  block: usize,
  step: usize,
  size: i32,
  floors: usize,
  rows: usize,
  columns: usize,
  work: usize,
): i32 {
  const x = at(work, size, size, 0);
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      f64.store(at(work, size, j, i), f32.load(block + (i as usize) * step + (j << 2)) as f64);
    }
  }
  const failure = factorise(work, size, floors);
  if (failure !== 0) return failure;
  invertFactor(work, x, size);
  multiplyFactors(x, work, size);
  const panelBytes = (size as usize) * PANEL_STEP;
  for (let i = 0; i < size; i++) {
    const panel = ((i / PANEL) as usize) * panelBytes + ((i % PANEL) << 2);
    for (let k = 0; k < size; k++) {
      const inPanel = panel + (k as usize) * PANEL_STEP;
      f32.store(rows + inPanel, f64.load(at(x, size, i, k)) as f32);
      f32.store(columns + inPanel, f64.load(at(x, size, k, i)) as f32);
    }
    for (let j = 0; j <= i; j++) {
      f32.store(block + (i as usize) * step + (j << 2), -f64.load(at(work, size, i, j)) as f32);
    }
  }
  return 0;
}
