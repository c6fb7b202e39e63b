import type pg from 'pg';
import { createProducts, lockIdentities } from '../../identities/queries.ts';
import type { LiveMessage, ProductMention } from '../message.ts';
import { findProductStates, type ProductNews, type ProductState, updateProducts } from './queries.ts';

/** A product as events need it. */
interface KnownProduct {
  readonly id: number;
  /** Stamped into sales that say none; null where nobody knows it. */
  readonly price: string | null;
}

interface Said {
  readonly source: string;
  readonly externalId: string;
  name: string;
  nameStamp: string;
  category: string;
  categoryStamp: string;
  price: string;
  priceStamp: string;
}

export function productKey(source: string, externalId: string): string {
  return `${source}\u0000${externalId}`;
}

/** What a group of messages says of products, one entry each: the best of it. */
export class ProductTalk {
  readonly said: readonly Said[];
  readonly #needsPrice = new Set<string>();

  constructor(group: readonly { source: string; message: LiveMessage }[]) {
    this.said = gather(group);
    for (const { source, message } of group)
      for (const { needsPrice, product } of message.lines)
        if (needsPrice && product) this.#needsPrice.add(productKey(source, product.externalId));
  }

  find(client: pg.ClientBase): Promise<ProductState[]> {
    return this.said.length === 0 ? Promise.resolve([]) : find(client, this.said);
  }

  needsPrice({ source, externalId }: Said): boolean {
    return this.#needsPrice.has(productKey(source, externalId));
  }
}

export interface ResolvedProducts {
  readonly known: ReadonlyMap<string, KnownProduct>;
  /** Names, categories and prices that nobody waits for: to be written before the commit. */
  readonly news: readonly ProductNews[];
}

/**
 * The products that a group of messages speaks of; unknown ones are made, and what is newer than what is known is news. Which is
 * newer does not depend on the order of arrival: the later stamp wins, then the greater value. What the shop itself set stands.
 */
export async function resolveProducts(
  client: pg.ClientBase,
  talk: ProductTalk,
  found: ProductState[],
): Promise<ResolvedProducts> {
  const { said } = talk;
  let states = found;
  if (states.length < said.length) {
    const missing = new Set(said.keys());
    for (const { place } of states) missing.delete(place);
    for (const source of new Set([...missing].map((place) => (said[place] as Said).source).sort()))
      await make(client, source, said);
    states = await find(client, said);
  }
  let news = newsIn(states, said);
  // A price that is stamped into this group's sales has to be written first.
  if (news.some(({ place }) => talk.needsPrice(said[place] as Said))) {
    await updateProducts(
      client,
      news.map(({ row }) => row),
    );
    states = await find(client, said);
    news = [];
  }
  const known = new Map<string, KnownProduct>();
  for (const { place, productId, price } of states) {
    const { source, externalId } = said[place] as Said;
    known.set(productKey(source, externalId), { id: productId, price });
  }
  return { known, news: news.map(({ row }) => row) };
}

function newsIn(
  states: readonly ProductState[],
  said: readonly Said[],
): { place: number; row: ProductNews }[] {
  return states.flatMap((state) => {
    const row = newsOf(state, said[state.place] as Said);
    return row === null ? [] : [{ place: state.place, row }];
  });
}

/** One entry a product: the best of what the group says. */
function gather(messages: readonly { source: string; message: LiveMessage }[]): Said[] {
  const said = new Map<string, Said>();
  for (const { source, message } of messages) {
    for (const { product } of message.lines) {
      if (product === null) continue;
      const key = productKey(source, product.externalId);
      const known = said.get(key);
      if (known === undefined) said.set(key, first(source, product));
      else merge(known, product);
    }
  }
  return [...said.values()];
}

function first(
  source: string,
  { externalId, name, category, price, priceStamp, dayStamp }: ProductMention,
): Said {
  return {
    source,
    externalId,
    name,
    nameStamp: dayStamp,
    category,
    categoryStamp: dayStamp,
    price,
    priceStamp,
  };
}

function merge(said: Said, { name, category, price, priceStamp, dayStamp }: ProductMention): void {
  if (name !== '' && (said.name === '' || later(dayStamp, said.nameStamp, name, said.name))) {
    said.name = name;
    said.nameStamp = dayStamp;
  }
  if (
    category !== '' &&
    (said.category === '' || later(dayStamp, said.categoryStamp, category, said.category))
  ) {
    said.category = category;
    said.categoryStamp = dayStamp;
  }
  const isLater =
    priceStamp > said.priceStamp || (priceStamp === said.priceStamp && Number(price) > Number(said.price));
  if (price !== '' && (said.price === '' || isLater)) {
    said.price = price;
    said.priceStamp = priceStamp;
  }
}

function later(stamp: string, knownStamp: string, value: string, known: string): boolean {
  if (stamp !== knownStamp) return stamp > knownStamp;
  return Buffer.compare(Buffer.from(value), Buffer.from(known)) > 0;
}

function find(client: pg.ClientBase, said: readonly Said[]): Promise<ProductState[]> {
  return findProductStates(
    client,
    said.map((each) => each.source),
    said.map((each) => each.externalId),
  );
}

/** Under the lock that imports take too; whoever held it before may have made some. */
async function make(client: pg.ClientBase, source: string, said: readonly Said[]): Promise<void> {
  await lockIdentities(client, source);
  const own = said.filter((each) => each.source === source);
  const found = new Set((await find(client, own)).map(({ place }) => place));
  const fresh = own.filter((_, place) => !found.has(place));
  await createProducts(
    client,
    source,
    fresh.map(({ externalId, name, nameStamp, category, categoryStamp, price, priceStamp }) => ({
      externalId,
      name: name || externalId,
      category: category || null,
      price: price || null,
      attributes: JSON.stringify({
        ...(name === '' ? {} : { name_at: nameStamp }),
        ...(category === '' ? {} : { category_at: categoryStamp }),
        ...(price === '' ? {} : { price_at: priceStamp }),
      }),
      isMerchandise: true,
    })),
  );
}

/** A first look, which spares most groups the write; `updateProducts` decides. Null where nothing can be news. */
function newsOf(state: ProductState, said: Said): ProductNews | null {
  const { productId } = state;
  const name = may(said.name, said.nameStamp, state.name, state.nameStamp, state.name === said.externalId);
  const category = may(
    said.category,
    said.categoryStamp,
    state.category,
    state.categoryStamp,
    state.category === null,
  );
  const price = may(said.price, said.priceStamp, state.price, state.priceStamp, state.price === null);
  if (!name && !category && !price) return null;
  const { nameStamp, categoryStamp, priceStamp } = said;
  return {
    productId,
    name: name ? said.name : null,
    category: category ? said.category : null,
    price: price ? said.price : null,
    nameStamp,
    categoryStamp,
    priceStamp,
  };
}

function may(
  value: string,
  stamp: string,
  known: string | null,
  knownStamp: string | null,
  isUnset: boolean,
): boolean {
  if (value === '') return false;
  if (knownStamp === null) return isUnset;
  return stamp > knownStamp || (stamp === knownStamp && value !== known);
}
