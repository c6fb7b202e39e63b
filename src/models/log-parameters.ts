import { AppError } from '../errors.ts';
import type { Objective } from './line-search.ts';

/**
 * Adds `penalty * sum(cosh(theta - centre) - 1)` to an objective: minus the log of independent priors on the parameters
 * y = e^theta that are generalised inverse Gaussian, density ~ y^-1 exp(-penalty (y/c + c/y) / 2). Near the centre c that
 * is a normal prior on theta of precision `penalty`; far away it grows with y itself, which holds a fit on customers all
 * alike, whose likelihood rises for ever with ln y, where a normal prior let it run to e^100 and out of double precision.
 * `observations` puts it on the scale of an objective that is a mean.
 */
export function withPenalty(
  objective: Objective,
  centre: readonly number[],
  penalty: number,
  observations: number,
): Objective {
  if (penalty === 0) return objective;
  const precision = penalty / observations;
  return (point, gradient) => {
    let value = objective(point, gradient);
    for (let i = 0; i < point.length; i++) {
      const distance = point[i]! - centre[i]!;
      value += precision * (Math.cosh(distance) - 1);
      gradient[i]! += precision * Math.sinh(distance);
    }
    return value;
  };
}

/** @throws AppError MODEL_BAD_INPUT unless the penalty is a finite number >= 0. */
export function checkPenalty(penalty: number): void {
  if (Number.isFinite(penalty) && penalty >= 0) return;
  throw new AppError('MODEL_BAD_INPUT', `The penalty must be a finite number of 0 or more, not ${penalty}.`, {
    details: { penalty },
  });
}

// exp(+-9), about 8,100 times the natural scale: a parameter out there stands for infinity or 0. The likelihood
// still rises towards it, ever more slowly, and where a fit stops on such a slope is a matter of the tolerance.
const farLogDistance = 9;

/** Names of the log-parameters that ran off to 0 (-1) or to infinity (+1) from their natural scale. */
export function runaways(
  names: readonly string[],
  point: ArrayLike<number>,
  centre: readonly number[],
): { name: string; direction: -1 | 1 }[] {
  return names.flatMap((name, i) => {
    const distance = point[i]! - centre[i]!;
    return Math.abs(distance) > farLogDistance ? [{ name, direction: distance < 0 ? -1 : 1 } as const] : [];
  });
}
