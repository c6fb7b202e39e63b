import { createWriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import { Random } from '../src/models/random.ts';

/** How many users, items and ratings a public data set has, and what its histories are like. */
export interface Shape {
  readonly users: number;
  readonly items: number;
  readonly ratings: number;
  /** The least that anybody rated; the rest is log-normal with this spread. */
  readonly leastRatings: number;
  readonly spread: number;
  /** Share of each user's ratings that is held out. */
  readonly heldOut: number;
}

/** As their READMEs say (GroupLens): at least 20 ratings a user; medians of 65 and 96, means of 106 and 166 ratings. */
export const shapes: Readonly<Record<string, Shape>> = {
  'ml-100k': { users: 943, items: 1682, ratings: 100_000, leastRatings: 20, spread: 1, heldOut: 0.25 },
  'ml-1m': { users: 6040, items: 3706, ratings: 1_000_209, leastRatings: 20, spread: 1.04, heldOut: 0.2 },
};

const TASTES = 16;
/** Chosen so that popularity, item-knn, ALS and EASE are as far apart as they are on MovieLens: about .2, .37, .42, .43 of nDCG. */
const POPULARITY_SPREAD = 2.8;
const TASTE_SPREAD = 5;
const NICHE_SPREAD = 1.5;
const NICHES = 120;

/** How many each user rated: log-normal above the least, scaled so that the sum is right. */
function historyLengths({ users, items, ratings, leastRatings, spread }: Shape, random: Random): Int32Array {
  const raw = Float64Array.from({ length: users }, () => Math.exp(random.normal(0, spread)));
  let scale = ratings / users;
  const lengthsAt = (factor: number) =>
    Int32Array.from(raw, (value) =>
      Math.max(leastRatings, Math.min(Math.floor(items * 0.6), Math.round(value * factor))),
    );
  for (let round = 0; round < 40; round++)
    scale *= (ratings / lengthsAt(scale).reduce((sum, count) => sum + count, 0)) ** 0.8;
  return lengthsAt(scale);
}

/** Factors whose later axes matter less, as the singular values of a real matrix fall. */
function tastes(count: number, random: Random): Float64Array {
  return Float64Array.from(
    { length: count * TASTES },
    (_, at) => random.normal() * Math.sqrt(1.8 / (1 + (at % TASTES) * 0.6)),
  );
}

/**
 * Who rated what: each user draws without replacement, by a preference of popularity and taste (Gumbel's trick: the largest of
 * preference plus noise). Writes two files `user,item,rating,timestamp`, parted at random user by user.
 */
export async function writeRatings(shape: Shape, seed: number, train: string, test: string): Promise<void> {
  const random = Random.fromSeed(seed, 'rating shapes');
  const lengths = historyLengths(shape, random);
  const popularity = Float64Array.from({ length: shape.items }, () => random.normal(0, POPULARITY_SPREAD));
  const [userTastes, itemTastes] = [tastes(shape.users, random), tastes(shape.items, random)];
  const files = [train, test].map((path) => createWriteStream(path));
  for (const file of files) file.write('user,item,rating,timestamp\n');
  const niches = Int32Array.from({ length: shape.items }, () => random.integer(NICHES));
  const scores = new Float64Array(shape.items);
  for (let user = 0; user < shape.users; user++) {
    const love = Float64Array.from({ length: NICHES }, () => random.normal(0, NICHE_SPREAD));
    for (let item = 0; item < shape.items; item++) {
      let taste = 0;
      for (let f = 0; f < TASTES; f++)
        taste += userTastes[user * TASTES + f]! * itemTastes[item * TASTES + f]!;
      const noise = -Math.log(-Math.log(random.uniform()));
      scores[item] =
        popularity[item]! + love[niches[item]!]! + (TASTE_SPREAD * taste) / Math.sqrt(TASTES) + noise;
    }
    const order = Int32Array.from(scores.keys()).sort((a, b) => scores[b]! - scores[a]!);
    const rated = random.shuffle([...order.subarray(0, lengths[user]!)]);
    const held = Math.round(rated.length * shape.heldOut);
    rated.forEach((item, at) => {
      const stars = Math.max(1, Math.min(5, Math.round(random.normal(3.6, 1.1))));
      files[at < held ? 1 : 0]!.write(`${user + 1},${item + 1},${stars},${978_300_000 + user * 1000 + at}\n`);
    });
  }
  for (const file of files) file.end();
  await Promise.all(files.map((file) => finished(file)));
}
