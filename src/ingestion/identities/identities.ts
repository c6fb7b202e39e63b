import type pg from 'pg';
import type { EventDraft, EventMapper, NameRank, ProductDescription } from '../formats/format.ts';
import { begin, commit, relaxDurability, reserveEventIds, rollback } from '../queries.ts';
import {
  createProducts,
  createUsers,
  findProducts,
  findUsers,
  type KnownProduct,
  lockIdentities,
  updateProducts,
} from './queries.ts';

export interface UserRef {
  readonly externalId: string;
  readonly profile: string;
  /** 0 until it is resolved. */
  id: number;
}

export interface ProductRef {
  readonly externalId: string;
  readonly description: ProductDescription;
  id: number;
  name: string;
  nameRank: NameRank;
  /** Empty where no price is known. */
  price: string;
  /** The sale that the price comes from; `shopsOwn` where the shop set it. */
  priceAt: string;
}

/** Later than every sale: what the shop says about its price stands above what a file of sales says. */
const shopsOwn = '9999';

/** Some 50 MB of references; then the cache starts anew, and what is needed again is looked up again. */
const cachedIds = 50_000;

/**
 * Outside ids -> our ids. What a batch brings that is not in the cache is looked up in one query and made in another, in the
 * file's order; memory does not grow with the file.
 */
export class Identities {
  readonly #source: string;
  readonly #timeZone: string;
  readonly #capacity: number;
  #users = new Map<string, UserRef>();
  #products = new Map<string, ProductRef>();
  #newUsers: UserRef[] = [];
  #newProducts: ProductRef[] = [];
  #renamed = new Set<ProductRef>();
  #repriced = new Set<ProductRef>();

  constructor(source: string, timeZone: string, capacity: number = cachedIds) {
    this.#source = source;
    this.#timeZone = timeZone;
    this.#capacity = capacity;
  }

  user(draft: EventDraft, fields: readonly string[], mapper: EventMapper): UserRef | null {
    if (draft.userId === '') return null;
    const known = this.#users.get(draft.userId);
    if (known !== undefined) return known;
    const fresh: UserRef = {
      externalId: detached(draft.userId),
      profile: detached(mapper.describeUser(fields)),
      id: 0,
    };
    this.#users.set(fresh.externalId, fresh);
    this.#newUsers.push(fresh);
    return fresh;
  }

  product(draft: EventDraft, fields: readonly string[], mapper: EventMapper): ProductRef | null {
    if (draft.productId === '') return null;
    const known =
      this.#products.get(draft.productId) ??
      this.#addProduct(draft.productId, mapper.describeProduct(fields));
    if (draft.productNameRank > known.nameRank) {
      known.name = detached(draft.productName);
      known.nameRank = draft.productNameRank;
      this.#renamed.add(known);
    }
    if (draft.productPrice !== '' && draft.timestamp > known.priceAt) {
      if (draft.productPrice !== known.price) {
        known.price = detached(draft.productPrice);
        this.#repriced.add(known);
      }
      known.priceAt = draft.timestamp;
    }
    return known;
  }

  #addProduct(externalId: string, { category, attributes, isMerchandise }: ProductDescription): ProductRef {
    const id = detached(externalId);
    const description = {
      category: category === null ? null : detached(category),
      attributes: detached(attributes),
      isMerchandise,
    };
    const fresh: ProductRef = {
      externalId: id,
      description,
      id: 0,
      name: id,
      nameRank: 0,
      price: '',
      priceAt: '',
    };
    this.#products.set(id, fresh);
    this.#newProducts.push(fresh);
    return fresh;
  }

  /** Gives every reference its id, and the batch its event ids. One short transaction of its own. */
  async resolve(client: pg.ClientBase, rows: number): Promise<(row: number) => number> {
    await begin(client, this.#timeZone);
    try {
      await relaxDurability(client);
      if (this.#newUsers.length + this.#newProducts.length > 0) {
        await lockIdentities(client, this.#source);
        await this.#resolveUsers(client);
        await this.#resolveProducts(client);
      }
      const eventIds = await reserveEventIds(client, rows);
      if (this.#users.size > this.#capacity || this.#products.size > this.#capacity)
        await this.#startAnew(client);
      await commit(client);
      return eventIds;
    } catch (error) {
      await rollback(client).catch(() => undefined);
      throw error;
    }
  }

  /** Writes the better names and newer prices that the file brought since the products were made. */
  async flush(client: pg.ClientBase): Promise<void> {
    const changed = [...new Set([...this.#renamed, ...this.#repriced])].filter((product) => product.id !== 0);
    if (changed.length === 0) return;
    const updates = changed.map((product) => ({
      productId: product.id,
      name: this.#renamed.has(product) ? product.name : null,
      price: this.#repriced.has(product) ? product.price : null,
      priceAt: product.priceAt,
    }));
    await updateProducts(client, updates);
    this.#renamed.clear();
    this.#repriced.clear();
  }

  async #startAnew(client: pg.ClientBase): Promise<void> {
    await this.flush(client);
    this.#users = new Map();
    this.#products = new Map();
  }

  async #resolveUsers(client: pg.ClientBase): Promise<void> {
    const wanted = this.#newUsers;
    if (wanted.length === 0) return;
    const found = await findUsers(
      client,
      this.#source,
      wanted.map((user) => user.externalId),
    );
    for (const [place, id] of found) (wanted[place] as UserRef).id = id;
    const fresh = wanted.filter((user) => user.id === 0);
    const ids = await createUsers(
      client,
      this.#source,
      fresh.map((user) => user.externalId),
      fresh.map((user) => user.profile),
    );
    ids.forEach((id, i) => {
      (fresh[i] as UserRef).id = id;
    });
    this.#newUsers = [];
  }

  async #resolveProducts(client: pg.ClientBase): Promise<void> {
    const wanted = this.#newProducts;
    if (wanted.length === 0) return;
    const known = await findProducts(
      client,
      this.#source,
      wanted.map((product) => product.externalId),
    );
    for (const row of known) this.#adopt(wanted[row.place] as ProductRef, row);
    const fresh = wanted.filter((product) => product.id === 0);
    const ids = await createProducts(client, this.#source, fresh.map(freshProduct));
    ids.forEach((id, i) => {
      const product = fresh[i] as ProductRef;
      product.id = id;
      this.#renamed.delete(product);
      this.#repriced.delete(product);
    });
    this.#newProducts = [];
  }

  /** A product that is there already: the better name and the later price win. */
  #adopt(product: ProductRef, row: KnownProduct): void {
    product.id = row.productId;
    if (row.name !== product.externalId) {
      product.nameRank = 2;
      this.#renamed.delete(product);
    }
    const priceAt = row.price === null ? '' : (row.priceAt ?? shopsOwn);
    if (row.price === null || product.priceAt > priceAt) return;
    product.price = row.price;
    product.priceAt = priceAt;
    this.#repriced.delete(product);
  }
}

function freshProduct({ externalId, name, price, priceAt, description }: ProductRef) {
  const marked = price === '' ? description.attributes : withPriceAt(description.attributes, priceAt);
  return { ...description, externalId, name, price: price === '' ? null : price, attributes: marked };
}

function withPriceAt(attributes: string, priceAt: string): string {
  return `${attributes === '{}' ? '{' : `${attributes.slice(0, -1)},`}"price_at":"${priceAt}"}`;
}

/**
 * A string of its own. V8 cuts fields out of a block without copying, so that one name of 20 characters in a cache would keep
 * its whole block of 256 KB alive: 4,000 product names could hold 1 GB.
 */
function detached(text: string): string {
  return Buffer.from(text, 'utf8').toString('utf8');
}
