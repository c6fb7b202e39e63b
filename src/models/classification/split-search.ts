import { missingBin } from './quantile-bins.ts';

/** Entries of one feature in a histogram: 256 bins of gradient and Hessian sums, interleaved. */
export const featureStride = 512;

export interface SplitLimits {
  /** Least sum of Hessians, weight * p(1 - p), on either side. */
  readonly minChildWeight: number;
  /** L2 penalty on the values of leaves. */
  readonly l2: number;
}

export interface Split {
  readonly gain: number;
  readonly feature: number;
  /** Rows whose bin is at most this go left. */
  readonly bin: number;
  readonly missingRight: boolean;
  readonly leftGradient: number;
  readonly leftHessian: number;
}

interface NodeSums {
  readonly gradient: number;
  readonly hessian: number;
}

// Below this a gain is rounding of the sums: a node of one class or of one value must stay a leaf.
const leastGain = 1e-9;

/** Adds the rows order[from … to) to a histogram of zeros. */
export function addRows(
  histogram: Float64Array,
  bins: Uint8Array,
  width: number,
  order: Uint32Array,
  from: number,
  to: number,
  gradients: Float64Array,
  hessians: Float64Array,
): void {
  for (let i = from; i < to; i++) {
    const row = order[i]!;
    const gradient = gradients[row]!;
    const hessian = hessians[row]!;
    const start = row * width;
    for (let j = 0; j < width; j++) {
      const at = j * featureStride + (bins[start + j]! << 1);
      histogram[at]! += gradient;
      histogram[at + 1]! += hessian;
    }
  }
}

class Search {
  best: Split | undefined;
  private readonly node: NodeSums;
  private readonly limits: SplitLimits;
  private readonly parentScore: number;

  constructor(node: NodeSums, limits: SplitLimits) {
    this.node = node;
    this.limits = limits;
    this.parentScore = node.gradient ** 2 / (node.hessian + limits.l2);
  }

  /** Ties keep the first: the lowest feature and bin, missing values on the right. */
  consider(feature: number, bin: number, missingRight: boolean, gradient: number, hessian: number): void {
    const { minChildWeight, l2 } = this.limits;
    const rightHessian = this.node.hessian - hessian;
    if (hessian < minChildWeight || rightHessian < minChildWeight) return;
    const rightGradient = this.node.gradient - gradient;
    const gain = gradient ** 2 / (hessian + l2) + rightGradient ** 2 / (rightHessian + l2) - this.parentScore;
    if (gain <= (this.best?.gain ?? leastGain)) return;
    this.best = { gain, feature, bin, missingRight, leftGradient: gradient, leftHessian: hessian };
  }
}

/**
 * The split of a node that lowers the second-order approximation of the loss most: gain
 * GL^2/(HL + l2) + GR^2/(HR + l2) - G^2/(H + l2) (Chen & Guestrin 2016, equation 7), tried for every feature and bin with
 * missing values on either side. Where a node has no missing values, they are sent to the heavier side.
 */
export function findSplit(
  histogram: Float64Array,
  binCounts: Uint16Array,
  node: NodeSums,
  limits: SplitLimits,
): Split | undefined {
  const search = new Search(node, limits);
  for (let feature = 0; feature < binCounts.length; feature++) {
    const start = feature * featureStride;
    const missingGradient = histogram[start + 2 * missingBin]!;
    const missingHessian = histogram[start + 2 * missingBin + 1]!;
    // What subtraction leaves of an empty bin is rounding, far below one row's Hessian at minChildWeight's scale.
    const hasMissing = missingHessian > 1e-9 * node.hessian;
    // With missing values, "all others left" is a split too.
    const lastBin = binCounts[feature]! - (hasMissing ? 1 : 2);
    let [gradient, hessian] = [0, 0];
    for (let bin = 0; bin <= lastBin; bin++) {
      gradient += histogram[start + 2 * bin]!;
      hessian += histogram[start + 2 * bin + 1]!;
      const missingRight = hasMissing || hessian < node.hessian - hessian;
      search.consider(feature, bin, missingRight, gradient, hessian);
      if (hasMissing) {
        search.consider(feature, bin, false, gradient + missingGradient, hessian + missingHessian);
      }
    }
  }
  return search.best;
}
