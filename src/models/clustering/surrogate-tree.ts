import type { BinnedFeatures } from './binned-features.ts';

/** One feature's part of a rule: above < value <= atMost, either end open where null. */
export interface RuleCondition {
  readonly feature: string;
  readonly above: number | null;
  readonly atMost: number | null;
}

/** All conditions together say who is meant; none means everybody. Each feature appears once, in the matrix's order. */
export interface Rule {
  readonly conditions: readonly RuleCondition[];
  /** Rows that satisfy it. */
  readonly rows: number;
  /** Of those, the rows of each label: the denominator of recall stands in SurrogateTree.labelRows. */
  readonly labelRows: Float64Array;
}

interface SurrogateTree {
  /** The rule of every node, the root first: a node above the leaves is a rule too, and a shorter one. */
  readonly rules: readonly Rule[];
  /** Share of the rows whose label is the most frequent one of their leaf. */
  readonly accuracy: number;
}

/**
 * A round threshold is taken where it keeps this share of the best one's gain: "more than 500" says more to people than
 * "more than 487.5" does.
 */
const keptGain = 0.97;

/** Rows within a box of bins, lowest and highest included. */
interface Node {
  readonly rows: Uint32Array;
  readonly low: readonly number[];
  readonly high: readonly number[];
  readonly counts: Float64Array;
}

interface Split {
  readonly feature: number;
  /** The last bin of the left side. */
  readonly bin: number;
  /** Sum over both sides of the squared counts over the rows: the larger, the less Gini impurity remains. */
  readonly purity: number;
  readonly roughness: number;
}

function squaresOverRows(counts: Float64Array): number {
  let rows = 0;
  let squares = 0;
  for (const count of counts) {
    rows += count;
    squares += count * count;
  }
  return rows > 0 ? squares / rows : 0;
}

function countLabels(rows: Uint32Array, labels: Int32Array, classes: number): Float64Array {
  const counts = new Float64Array(classes);
  for (let i = 0; i < rows.length; i++) counts[labels[rows[i]!]!]!++;
  return counts;
}

function featureSplits(data: BinnedFeatures, labels: Int32Array, node: Node, feature: number): Split[] {
  const classes = node.counts.length;
  const bins = data.bins[feature]!;
  const histogram = new Float64Array(classes * (data.thresholds[feature]!.length + 1));
  for (let i = 0; i < node.rows.length; i++) {
    const row = node.rows[i]!;
    histogram[bins[row]! * classes + labels[row]!]!++;
  }
  const left = new Float64Array(classes);
  const right = node.counts.slice();
  const splits: Split[] = [];
  for (let bin = 0; bin < data.thresholds[feature]!.length; bin++) {
    for (let label = 0; label < classes; label++) {
      const count = histogram[bin * classes + label]!;
      left[label]! += count;
      right[label]! -= count;
    }
    const purity = squaresOverRows(left) + squaresOverRows(right);
    splits.push({ feature, bin, purity, roughness: data.roughness[feature]![bin]! });
  }
  return splits;
}

/** The split of most gain, moved to a rounder threshold of the same feature where that costs little. */
function bestSplit(data: BinnedFeatures, labels: Int32Array, node: Node): Split | undefined {
  const here = squaresOverRows(node.counts);
  let chosen: Split | undefined;
  let most = 0;
  for (let feature = 0; feature < data.names.length; feature++) {
    const splits = featureSplits(data, labels, node, feature);
    const best = splits.reduce((gain, { purity }) => Math.max(gain, purity - here), 0);
    // A gain of rounding errors is none.
    if (best <= most || best <= 1e-9 * here) continue;
    most = best;
    chosen = splits
      .filter(({ purity }) => purity - here >= keptGain * best)
      .reduce((round, split) =>
        split.roughness < round.roughness ||
        (split.roughness === round.roughness && split.purity > round.purity)
          ? split
          : round,
      );
  }
  return chosen;
}

function children(data: BinnedFeatures, labels: Int32Array, node: Node, split: Split): [Node, Node] {
  const bins = data.bins[split.feature]!;
  const leftRows = node.rows.filter((row) => bins[row]! <= split.bin);
  const rightRows = node.rows.filter((row) => bins[row]! > split.bin);
  const high = node.high.map((bin, f) => (f === split.feature ? split.bin : bin));
  const low = node.low.map((bin, f) => (f === split.feature ? split.bin + 1 : bin));
  const classes = node.counts.length;
  return [
    { rows: leftRows, low: node.low, high, counts: countLabels(leftRows, labels, classes) },
    { rows: rightRows, low, high: node.high, counts: countLabels(rightRows, labels, classes) },
  ];
}

function ruleOf(data: BinnedFeatures, node: Node): Rule {
  const conditions: RuleCondition[] = [];
  data.names.forEach((feature, f) => {
    const thresholds = data.thresholds[f]!;
    const above = node.low[f]! > 0 ? thresholds[node.low[f]! - 1]! : null;
    const atMost = thresholds[node.high[f]!] ?? null;
    if (above !== null || atMost !== null) conditions.push({ feature, above, atMost });
  });
  return { conditions, rows: node.rows.length, labelRows: node.counts };
}

/**
 * A classification tree of limited depth by Gini impurity (CART: Breiman, Friedman, Olshen & Stone 1984) that imitates
 * given labels, as an explanation of them. Its thresholds are round from the start, so that what it says of its rules
 * holds for the rules as they are read.
 * @param labels for each row 0 … classes - 1
 */
export function fitSurrogateTree(
  data: BinnedFeatures,
  labels: Int32Array,
  options: { classes: number; maxDepth: number },
): SurrogateTree {
  const rows = Uint32Array.from({ length: data.rows }, (_, row) => row);
  let level: Node[] = [
    {
      rows,
      low: data.names.map(() => 0),
      high: data.thresholds.map((thresholds) => thresholds.length),
      counts: countLabels(rows, labels, options.classes),
    },
  ];
  const rules: Rule[] = [];
  let agreeing = 0;
  for (let depth = 0; level.length > 0; depth++) {
    const next: Node[] = [];
    for (const node of level) {
      rules.push(ruleOf(data, node));
      const split = depth < options.maxDepth ? bestSplit(data, labels, node) : undefined;
      if (split) next.push(...children(data, labels, node, split));
      else agreeing += Math.max(...node.counts);
    }
    level = next;
  }
  return { rules, accuracy: agreeing / data.rows };
}
