import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from './random.ts';
import { shrinkMean } from './shrunk-mean.ts';

describe('shrinkMean', () => {
  it('keeps nearly all of an error that every window shows', () => {
    const { value, mean, kept } = shrinkMean([0.31, 0.28, 0.3, 0.33, 0.29, 0.3]);
    expect(mean).toBeCloseTo(0.302, 3);
    expect(kept).toBeGreaterThan(0.98);
    expect(value).toBeCloseTo(mean * kept, 12);
  });

  it('corrects nothing for shocks that cancel, as on CDNOW at 1998-03-31', () => {
    expect(shrinkMean([0.3, 0, -0.21, 0.04, 0.19, -0.11, -0.16]).value).toBe(0);
  });

  it('believes one window by half and less, and nothing at all where it strays as usual', () => {
    expect(shrinkMean([0.25]).value).toBeCloseTo(0.25 * (1 - 0.2 ** 2 / 0.25 ** 2), 12);
    expect(shrinkMean([0.19]).value).toBe(0);
    expect(shrinkMean([]).value).toBe(0);
  });

  it('hears overlapping windows as the fewer that they are', () => {
    const values = [0.3, 0.33, 0.27, 0.31, 0.3, 0.29, 0.32];
    const [apart, overlapping] = [shrinkMean(values), shrinkMean(values, { overlap: 3 })];
    expect(overlapping.mean).toBe(apart.mean);
    expect(overlapping.standardError).toBeGreaterThan(2 * apart.standardError);
    expect(overlapping.value).toBeLessThan(apart.value);
  });

  it('foretells the next window better than the mean, the last window or nothing, whatever the steady error', () => {
    const random = Random.fromSeed(7, 'windows');
    const squares = { nothing: 0, last: 0, mean: 0, shrunk: 0 };
    for (let shop = 0; shop < 4000; shop++) {
      const steady = 0.15 * random.normal();
      const window = (): number => steady + 0.2 * random.normal();
      const past = [window(), window(), window()];
      const next = window();
      const shrunk = shrinkMean(past);
      squares.nothing += next ** 2;
      squares.last += (next - past[0]!) ** 2;
      squares.mean += (next - shrunk.mean) ** 2;
      squares.shrunk += (next - shrunk.value) ** 2;
    }
    expect(squares.shrunk).toBeLessThan(squares.nothing);
    expect(squares.shrunk).toBeLessThan(squares.mean);
    expect(squares.mean).toBeLessThan(squares.last);
  });

  it('never passes the mean nor turns its sign', () => {
    fc.assert(
      fc.property(fc.array(fc.double({ min: -5, max: 5, noNaN: true }), { maxLength: 12 }), (values) => {
        const { value, mean, kept } = shrinkMean(values, { overlap: 2 });
        expect(kept).toBeGreaterThanOrEqual(0);
        expect(kept).toBeLessThanOrEqual(1);
        expect(Math.abs(value)).toBeLessThanOrEqual(Math.abs(mean));
        expect(value * mean).toBeGreaterThanOrEqual(0);
      }),
    );
  });

  it('refuses what is no error and no overlap', () => {
    for (const [values, options] of [
      [[Number.NaN], {}],
      [[-Infinity], {}],
      [[0.1], { overlap: 0.5 }],
      [[0.1], { deviation: 0 }],
    ] as const) {
      expect(() => shrinkMean(values, options)).toThrow(
        expect.objectContaining({ code: 'MODEL_BAD_INPUT' }) as Error,
      );
    }
  });
});
