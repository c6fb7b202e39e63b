import { PANEL, PANEL_STEP } from './micro-kernel';

/** Packs a panel whose 8 rows lie side by side in each step of the depth (an operand that is stored transposed). */
export function packAcross(from: usize, step: usize, depth: i32, to: usize): void {
  for (let k = 0; k < depth; k++) {
    v128.store(to, v128.load(from));
    v128.store(to, v128.load(from, 16), 16);
    from += step;
    to += PANEL_STEP;
  }
}

/** Packs a panel of 8 rows that are `step` bytes apart. */
export function packDown(from: usize, step: usize, depth: i32, to: usize): void {
  for (let r = 0; r < PANEL; r++) {
    let source = from + (r as usize) * step;
    let target = to + ((r as usize) << 2);
    for (let k = 0; k < depth; k++) {
      f32.store(target, f32.load(source));
      source += 4;
      target += PANEL_STEP;
    }
  }
}

/** The reverse of packDown. */
export function unpackDown(from: usize, depth: i32, to: usize, step: usize): void {
  for (let r = 0; r < PANEL; r++) {
    let source = from + ((r as usize) << 2);
    let target = to + (r as usize) * step;
    for (let k = 0; k < depth; k++) {
      f32.store(target, f32.load(source));
      source += PANEL_STEP;
      target += 4;
    }
  }
}

/** Copies what stands below the diagonal of a matrix of n rows over what stands above it: one block. */
export function mirrorBlock(
  matrix: usize,
  step: usize,
  row: i32,
  column: i32,
  rows: i32,
  columns: i32,
): void {
  for (let i = row; i < row + rows; i++) {
    const last = min(column + columns, i);
    for (let j = column; j < last; j++) {
      const value = f32.load(matrix + (i as usize) * step + ((j as usize) << 2));
      f32.store(matrix + (j as usize) * step + ((i as usize) << 2), value);
    }
  }
}

/**
 * 16 roundings of 32 bits (PIVOT_FLOOR of checks.ts): a pivot that is no larger share of its diagonal element than this is what
 * cancellation left, and no digit of the result would be right.
 */
const PIVOT_FLOOR: f32 = 9.5367431640625e-7;

/** Writes the floors that the pivots of a matrix of n x n have to exceed, before any elimination. */
export function writeFloors(matrix: usize, step: usize, n: i32, floors: usize): void {
  for (let i = 0; i < n; i++) {
    const diagonal = f32.load(matrix + (i as usize) * (step + 4));
    f32.store(floors + ((i as usize) << 2), max<f32>(0, diagonal * PIVOT_FLOOR));
  }
}
