import { describe, expect, it } from 'vitest';
import { Random } from './random.ts';
import { logistic } from './special-functions.ts';
import { type JudgedWindow, selectOverWindows } from './window-selection.ts';

/** The complex candidate knows the truth but for a shock of the window, the simple one only the mean. */
function window(seed: string, shock: number, names: readonly string[] = ['simple', 'complex']): JudgedWindow {
  const random = Random.fromSeed(11, seed);
  const logits = Float64Array.from({ length: 1500 }, () => random.normal() - 1);
  const outcome = Uint8Array.from(logits, (z) => (random.bernoulli(logistic(z)) ? 1 : 0));
  const share = outcome.reduce((sum, value) => sum + value, 0) / outcome.length;
  const said: Record<string, Float64Array> = {
    simple: logits.map(() => share),
    complex: logits.map((z) => logistic(z + shock)),
  };
  return {
    predicted: new Map(names.map((name) => [name, said[name]!])),
    outcome,
    customers: Int32Array.from({ length: 1500 }, (_, i) => i + 1),
  };
}

describe('selectOverWindows', () => {
  it('does not let one bad window overrule two good ones', () => {
    const windows = [window('bad', 1.4), window('good', 0), window('as good', 0)];
    expect(selectOverWindows(windows.slice(0, 1)).chosen).toBe('simple');
    const record = selectOverWindows(windows);
    expect(record.chosen).toBe('complex');
    expect(record.rows).toBe(4500);
    expect(record.groups).toBe(1500);
  });

  it('hears older windows only as far as they judged every candidate of the newest', () => {
    const windows = [
      window('newest', 0),
      window('next', 0),
      window('short', 0, ['simple']),
      window('old', 0),
    ];
    expect(selectOverWindows(windows).rows).toBe(3000);
  });

  it('draws the rows of one customer together: the same window twice is no more evidence than once', () => {
    const once = selectOverWindows([window('twice', 0)]);
    const twice = selectOverWindows([window('twice', 0), window('twice', 0)]);
    expect(twice.candidates[0]!.meanDifference).toBeCloseTo(once.candidates[0]!.meanDifference, 12);
    expect(twice.candidates[0]!.standardError).toBeCloseTo(once.candidates[0]!.standardError, 12);
  });

  it('refuses to choose by nothing', () => {
    expect(() => selectOverWindows([])).toThrow(
      expect.objectContaining({ code: 'MODEL_BAD_INPUT' }) as Error,
    );
  });
});
