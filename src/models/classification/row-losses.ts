import { checkProbabilities } from '../paired-arrays.ts';

// The same limit as logLoss has, so that the mean of these is that number.
const logLossClip = 1e-15;

/**
 * The log-loss of each row in nats, for comparing models row by row.
 * @throws AppError MODEL_BAD_INPUT for rows that are no probability and outcome (0 or 1).
 */
export function logLossByRow(predicted: Float64Array, outcome: Uint8Array): Float64Array {
  checkProbabilities(predicted, outcome);
  return predicted.map((p, row) => {
    const ofOutcome = outcome[row] === 1 ? p : 1 - p;
    return -Math.log(Math.min(1 - logLossClip, Math.max(logLossClip, ofOutcome)));
  });
}

/** Weighted mean log-loss in nats; each row counts 1 where weights are left out. */
export function meanLogLoss(predicted: Float64Array, outcome: Uint8Array, weights?: Float64Array): number {
  const losses = logLossByRow(predicted, outcome);
  let [sum, total] = [0, 0];
  for (let row = 0; row < losses.length; row++) {
    const weight = weights ? weights[row]! : 1;
    sum += weight * losses[row]!;
    total += weight;
  }
  return sum / total;
}
