/** npm run bench -- NAME [ARGS]: one file a benchmark, each prints a ratio to a baseline measured in the same run. */
const benchmarks: Record<string, () => Promise<{ run(args: string[]): Promise<void> }>> = {
  backup: () => import('./backup.ts'),
  import: () => import('./import.ts'),
  recovery: () => import('./recovery.ts'),
  ingest: () => import('./ingest.ts'),
  overload: () => import('./overload.ts'),
  customers: () => import('./customers.ts'),
  fit: () => import('./fit.ts'),
  classifiers: () => import('./classifiers.ts'),
  scoring: () => import('./scoring.ts'),
  recommender: () => import('./recommender.ts'),
  ratings: () => import('./ratings.ts'),
  'recommender-scale': () => import('./recommender-scale.ts'),
  kernel: () => import('./kernel.ts'),
  serving: () => import('./serving.ts'),
};

const [name, ...args] = process.argv.slice(2);
const load = name === undefined ? undefined : benchmarks[name];
if (!load) {
  process.stderr.write(`npm run bench -- ${Object.keys(benchmarks).join('|')}\n`);
  process.exitCode = 2;
} else {
  await (await load()).run(args);
}
