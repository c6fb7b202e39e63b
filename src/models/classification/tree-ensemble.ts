import { missingBin } from './quantile-bins.ts';

/**
 * Binary trees, one after the other, in flat arrays. Node numbers count within a tree from its root, 0; a right child
 * follows its left one. `left` is 0 for a leaf.
 */
export interface TreeEnsemble {
  /** Where each tree begins, and at the end the number of all nodes. */
  readonly starts: Int32Array;
  readonly left: Int32Array;
  readonly feature: Int32Array;
  /** Bins up to this one go left. */
  readonly bin: Uint8Array;
  /** 1 where missing values go right. */
  readonly missingRight: Uint8Array;
  /** Log-odds: of a leaf what it adds; of an inner node the mean of that over the training rows that reach it. */
  readonly value: Float64Array;
}

/** One tree in the same form, its nodes numbered from 0. */
export type Tree = Omit<TreeEnsemble, 'starts'>;

/** Trees one after the other. */
export function joinTrees(trees: readonly Tree[]): TreeEnsemble {
  const starts = Int32Array.from([0, ...trees.map((tree) => tree.left.length)]);
  for (let t = 1; t < starts.length; t++) starts[t]! += starts[t - 1]!;
  const total = starts[trees.length]!;
  const joined = {
    starts,
    left: new Int32Array(total),
    feature: new Int32Array(total),
    bin: new Uint8Array(total),
    missingRight: new Uint8Array(total),
    value: new Float64Array(total),
  };
  trees.forEach((tree, t) => {
    joined.left.set(tree.left, starts[t]!);
    joined.feature.set(tree.feature, starts[t]!);
    joined.bin.set(tree.bin, starts[t]!);
    joined.missingRight.set(tree.missingRight, starts[t]!);
    joined.value.set(tree.value, starts[t]!);
  });
  return joined;
}

/** Adds a tree's leaf values to the log-odds of `rows` binned rows of `width` features. */
function addTree(
  tree: Tree,
  start: number,
  bins: Uint8Array,
  width: number,
  rows: number,
  logOdds: Float64Array,
): void {
  const { left, feature, bin, missingRight, value } = tree;
  for (let row = 0; row < rows; row++) {
    const base = row * width;
    let node = 0;
    for (let child = left[start]!; child !== 0; child = left[start + node]!) {
      const at = start + node;
      const own = bins[base + feature[at]!]!;
      if (own === missingBin) node = child + missingRight[at]!;
      else node = own > bin[at]! ? child + 1 : child;
    }
    logOdds[row]! += value[start + node]!;
  }
}

/** Adds one tree to the log-odds of binned rows. */
export function addToLogOdds(tree: Tree, bins: Uint8Array, width: number, logOdds: Float64Array): void {
  addTree(tree, 0, bins, width, logOdds.length, logOdds);
}

/** Adds all trees to the log-odds of the first `rows` binned rows; tree by tree, since one tree fits the fastest cache. */
export function addEnsemble(
  ensemble: TreeEnsemble,
  bins: Uint8Array,
  width: number,
  rows: number,
  logOdds: Float64Array,
): void {
  for (let t = 0; t + 1 < ensemble.starts.length; t++) {
    addTree(ensemble, ensemble.starts[t]!, bins, width, rows, logOdds);
  }
}

/**
 * Credits each step on the paths of one binned row to the feature that it asks: the change of the node value (Saabas
 * 2014, "Interpreting random forests"). Exactly additive: root values plus credits are the sum of the leaves reached. It is
 * linear in depth, where exact Shapley values (Lundberg et al. 2020, TreeSHAP) take leaves times depth squared, two hundred
 * times the steps for 31 leaves of depth 6; the price is that deeper splits get more of a shared effect than higher ones.
 * @returns the sum of the root values
 */
export function creditPaths(ensemble: TreeEnsemble, bins: Uint8Array, credits: Float64Array): number {
  const { starts, left, feature, bin, missingRight, value } = ensemble;
  let roots = 0;
  for (let t = 0; t + 1 < starts.length; t++) {
    const start = starts[t]!;
    let at = start;
    roots += value[at]!;
    while (left[at] !== 0) {
      const own = bins[feature[at]!]!;
      const right = own === missingBin ? missingRight[at]! : Number(own > bin[at]!);
      const next = start + left[at]! + right;
      credits[feature[at]!]! += value[next]! - value[at]!;
      at = next;
    }
  }
  return roots;
}

interface BinnedRows {
  readonly bins: Uint8Array;
  /** Features a row. */
  readonly width: number;
  readonly rows: number;
}

/**
 * Adds all trees to the log-odds of binned rows, as addEnsemble does, and on the same walk the credits of creditPaths to `credits`: tree by
 * tree, since one tree fits the fastest cache. A million customers with 250 trees take a third of the time that they take row by row.
 */
export function explainEnsemble(
  { starts, left, feature, bin, missingRight, value }: TreeEnsemble,
  { bins, width, rows }: BinnedRows,
  logOdds: Float64Array,
  credits: Float64Array,
): void {
  for (let t = 0; t + 1 < starts.length; t++) {
    const start = starts[t]!;
    for (let row = 0; row < rows; row++) {
      const base = row * width;
      let at = start;
      for (let child = left[start]!; child !== 0; child = left[at]!) {
        const asked = base + feature[at]!;
        const own = bins[asked]!;
        const right = own === missingBin ? missingRight[at]! : own > bin[at]! ? 1 : 0;
        const next = start + child + right;
        credits[asked]! += value[next]! - value[at]!;
        at = next;
      }
      logOdds[row]! += value[at]!;
    }
  }
}
