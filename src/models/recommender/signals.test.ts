import { describe, expect, it } from 'vitest';
import { defaultSignals, pairStrength, signalStrength } from './signals.ts';

describe('signals', () => {
  it('rank a purchase above a cart above a look, and halve with each half-life', () => {
    const of = (eventType: string, ageDays: number) => signalStrength({ eventType, ageDays }, defaultSignals);
    expect(of('purchase', 0)).toBe(1);
    expect(of('add_to_cart', 180)).toBe(0.25);
    expect(of('view', 360)).toBeCloseTo(0.05, 12);
    expect(of('bot_command', 0)).toBe(0);
    expect(of('constructor', 0)).toBe(0);
    expect(of('purchase', -5)).toBe(1);
    expect(of('purchase', 1e9)).toBeGreaterThan(0);
    expect(() => of('view', Number.NaN)).toThrow(/age/);
  });

  it('of a pair are the strongest one; a refund cancels the newest purchases up to its quantity', () => {
    const bought = (ageDays: number, quantity: number) => ({ eventType: 'purchase', ageDays, quantity });
    const refund = (quantity: number) => ({ eventType: 'refund', ageDays: 0, quantity });
    const look = { eventType: 'view', ageDays: 0 };
    expect(pairStrength([look, look, look], defaultSignals)).toBe(0.2);
    expect(pairStrength([bought(0, 2), look, refund(2)], defaultSignals)).toBe(0.2);
    expect(pairStrength([bought(0, 2), refund(1)], defaultSignals)).toBe(1);
    expect(pairStrength([bought(180, 1), bought(0, 1), refund(1)], defaultSignals)).toBe(0.5);
    expect(pairStrength([refund(9)], defaultSignals)).toBe(0);
  });
});
