/*
 * The one inner loop of everything: a tile of 4 x 8 numbers held in 8 of the 16 vector registers of x86-64, to which each step of the
 * depth adds the outer product of 4 numbers (broadcast on load) and 8. Measured in GFLOP/s of one thread (EPYC of Zen 4, Node 20):
 * 4 x 8 35; two steps of the depth at once 27; 6 x 8, whose 12 sums spill, 27. There is no fused multiply-add without relaxed SIMD.
 *
 * A panel is 8 rows of an operand stored depth first: element (depth k, row r) stands at k * 8 + r, so both operands are read in a line.
 */

/** Rows in a panel, and its bytes a step of the depth. */
export const PANEL: i32 = 8;
export const PANEL_STEP: usize = 32;

function put(to: usize, sum: v128, factor: v128, add: bool): void {
  const scaled = f32x4.mul(factor, sum);
  v128.store(to, add ? f32x4.add(v128.load(to), scaled) : scaled);
}

/**
 * c (4 x 8, rows `cStep` bytes apart) = factor * sum over k of a[k][0..3] (outer) b[k][0..7], added to what stands there if `add`.
 * Steps of the depth are `aStep` and `bStep` bytes apart.
 */
export function outerProducts(
  depth: i32,
  a: usize,
  aStep: usize,
  b: usize,
  bStep: usize,
  c: usize,
  cStep: usize,
  factor: f32,
  add: bool,
): void {
  let c00 = f32x4.splat(0);
  let c01 = f32x4.splat(0);
  let c10 = f32x4.splat(0);
  let c11 = f32x4.splat(0);
  let c20 = f32x4.splat(0);
  let c21 = f32x4.splat(0);
  let c30 = f32x4.splat(0);
  let c31 = f32x4.splat(0);
  for (let k = 0; k < depth; k++) {
    const b0 = v128.load(b);
    const b1 = v128.load(b, 16);
    let s = v128.load32_splat(a);
    c00 = f32x4.add(c00, f32x4.mul(s, b0));
    c01 = f32x4.add(c01, f32x4.mul(s, b1));
    s = v128.load32_splat(a, 4);
    c10 = f32x4.add(c10, f32x4.mul(s, b0));
    c11 = f32x4.add(c11, f32x4.mul(s, b1));
    s = v128.load32_splat(a, 8);
    c20 = f32x4.add(c20, f32x4.mul(s, b0));
    c21 = f32x4.add(c21, f32x4.mul(s, b1));
    s = v128.load32_splat(a, 12);
    c30 = f32x4.add(c30, f32x4.mul(s, b0));
    c31 = f32x4.add(c31, f32x4.mul(s, b1));
    a += aStep;
    b += bStep;
  }
  const f = f32x4.splat(factor);
  put(c, c00, f, add);
  put(c + 16, c01, f, add);
  c += cStep;
  put(c, c10, f, add);
  put(c + 16, c11, f, add);
  c += cStep;
  put(c, c20, f, add);
  put(c + 16, c21, f, add);
  c += cStep;
  put(c, c30, f, add);
  put(c + 16, c31, f, add);
}

/**
 * c += factor * A B^T for a tile of whole panels: `a` and `b` hold `rows / 8` and `columns / 8` panels of this depth one after the
 * other. With `lower`, blocks of 8 x 8 above the diagonal are left out. A panel of b stays in the first cache, those of a in the second.
 */
export function multiplyTile(
  rows: i32,
  columns: i32,
  depth: i32,
  a: usize,
  b: usize,
  c: usize,
  cStep: usize,
  factor: f32,
  lower: bool,
): void {
  const panelBytes = (depth as usize) * PANEL_STEP;
  for (let j = 0; j < columns; j += PANEL) {
    const bPanel = b + ((j / PANEL) as usize) * panelBytes;
    for (let i = lower ? j : 0; i < rows; i += PANEL) {
      const aPanel = a + ((i / PANEL) as usize) * panelBytes;
      const at = c + (i as usize) * cStep + ((j as usize) << 2);
      outerProducts(depth, aPanel, PANEL_STEP, bPanel, PANEL_STEP, at, cStep, factor, true);
      outerProducts(depth, aPanel + 16, PANEL_STEP, bPanel, PANEL_STEP, at + 4 * cStep, cStep, factor, true);
    }
  }
}
