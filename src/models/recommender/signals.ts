import { AppError } from '../../errors.ts';

/** One event as training reads it. */
export interface Signal {
  readonly eventType: string;
  /** Days before the moment of training; below 0 counts as 0. */
  readonly ageDays: number;
  /** Pieces; 1 unless known. */
  readonly quantity?: number;
}

export interface SignalOptions {
  /** Strength of one event of a type; types that are not named say nothing. */
  readonly strengths: Readonly<Record<string, number>>;
  readonly halfLifeDays: number;
}

/** A purchase says more than a cart, and that more than a look. */
export const defaultSignals: SignalOptions = Object.freeze({
  strengths: Object.freeze({ view: 0.2, add_to_cart: 0.5, purchase: 1 }),
  halfLifeDays: 180,
});

/** Halved so often, a strength is nothing; halved on, it would leave the range of 32 bits. */
const MAX_HALVINGS = 100;

/** Strength of one event: that of its type, halved every half-life; 0 for types that say nothing (a refund: see `pairStrength`). */
export function signalStrength({ eventType, ageDays }: Signal, options: SignalOptions): number {
  if (!(options.halfLifeDays > 0) || Number.isNaN(ageDays))
    throw new AppError('MODEL_BAD_INPUT', 'A signal needs an age, and a half-life above 0 days.');
  const strength = Object.hasOwn(options.strengths, eventType) ? options.strengths[eventType]! : 0;
  return strength * 2 ** -Math.min(MAX_HALVINGS, Math.max(0, ageDays) / options.halfLifeDays);
}

/**
 * What one customer's events with one product say together: the strongest one, so that a hundred looks are no purchase. Refunds cancel
 * the newest purchases up to their quantity: what came back whole leaves what the views and carts say.
 * @param signals of one customer and one product, in any order
 */
export function pairStrength(signals: readonly Signal[], options: SignalOptions): number {
  const quantityOf = ({ quantity = 1 }: Signal): number => Math.max(0, quantity);
  let refunded = signals.reduce(
    (sum, each) => (each.eventType === 'refund' ? sum + quantityOf(each) : sum),
    0,
  );
  let strongest = 0;
  for (const signal of signals.toSorted((a, b) => a.ageDays - b.ageDays)) {
    if (signal.eventType === 'purchase' && refunded > 0) {
      const cancelled = Math.min(refunded, quantityOf(signal));
      refunded -= cancelled;
      if (cancelled === quantityOf(signal)) continue;
    }
    strongest = Math.max(strongest, signalStrength(signal, options));
  }
  return strongest;
}
