import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { logLoss } from '../classification-metrics.ts';
import { Random } from '../random.ts';
import { logistic } from '../special-functions.ts';
import type { FeatureMatrix } from './feature-matrix.ts';
import { chooseL2ByFolds, chooseL2OnValidation } from './l2-choice.ts';
import { logisticObjective, scaleOf } from './logistic-objective.ts';
import { fitLogistic, logisticFromJSON } from './logistic-regression.ts';

function toMatrix(...columns: ArrayLike<number>[]): FeatureMatrix {
  const arrays = columns.map((column) => Float64Array.from(column));
  return { names: arrays.map((_, j) => `x${j}`), rows: arrays[0]!.length, columns: arrays };
}

/** Rows whose log-odds are intercept + coefficients * x, x normal with mean 2 and deviations 1, 2, 3, … */
function simulate(rows: number, intercept: number, coefficients: readonly number[], stream = 'train') {
  const random = Random.fromSeed(11, stream);
  const columns = coefficients.map((_, j) =>
    Float64Array.from({ length: rows }, () => random.normal(2, j + 1)),
  );
  const outcome = Uint8Array.from({ length: rows }, (_, i) => {
    const z = coefficients.reduce((sum, c, j) => sum + c * columns[j]![i]!, intercept);
    return random.bernoulli(logistic(z)) ? 1 : 0;
  });
  return { matrix: toMatrix(...columns), outcome };
}

const logit = (p: number) => Math.log(p / (1 - p));

/*
 * Once by hand, beside scikit-learn 1.9.1 (StandardScaler and LogisticRegression(C=1, tol=1e-8)) on the same 100,000 rows of
 * 20 features, normal, Poisson, log-normal, with an interaction and a sine: training log-loss 0.38611608423693 (both),
 * on 50,000 other rows 0.39217740965 (ours) and 0.39217741003; the coefficients differ by 2e-8 at most.
 */
describe('fitLogistic', () => {
  it('gives the logits of the shares where one feature has two values', () => {
    // 30 of 100 at x = 0, 60 of 100 at x = 1.
    const x = Float64Array.from({ length: 200 }, (_, i) => (i < 100 ? 0 : 1));
    const outcome = Uint8Array.from(x, (value, i) => (i % 100 < (value === 0 ? 30 : 60) ? 1 : 0));
    const model = fitLogistic(toMatrix(x), outcome, { l2: 1e-9 });
    expect(model.intercept).toBeCloseTo(logit(0.3), 6);
    expect(model.coefficients[0]).toBeCloseTo(logit(0.6) - logit(0.3), 6);
    const entropy = (p: number) => -p * Math.log(p) - (1 - p) * Math.log(1 - p);
    expect(model.diagnostics.logLoss).toBeCloseTo((entropy(0.3) + entropy(0.6)) / 2, 10);
  });

  it('gets known coefficients back', () => {
    const model = fitLogistic(
      ...(Object.values(simulate(50_000, -1, [0.8, -0.3, 0, 0.1])) as [FeatureMatrix, Uint8Array]),
    );
    [0.8, -0.3, 0, 0.1].forEach((truth, j) => {
      expect(Math.abs(model.coefficients[j]! - truth)).toBeLessThan(0.04);
    });
    expect(Math.abs(model.intercept + 1)).toBeLessThan(0.06);
  });

  it('meets the conditions of the penalised maximum', () => {
    const value = fc.double({ min: -5, max: 5, noNaN: true });
    const rows = fc.array(fc.tuple(value, value, fc.integer({ min: 0, max: 1 })), {
      minLength: 4,
      maxLength: 40,
    });
    fc.assert(
      fc.property(rows, fc.constantFrom(0.1, 1, 30), (drawn, l2) => {
        const outcome = Uint8Array.from(drawn, ([, , y]) => y);
        fc.pre(outcome.includes(0) && outcome.includes(1));
        const matrix = toMatrix(
          drawn.map(([x]) => x),
          drawn.map(([, x]) => x),
        );
        const { means, deviations } = scaleOf(matrix, undefined, outcome.length);
        const model = fitLogistic(matrix, outcome, { l2 });
        expect(model.diagnostics.logLoss).toBeCloseTo(logLoss(model.predict(matrix), outcome)!, 12);
        const residuals = model.predict(matrix).map((p, i) => outcome[i]! - p);
        expect(residuals.reduce((sum, r) => sum + r, 0)).toBeCloseTo(0, 4);
        matrix.columns.forEach((column, j) => {
          if (deviations[j] === 0) {
            expect(model.coefficients[j]).toBe(0);
            return;
          }
          const score = residuals.reduce(
            (sum, r, i) => sum + (r * (column[i]! - means[j]!)) / deviations[j]!,
            0,
          );
          expect(score).toBeCloseTo(l2 * model.coefficients[j]! * deviations[j]!, 4);
        });
      }),
    );
  });

  it('needs few steps also where features all but repeat each other', () => {
    const { matrix, outcome } = simulate(3000, -1, [0.5]);
    const random = Random.fromSeed(4);
    const [own] = matrix.columns as [Float64Array];
    const like = (spread: number) => own.map((value) => value + random.normal(0, spread));
    const model = fitLogistic(toMatrix(own, like(0.1), like(0.03), like(0.01), like(0.003)), outcome, {
      l2: 1e-3,
    });
    expect(model.diagnostics.iterations).toBeLessThan(15);
  });

  it('has the gradient that finite differences show, with weights too', () => {
    const { matrix, outcome } = simulate(2500, 0.2, [0.5, -0.4, 1]);
    const random = Random.fromSeed(1);
    const weights = Float64Array.from(outcome, () => random.uniform());
    const weight = weights.reduce((sum, w) => sum + w, 0);
    const objective = logisticObjective(
      { matrix, outcome, weights },
      scaleOf(matrix, weights, weight),
      3,
      weight,
    );
    const point = Float64Array.of(0.3, -0.2, 0.9, 0.1);
    const gradient = new Float64Array(4);
    objective(point, gradient);
    point.forEach((p, j) => {
      const at = (step: number) => objective(point.with(j, p + step), new Float64Array(4));
      expect(gradient[j]).toBeCloseTo((at(1e-5) - at(-1e-5)) / 2e-5, 8);
    });
  });

  it('does not hang on units', () => {
    const { matrix, outcome } = simulate(500, 0, [1, -1]);
    const [first, second] = matrix.columns as [Float64Array, Float64Array];
    const rescaled = toMatrix(
      first.map((x) => 1e6 * x + 5e8),
      second.map((x) => x / 1e4),
    );
    const predicted = fitLogistic(matrix, outcome).predict(matrix);
    const again = fitLogistic(rescaled, outcome).predict(rescaled);
    again.forEach((p, i) => {
      expect(p).toBeCloseTo(predicted[i]!, 6);
    });
  });

  it('takes a weight of 2 for a row that occurs twice', () => {
    const { matrix, outcome } = simulate(200, 0, [1]);
    const [column] = matrix.columns as [Float64Array];
    const twice = fitLogistic(toMatrix([...column, ...column]), Uint8Array.of(...outcome, ...outcome), {
      l2: 2,
    });
    const weighted = fitLogistic(matrix, outcome, { l2: 2, weights: new Float64Array(200).fill(2) });
    expect(weighted.coefficients[0]).toBeCloseTo(twice.coefficients[0]!, 7);
  });

  it('shrinks with the penalty and stays finite where the classes separate', () => {
    const matrix = toMatrix([1, 2, 3, 4]);
    const outcome = Uint8Array.of(0, 0, 1, 1);
    const slopes = [0.01, 1, 100, 1e6].map((l2) => fitLogistic(matrix, outcome, { l2 }).coefficients[0]!);
    for (let i = 1; i < slopes.length; i++) expect(slopes[i]).toBeLessThan(slopes[i - 1]!);
    expect(slopes.at(-1)).toBeGreaterThan(0);
    expect(() => fitLogistic(matrix, outcome, { l2: 0 })).toThrow(/above 0/);
  });

  it('shares the weight between two copies of a feature', () => {
    const { matrix, outcome } = simulate(300, 0, [1]);
    const [column] = matrix.columns as [Float64Array];
    const { coefficients } = fitLogistic(toMatrix(column, column), outcome);
    expect(coefficients[0]).toBeCloseTo(coefficients[1]!, 7);
  });

  it('explains by the distance from the training mean', () => {
    const { matrix, outcome } = simulate(300, 0, [1, 2]);
    const model = fitLogistic(matrix, outcome);
    const means = matrix.columns.map((column) => column.reduce((sum, x) => sum + x, 0) / 300);
    const { base, features } = model.contributions(toMatrix([means[0]! + 1], [means[1]!]), 0);
    expect(features[0]).toBeCloseTo(model.coefficients[0]!, 10);
    expect(features[1]).toBeCloseTo(0, 10);
    expect(base).toBeCloseTo(
      model.intercept + model.coefficients[0]! * means[0]! + model.coefficients[1]! * means[1]!,
      10,
    );
  });

  it('refuses missing values by name, for fitting, predicting and explaining', () => {
    const { matrix, outcome } = simulate(50, 0, [1]);
    const holed = toMatrix(matrix.columns[0]!.with(3, NaN));
    const model = fitLogistic(matrix, outcome);
    expect(() => fitLogistic(holed, outcome)).toThrow('Row 3: feature x0 is NaN.');
    expect(() => model.predict(holed)).toThrow('Row 3: feature x0 is NaN.');
    expect(() => model.contributions(holed, 3)).toThrow('Row 3: feature x0 is NaN.');
  });

  it('refuses a stored coefficient that is no number', () => {
    const { matrix, outcome } = simulate(50, 0, [1]);
    const json = JSON.parse(JSON.stringify(fitLogistic(matrix, outcome))) as {
      parameters: { coefficients: unknown[] };
    };
    json.parameters.coefficients = [null];
    expect(() => logisticFromJSON(json)).toThrow(/coefficients/);
  });
});

describe('the choice of l2', () => {
  // Two of forty features matter, on 300 rows: hardly any penalty overfits, an enormous one learns nothing.
  const truth = Array.from({ length: 40 }, (_, j) => (j === 0 ? 0.7 : j === 1 ? -0.4 : 0));
  const train = simulate(300, 0, truth);
  const validation = simulate(4000, 0, truth, 'validation');

  it('finds the middle, by later rows and by folds', () => {
    const grid = [1e5, 30, 1e-3];
    const byValidation = chooseL2OnValidation(train, validation, grid);
    const byFolds = chooseL2ByFolds(train, { grid, folds: 4 });
    for (const choice of [byValidation, byFolds]) {
      expect(choice.l2).toBe(30);
      expect(choice.tried.map(({ l2 }) => l2)).toEqual(grid);
      const least = Math.min(...choice.tried.map((entry) => entry.logLoss));
      expect(choice.tried[1]!.logLoss).toBe(least);
    }
  });

  it('is deterministic and moves with the seed', () => {
    expect(chooseL2ByFolds(train, { grid: [1, 10] })).toEqual(chooseL2ByFolds(train, { grid: [1, 10] }));
    const other = chooseL2ByFolds(train, { grid: [1, 10], seed: 9 });
    expect(other.tried).not.toEqual(chooseL2ByFolds(train, { grid: [1, 10] }).tried);
  });

  it('takes the stronger penalty among equals', () => {
    const constant = {
      matrix: toMatrix(new Float64Array(20).fill(3)),
      outcome: train.outcome.subarray(0, 20),
    };
    expect(chooseL2ByFolds(constant, { grid: [1, 100], folds: 2 }).l2).toBe(100);
  });

  it('ignores rows of weight 0', () => {
    const weights = Float64Array.from(train.outcome, (_, row) => (row < 250 ? 1 : 0));
    const flipped = train.outcome.map((y, row) => (row < 250 ? y : 1 - y));
    const later = {
      ...validation,
      weights: Float64Array.from(validation.outcome, (_, row) => (row < 99 ? 1 : 0)),
    };
    const choice = chooseL2OnValidation({ ...train, weights }, later);
    expect(chooseL2OnValidation({ ...train, outcome: flipped, weights }, later)).toEqual(choice);
    const first = {
      matrix: toMatrix(...validation.matrix.columns.map((c) => c.subarray(0, 99))),
      outcome: validation.outcome.subarray(0, 99),
    };
    chooseL2OnValidation({ ...train, weights }, first).tried.forEach((entry, i) => {
      expect(entry.logLoss).toBeCloseTo(choice.tried[i]!.logLoss, 12);
    });
  });

  it('refuses folds that cannot hold both outcomes, and an empty grid', () => {
    const few = { matrix: toMatrix([1, 2, 3, 4, 5, 6]), outcome: Uint8Array.of(1, 0, 0, 0, 0, 1) };
    expect(() => chooseL2ByFolds(few, { folds: 3 })).toThrow(/3 folds/);
    expect(() => chooseL2ByFolds(few, { folds: 1 })).toThrow(/2 to 255/);
    expect(() => chooseL2ByFolds(few, { folds: 2, grid: [] })).toThrow(/no l2/);
  });
});
