import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FeatureMatrix } from './classification/feature-matrix.ts';
import { driftReferenceFromJSON, driftThresholds, type FeatureDrift, fitDriftReference } from './drift.ts';
import { Random } from './random.ts';

const toMatrix = (columns: Record<string, ArrayLike<number>>): FeatureMatrix => {
  const arrays = Object.values(columns).map((column) => Float64Array.from(column));
  return { names: Object.keys(columns), rows: arrays[0]!.length, columns: arrays };
};
/** `ones` values of 1 among `rows`, the others 0. */
const binary = (rows: number, ones: number) => Array.from({ length: rows }, (_, i) => (i < ones ? 1 : 0));
const normals = (rows: number, mean: number, stream: string) => {
  const random = Random.fromSeed(6, stream);
  return Float64Array.from({ length: rows }, () => random.normal(mean));
};
const compare = (then: ArrayLike<number>, now: ArrayLike<number>): FeatureDrift =>
  fitDriftReference(toMatrix({ x: then })).compare(toMatrix({ x: now }))[0]!;

describe('drift', () => {
  it('computes the index by hand, smoothed by half a row a bin', () => {
    const drift = compare(binary(1000, 500), binary(2000, 1800));
    const [then, now] = [500.5 / 1001, 1800.5 / 2001];
    const expected = (now - then) * Math.log(now / then) + (then - now) * Math.log((1 - now) / (1 - then));
    expect(drift.psi).toBeCloseTo(expected, 12);
    // Without smoothing: 0.4 ln(0.9 / 0.5) - 0.4 ln(0.1 / 0.5).
    expect(drift.psi).toBeCloseTo(0.4 * Math.log(9), 2);
    // The 95 % point of chi-squared with one degree of freedom is 3.841.
    expect(Math.abs(drift.noiseLimit / (3.841 * (1 / 1000 + 1 / 2000)) - 1)).toBeLessThan(0.03);
    expect(drift).toMatchObject({ name: 'x', level: 'major' });
  });

  it('knows stable, moderate and major', () => {
    const then = normals(20_000, 0, 'then');
    expect(compare(then, then).psi).toBe(0);
    // The index of two normals a shift apart is about the square of the shift.
    expect(compare(then, normals(20_000, 0.1, 'a')).level).toBe('stable');
    const moderate = compare(then, normals(20_000, 0.4, 'b'));
    expect(Math.abs(moderate.psi - 0.16)).toBeLessThan(0.03);
    expect(moderate.level).toBe('moderate');
    expect(compare(then, normals(20_000, 1, 'c')).level).toBe('major');
  });

  it('does not take the noise of few rows for drift', () => {
    const drift = compare(normals(60, 0, 'few'), normals(30, 0, 'fewer'));
    expect(drift.psi).toBeGreaterThan(driftThresholds.moderate);
    expect(drift.level).toBe('stable');
    expect(compare(normals(60, 0, 'few'), normals(30, 3, 'far')).level).toBe('major');
  });

  it('passes its noise limit about five times in a hundred without drift', () => {
    let beyond = 0;
    for (let run = 0; run < 400; run++) {
      const { psi, noiseLimit } = compare(normals(800, 0, `then ${run}`), normals(500, 0, `now ${run}`));
      if (psi > noiseLimit) beyond++;
    }
    expect(beyond).toBeGreaterThan(6);
    expect(beyond).toBeLessThan(40);
  });

  it('sees missing values come up, and values where none were', () => {
    const full = normals(1000, 0, 'full');
    const holed = full.map((x, i) => (i % 3 === 0 ? NaN : x));
    expect(compare(full, holed).level).toBe('major');
    expect(compare(holed, full).level).toBe('major');
    expect(compare(holed, holed).psi).toBe(0);
    expect(compare(new Float64Array(200).fill(NaN), full).level).toBe('major');
    expect(compare(full, new Float64Array(200).fill(1e12)).level).toBe('major');
    expect(compare([3, 3, 3], [3, 3])).toMatchObject({ psi: 0, noiseLimit: 0, level: 'stable' });
  });

  it('keeps features apart, and is the same after storing', () => {
    const reference = fitDriftReference(toMatrix({ a: normals(500, 0, 'a'), b: normals(500, 0, 'b') }), 5);
    const now = toMatrix({ a: normals(500, 0, 'c'), b: normals(500, 2, 'd') });
    expect(reference.compare(now).map(({ name, level }) => [name, level])).toEqual([
      ['a', 'stable'],
      ['b', 'major'],
    ]);
    const text = JSON.stringify(reference);
    expect(driftReferenceFromJSON(JSON.parse(text)).compare(now)).toEqual(reference.compare(now));
    expect(JSON.stringify(driftReferenceFromJSON(JSON.parse(text)))).toBe(text);
  });

  it('is never negative or infinite, and 0 against itself', () => {
    const value = fc.oneof(fc.constantFrom(0, 1, NaN), fc.double({ noNaN: true, noDefaultInfinity: true }));
    const sample = fc.array(value, { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(sample, sample, (then, now) => {
        const { psi, noiseLimit } = compare(then, now);
        expect(psi >= 0 && psi < Infinity && noiseLimit >= 0).toBe(true);
        expect(compare(then, then).psi).toBe(0);
      }),
    );
  });

  it('refuses no rows, other features and damaged stores', () => {
    const reference = fitDriftReference(toMatrix({ x: [1, 2, 3] }));
    expect(() => fitDriftReference(toMatrix({ x: [] }))).toThrow(/no rows/);
    expect(() => reference.compare(toMatrix({ x: [] }))).toThrow(/no rows/);
    expect(() => reference.compare(toMatrix({ y: [1] }))).toThrow(/features/);
    expect(() => reference.compare(toMatrix({ x: [Infinity] }))).toThrow(/Infinity/);
    const { parameters, ...head } = reference.toJSON();
    expect(() =>
      driftReferenceFromJSON({ ...head, parameters: { ...parameters, counts: [[1, 1, 1]] } }),
    ).toThrow(/differ/);
    expect(() =>
      driftReferenceFromJSON({ ...head, parameters: { ...parameters, counts: [[1, 1, 2, 0]] } }),
    ).toThrow(/add up/);
    expect(() => driftReferenceFromJSON({ ...head, parameters: { ...parameters, edges: [] } })).toThrow(
      /edges/,
    );
  });
});
