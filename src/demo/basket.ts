import type { Random } from '../models/random.ts';
import { type Catalogue, priceAt } from './catalogue.ts';

export interface BasketLine {
  /** Index in the catalogue. */
  product: number;
  quantity: number;
  listPrice: number;
  /** Paid for one, in whole cents. */
  unitPrice: number;
}

/** What one customer brings to the shop, and what is left behind there by earlier orders. */
export interface Shopper {
  /** Weight of each taste; a visit follows one of them. */
  tasteWeights: Float64Array;
  /** Bought before and not bought twice. */
  owned: Set<number>;
  /** Bought before and bought again. */
  staples: number[];
}

export interface Occasion {
  /** Milliseconds of Unix time. */
  moment: number;
  taste: number;
  priceElasticity: number;
}

const highestSeason = 1.8;
const highestPriceEffect = 1.5;
const mostLines = 6;
/** A line may exceed what is left to spend by this factor; the whole order is then reduced to its value. */
const largestOvershoot = 1.25;

export function drawShopper(random: Random, tasteCount: number): Shopper {
  // Gammas of a small shape, taken as shares, are a sparse Dirichlet: most people have one or two tastes.
  const tasteWeights = Float64Array.from({ length: tasteCount }, () => random.gamma(0.3) + 1e-6);
  return { tasteWeights, owned: new Set(), staples: [] };
}

/** A product that the taste, the season and its present price speak for. Owned things may come: people look again. */
export function drawProductFor(random: Random, catalogue: Catalogue, occasion: Occasion): number {
  const table = catalogue.byTaste[occasion.taste];
  if (table === undefined) throw new RangeError(`No taste ${occasion.taste}`);
  const month = new Date(occasion.moment).getUTCMonth();
  let drawn = table.sample(random);
  // Rejection, bounded: the season and the price only bend what taste says.
  for (let attempt = 0; attempt < 8; attempt++) {
    const product = catalogue.products[drawn]!;
    const relativePrice = priceAt(product, occasion.moment) / product.prices[0]!;
    const priceEffect = Math.min(highestPriceEffect, relativePrice ** occasion.priceElasticity);
    const weight = (product.season[month] ?? 1) * priceEffect;
    if (random.bernoulli(weight / (highestSeason * highestPriceEffect))) break;
    drawn = table.sample(random);
  }
  return drawn;
}

/**
 * A basket worth `value`, which Gamma-Gamma gave: taste picks products until their list prices reach it, then the order
 * is reduced as a whole to just that value. What is paid is never above the list price, and the sum is exact to half
 * a cent for each piece; which products, how many and what reduction is not part of the model.
 */
export function drawBasket(
  random: Random,
  catalogue: Catalogue,
  shopper: Shopper,
  occasion: Occasion,
  value: number,
): BasketLine[] {
  const lines: BasketLine[] = [];
  let left = value;
  if (catalogue.giftWrapping >= 0 && random.bernoulli(0.05)) {
    left -= addLine(lines, catalogue, catalogue.giftWrapping, 1, occasion);
  }
  for (let tries = 0; left > 0.005 && tries < mostLines; tries++) {
    const product = chooseForBasket(random, catalogue, shopper, occasion, left, lines);
    if (product === undefined) continue;
    const price = priceAt(catalogue.products[product]!, occasion.moment);
    const pair = catalogue.products[product]!.consumable && 2 * price <= left && random.bernoulli(0.35);
    left -= addLine(lines, catalogue, product, pair ? 2 : 1, occasion);
  }
  if (left > 0.005) left -= addMore(lines, catalogue, random, occasion, left);
  payExactly(lines, value);
  for (const { product } of lines) remember(catalogue, shopper, product);
  return lines;
}

/** The best of a few draws: one that ends the basket with a small reduction, else one that fits, else the cheapest. */
function chooseForBasket(
  random: Random,
  catalogue: Catalogue,
  shopper: Shopper,
  occasion: Occasion,
  left: number,
  lines: BasketLine[],
): number | undefined {
  let fits: number | undefined;
  let cheapest: number | undefined;
  let cheapestPrice = Number.POSITIVE_INFINITY;
  for (let draw = 0; draw < 4; draw++) {
    const fromStaples = shopper.staples.length > 0 && random.bernoulli(0.3);
    const product = fromStaples ? random.pick(shopper.staples) : drawProductFor(random, catalogue, occasion);
    if (shopper.owned.has(product) || lines.some((line) => line.product === product)) continue;
    const price = priceAt(catalogue.products[product]!, occasion.moment);
    if (price >= left && price <= left * largestOvershoot) return product;
    if (price < left) fits ??= product;
    if (price < cheapestPrice) {
      cheapest = product;
      cheapestPrice = price;
    }
  }
  return fits ?? cheapest;
}

/** Returns what the line costs at list price. */
function addLine(
  lines: BasketLine[],
  catalogue: Catalogue,
  product: number,
  quantity: number,
  at: Occasion,
): number {
  const listPrice = priceAt(catalogue.products[product]!, at.moment);
  lines.push({ product, quantity, listPrice, unitPrice: listPrice });
  return listPrice * quantity;
}

/** The rest of a large order is more of the same: of its dearest line, or of any product where nothing was found. */
function addMore(
  lines: BasketLine[],
  catalogue: Catalogue,
  random: Random,
  occasion: Occasion,
  left: number,
): number {
  if (lines.length === 0) addLine(lines, catalogue, drawProductFor(random, catalogue, occasion), 0, occasion);
  const dearest = lines.reduce((best, line) => (line.listPrice > best.listPrice ? line : best));
  const pieces = Math.ceil(left / dearest.listPrice);
  dearest.quantity += pieces;
  return pieces * dearest.listPrice;
}

function payExactly(lines: BasketLine[], value: number): void {
  const listTotal = lines.reduce((sum, line) => sum + line.listPrice * line.quantity, 0);
  for (const line of lines) {
    line.unitPrice = Math.min(
      line.listPrice,
      Math.max(1, Math.round((line.listPrice * value * 100) / listTotal)) / 100,
    );
  }
}

function remember(catalogue: Catalogue, shopper: Shopper, product: number): void {
  const { consumable, isMerchandise } = catalogue.products[product]!;
  if (!isMerchandise) return;
  if (!consumable) shopper.owned.add(product);
  else if (!shopper.staples.includes(product)) shopper.staples.push(product);
}
