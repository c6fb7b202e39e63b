import { describe, expect, it } from 'vitest';
import { AppError } from '../../errors.ts';
import { logLoss } from '../classification-metrics.ts';
import { Random } from '../random.ts';
import { logistic } from '../special-functions.ts';
import type { FittedClassifier, LabelledRows } from './classifier.ts';
import { type FeatureMatrix, selectRows } from './feature-matrix.ts';
import { boostedTreesFromJSON, fitBoostedTrees } from './gradient-boosted-trees.ts';
import { fitLogistic, logisticFromJSON } from './logistic-regression.ts';

const classifiers: {
  name: string;
  train: (data: LabelledRows) => FittedClassifier;
  fromJSON: (json: unknown) => FittedClassifier;
}[] = [
  {
    name: 'logistic regression',
    train: ({ matrix, outcome, weights }) => fitLogistic(matrix, outcome, { weights }),
    fromJSON: logisticFromJSON,
  },
  {
    name: 'boosted trees',
    train: ({ matrix, outcome, weights }) => fitBoostedTrees(matrix, outcome, { weights, maxTrees: 30 }),
    fromJSON: boostedTreesFromJSON,
  },
  {
    name: 'boosted trees on samples of rows',
    train: ({ matrix, outcome, weights }) =>
      fitBoostedTrees(matrix, outcome, { weights, maxTrees: 30, subsample: 0.7, seed: 3 }),
    fromJSON: boostedTreesFromJSON,
  },
];

function toMatrix(columns: Record<string, readonly number[] | Float64Array>): FeatureMatrix {
  const arrays = Object.values(columns).map((values) => Float64Array.from(values));
  return { names: Object.keys(columns), rows: arrays[0]?.length ?? 0, columns: arrays };
}

function simulate(rows: number): LabelledRows {
  const random = Random.fromSeed(5, 'conformance');
  const recency = Float64Array.from({ length: rows }, () => random.exponential(1 / 60));
  const orders = Float64Array.from({ length: rows }, () => random.poisson(3));
  const outcome = Uint8Array.from(recency, (days, i) =>
    random.bernoulli(logistic(-0.03 * days + 0.4 * orders[i]! - 1)) ? 1 : 0,
  );
  return { matrix: toMatrix({ recency, orders, constant: new Float64Array(rows).fill(7) }), outcome };
}

function codeOf(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    return error instanceof AppError ? error.code : String(error);
  }
  return 'nothing was thrown';
}

const data = simulate(600);
const changed = (matrix: FeatureMatrix, change: Partial<FeatureMatrix>): FeatureMatrix => ({
  ...matrix,
  ...change,
});
const withValue = (value: number): FeatureMatrix => {
  const [first, ...others] = data.matrix.columns as [Float64Array, ...Float64Array[]];
  return changed(data.matrix, { columns: [first.with(4, value), ...others] });
};

describe.each(classifiers)('$name', ({ train, fromJSON }) => {
  const model = train(data);

  it('predicts a probability a row, better than the base rate', () => {
    const predicted = model.predict(data.matrix);
    expect(predicted).toHaveLength(600);
    for (const p of predicted) expect(p > 0 && p < 1).toBe(true);
    const rate = data.outcome.reduce((sum, y) => sum + y, 0) / 600;
    const ofRate = logLoss(new Float64Array(600).fill(rate), data.outcome)!;
    expect(logLoss(predicted, data.outcome)!).toBeLessThan(ofRate - 0.05);
  });

  it('says why: base and contributions add up to the log-odds of the prediction', () => {
    const predicted = model.predict(data.matrix);
    for (const row of [0, 1, 17, 599]) {
      const { base, features, logOdds } = model.contributions(data.matrix, row);
      expect(logistic(logOdds)).toBe(predicted[row]);
      expect(features.reduce((sum, part) => sum + part, base)).toBeCloseTo(logOdds, 10);
      expect(features[2]).toBe(0);
    }
    expect(codeOf(() => model.contributions(data.matrix, 600))).toBe('MODEL_BAD_INPUT');
    expect(codeOf(() => model.contributions(data.matrix, -1))).toBe('MODEL_BAD_INPUT');
  });

  it('is the same to the bit when fitted again, stored and restored', () => {
    const text = JSON.stringify(model);
    expect(JSON.stringify(train(data))).toBe(text);
    const restored = fromJSON(JSON.parse(text));
    expect(JSON.stringify(restored)).toBe(text);
    expect(restored.predict(data.matrix)).toEqual(model.predict(data.matrix));
    expect(restored.contributions(data.matrix, 3)).toEqual(model.contributions(data.matrix, 3));
  });

  it('is frozen, and leaves its input alone', () => {
    expect(Object.isFrozen(model)).toBe(true);
    expect(Object.isFrozen(model.names)).toBe(true);
    expect(data).toEqual(simulate(600));
  });

  it('predicts row by row: one row alone, rows in another order, no rows', () => {
    const predicted = model.predict(data.matrix);
    const rows = [599, 0, 77];
    expect(model.predict(selectRows(data.matrix, rows))).toEqual(
      Float64Array.from(rows, (row) => predicted[row]!),
    );
    expect(model.predict(selectRows(data.matrix, [42]))[0]).toBe(predicted[42]);
    expect(model.predict(selectRows(data.matrix, []))).toHaveLength(0);
  });

  it('gives the base rate where no feature tells anything', () => {
    const constant = train({
      matrix: toMatrix({ x: [5, 5, 5, 5, 5] }),
      outcome: Uint8Array.of(0, 1, 0, 0, 0),
    });
    for (const p of constant.predict(toMatrix({ x: [5, -1, 1e9] }))) expect(p).toBeCloseTo(0.2, 7);
    const none = train({ matrix: { names: [], rows: 4, columns: [] }, outcome: Uint8Array.of(0, 1, 0, 0) });
    expect(none.predict({ names: [], rows: 1, columns: [] })[0]).toBeCloseTo(0.25, 7);
  });

  it.each([1, 7, 600])('explains %i rows at a time as it predicts and explains each', (size) => {
    const { rows, names } = data.matrix;
    const predicted = model.predict(data.matrix);
    const explain = model.explain(data.matrix);
    for (let from = 0; from < rows; from += size) {
      const to = Math.min(rows, from + size);
      const [logOdds, effects] = [new Float64Array(size), new Float64Array(size * names.length)];
      explain(from, to, logOdds, effects);
      expect(logOdds.subarray(0, to - from).map(logistic)).toEqual(predicted.slice(from, to));
      for (let row = from; row < to; row += 50) {
        const { features } = model.contributions(data.matrix, row);
        features.forEach((effect, j) => {
          expect(effects[(row - from) * names.length + j]).toBeCloseTo(effect, 12);
        });
      }
    }
    expect(codeOf(() => model.explain({ ...data.matrix, names: names.map((name) => `${name}x`) }))).toBe(
      'MODEL_BAD_INPUT',
    );
  });

  it('counts weights: rows of weight 0 do not matter', () => {
    const weights = Float64Array.from(data.outcome, (_, row) => (row % 3 === 0 ? 0 : 2));
    const flipped = data.outcome.map((y, row) => (row % 3 === 0 ? 1 - y : y));
    const predicted = train({ ...data, weights }).predict(data.matrix);
    expect(train({ ...data, outcome: flipped, weights }).predict(data.matrix)).toEqual(predicted);
    expect(predicted).not.toEqual(model.predict(data.matrix));
  });

  it('stays finite on extreme values', () => {
    const huge = train({
      matrix: toMatrix({ x: [-1e150, 0, 1e-300, 1e150, 3, 4], y: [1e9, 1e9, 1e9, 1e9, 1e9, 1e9 + 1] }),
      outcome: Uint8Array.of(0, 0, 1, 1, 0, 1),
    });
    for (const p of huge.predict(toMatrix({ x: [-1e300, 1e300], y: [0, 1e300] }))) {
      expect(p >= 0 && p <= 1).toBe(true);
    }
  });

  const { matrix, outcome } = data;
  const short = matrix.columns.map((column) => column.subarray(1));
  it.each<[string, () => unknown]>([
    ['no rows', () => train({ matrix: selectRows(matrix, []), outcome: new Uint8Array(0) })],
    ['one row', () => train({ matrix: selectRows(matrix, [0]), outcome: Uint8Array.of(1) })],
    ['one class', () => train({ matrix, outcome: new Uint8Array(600) })],
    ['one class with weights', () => train({ ...data, weights: Float64Array.from(outcome) })],
    ['an outcome of 2', () => train({ matrix, outcome: outcome.with(9, 2) })],
    ['too few outcomes', () => train({ matrix, outcome: outcome.subarray(1) })],
    ['a negative weight', () => train({ ...data, weights: new Float64Array(600).fill(1).with(3, -1) })],
    ['too few weights', () => train({ ...data, weights: new Float64Array(599).fill(1) })],
    ['infinity', () => train({ matrix: withValue(Infinity), outcome })],
    ['a short column', () => train({ matrix: changed(matrix, { columns: short }), outcome })],
    ['two of one name', () => train({ matrix: changed(matrix, { names: ['a', 'a', 'b'] }), outcome })],
    ['a name without column', () => train({ matrix: changed(matrix, { names: ['a', 'b'] }), outcome })],
    ['predicting infinity', () => model.predict(withValue(-Infinity))],
    ['explaining infinity', () => model.contributions(withValue(-Infinity), 4)],
    ['other names', () => model.predict(changed(matrix, { names: ['orders', 'recency', 'constant'] }))],
    ['fewer features', () => model.predict(toMatrix({ recency: [1] }))],
    ['no JSON', () => fromJSON('text')],
    ['JSON of another model', () => fromJSON({ ...model.toJSON(), model: 'bg-nbd' })],
    ['JSON of another version', () => fromJSON({ ...model.toJSON(), version: 2 })],
    ['JSON without names', () => fromJSON(damaged({ names: undefined }))],
    ['JSON with fewer names', () => fromJSON(damaged({ names: ['a', 'b'] }))],
  ])('refuses %s', (_, run) => {
    expect(codeOf(run)).toBe('MODEL_BAD_INPUT');
  });

  function damaged(change: object): unknown {
    const json = JSON.parse(JSON.stringify(model)) as { parameters: object };
    return { ...json, parameters: { ...json.parameters, ...change } };
  }
});
