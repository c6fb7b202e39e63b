import { AliasTable, Random } from '../models/random.ts';
import { type DemoOptions, endOfLastDay, millisecondsPerDay } from './parameters.ts';
import {
  type Bilingual,
  brands,
  type Category,
  categories,
  colors,
  giftWrapping,
  type Noun,
  seriesNames,
  tastes,
} from './vocabulary.ts';

export interface DemoProduct {
  name: Bilingual;
  category: Bilingual;
  description: Bilingual;
  brand: string;
  color: Bilingual | null;
  /** Bought again and again; all else a customer buys once. */
  consumable: boolean;
  isMerchandise: boolean;
  stock: number;
  /** Moments (milliseconds of Unix time) from which each price holds, rising; the first is the start of the window. */
  priceFrom: number[];
  prices: number[];
  /** Demand by month, January first. */
  season: readonly number[];
}

export interface Catalogue {
  products: DemoProduct[];
  /** For each taste, the products in proportion to their appeal. */
  byTaste: AliasTable[];
  /** Index of the gift wrapping, or -1 in a catalogue too small to have it. */
  giftWrapping: number;
}

const smallestWithGiftWrapping = 20;
/** Days between two changes of a product's price, on average. */
const daysPerPriceStep = 150;

/** Appeal of a product to the taste that it serves, to a second one, and to everybody else. */
const appeal = { main: 1, second: 0.2, other: 0.02 };

interface Name {
  category: Category;
  noun: Noun;
  series: Bilingual;
  /** 2 and up where the catalogue is larger than the vocabulary. */
  edition: number;
}

/** All pairs of noun and series in a seeded order, then the same again as second edition, and so on. */
function drawNames(random: Random, count: number): Name[] {
  const pairs = categories.flatMap((category) =>
    category.nouns.flatMap((noun) => seriesNames.map((series) => ({ category, noun, series }))),
  );
  random.shuffle(pairs);
  return Array.from({ length: count }, (_, i) => {
    const pair = pairs[i % pairs.length] as Omit<Name, 'edition'>;
    return { ...pair, edition: Math.floor(i / pairs.length) + 1 };
  });
}

/** Lognormal around the typical price of its kind, then steps of some per cent, upwards on average. */
function drawPrices(
  random: Random,
  typical: number,
  options: DemoOptions,
): Pick<DemoProduct, 'priceFrom' | 'prices'> {
  const end = endOfLastDay(options.lastDay);
  const start = end - options.days * millisecondsPerDay;
  const steps = Array.from(
    { length: random.poisson(options.days / daysPerPriceStep) },
    () => start + Math.floor(random.uniform() * options.days) * millisecondsPerDay,
  ).sort((x, y) => x - y);
  let price = typical * Math.exp(random.normal(0, 0.35));
  const prices = [roundPrice(price)];
  for (const _ of steps) {
    price *= Math.exp(random.normal(0.01, 0.09));
    prices.push(roundPrice(price));
  }
  return { priceFrom: [start, ...steps], prices };
}

function roundPrice(price: number): number {
  return Math.max(1, Math.round(price * 10)) / 10;
}

function drawProduct(random: Random, name: Name, options: DemoOptions): DemoProduct {
  const { category, noun, series, edition } = name;
  const suffix = edition === 1 ? '' : ` ${edition}`;
  const brand = random.pick(brands);
  return {
    name: [`${series[0]} ${noun[0]}${suffix}`, `${noun[1]} «${series[1]}»${suffix}`],
    category: category.name,
    description: [`From the ${series[0]} series by ${brand}.`, `Из серии «${series[1]}», ${brand}.`],
    brand,
    color: noun[3] ? null : random.pick(colors),
    consumable: noun[3],
    isMerchandise: true,
    stock: random.bernoulli(0.04) ? 0 : 1 + random.poisson(40),
    season: category.season,
    ...drawPrices(random, noun[2], options),
  };
}

function wrapping(options: DemoOptions): DemoProduct {
  return {
    name: giftWrapping.name,
    category: giftWrapping.category,
    description: ['Paper, ribbon and a card.', 'Бумага, лента и открытка.'],
    brand: brands[0],
    color: null,
    consumable: true,
    isMerchandise: false,
    stock: 1000,
    season: [],
    priceFrom: [endOfLastDay(options.lastDay) - options.days * millisecondsPerDay],
    prices: [giftWrapping.price],
  };
}

/** Popularity is lognormal, so that a few products make most of the sales; taste divides it among the customers. */
function appealByTaste(random: Random, names: Name[]): Float64Array[] {
  const byTaste = tastes.map(() => new Float64Array(names.length));
  names.forEach(({ category }, i) => {
    const popularity = Math.exp(random.normal(0, 1));
    // A quarter of the products serves another taste than its category does: categories alone must not explain taste.
    const main = random.bernoulli(0.75) ? tastes.indexOf(category.tastes[0]) : random.integer(tastes.length);
    const second = tastes.indexOf(category.tastes[1]);
    byTaste.forEach((weights, taste) => {
      const share = taste === main ? appeal.main : taste === second ? appeal.second : appeal.other;
      weights[i] = popularity * share;
    });
  });
  return byTaste;
}

/** The catalogue of a shop: the same for the same options. */
export function drawCatalogue(options: DemoOptions): Catalogue {
  const random = Random.fromSeed(options.seed, 'catalogue');
  const hasWrapping = options.products >= smallestWithGiftWrapping;
  const names = drawNames(random, options.products - (hasWrapping ? 1 : 0));
  const products = names.map((name) => drawProduct(random, name, options));
  const byTaste = appealByTaste(random, names).map((weights) => new AliasTable(weights));
  if (hasWrapping) products.push(wrapping(options));
  return { products, byTaste, giftWrapping: hasWrapping ? products.length - 1 : -1 };
}

/** List price at a moment (milliseconds of Unix time). */
export function priceAt(product: DemoProduct, moment: number): number {
  let step = product.prices.length - 1;
  while (step > 0 && (product.priceFrom[step] as number) > moment) step--;
  return product.prices[step] as number;
}
