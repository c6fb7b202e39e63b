import type { LinearAlgebra } from '../src/models/linear-algebra/linear-algebra.ts';
import { plainLinearAlgebra } from '../src/models/linear-algebra/plain.ts';
import { Random } from '../src/models/random.ts';

/** Popularity falls as 1 / rank, and customers of one taste, of ten, buy mostly from the same tenth of the items. */
function purchases(customers: number, items: number): Float32Array {
  const random = Random.fromSeed(1, 'purchases');
  return Float32Array.from({ length: customers * items }, (_, at) => {
    const [customer, item] = [Math.floor(at / items), at % items];
    const share = (customer % 10 === item % 10 ? 300 : 10) / (10 + item);
    return random.bernoulli(Math.min(0.9, share)) ? 1 : 0;
  });
}

/** With half as many customers as items G has no inverse of its own: its condition is its largest eigenvalue over lambda. */
export async function showErrors(compute: LinearAlgebra, n: number): Promise<void> {
  const gram = await compute.denseGram(purchases(n / 2, n), n / 2, n);
  process.stdout.write(`error of the inverse of G + lambda I, ${n} items, ${n / 2} customers:\n`);
  const largest = await largestEigenvalue(gram, n);
  for (const lambda of [100, 10, 1, 0.1, 0.01]) {
    const ridge = gram.map((value, i) => (i % (n + 1) === 0 ? value + lambda : value));
    const condition = ((largest + lambda) / lambda).toExponential(1);
    const exact = await plainLinearAlgebra.invertPositiveDefinite(ridge.slice(), n);
    const ours = await compute.invertPositiveDefinite(ridge, n).catch((error: Error) => error.message);
    const error = typeof ours === 'string' ? ours : relativeError(ours, exact).toExponential(1);
    process.stdout.write(`  lambda ${lambda}, condition ${condition}: ${error}\n`);
  }
}

function relativeError(ours: Float32Array, exact: Float32Array): number {
  let [most, size] = [0, 0];
  for (let i = 0; i < exact.length; i++) {
    most = Math.max(most, Math.abs(ours[i]! - exact[i]!));
    size = Math.max(size, Math.abs(exact[i]!));
  }
  return most / size;
}

async function largestEigenvalue(matrix: Float32Array, n: number): Promise<number> {
  let vector = new Float32Array(n).fill(1 / Math.sqrt(n));
  let norm = 0;
  for (let round = 0; round < 50; round++) {
    const next = await plainLinearAlgebra.multiply(matrix, vector, { m: n, n: 1, depth: n });
    norm = Math.hypot(...next);
    vector = next.map((value) => value / norm);
  }
  return norm;
}
