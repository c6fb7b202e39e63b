import { mirror } from './multiply';
import { barrier, nextTask } from './threads';

const ITEMS_PER_TASK: i32 = 8;

/**
 * gram (n x n, zeroed, rows `step` bytes apart) = X^T X of a sparse X, given by rows (in each the columns ascending) and by columns.
 * Row i is gathered from the rows that have column i, up to the diagonal, so that what is added to, a row of the result, stays in the
 * first caches while the rows of X are read in a line; and threads never write to the same place.
 */
export function sparseGram(
  _thread: i32,
  threads: i32,
  n: i32,
  rowOffsets: usize,
  rowColumns: usize,
  rowValues: usize,
  columnOffsets: usize,
  columnRows: usize,
  columnValues: usize,
  gram: usize,
  step: usize,
): void {
  for (let task = nextTask(); task * ITEMS_PER_TASK < n; task = nextTask()) {
    // Backwards: the last rows are the longest, and a long task must not come last.
    const last = n - task * ITEMS_PER_TASK;
    for (let i = max(0, last - ITEMS_PER_TASK); i < last; i++) {
      const to = gram + (i as usize) * step;
      const end = i32.load(columnOffsets + ((i as usize) << 2), 4) as usize;
      for (let p = i32.load(columnOffsets + ((i as usize) << 2)) as usize; p < end; p++) {
        const row = i32.load(columnRows + (p << 2)) as usize;
        const stop = i32.load(rowOffsets + (row << 2), 4) as usize;
        addRow(
          to,
          f32.load(columnValues + (p << 2)),
          i,
          rowColumns,
          rowValues,
          i32.load(rowOffsets + (row << 2)) as usize,
          stop,
        );
      }
    }
  }
  barrier(threads);
  mirror(threads, n, gram, step);
}

function addRow(
  to: usize,
  factor: f32,
  last: i32,
  columns: usize,
  values: usize,
  start: usize,
  stop: usize,
): void {
  for (let q = start << 2, end = stop << 2; q < end; q += 4) {
    const column = i32.load(columns + q);
    if (column > last) return;
    const at = to + ((column as usize) << 2);
    f32.store(at, f32.load(at) + factor * f32.load(values + q));
  }
}
