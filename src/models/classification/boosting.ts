import { Random } from '../random.ts';
import { logistic } from '../special-functions.ts';
import type { LabelledRows } from './classifier.ts';
import { type GrowLimits, TreeGrower } from './grow-tree.ts';
import { binRows, quantileEdges } from './quantile-bins.ts';
import { meanLogLoss } from './row-losses.ts';
import { addToLogOdds, type Tree } from './tree-ensemble.ts';

export interface BoostingPlan extends GrowLimits {
  readonly maxTrees: number;
  readonly maxBins: number;
  /** Chance of each row to be in a tree's sample; 1 takes all. */
  readonly subsample: number;
  readonly seed: number;
  readonly validation: LabelledRows | undefined;
  /** Stops after this many trees without a lower validation loss. */
  readonly patience: number;
}

interface Boosted {
  readonly edges: readonly Float64Array[];
  readonly trees: readonly Tree[];
  /** Trees grown, of which those after the best validation loss were dropped. */
  readonly grownTrees: number;
  readonly validationLogLoss: number | null;
  /** Of the training rows, by the trees kept: asked for again they would take a twentieth of the fit. */
  readonly logOdds: Float64Array;
}

interface BinnedRows {
  readonly bins: Uint8Array;
  readonly width: number;
  readonly logOdds: Float64Array;
}

function binAll(edges: readonly Float64Array[], { matrix }: LabelledRows, baseLogOdds: number): BinnedRows {
  const width = edges.length;
  const bins = new Uint8Array(matrix.rows * width);
  binRows(edges, matrix.columns, 0, matrix.rows, bins);
  return { bins, width, logOdds: new Float64Array(matrix.rows).fill(baseLogOdds) };
}

/** First and second derivatives of each row's loss in its log-odds. */
function derive(
  { outcome, weights }: LabelledRows,
  logOdds: Float64Array,
  g: Float64Array,
  h: Float64Array,
): void {
  for (let row = 0; row < logOdds.length; row++) {
    const p = logistic(logOdds[row]!);
    const weight = weights ? weights[row]! : 1;
    g[row] = weight * (p - outcome[row]!);
    // Where p rounds to 0 or 1 the row still counts a little, so that no node divides by 0.
    h[row] = weight * Math.max(p * (1 - p), 1e-16);
  }
}

/** Fills `order` with the rows of a sample, drawn without replacement, ascending, and returns that part of it. */
function sampleRows(order: Uint32Array, share: number, random: Random): Uint32Array {
  let count = 0;
  for (let row = 0; row < order.length; row++) {
    if (share >= 1 || random.bernoulli(share)) order[count++] = row;
  }
  return order.subarray(0, count);
}

/** Keeps the validation rows' log-odds up to date and says when to stop. */
class EarlyStopping {
  bestLoss = Infinity;
  bestTrees = 0;
  private readonly rows: LabelledRows;
  private readonly binned: BinnedRows;
  private readonly patience: number;

  constructor(rows: LabelledRows, edges: readonly Float64Array[], baseLogOdds: number, patience: number) {
    this.rows = rows;
    this.binned = binAll(edges, rows, baseLogOdds);
    this.patience = patience;
    this.record(0);
  }

  add(tree: Tree, trees: number): 'better' | 'wait' | 'stop' {
    addToLogOdds(tree, this.binned.bins, this.binned.width, this.binned.logOdds);
    if (this.record(trees)) return 'better';
    return trees - this.bestTrees >= this.patience ? 'stop' : 'wait';
  }

  private record(trees: number): boolean {
    const loss = meanLogLoss(this.binned.logOdds.map(logistic), this.rows.outcome, this.rows.weights);
    if (loss >= this.bestLoss) return false;
    this.bestLoss = loss;
    this.bestTrees = trees;
    return true;
  }
}

/**
 * Gradient boosting of the log-loss (Friedman 2001, "Greedy function approximation", with second-order steps as in Chen &
 * Guestrin 2016) on histograms of binned features (Ke et al. 2017, LightGBM), from the base rate's log-odds on.
 */
export function boost(data: LabelledRows, baseLogOdds: number, plan: BoostingPlan): Boosted {
  const { rows } = data.matrix;
  const edges = data.matrix.columns.map((column) => quantileEdges(column, plan.maxBins));
  const { bins, width, logOdds } = binAll(edges, data, baseLogOdds);
  const binCounts = Uint16Array.from(edges, (ofColumn) => ofColumn.length + 1);
  const grower = new TreeGrower(bins, binCounts, rows, data.weights, plan);
  const stopping = plan.validation && new EarlyStopping(plan.validation, edges, baseLogOdds, plan.patience);
  const random = Random.fromSeed(plan.seed, 'row samples');
  const [gradients, hessians] = [new Float64Array(rows), new Float64Array(rows)];
  const order = new Uint32Array(rows);
  const trees: Tree[] = [];
  const kept = stopping ? logOdds.slice() : logOdds;
  while (trees.length < plan.maxTrees) {
    derive(data, logOdds, gradients, hessians);
    const tree = grower.grow(sampleRows(order, plan.subsample, random), gradients, hessians);
    // A tree that cannot split learns nothing, and neither would the next.
    if (tree.left.length === 1) break;
    trees.push(tree);
    addToLogOdds(tree, bins, width, logOdds);
    const verdict = stopping?.add(tree, trees.length);
    if (verdict === 'better') kept.set(logOdds);
    if (verdict === 'stop') break;
  }
  return {
    edges,
    trees: stopping ? trees.slice(0, stopping.bestTrees) : trees,
    grownTrees: trees.length,
    validationLogLoss: stopping ? stopping.bestLoss : null,
    logOdds: kept,
  };
}
