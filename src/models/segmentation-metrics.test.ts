import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from './random.ts';
import { adjustedRandIndex, omegaSquared, outOfSampleR2, segmentMeans } from './segmentation-metrics.ts';

const badInput = expect.objectContaining({ code: 'MODEL_BAD_INPUT' });

describe('adjustedRandIndex', () => {
  it('meets the worked example of Yeung & Ruzzo (Details of the adjusted Rand index, 2001): 0.313', () => {
    // Contingency: 1 1 0 / 1 2 1 / 0 0 4.
    const classes = [1, 1, 2, 2, 2, 2, 3, 3, 3, 3];
    const clusters = [1, 2, 1, 2, 2, 3, 3, 3, 3, 3];
    expect(adjustedRandIndex(classes, clusters)).toBeCloseTo((7 - 182 / 45) / (13.5 - 182 / 45), 14);
    expect(adjustedRandIndex(classes, clusters)).toBeCloseTo(0.313, 3);
  });

  it('meets the examples of scikit-learn’s manual for adjusted_rand_score', () => {
    expect(adjustedRandIndex([0, 0, 1, 1], [1, 1, 0, 0])).toBe(1);
    expect(adjustedRandIndex([0, 0, 1, 2], [0, 0, 1, 1])).toBeCloseTo(0.5714, 4);
    expect(adjustedRandIndex([0, 0, 0, 0], [0, 1, 2, 3])).toBe(0);
  });

  it('is near 0 for segments drawn by lot', () => {
    const random = Random.fromSeed(6);
    const draw = () => Int32Array.from({ length: 5000 }, () => random.integer(5));
    expect(Math.abs(adjustedRandIndex(draw(), draw())!)).toBeLessThan(0.005);
  });

  it('does not hang on names or sides, and is 1 only for the same division', () => {
    const labels = fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 3 })), {
      minLength: 2,
      maxLength: 30,
    });
    fc.assert(
      fc.property(labels, (rows) => {
        const [left, right] = [rows.map(([a]) => a), rows.map(([, b]) => b)];
        const index = adjustedRandIndex(left, right);
        expect(adjustedRandIndex(right, left)).toBe(index);
        const renamed = adjustedRandIndex(
          left.map((label) => 7 - label),
          right,
        );
        expect(renamed).toBe(index);
        if (index !== null) expect(index).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('has no value where there is nothing to agree on', () => {
    expect(adjustedRandIndex([], [])).toBeNull();
    expect(adjustedRandIndex([1], [2])).toBeNull();
    expect(adjustedRandIndex([1, 1], [2, 2])).toBeNull();
    expect(adjustedRandIndex([1, 2], [3, 4])).toBeNull();
    expect(() => adjustedRandIndex([1], [1, 2])).toThrowError(badInput);
  });
});

describe('omegaSquared', () => {
  it('is what a hand works out', () => {
    // Means 2, 3, 6; between 26, within 6 on 6 degrees of freedom: (26 - 2 x 1) / (32 + 1); eta squared would be 26 / 32.
    const values = Float64Array.of(1, 2, 3, 2, 3, 4, 5, 6, 7);
    expect(omegaSquared([4, 4, 4, 2, 2, 2, 9, 9, 9], values)).toBeCloseTo(24 / 33, 14);
    expect(omegaSquared([1, 1, 2, 2], Float64Array.of(0, 0, 1, 1))).toBe(1);
  });

  it('gives no credit for the number of segments', () => {
    const random = Random.fromSeed(3);
    const values = Float64Array.from({ length: 4000 }, () => random.normal());
    // Eta squared would be about (segments - 1) / 3999: .1 for the last.
    for (const count of [2, 20, 400]) {
      const segments = Int32Array.from(values, () => random.integer(count));
      expect(Math.abs(omegaSquared(segments, values)!)).toBeLessThan(0.03);
    }
    expect(omegaSquared(new Int32Array(4000), values)).toBeCloseTo(0, 14);
  });

  it('has no value for a constant, for segments of one, for nobody', () => {
    expect(omegaSquared([1, 1, 2], Float64Array.of(5, 5, 5))).toBeNull();
    expect(omegaSquared([1, 2, 3], Float64Array.of(1, 2, 3))).toBeNull();
    expect(omegaSquared([], new Float64Array(0))).toBeNull();
    expect(() => omegaSquared([1], Float64Array.of(1, 2))).toThrowError(badInput);
  });
});

describe('segmentMeans', () => {
  it('pulls the mean of each segment to that of all by one customer, and knows unseen segments', () => {
    const mean = segmentMeans([1, 1, 1, 2], Float64Array.of(1, 1, 1, 0));
    expect(mean(1)).toBeCloseTo(3.75 / 4, 15);
    expect(mean(2)).toBeCloseTo(0.75 / 2, 15);
    expect(mean(3)).toBe(0.75);
    expect(() => segmentMeans([], new Float64Array(0))).toThrowError(badInput);
    expect(() => segmentMeans([1], Float64Array.of(1, 2))).toThrowError(badInput);
  });
});

describe('outOfSampleR2', () => {
  it('is a share of the baseline’s squared error', () => {
    const actual = Float64Array.of(0, 2, 4);
    const baseline = Float64Array.of(2, 2, 2);
    expect(outOfSampleR2(Float64Array.of(1, 2, 3), baseline, actual)).toBe(0.75);
    expect(outOfSampleR2(actual, baseline, actual)).toBe(1);
    expect(outOfSampleR2(baseline, baseline, actual)).toBe(0);
    expect(outOfSampleR2(Float64Array.of(6, 2, 4), baseline, actual)).toBe(-3.5);
    expect(outOfSampleR2(baseline, actual, actual)).toBeNull();
    expect(() => outOfSampleR2(Float64Array.of(1), baseline, actual)).toThrowError(badInput);
  });
});
