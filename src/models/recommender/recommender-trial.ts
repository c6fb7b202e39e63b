import { AppError } from '../../errors.ts';
import type { LinearAlgebra } from '../linear-algebra/linear-algebra.ts';
import { blendOf, scaleOf } from './blend.ts';
import type { EventLog, StrengthOptions } from './event-log.ts';
import { climbGrid } from './grid-climb.ts';
import { hybridOf } from './hybrid.ts';
import { historyOf, type Interactions } from './interactions.ts';
import { emptyHistory, type HeldOut, type JudgedList, judge, judgeScores } from './judge.ts';
import { historiesOf } from './log-memory.ts';
import { ModelShelf } from './model-shelf.ts';
import { meanMetrics, type RankingMetrics } from './ranking-metrics.ts';
import { type ItemRecommender, type Recommender, scoreAll } from './recommender.ts';
import { limitItems, limitUsers } from './trial-limits.ts';
import { HEAD_ITEMS, type Material, type Point, type TrialModel, trialModels } from './trial-models.ts';
import {
  momentOfShare,
  questions,
  type SplitLog,
  splitAtRandom,
  splitByTime,
  takenItems,
} from './validation-split.ts';

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
  readonly users: number;
}

const VALIDATION_SHARE = 0.2;
const TUNING_USERS = 1000;
/** For models that only have to be about right. */
const FEW_USERS = 500;
/** Ridges are tuned on the head of the catalogue: an inverse costs its third power, and nearly every list is filled from there. */
const TUNING_ITEMS = HEAD_ITEMS;
const ALS_TUNING = { events: 200_000, factors: 32 };

/** A model as it is read: with the strengths of the history that belong to it. */
interface Contender {
  readonly name: string;
  readonly parameters: Point;
  readonly strength: StrengthOptions;
  /** Parts that other contenders are made of too are taken from the shelf. */
  readonly fit: (material: Material, shelf: ModelShelf) => Promise<Recommender> | Recommender;
}

class Trial {
  readonly #options: TrialOptions;
  readonly #log: EventLog;
  readonly #split: SplitLog;
  readonly #validation = new Map<string, number>();
  readonly #shelf: ModelShelf;
  readonly #asked = new WeakMap<SplitLog, Map<string, HeldOut[]>>();

  constructor(log: EventLog, options: TrialOptions) {
    this.#options = options;
    this.#shelf = new ModelShelf(options.clock);
    this.#log = log;
    this.#split =
      options.validation === 'random'
        ? splitAtRandom(log, VALIDATION_SHARE, options.seed)
        : splitByTime(log, momentOfShare(log, VALIDATION_SHARE));
  }

  #material(log: EventLog, now: number): Material {
    return { log, now, seed: this.#options.seed, algebra: this.#options.algebra };
  }

  /** Whom a split asks about; the same question is put for many points of a grid. */
  #questions(split: SplitLog, strength: StrengthOptions, users: number): HeldOut[] {
    const known = this.#asked.get(split) ?? new Map<string, HeldOut[]>();
    this.#asked.set(split, known);
    const key = JSON.stringify([strength, users]);
    const asked =
      known.get(key) ??
      questions(historiesOf(split.past, split.now, strength), split, this.#options.repeats, users);
    known.set(key, asked);
    return asked;
  }

  async #score(
    model: Recommender,
    split: SplitLog,
    strength: StrengthOptions,
    users: number,
  ): Promise<number> {
    const asked = this.#questions(split, strength, users);
    return meanMetrics(await judge(model, asked, this.#options.k)).ndcg;
  }

  async #tune(model: TrialModel): Promise<Contender> {
    this.#options.onStep?.(`tuning ${model.name}`);
    const isRidge = model.name === 'ease' || model.name === 'sparse-ridge';
    const whole = this.#split;
    const split = isRidge
      ? limitItems(whole, TUNING_ITEMS)
      : model.name === 'als'
        ? limitUsers(whole, ALS_TUNING.events)
        : whole;
    const hints: Point = model.name === 'als' ? { factors: ALS_TUNING.factors } : {};
    const { point } = await climbGrid(model.axes, model.start, async (at) => {
      const fitted = await model.fit(this.#material(split.past, split.now), { ...at, ...hints });
      return this.#score(fitted, split, model.strength(at), isRidge ? TUNING_USERS : FEW_USERS);
    });
    return {
      name: model.name,
      parameters: point,
      strength: model.strength(point),
      fit: (material) => model.fit(material, point),
    };
  }

  async #tuneHybrid(base: Contender, fitted: ItemRecommender): Promise<Contender> {
    this.#options.onStep?.('tuning hybrid');
    const { axes, start, strength, adjust } = hybridOf(this.#options);
    const { point } = await climbGrid(axes, start, async (at) =>
      this.#score(
        adjust(fitted, this.#split.past, this.#split.now, at),
        this.#split,
        strength(at),
        TUNING_USERS,
      ),
    );
    return {
      name: 'hybrid',
      parameters: point,
      strength: strength(point),
      fit: async (material, shelf) =>
        adjust((await shelf.get(base, material)) as ItemRecommender, material.log, material.now, point),
    };
  }

  async #tuneBlend(
    first: Contender,
    second: Contender,
    models: readonly [Recommender, Recommender],
  ): Promise<Contender> {
    this.#options.onStep?.(`tuning ${first.name}+${second.name}`);
    const { past, now } = this.#split;
    const known = historiesOf(past, now, first.strength);
    const asked = this.#questions(this.#split, first.strength, FEW_USERS);
    const histories = asked.map(({ history }) => history);
    const [one, other] = await Promise.all(models.map((model) => scoreAll(model, histories)));
    const [oneScale, otherScale] = await Promise.all(models.map((model) => scaleOf(model, known)));
    const { point } = await climbGrid(
      { share: [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1] },
      { share: 0.3 },
      async ({ share = 0 }) => {
        const scores = one!.map(
          (score, at) => ((1 - share) * score) / oneScale! + (share * other![at]!) / otherScale!,
        );
        return meanMetrics(judgeScores(scores, models[0].itemCount, asked, this.#options.k)).ndcg;
      },
    );
    return {
      name: `${first.name}+${second.name}`,
      parameters: point,
      strength: first.strength,
      fit: async (material, shelf) =>
        blendOf(
          await shelf.get(first, material),
          await shelf.get(second, material),
          point['share']!,
          historiesOf(material.log, material.now, first.strength),
        ),
    };
  }

  async #validate(contender: Contender): Promise<Recommender> {
    const fitted = await this.#shelf.get(contender, this.#material(this.#split.past, this.#split.now));
    this.#validation.set(
      contender.name,
      await this.#score(fitted, this.#split, contender.strength, 2 * TUNING_USERS),
    );
    return fitted;
  }

  /** Every model tuned on the validation part, with its score there. */
  async contenders(): Promise<Contender[]> {
    const { validation, repeats } = this.#options;
    const all: Contender[] = [];
    const fitted = new Map<string, Recommender>();
    for (const model of trialModels(this.#log.itemCount, validation === 'temporal', repeats)) {
      const ridge = all.find(({ name }) => name === 'ease');
      // The sparse ridge approximates the dense one: its options are the same.
      const contender =
        model.name === 'sparse-ridge' && ridge !== undefined
          ? { ...ridge, name: model.name, fit: (material: Material) => model.fit(material, ridge.parameters) }
          : await this.#tune(model);
      all.push(contender);
      fitted.set(contender.name, await this.#validate(contender));
    }
    const ranked = (names: readonly string[]) =>
      all
        .filter(({ name }) => names.includes(name))
        .toSorted((a, b) => this.#validation.get(b.name)! - this.#validation.get(a.name)!);
    const item = ranked(['ease', 'sparse-ridge'])[0]!;
    if (validation === 'temporal' || repeats) {
      const hybrid = await this.#tuneHybrid(item, fitted.get(item.name) as ItemRecommender);
      all.push(hybrid);
      await this.#validate(hybrid);
    } else {
      const als = all.find(({ name }) => name === 'als')!;
      const blend = await this.#tuneBlend(item, als, [fitted.get(item.name)!, fitted.get('als')!]);
      all.push(blend);
      await this.#validate(blend);
    }
    return all;
  }

  async run(test: readonly TestUser[]): Promise<TrialResult> {
    const contenders = await this.contenders();
    const now = this.#log.times.reduce((latest, time) => Math.max(latest, time), Number.NEGATIVE_INFINITY);
    const material = this.#material(this.#log, Number.isFinite(now) ? now : 0);
    const models: Record<string, RankingMetrics> = {};
    const trainSeconds: Record<string, number> = {};
    let users = 0;
    const shelf = new ModelShelf(this.#options.clock);
    for (const contender of contenders) {
      const { name, strength } = contender;
      this.#options.onStep?.(`judging ${name}`);
      const model = await shelf.get(contender, material);
      trainSeconds[name] = shelf.seconds(name);
      const asked = testQuestions(
        this.#log,
        historiesOf(this.#log, material.now, strength),
        test,
        this.#options.repeats,
      );
      users = asked.length;
      const judged = await judge(model, asked, this.#options.k);
      this.#options.onJudged?.(name, judged);
      models[name] = meanMetrics(judged);
    }
    const validation = Object.fromEntries(this.#validation);
    const chosen = contenders.reduce(
      (best, { name }) => (validation[name]! > validation[best]! ? name : best),
      contenders[0]!.name,
    );
    const parameters = Object.fromEntries(contenders.map(({ name, parameters: point }) => [name, point]));
    return { models, chosen, trainSeconds, validation, parameters, users };
  }
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
  return new Trial(log, options).run(test);
}
