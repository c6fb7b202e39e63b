import { multiplyTile, PANEL, PANEL_STEP } from './micro-kernel';
import { mirrorBlock, packAcross, packDown } from './panels';
import { barrier, nextTask } from './threads';

/** A panel of this depth is 8 KiB: one of each operand fits into the first cache. */
const DEPTH: i32 = 256;
/** Two tiles of operands, 128 KiB each, stay in the second cache. */
const TILE: i32 = 128;

function pack(panel: i32, source: usize, step: usize, across: bool, k: i32, depth: i32, packed: usize): void {
  const to = packed + (panel as usize) * (depth as usize) * PANEL_STEP;
  const row = (panel * PANEL) as usize;
  if (across) packAcross(source + (k as usize) * step + (row << 2), step, depth, to);
  else packDown(source + row * step + ((k as usize) << 2), step, depth, to);
}

/**
 * c (m x n) += factor * op(a) op(b), m and n multiples of 8, all row-major with steps in bytes. `aAcross`: a is stored depth x m;
 * `bAcross`: b is stored depth x n. With `gram`, b is a (its `packedB` the same as `packedA`), only the lower half is computed and
 * then mirrored. `packedA` and `packedB` have room for m x 256 and n x 256 numbers.
 */
export function multiply(
  _thread: i32,
  threads: i32,
  m: i32,
  n: i32,
  depth: i32,
  factor: f32,
  a: usize,
  aStep: usize,
  aAcross: bool,
  b: usize,
  bStep: usize,
  bAcross: bool,
  c: usize,
  cStep: usize,
  packedA: usize,
  packedB: usize,
  gram: bool,
): void {
  const aPanels = m / PANEL;
  const panels = aPanels + (gram ? 0 : n / PANEL);
  const tileRows = (m + TILE - 1) / TILE;
  const tileColumns = (n + TILE - 1) / TILE;
  for (let k = 0; k < depth; k += DEPTH) {
    const part = min(DEPTH, depth - k);
    for (let p = nextTask(); p < panels; p = nextTask()) {
      if (p < aPanels) pack(p, a, aStep, aAcross, k, part, packedA);
      else pack(p - aPanels, b, bStep, bAcross, k, part, packedB);
    }
    barrier(threads);
    for (let task = nextTask(); task < tileRows * tileColumns; task = nextTask()) {
      const i = (task / tileColumns) * TILE;
      const j = (task % tileColumns) * TILE;
      if (gram && j > i) continue;
      const panelBytes = (part * 4) as usize;
      const at = c + (i as usize) * cStep + ((j as usize) << 2);
      const aTile = packedA + (i as usize) * panelBytes;
      const bTile = packedB + (j as usize) * panelBytes;
      multiplyTile(
        min(TILE, m - i),
        min(TILE, n - j),
        part,
        aTile,
        bTile,
        at,
        cStep,
        factor,
        gram && i === j,
      );
    }
    barrier(threads);
  }
  if (gram) mirror(threads, m, c, cStep);
}

/** Copies the lower half of a matrix of n x n over the upper one. */
export function mirror(threads: i32, n: i32, matrix: usize, step: usize): void {
  const tiles = (n + TILE - 1) / TILE;
  for (let task = nextTask(); task < tiles * tiles; task = nextTask()) {
    const i = (task / tiles) * TILE;
    const j = (task % tiles) * TILE;
    if (j <= i) mirrorBlock(matrix, step, i, j, min(TILE, n - i), TILE);
  }
  barrier(threads);
}
