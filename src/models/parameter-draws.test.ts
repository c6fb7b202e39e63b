import { expect, it } from 'vitest';
import { drawParameters } from './parameter-draws.ts';
import { Random } from './random.ts';

const estimate = [2, 50];
const covariance = [
  [0.04, 0.6],
  [0.6, 25],
];

function momentsOfLogs(draws: readonly number[][]): { means: number[]; covariance: number[][] } {
  const logs = draws.map((draw) => draw.map(Math.log));
  const means = estimate.map((_, i) => logs.reduce((sum, draw) => sum + draw[i]!, 0) / draws.length);
  const moment = (i: number, j: number) =>
    logs.reduce((sum, draw) => sum + (draw[i]! - means[i]!) * (draw[j]! - means[j]!), 0) / draws.length;
  return { means, covariance: [0, 1].map((i) => [moment(i, 0), moment(i, 1)]) };
}

it('draws logarithms with the covariance of the estimate relative to it, exactly around it', () => {
  const draws = drawParameters(estimate, covariance, 10_000, Random.fromSeed(1, 'draws'));
  const found = momentsOfLogs(draws);
  expect(draws.length).toBe(20_000);
  expect(found.means[0]).toBeCloseTo(Math.log(2), 12);
  expect(found.means[1]).toBeCloseTo(Math.log(50), 12);
  // A variance of 10,000 independent normals is itself known to 1.4 %.
  expect(found.covariance[0]![0]! / 0.01).toBeCloseTo(1, 1);
  expect(found.covariance[1]![1]! / 0.01).toBeCloseTo(1, 1);
  expect(found.covariance[0]![1]! / 0.006).toBeCloseTo(1, 1);
});

it('keeps a singular covariance on its line, and draws the same for the same seed', () => {
  const onALine = [
    [0.04, 1],
    [1, 25],
  ];
  const draws = drawParameters(estimate, onALine, 50, Random.fromSeed(2));
  for (const [first, second] of draws) expect(second! / first!).toBeCloseTo(25, 8);
  expect(drawParameters(estimate, onALine, 50, Random.fromSeed(2))).toEqual(draws);
  expect(drawParameters(estimate, onALine, 50, Random.fromSeed(3))).not.toEqual(draws);
});
