import { AppError } from '../errors.ts';
import { type Objective, searchAlong } from './line-search.ts';

export interface MinimizeOptions {
  /** Stops when the largest |partial derivative| is at most this. Give objectives the scale of one observation. */
  gradientTolerance?: number;
  maxIterations?: number;
  /** What a minimum of a like objective, of a part of the data say, came to know of the curvature. None unless given. */
  curvature?: readonly Correction[];
}

export interface Minimum {
  readonly point: Float64Array;
  readonly value: number;
  readonly gradient: Float64Array;
  /** Largest absolute partial derivative at the point. */
  readonly gradientNorm: number;
  readonly iterations: number;
  readonly evaluations: number;
  /** For `minimize` of another objective. */
  readonly curvature: readonly Correction[];
}

/** A step, how the gradient changed along it, and their product. */
interface Correction {
  readonly step: Float64Array;
  readonly change: Float64Array;
  readonly curvature: number;
}

const memory = 10;
// Where the objective is flat to rounding the line search finds no decrease; a gradient this small is then a minimum.
const roundingSlack = 100;

function dot(u: Float64Array, v: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < u.length; i++) sum += u[i]! * v[i]!;
  return sum;
}

function maxAbs(u: Float64Array): number {
  let max = 0;
  for (const value of u) max = Math.max(max, Math.abs(value));
  return max;
}

/** The two-loop recursion (Nocedal & Wright 2006, algorithm 7.4): minus the inverse Hessian times the gradient. */
function searchDirection(gradient: Float64Array, corrections: readonly Correction[]): Float64Array {
  const direction = gradient.map((g) => -g);
  const weights = new Float64Array(corrections.length);
  for (let i = corrections.length - 1; i >= 0; i--) {
    const { step, change, curvature } = corrections[i]!;
    const weight = dot(step, direction) / curvature;
    weights[i] = weight;
    for (let j = 0; j < direction.length; j++) direction[j]! -= weight * change[j]!;
  }
  const newest = corrections.at(-1);
  if (newest) {
    const scale = newest.curvature / dot(newest.change, newest.change);
    for (let j = 0; j < direction.length; j++) direction[j]! *= scale;
  }
  corrections.forEach(({ step, change, curvature }, i) => {
    const weight = weights[i]! - dot(change, direction) / curvature;
    for (let j = 0; j < direction.length; j++) direction[j]! += weight * step[j]!;
  });
  return direction;
}

function remember(corrections: Correction[], step: Float64Array, change: Float64Array): void {
  const curvature = dot(step, change);
  // Rounding can make the curvature vanish or turn negative; such a pair would break positive definiteness.
  if (curvature <= 1e-14 * Math.sqrt(dot(step, step) * dot(change, change))) return;
  corrections.push({ step, change, curvature });
  if (corrections.length > memory) corrections.shift();
}

function noConvergence(reason: string, minimum: Minimum): AppError {
  return new AppError('MODEL_NO_CONVERGENCE', `The fit did not converge: ${reason}`, {
    details: {
      iterations: minimum.iterations,
      gradientNorm: minimum.gradientNorm,
      value: minimum.value,
      point: [...minimum.point],
    },
    hint: 'Give the model more customers or a longer history, or fit it with a penalty greater than 0.',
  });
}

/**
 * Unconstrained minimum of a smooth function by L-BFGS with a strong Wolfe line search
 * (Nocedal & Wright 2006, Numerical Optimization, algorithms 7.5, 3.5 and 3.6).
 * @throws AppError MODEL_NO_CONVERGENCE; it never returns a point that is not a minimum to the tolerance.
 */
export function minimize(objective: Objective, start: Float64Array, options: MinimizeOptions = {}): Minimum {
  const { gradientTolerance = 1e-8, maxIterations = 500 } = options;
  let point = Float64Array.from(start);
  let gradient = new Float64Array(start.length);
  let value = objective(point, gradient);
  let evaluations = 1;
  const corrections = [...(options.curvature ?? [])];
  const report = (iterations: number): Minimum => ({
    point,
    value,
    gradient,
    gradientNorm: maxAbs(gradient),
    iterations,
    evaluations,
    curvature: corrections,
  });
  if (!Number.isFinite(value)) throw noConvergence('the objective is not finite at the start', report(0));

  for (let iteration = 0; iteration < maxIterations; iteration++) {
    const norm = maxAbs(gradient);
    if (norm <= gradientTolerance) return report(iteration);
    let direction = searchDirection(gradient, corrections);
    if (!(dot(direction, gradient) < 0)) {
      corrections.length = 0;
      direction = searchDirection(gradient, corrections);
    }
    // Without curvature knowledge the steepest descent step has no scale: move by at most one unit.
    const firstStep = corrections.length === 0 ? Math.min(1, 1 / Math.sqrt(dot(gradient, gradient))) : 1;
    const found = searchAlong(objective, { point, value, gradient }, direction, firstStep);
    evaluations += found.evaluations;
    if (!found.end) {
      if (norm <= gradientTolerance * roundingSlack) return report(iteration);
      if (corrections.length === 0) throw noConvergence('no step decreases the objective', report(iteration));
      corrections.length = 0;
      continue;
    }
    const next = found.end;
    remember(
      corrections,
      next.point.map((p, j) => p - point[j]!),
      next.gradient.map((g, j) => g - gradient[j]!),
    );
    ({ point, value, gradient } = next);
  }
  if (maxAbs(gradient) <= gradientTolerance) return report(maxIterations);
  throw noConvergence(`${maxIterations} iterations were not enough`, report(maxIterations));
}
