import { AppError } from '../errors.ts';
import type { LinearAlgebra } from '../models/linear-algebra/linear-algebra.ts';
import type { EventLog } from '../models/recommender/event-log.ts';
import { type TestUser, type TrialResult, tryRecommenders } from '../models/recommender/recommender-trial.ts';
import { type Rating, type RatingFile, readRatings } from './rating-file.ts';

export interface FileTrialOptions {
  readonly train: string;
  readonly test: string;
  readonly k: number;
  readonly repeats: boolean;
  /** Temporal with repeats where there are times, else random, unless given. */
  readonly validation?: 'random' | 'temporal' | undefined;
  readonly algebra: LinearAlgebra;
  readonly clock: () => number;
  readonly onStep?: (step: string) => void;
}

export interface FileTrial extends TrialResult {
  readonly k: number;
}

/** Numbers, from 0, of outside ids. */
type Numbering = ReadonlyMap<string, number>;

/** From the most taken down, so that ties go to the more popular item; equally popular ones as the file has them. */
function numberItems(rows: readonly Rating[]): Numbering {
  const users = new Map<string, Set<string>>();
  for (const { item, user } of rows) {
    const set = users.get(item);
    if (set === undefined) users.set(item, new Set([user]));
    else set.add(user);
  }
  const sorted = [...users].sort(([, one], [, other]) => other.size - one.size);
  return new Map(sorted.map(([item], number) => [item, number]));
}

function numberUsers(rows: readonly Rating[]): Map<string, number> {
  const numbers = new Map<string, number>();
  for (const { user } of rows) if (!numbers.has(user)) numbers.set(user, numbers.size);
  return numbers;
}

function toLog({ rows }: RatingFile, users: Numbering, items: Numbering): EventLog {
  const order = Int32Array.from(rows.keys()).sort(
    (a, b) => users.get(rows[a]!.user)! - users.get(rows[b]!.user)! || rows[a]!.days - rows[b]!.days || a - b,
  );
  const offsets = new Int32Array(users.size + 1);
  for (const { user } of rows) offsets[users.get(user)! + 1]! += 1;
  for (let user = 0; user < users.size; user++) offsets[user + 1]! += offsets[user]!;
  // A rating of 0 or below is no strength: such files count each line alike.
  const usable = rows.every(({ rating }) => rating > 0);
  return {
    itemCount: items.size,
    offsets,
    items: Int32Array.from(order, (k) => items.get(rows[k]!.item)!),
    times: Float64Array.from(order, (k) => rows[k]!.days),
    strengths: Float32Array.from(order, (k) => (usable ? rows[k]!.rating : 1)),
  };
}

/** Known users first, in their order; then those that training never saw. */
function toTest({ rows }: RatingFile, users: Map<string, number>, items: Numbering): TestUser[] {
  const all = new Map(users);
  const taken: Set<string>[] = Array.from({ length: users.size }, () => new Set());
  for (const { user, item } of rows) {
    let number = all.get(user);
    if (number === undefined) {
      number = taken.push(new Set()) - 1;
      all.set(user, number);
    }
    taken[number]!.add(item);
  }
  return taken.map((set) => {
    const known = [...set].map((item) => items.get(item)).filter((item) => item !== undefined);
    return { items: Int32Array.from(known), unknownItems: set.size - known.length };
  });
}

/**
 * Trains, tunes and judges every recommender on two files, without a database: `train` is all that models see; `test` what users took
 * afterwards. Without `repeats`, what a user has in `train` is neither recommended nor asked for.
 * @throws IMPORT_FILE, IMPORT_ENCODING, IMPORT_HEADER, VALIDATION
 */
export async function evaluateFiles(options: FileTrialOptions): Promise<FileTrial> {
  const { log, test, hasTimes } = await readTrial(options);
  const result = await tryRecommenders(log, test, {
    k: options.k,
    repeats: options.repeats,
    validation: options.validation ?? (options.repeats && hasTimes ? 'temporal' : 'random'),
    seed: 1,
    algebra: options.algebra,
    clock: options.clock,
    ...(options.onStep ? { onStep: options.onStep } : {}),
  });
  return { k: options.k, ...result };
}

/** Both files as typed arrays: a million rows as objects, kept on, would be walked through by each garbage collection. */
async function readTrial(options: FileTrialOptions) {
  const train = await readRatings(options.train);
  const test = await readRatings(options.test);
  if (options.validation === 'temporal' && !train.hasTimes)
    throw new AppError(
      'USAGE',
      `${options.train} has no column timestamp, which --validation temporal needs.`,
      { hint: 'Leave it out, or say --validation random.' },
    );
  const users = numberUsers(train.rows);
  const items = numberItems(train.rows);
  return { log: toLog(train, users, items), test: toTest(test, users, items), hasTimes: train.hasTimes };
}
