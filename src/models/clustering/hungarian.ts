/**
 * The assignment of rows to columns of least total cost, in O(rows^2 x columns): Kuhn's Hungarian method (Naval Research
 * Logistics Quarterly 2, 1955) by shortest augmenting paths with potentials (Jonker & Volgenant, Computing 38, 1987).
 * @param cost rows x columns of finite numbers, row-major, with no more rows than columns
 * @returns for each row its column
 */
export function assignLeastCost(cost: Float64Array, rows: number, columns: number): Int32Array {
  const rowPotential = new Float64Array(rows);
  const columnPotential = new Float64Array(columns);
  const rowOf = new Int32Array(columns).fill(-1);
  const reach = new Float64Array(columns);
  const from = new Int32Array(columns);
  const done = new Uint8Array(columns);
  for (let start = 0; start < rows; start++) {
    reach.fill(Number.POSITIVE_INFINITY);
    done.fill(0);
    let row = start;
    let column = -1;
    // Grows the tree of shortest alternating paths until it meets a free column.
    do {
      let nearest = -1;
      for (let j = 0; j < columns; j++) {
        if (done[j] === 1) continue;
        const reduced = cost[row * columns + j]! - rowPotential[row]! - columnPotential[j]!;
        if (reduced < reach[j]!) {
          reach[j] = reduced;
          from[j] = column;
        }
        if (nearest < 0 || reach[j]! < reach[nearest]!) nearest = j;
      }
      const step = reach[nearest]!;
      rowPotential[start]! += step;
      for (let j = 0; j < columns; j++) {
        if (done[j] === 1) {
          rowPotential[rowOf[j]!]! += step;
          columnPotential[j]! -= step;
        } else reach[j]! -= step;
      }
      done[nearest] = 1;
      column = nearest;
      row = rowOf[nearest]!;
    } while (row >= 0);
    for (; column >= 0; column = from[column]!)
      rowOf[column] = from[column]! < 0 ? start : rowOf[from[column]!]!;
  }
  const columnOf = new Int32Array(rows);
  rowOf.forEach((row, j) => {
    if (row >= 0) columnOf[row] = j;
  });
  return columnOf;
}
