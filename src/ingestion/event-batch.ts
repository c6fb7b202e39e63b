import { copyText } from '../database/copy-text.ts';
import type { EventDraft } from './formats/format.ts';
import type { ProductRef, UserRef } from './identities.ts';

/** What a COPY message holds; larger pieces gain nothing. */
const pieceCharacters = 1 << 16;

/** Rows on their way to the database, with what is needed to reject one of them later. */
export class EventBatch {
  readonly #sourceId: number;
  readonly #users: (UserRef | null)[] = [];
  readonly #products: (ProductRef | null)[] = [];
  readonly #heads: string[] = [];
  readonly #properties: string[] = [];
  readonly #needsPrice: boolean[] = [];
  readonly keys: string[] = [];
  readonly lines: number[] = [];
  readonly raws: string[] = [];
  /** Given when the batch is full. */
  eventId: (row: number) => number = () => 0;

  constructor(sourceId: number) {
    this.#sourceId = sourceId;
  }

  get rows(): number {
    return this.keys.length;
  }

  add(
    draft: EventDraft,
    key: string,
    user: UserRef | null,
    product: ProductRef | null,
    line: number,
    raw: string,
  ): void {
    this.#users.push(user);
    this.#products.push(product);
    this.#heads.push(`${draft.eventType}\t${draft.timestamp}`);
    this.#properties.push(draft.properties);
    this.#needsPrice.push(draft.needsPrice);
    this.keys.push(key);
    this.lines.push(line);
    this.raws.push(raw);
  }

  /** Rows `from` to `to` (not included) in COPY's text format, in the order of the stage's columns. */
  *encode(from: number, to: number): Generator<string> {
    let piece = '';
    for (let row = from; row < to; row++) {
      const user = this.#users[row];
      const product = this.#products[row];
      const userId = user ? String(user.id) : '\\N';
      const productId = product ? String(product.id) : '\\N';
      const head = `${this.eventId(row)}\t${userId}\t${productId}\t${this.#heads[row]}`;
      piece += `${head}\t${copyText(this.#stamped(row))}\t${this.#sourceId}\t${copyText(this.keys[row] as string)}\n`;
      if (piece.length >= pieceCharacters) {
        yield piece;
        piece = '';
      }
    }
    if (piece !== '') yield piece;
  }

  /** History must not move when a price changes: a sale without a price gets today's. */
  #stamped(row: number): string {
    const properties = this.#properties[row] as string;
    const price = this.#needsPrice[row] === true ? (this.#products[row]?.price ?? '') : '';
    return price === '' ? properties : `${properties.slice(0, -1)},"unit_price":${price}}`;
  }
}
