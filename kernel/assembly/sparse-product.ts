import { barrier, nextTask } from './threads';

/** Columns of the result that are summed in 8 registers. Their part of 10,000 rows takes 1.3 MB: it stays in the second cache. */
const WIDTH: i32 = 32;

/** The columns from `left` on of `b`, rows one after the other: rows a page apart would each need an entry in the table of pages. */
function pack(depth: i32, b: usize, bStep: usize, left: i32, packed: usize): void {
  for (let k: usize = 0; k < (depth as usize); k++)
    memory.copy(packed + k * ((WIDTH << 2) as usize), b + k * bStep + (left << 2), WIDTH << 2);
}

function sumRow(start: usize, end: usize, columns: usize, values: usize, packed: usize, to: usize): void {
  let s0 = f32x4.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  let s4 = s0;
  let s5 = s0;
  let s6 = s0;
  let s7 = s0;
  for (let p = start << 2; p < end << 2; p += 4) {
    const f = f32x4.splat(f32.load(values + p));
    const row = packed + (i32.load(columns + p) as usize) * ((WIDTH << 2) as usize);
    s0 = f32x4.add(s0, f32x4.mul(f, v128.load(row)));
    s1 = f32x4.add(s1, f32x4.mul(f, v128.load(row, 16)));
    s2 = f32x4.add(s2, f32x4.mul(f, v128.load(row, 32)));
    s3 = f32x4.add(s3, f32x4.mul(f, v128.load(row, 48)));
    s4 = f32x4.add(s4, f32x4.mul(f, v128.load(row, 64)));
    s5 = f32x4.add(s5, f32x4.mul(f, v128.load(row, 80)));
    s6 = f32x4.add(s6, f32x4.mul(f, v128.load(row, 96)));
    s7 = f32x4.add(s7, f32x4.mul(f, v128.load(row, 112)));
  }
  v128.store(to, s0);
  v128.store(to, s1, 16);
  v128.store(to, s2, 32);
  v128.store(to, s3, 48);
  v128.store(to, s4, 64);
  v128.store(to, s5, 80);
  v128.store(to, s6, 96);
  v128.store(to, s7, 112);
}

/**
 * result (rows x n) = X B with a sparse X by rows and a dense B of depth x n; n is a multiple of 32, steps are bytes from row to row.
 * `work` has room for depth * 32 numbers for each thread.
 */
export function sparseProduct(
  thread: i32,
  threads: i32,
  rows: i32,
  n: i32,
  depth: i32,
  offsets: usize,
  columns: usize,
  values: usize,
  b: usize,
  bStep: usize,
  result: usize,
  resultStep: usize,
  work: usize,
): void {
  const packed = work + ((thread * depth * WIDTH) as usize) * 4;
  for (let task = nextTask(); task * WIDTH < n; task = nextTask()) {
    const left = task * WIDTH;
    pack(depth, b, bStep, left, packed);
    for (let row: usize = 0; row < (rows as usize); row++) {
      const start = i32.load(offsets + (row << 2)) as usize;
      const end = i32.load(offsets + (row << 2), 4) as usize;
      sumRow(start, end, columns, values, packed, result + row * resultStep + (left << 2));
    }
  }
  barrier(threads);
}
