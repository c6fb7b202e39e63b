import type { FittedClassifier, LabelledRows } from '../models/classification/classifier.ts';
import { selectRows } from '../models/classification/feature-matrix.ts';
import { fitBoostedTrees } from '../models/classification/gradient-boosted-trees.ts';
import { fitLogistic } from '../models/classification/logistic-regression.ts';
import { Random } from '../models/random.ts';
import type { Cut } from './cut.ts';
import { stackMatrices } from './design-matrix.ts';

/** One seed for all: the same data give the same scores to the bit. */
const SEED = 20_240_101;
/** Of standardised units: 3 and 30 change the loss by less than its noise, with a few hundred buyers as with many. */
const L2 = 10;

function stacked(cuts: readonly Cut[]): LabelledRows {
  const outcome = new Uint8Array(cuts.reduce((sum, cut) => sum + cut.outcome.length, 0));
  let offset = 0;
  for (const cut of cuts) {
    outcome.set(cut.outcome, offset);
    offset += cut.outcome.length;
  }
  return { matrix: stackMatrices(cuts.map((cut) => cut.matrix)), outcome };
}

export function fitLogisticTo(cuts: readonly Cut[]): FittedClassifier {
  const { matrix, outcome } = stacked(cuts);
  return fitLogistic(matrix, outcome, { l2: L2 });
}

/** A fifth of the customers, with all their rows: one who stood on both sides would let the trees learn her by heart. */
function heldCustomers(cuts: readonly Cut[]): Uint8Array {
  const ids = cuts.flatMap(({ population }) => [...population.userId]);
  const drawn = new Map<number, number>();
  const random = Random.fromSeed(SEED, 'boosting validation');
  for (const id of [...new Set(ids)].sort((a, b) => a - b)) drawn.set(id, random.uniform() < 0.2 ? 1 : 0);
  return Uint8Array.from(ids, (id) => drawn.get(id)!);
}

/** Those held back say when the trees begin to learn by heart; then all teach so many. Small trees: the signal is nearly additive. */
export function fitBoostedTreesTo(cuts: readonly Cut[]): FittedClassifier {
  const { matrix, outcome } = stacked(cuts);
  const held = heldCustomers(cuts);
  const take = (side: number): LabelledRows => {
    const rows = Int32Array.from(held.keys()).filter((row) => held[row] === side);
    return { matrix: selectRows(matrix, rows), outcome: Uint8Array.from(rows, (row) => outcome[row]!) };
  };
  const plan = { learningRate: 0.05, maxDepth: 4, maxLeaves: 12, minChildWeight: 10, l2: 10 };
  const train = take(0);
  const { diagnostics } = fitBoostedTrees(train.matrix, train.outcome, {
    ...plan,
    validation: take(1),
    maxTrees: 250,
    patience: 30,
  });
  return fitBoostedTrees(matrix, outcome, { ...plan, maxTrees: Math.max(1, diagnostics.trees) });
}
