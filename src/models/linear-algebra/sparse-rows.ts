import type { SparseRows } from './linear-algebra.ts';

/** The transposed matrix; in each of its rows the columns ascend. */
export function transposeRows(rows: SparseRows): SparseRows {
  const offsets = new Int32Array(rows.columnCount + 1);
  for (const column of rows.columns) offsets[column + 1]! += 1;
  for (let i = 0; i < rows.columnCount; i++) offsets[i + 1]! += offsets[i]!;
  const next = offsets.slice();
  const columns = new Int32Array(rows.columns.length);
  const values = new Float32Array(rows.columns.length);
  const columnCount = rows.offsets.length - 1;
  for (let row = 0; row < columnCount; row++) {
    for (let i = rows.offsets[row]!; i < rows.offsets[row + 1]!; i++) {
      const position = next[rows.columns[i]!]!++;
      columns[position] = row;
      values[position] = rows.values[i]!;
    }
  }
  return { columnCount, offsets, columns, values };
}

export function columnsAscend(rows: SparseRows): boolean {
  for (let row = 0; row + 1 < rows.offsets.length; row++) {
    for (let i = rows.offsets[row]! + 1; i < rows.offsets[row + 1]!; i++) {
      if (rows.columns[i]! < rows.columns[i - 1]!) return false;
    }
  }
  return true;
}
