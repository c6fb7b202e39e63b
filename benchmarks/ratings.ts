import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLinearAlgebra } from '../src/compute/open-linear-algebra.ts';
import { evaluateFiles } from '../src/recommendations/evaluate-files.ts';
import { shapes, writeRatings } from './rating-shapes.ts';

/*
 * npm run bench -- ratings [ml-100k|ml-1m] [SEED]
 *
 * `evaluate recommender --train --test` on simulated ratings with the size and the histories of a public data set: everything read,
 * tuned, trained and judged. Seconds by the clock and of the processor, as multiples of the last training of EASE in the same run, and
 * what the chosen model has above each other. Taste is simulated: these nDCG are no forecast of those on the real data.
 */
export async function run([name = 'ml-100k', seed = '1']: string[]): Promise<void> {
  const write = (line: string) => process.stdout.write(`${line}\n`);
  const shape = shapes[name];
  if (shape === undefined) {
    write(`npm run bench -- ratings ${Object.keys(shapes).join('|')} [SEED]`);
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'customer-analyzer-bench-'));
  const algebra = openLinearAlgebra();
  try {
    const [train, test] = [join(folder, 'train.csv'), join(folder, 'test.csv')];
    await writeRatings(shape, Number(seed), train, test);
    const [started, processor] = [performance.now(), process.cpuUsage()];
    const options = { train, test, k: 10, repeats: false, algebra, clock: () => performance.now() };
    const { models, chosen, trainSeconds } = await evaluateFiles(options);
    const seconds = (performance.now() - started) / 1000;
    const { user, system } = process.cpuUsage(processor);
    const best = models[chosen]!.ndcg;
    for (const [model, { ndcg }] of Object.entries(models))
      write(
        `${model.padEnd(14)} nDCG@10 ${ndcg.toFixed(4)}  ${model === chosen ? 'chosen' : (ndcg - best).toFixed(4)}`,
      );
    const fit = trainSeconds['ease']!;
    write(
      `all of it: ${seconds.toFixed(1)} s = ${(seconds / fit).toFixed(0)} trainings of EASE; ${((user + system) / 1e6).toFixed(1)} s of the processor`,
    );
  } finally {
    await algebra.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
