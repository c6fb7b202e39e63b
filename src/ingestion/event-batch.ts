import { copyText } from '../database/copy-text.ts';
import { ByteRows } from './byte-rows.ts';
import type { EventDraft } from './formats/format.ts';
import type { ProductRef, UserRef } from './identities/identities.ts';

/** What a COPY message holds; larger pieces gain nothing. */
const pieceBytes = 1 << 16;
/** Room for the three ids before a row's text. */
const idBytes = 64;

/** Rows on their way to the database, with what is needed to reject one of them later. */
export class EventBatch {
  readonly #sourceId: number;
  readonly #users: (UserRef | null)[] = [];
  readonly #products: (ProductRef | null)[] = [];
  /** Each row from its type on, as COPY wants it. */
  readonly #texts = new ByteRows();
  /** Sales without a price: row -> the byte of its text before which a price can be put in. */
  readonly #priceAt = new Map<number, number>();
  readonly #lines: number[] = [];
  readonly #raws = new ByteRows();
  /** Given when the batch is full. */
  eventId: (row: number) => number = () => 0;

  constructor(sourceId: number) {
    this.#sourceId = sourceId;
  }

  get rows(): number {
    return this.#lines.length;
  }

  add(
    draft: EventDraft,
    key: string,
    user: UserRef | null,
    product: ProductRef | null,
    line: number,
    raw: string,
  ): void {
    const start = `${draft.eventType}\t${draft.timestamp}\t${copyText(draft.properties)}`;
    if (draft.needsPrice) this.#priceAt.set(this.rows, Buffer.byteLength(start) - 1);
    this.#texts.append(`${start}\t${this.#sourceId}\t${copyText(key)}\n`);
    this.#users.push(user);
    this.#products.push(product);
    this.#lines.push(line);
    this.#raws.append(raw);
  }

  origin(row: number): { line: number; raw: string } {
    return { line: this.#lines[row] as number, raw: this.#raws.get(row).toString() };
  }

  /** Rows `from` to `to` (not included) in COPY's text format, in the order of the stage's columns. */
  *encode(from: number, to: number): Generator<Buffer> {
    let piece = Buffer.allocUnsafe(pieceBytes);
    let at = 0;
    for (let row = from; row < to; row++) {
      const price = this.#stampedPrice(row);
      const room = this.#texts.lengthOf(row) + price.length + idBytes;
      if (at + room > piece.length) {
        if (at > 0) yield piece.subarray(0, at);
        piece = Buffer.allocUnsafe(Math.max(pieceBytes, room));
        at = 0;
      }
      at = this.#encodeRow(piece, at, row, price);
    }
    if (at > 0) yield piece.subarray(0, at);
  }

  #encodeRow(piece: Buffer, start: number, row: number, price: string): number {
    const userId = this.#users[row]?.id ?? '\\N';
    const productId = this.#products[row]?.id ?? '\\N';
    const texts = this.#texts;
    let at = start + piece.write(`${this.eventId(row)}\t${userId}\t${productId}\t`, start, 'latin1');
    const split = price === '' ? 0 : (this.#priceAt.get(row) as number);
    if (split > 0) {
      at = texts.copyTo(piece, at, row, 0, split);
      at += piece.write(price, at, 'latin1');
    }
    return texts.copyTo(piece, at, row, split, texts.lengthOf(row));
  }

  /** History must not move when a price changes: a sale without a price gets today's. */
  #stampedPrice(row: number): string {
    if (this.#priceAt.size === 0 || !this.#priceAt.has(row)) return '';
    const price = this.#products[row]?.price ?? '';
    return price === '' ? '' : `,"unit_price":${price}`;
  }
}
