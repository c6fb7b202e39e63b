import { describe, expect, it } from 'vitest';
import { fitRecencyBaseline } from './recency-baseline.ts';

describe('recency baseline', () => {
  it('gives each group of recency the share that bought', () => {
    const recency = Float64Array.from({ length: 2000 }, (_, i) => (i < 1000 ? 3 : 400));
    const outcome = Uint8Array.from({ length: 2000 }, (_, i) => (i < 600 ? 1 : 0));
    const baseline = fitRecencyBaseline(recency, outcome);
    expect(baseline.predict(7)).toBeCloseTo(0.6, 2);
    expect(baseline.predict(366)).toBeCloseTo(0, 2);
  });

  it('falls back to the overall share where a group is empty, and to a half where there is nothing', () => {
    expect(fitRecencyBaseline(Float64Array.of(3, 3), Uint8Array.of(1, 0)).predict(100)).toBe(0.5);
    expect(fitRecencyBaseline(new Float64Array(0), new Uint8Array(0)).predict(1)).toBe(0.5);
  });
});
