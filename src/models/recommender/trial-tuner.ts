import { blendOf, scaleOf } from './blend.ts';
import type { EventLog, StrengthOptions } from './event-log.ts';
import { climbGrid } from './grid-climb.ts';
import { hybridOf } from './hybrid.ts';
import { type HeldOut, judge, judgeScores } from './judge.ts';
import { historiesOf } from './log-memory.ts';
import { ModelShelf } from './model-shelf.ts';
import { meanMetrics } from './ranking-metrics.ts';
import { type ItemRecommender, type Recommender, scoreAll } from './recommender.ts';
import type { TrialOptions } from './recommender-trial.ts';
import { limitItems, limitUsers } from './trial-limits.ts';
import { HEAD_ITEMS, type Material, type Point, type TrialModel } from './trial-models.ts';
import { momentOfShare, questions, type SplitLog, splitAtRandom, splitByTime } from './validation-split.ts';

/** A model as it is read: with the strengths of the history that belong to it. */
export interface Contender {
  readonly name: string;
  readonly parameters: Point;
  /** Points of grids that were scored to choose them, those of its parts too. */
  readonly tried: number;
  /** What that took, its parts included. */
  readonly tuningSeconds: number;
  readonly strength: StrengthOptions;
  /** Parts that other contenders are made of too are taken from the shelf. */
  readonly fit: (material: Material, shelf: ModelShelf) => Promise<Recommender> | Recommender;
}

const VALIDATION_SHARE = 0.2;
/**
 * Small logs are parted several times: of 943 users with 80 ratings each one part told ridges apart to 0.002 of 0.26 (standard error),
 * and 0.015 of 0.51 were lost on the test by what it chose.
 */
const FOLD_EVENTS = 250_000;
const MAX_FOLDS = 4;
const TUNING_USERS = 3000;
/** For models that only have to be about right. */
const FEW_USERS = 1000;
/** Ridges are tuned on the head of the catalogue: an inverse costs its third power, and nearly every list is filled from there. */
const TUNING_ITEMS = HEAD_ITEMS;
const ALS_TUNING = { events: 200_000, factors: 32 };

function splitsOf(log: EventLog, { validation, seed }: TrialOptions): SplitLog[] {
  if (validation === 'temporal') return [splitByTime(log, momentOfShare(log, VALIDATION_SHARE))];
  const folds = Math.max(1, Math.min(MAX_FOLDS, Math.ceil(FOLD_EVENTS / log.items.length)));
  return Array.from({ length: folds }, (_, fold) => splitAtRandom(log, VALIDATION_SHARE, seed + fold));
}

/** The part of a split on which a model is tuned. */
function limitFor(model: TrialModel, split: SplitLog): SplitLog {
  if (model.name === 'ease' || model.name === 'sparse-ridge') return limitItems(split, TUNING_ITEMS);
  return model.name === 'als' ? limitUsers(split, ALS_TUNING.events) : split;
}

async function meanOver<Each>(all: readonly Each[], score: (each: Each) => Promise<number>): Promise<number> {
  let sum = 0;
  for (const each of all) sum += await score(each);
  return sum / all.length;
}

/** Scores of two models for the same users, one row each. */
interface BlendPart {
  readonly asked: HeldOut[];
  readonly one: Float32Array;
  readonly other: Float32Array;
  readonly itemCount: number;
}

/** Chooses options on parts held out of the log, and says how good each model is there. */
export class TrialTuner {
  readonly #options: TrialOptions;
  readonly #splits: readonly SplitLog[];
  readonly #shelves = new Map<SplitLog, ModelShelf>();
  readonly #asked = new WeakMap<SplitLog, Map<string, HeldOut[]>>();
  readonly #validation = new Map<string, number>();

  constructor(log: EventLog, options: TrialOptions) {
    this.#options = options;
    this.#splits = splitsOf(log, options);
    for (const split of this.#splits) this.#shelves.set(split, new ModelShelf(options.clock));
  }

  /** nDCG on the parts held out, by name. */
  get validation(): ReadonlyMap<string, number> {
    return this.#validation;
  }

  /** How much longer each history is in the whole log than in what options were tuned on; later events make histories no denser. */
  get growth(): number {
    return this.#options.validation === 'random' ? 1 / (1 - VALIDATION_SHARE) : 1;
  }

  #material({ past, now }: SplitLog): Material {
    return { log: past, now, seed: this.#options.seed, algebra: this.#options.algebra };
  }

  #fitted(contender: Contender, split: SplitLog): Promise<Recommender> {
    return this.#shelves.get(split)!.get(contender, this.#material(split));
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

  #secondsSince(started: number): number {
    return (this.#options.clock() - started) / 1000;
  }

  async tune(model: TrialModel): Promise<Contender> {
    this.#options.onStep?.(`tuning ${model.name}`);
    const splits = this.#splits.map((split) => limitFor(model, split));
    const hints: Point = model.name === 'als' ? { factors: ALS_TUNING.factors } : {};
    const users = model.name === 'popularity' || model.name === 'sar' ? FEW_USERS : TUNING_USERS;
    const started = this.#options.clock();
    const { point, tried } = await climbGrid(model.axes, [model.start], (at) =>
      meanOver(splits, async (split) => {
        const fitted = await model.fit(this.#material(split), { ...at, ...hints });
        return this.#score(fitted, split, model.strength(at), users);
      }),
    );
    return {
      name: model.name,
      parameters: point,
      tried,
      tuningSeconds: this.#secondsSince(started),
      strength: model.strength(point),
      fit: (material) => model.fit(material, point),
    };
  }

  async tuneHybrid(base: Contender): Promise<Contender> {
    this.#options.onStep?.('tuning hybrid');
    const { axes, start, strength, adjust } = hybridOf(this.#options);
    const started = this.#options.clock();
    const { point, tried } = await climbGrid(axes, [start], (at) =>
      meanOver(this.#splits, async (split) => {
        const fitted = (await this.#fitted(base, split)) as ItemRecommender;
        return this.#score(adjust(fitted, split.past, split.now, at), split, strength(at), TUNING_USERS);
      }),
    );
    return {
      name: 'hybrid',
      parameters: point,
      tried: base.tried + tried,
      tuningSeconds: base.tuningSeconds + this.#secondsSince(started),
      strength: strength(point),
      fit: async (material, shelf) =>
        adjust((await shelf.get(base, material)) as ItemRecommender, material.log, material.now, point),
    };
  }

  async tuneBlend(first: Contender, second: Contender): Promise<Contender> {
    this.#options.onStep?.(`tuning ${first.name}+${second.name}`);
    const started = this.#options.clock();
    const parts: BlendPart[] = [];
    for (const split of this.#splits) parts.push(await this.#scoresOf(first, second, split));
    const { point, tried } = await climbGrid(
      { share: [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1] },
      [{ share: 0.3 }],
      ({ share = 0 }) =>
        meanOver(parts, async ({ asked, one, other, itemCount }) => {
          const scores = one.map((score, at) => (1 - share) * score + share * other[at]!);
          return meanMetrics(judgeScores(scores, itemCount, asked, this.#options.k)).ndcg;
        }),
    );
    return {
      name: `${first.name}+${second.name}`,
      parameters: point,
      tried: first.tried + second.tried + tried,
      tuningSeconds: first.tuningSeconds + second.tuningSeconds + this.#secondsSince(started),
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

  /** What both models say of some users, on one scale. */
  async #scoresOf(first: Contender, second: Contender, split: SplitLog): Promise<BlendPart> {
    const known = historiesOf(split.past, split.now, first.strength);
    const asked = this.#questions(split, first.strength, FEW_USERS);
    const histories = asked.map(({ history }) => history);
    const scaled = async (contender: Contender): Promise<Float32Array> => {
      const model = await this.#fitted(contender, split);
      const scale = await scaleOf(model, known);
      return (await scoreAll(model, histories)).map((score) => score / scale);
    };
    return {
      asked,
      one: await scaled(first),
      other: await scaled(second),
      itemCount: split.past.itemCount,
    };
  }

  async validate(contender: Contender): Promise<void> {
    const ndcg = await meanOver(this.#splits, async (split) =>
      this.#score(await this.#fitted(contender, split), split, contender.strength, TUNING_USERS),
    );
    this.#validation.set(contender.name, ndcg);
  }
}
