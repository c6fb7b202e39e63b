import { AppError } from '../../errors.ts';
import type { LinearAlgebra } from '../linear-algebra/linear-algebra.ts';
import type { EventLog } from './event-log.ts';
import { historyOf, type Interactions } from './interactions.ts';
import { emptyHistory, type HeldOut, type JudgedList, judge } from './judge.ts';
import { historiesOf } from './log-memory.ts';
import { ModelShelf } from './model-shelf.ts';
import { meanMetrics, type RankingMetrics } from './ranking-metrics.ts';
import { type Material, type Point, trialModels } from './trial-models.ts';
import { type Contender, TrialTuner } from './trial-tuner.ts';
import { takenItems } from './validation-split.ts';

export interface TrialOptions {
  /** Length of the lists. */
  readonly k: number;
  /** Lists may hold what the user had before. */
  readonly repeats: boolean;
  /** How validation imitates the test: the latest events of all, or some items of each user. */
  readonly validation: 'random' | 'temporal';
  readonly seed: number;
  readonly algebra: LinearAlgebra;
  /** Milliseconds of any clock; models have none. */
  readonly clock: () => number;
  readonly onStep?: (step: string) => void;
  /** The lists of the test, model by model. */
  readonly onJudged?: (name: string, judged: readonly JudgedList[]) => void;
}

/** Row u is the same user as row u of the log that trains; users beyond it are unknown. */
export interface TestUser {
  /** Distinct items of the test, those that training never saw left out. */
  readonly items: Int32Array;
  /** Of the items that training never saw. */
  readonly unknownItems: number;
}

export interface TrialResult {
  readonly models: Readonly<Record<string, RankingMetrics>>;
  readonly chosen: string;
  /** Of the last fit, on all that trains. */
  readonly trainSeconds: Readonly<Record<string, number>>;
  /** nDCG on the validation part, which chose. */
  readonly validation: Readonly<Record<string, number>>;
  readonly parameters: Readonly<Record<string, Point>>;
  /** How many points of its grid each model was tuned by. */
  readonly tried: Readonly<Record<string, number>>;
  /** What the points of its grid took. */
  readonly tuningSeconds: Readonly<Record<string, number>>;
  readonly users: number;
}

/** Every model tuned on parts held out, with its score there. */
async function tuneAll(log: EventLog, options: TrialOptions, tuner: TrialTuner): Promise<Contender[]> {
  const { validation, repeats } = options;
  const all: Contender[] = [];
  for (const model of trialModels(log.itemCount, validation === 'temporal', repeats)) {
    const ridge = all.find(({ name }) => name === 'ease');
    // The sparse ridge approximates the dense one: its options are the same.
    const contender =
      model.name === 'sparse-ridge' && ridge !== undefined
        ? { ...ridge, name: model.name, fit: (material: Material) => model.fit(material, ridge.parameters) }
        : await tuner.tune(model);
    all.push(contender);
    await tuner.validate(contender);
  }
  const ridges = all.filter(({ name }) => name === 'ease' || name === 'sparse-ridge');
  const item = bestOf(ridges, tuner.validation);
  const combined =
    validation === 'temporal' || repeats
      ? await tuner.tuneHybrid(item)
      : await tuner.tuneBlend(item, all.find(({ name }) => name === 'als')!);
  await tuner.validate(combined);
  return [...all, combined];
}

function bestOf(contenders: readonly Contender[], validation: ReadonlyMap<string, number>): Contender {
  return contenders.reduce((best, each) =>
    validation.get(each.name)! > validation.get(best.name)! ? each : best,
  );
}

async function runTrial(
  log: EventLog,
  test: readonly TestUser[],
  options: TrialOptions,
): Promise<TrialResult> {
  const tuner = new TrialTuner(log, options);
  const contenders = await tuneAll(log, options, tuner);
  const latest = log.times.reduce((latest, time) => Math.max(latest, time), Number.NEGATIVE_INFINITY);
  const now = Number.isFinite(latest) ? latest : 0;
  const { growth } = tuner;
  const material: Material = { log, now, seed: options.seed, algebra: options.algebra, growth };
  const models: Record<string, RankingMetrics> = {};
  const trainSeconds: Record<string, number> = {};
  let users = 0;
  const shelf = new ModelShelf(options.clock);
  for (const contender of contenders) {
    const { name, strength } = contender;
    options.onStep?.(`judging ${name}`);
    const model = await shelf.get(contender, material);
    trainSeconds[name] = shelf.seconds(name);
    const asked = testQuestions(log, historiesOf(log, now, strength), test, options.repeats);
    users = asked.length;
    const judged = await judge(model, asked, options.k);
    options.onJudged?.(name, judged);
    models[name] = meanMetrics(judged);
  }
  const chosen = bestOf(contenders, tuner.validation).name;
  const ofEach = <Value>(value: (contender: Contender) => Value): Record<string, Value> =>
    Object.fromEntries(contenders.map((contender) => [contender.name, value(contender)]));
  return {
    models,
    chosen,
    trainSeconds,
    validation: Object.fromEntries(tuner.validation),
    parameters: ofEach(({ parameters }) => parameters),
    tried: ofEach(({ tried }) => tried),
    tuningSeconds: ofEach(({ tuningSeconds }) => tuningSeconds),
    users,
  };
}

function testQuestions(
  log: EventLog,
  known: Interactions,
  test: readonly TestUser[],
  repeats: boolean,
): HeldOut[] {
  const asked: HeldOut[] = [];
  test.forEach(({ items, unknownItems }, user) => {
    const isKnown = user + 1 < known.offsets.length;
    const history = isKnown ? historyOf(known, user) : emptyHistory;
    const seen = repeats || !isKnown ? emptyHistory.items : takenItems(log, user);
    const before = new Set(seen);
    const wanted = items.filter((item) => !before.has(item));
    const count = wanted.length + unknownItems;
    if (count > 0) asked.push({ user, history, seen, items: wanted, count });
  });
  return asked;
}

/**
 * Tunes every model on a part held out of `log`, fits it again on all of it and judges it on `test`, which decides nothing. `chosen` has
 * the best nDCG on the validation part.
 * Items are to be numbered from the most taken down: where a model knows nothing, a tie, the more popular item goes first.
 * @throws MODEL_BAD_INPUT when there is too little to hold anything out
 */
export function tryRecommenders(
  log: EventLog,
  test: readonly TestUser[],
  options: TrialOptions,
): Promise<TrialResult> {
  if (log.items.length === 0) throw new AppError('MODEL_BAD_INPUT', 'There are no events to train on.');
  return runTrial(log, test, options);
}
