import { AppError } from '../../errors.ts';
import { Random } from '../random.ts';
import { checkLabelledRows, type LabelledRows } from './classifier.ts';
import { selectRows } from './feature-matrix.ts';
import { fitLogistic } from './logistic-regression.ts';
import { meanLogLoss } from './row-losses.ts';

export interface L2Choice {
  readonly l2: number;
  /** Mean log-loss on rows that the fit did not see, by l2, largest first. */
  readonly tried: readonly { readonly l2: number; readonly logLoss: number }[];
}

// Decades: the loss is flat around its minimum. The unit is that of the summed loss of rows, so it needs no scaling by them.
const defaultGrid: readonly number[] = [1000, 100, 10, 1, 0.1, 0.01];

/** The smallest loss; the strongest penalty among equals, as the simpler model. */
function choose(grid: readonly number[], lossOf: (l2: number) => number): L2Choice {
  const tried = [...grid].sort((a, b) => b - a).map((l2) => ({ l2, logLoss: lossOf(l2) }));
  const [first, ...others] = tried;
  if (!first) throw new AppError('MODEL_BAD_INPUT', 'There is no l2 to choose from.');
  const best = others.reduce((least, next) => (next.logLoss < least.logLoss ? next : least), first);
  return { l2: best.l2, tried };
}

function pick(data: LabelledRows, rows: Uint32Array): LabelledRows {
  return {
    matrix: selectRows(data.matrix, rows),
    outcome: Uint8Array.from(rows, (row) => data.outcome[row]!),
    weights: data.weights && Float64Array.from(rows, (row) => data.weights![row]!),
  };
}

/** The fold of each row, drawn so that every fold has its share of both outcomes. */
function drawFolds(outcome: Uint8Array, folds: number, seed: number): Uint8Array {
  const random = Random.fromSeed(seed, 'folds');
  const fold = new Uint8Array(outcome.length);
  for (const label of [0, 1]) {
    const rows = [...outcome.keys()].filter((row) => outcome[row] === label);
    if (rows.length < folds) {
      throw new AppError('MODEL_BAD_INPUT', `${folds} folds need as many rows of each outcome.`, {
        details: { folds, outcome: label, rows: rows.length },
        hint: 'Take fewer folds or more customers.',
      });
    }
    random.shuffle(rows).forEach((row, i) => {
      fold[row] = i % folds;
    });
  }
  return fold;
}

/** Chooses l2 on rows of a later window than those that are fitted: use this where time matters. */
export function chooseL2OnValidation(
  train: LabelledRows,
  validation: LabelledRows,
  grid: readonly number[] = defaultGrid,
): L2Choice {
  checkLabelledRows(validation, 'refused');
  return choose(grid, (l2) => {
    const model = fitLogistic(train.matrix, train.outcome, { l2, weights: train.weights });
    return meanLogLoss(model.predict(validation.matrix), validation.outcome, validation.weights);
  });
}

/**
 * Chooses l2 by cross-validation with stratified folds (2 to 255), each row held out once. Rows of one window only:
 * where the rows are ordered in time, folds look into the future, and chooseL2OnValidation is the honest way.
 */
export function chooseL2ByFolds(
  data: LabelledRows,
  options: { grid?: readonly number[]; folds?: number; seed?: number } = {},
): L2Choice {
  const { grid = defaultGrid, folds = 5, seed = 0 } = options;
  if (!Number.isInteger(folds) || folds < 2 || folds > 255) {
    throw new AppError('MODEL_BAD_INPUT', `Cross-validation needs 2 to 255 folds, not ${folds}.`);
  }
  checkLabelledRows(data, 'refused');
  const fold = drawFolds(data.outcome, folds, seed);
  const rowsWhere = (keep: (f: number) => boolean) =>
    Uint32Array.from([...fold.keys()].filter((row) => keep(fold[row]!)));
  const parts = Array.from({ length: folds }, (_, held) => ({
    train: pick(
      data,
      rowsWhere((f) => f !== held),
    ),
    held: rowsWhere((f) => f === held),
  }));
  return choose(grid, (l2) => {
    const predicted = new Float64Array(data.outcome.length);
    for (const { train, held } of parts) {
      const model = fitLogistic(train.matrix, train.outcome, { l2, weights: train.weights });
      model.predict(selectRows(data.matrix, held)).forEach((p, i) => {
        predicted[held[i]!] = p;
      });
    }
    return meanLogLoss(predicted, data.outcome, data.weights);
  });
}
