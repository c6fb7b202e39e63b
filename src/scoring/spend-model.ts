import { type FittedGammaGamma, fitGammaGamma } from '../models/gamma-gamma.ts';
import { fitOrNothing } from './purchase-model.ts';
import type { Snapshot } from './snapshot.ts';

/**
 * In a shop of one price, or of two near each other, the likelihood rises for ever as the customers grow alike. A prior as weak as a tenth of a
 * customer's word ends that, and its forecast is that price.
 */
const PENALTY_OF_ALIKE = 0.1;
/** Where one spends more than so many times the average, a fit fails of absurd amounts, which a prior would hide. */
const MOST_OF_ALIKE = 10;

function spendAlike(meanSpends: Float64Array): boolean {
  const total = meanSpends.reduce((sum, mean) => sum + mean, 0);
  return meanSpends.every((mean) => mean * meanSpends.length <= MOST_OF_ALIKE * total);
}

/** Gamma-Gamma of those who came back and spent; `undefined` where it cannot be fitted. */
export function fitSpend({
  frequency,
  monetaryValue,
}: Pick<Snapshot, 'frequency' | 'monetaryValue'>): FittedGammaGamma | undefined {
  const repeaters = Int32Array.from(frequency.keys()).filter(
    (i) => frequency[i]! > 0 && monetaryValue[i]! > 0,
  );
  const data = {
    frequency: Float64Array.from(repeaters, (i) => frequency[i]!),
    monetaryValue: Float64Array.from(repeaters, (i) => monetaryValue[i]!),
  };
  return (
    fitOrNothing(() => fitGammaGamma(data)) ??
    (spendAlike(data.monetaryValue)
      ? fitOrNothing(() => fitGammaGamma(data, { penalty: PENALTY_OF_ALIKE }))
      : undefined)
  );
}
