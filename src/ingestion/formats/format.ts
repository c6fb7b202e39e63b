import type { Reject } from '../rejects.ts';
import type { SlashOrder } from '../timestamps.ts';

export const formatNames = [
  'online-retail',
  'cdnow',
  'rees46',
  'retailrocket',
  'events',
  'products',
  'users',
] as const;
export type FormatName = (typeof formatNames)[number];

/** One row on its way to `events`. A mapper fills the same object again and again: a row costs no allocation of its own. */
export interface EventDraft {
  eventType: string;
  /** As parseTimestamp writes it. */
  timestamp: string;
  /** A JSON object as text. */
  properties: string;
  /** Outside ids; empty where there is none. */
  userId: string;
  productId: string;
  /** The event's identity within its source. */
  naturalKey: string;
  /** Lines with one key are events of their own: the key gets `/n` for the n-th. False where the key is the source's own id. */
  numbered: boolean;
  /** A sale or refund that says no price: the product's current price is stamped into it. */
  needsPrice: boolean;
  /** What the row says about its product; empty where it says nothing. */
  productName: string;
  /** A better name replaces a worse one. */
  productNameRank: NameRank;
  /** Price of a sale. */
  productPrice: string;
}

/** 0 none (the outside id serves as name), 1 written beside no sale, 2 the name under which it was sold. */
export type NameRank = 0 | 1 | 2;

export function emptyDraft(): EventDraft {
  return {
    eventType: '',
    timestamp: '',
    properties: '{}',
    userId: '',
    productId: '',
    naturalKey: '',
    numbered: true,
    needsPrice: false,
    productName: '',
    productNameRank: 0,
    productPrice: '',
  };
}

/** What is written once, when a product is seen for the first time. */
export interface ProductDescription {
  readonly category: string | null;
  /** A JSON object as text. */
  readonly attributes: string;
  readonly isMerchandise: boolean;
}

export const undescribed: ProductDescription = { category: null, attributes: '{}', isMerchandise: true };

/** An event format bound to one file's columns. */
export interface EventMapper {
  toEvent(fields: readonly string[], draft: EventDraft): Reject | null;
  /** A new user's profile: a JSON object as text. */
  describeUser(fields: readonly string[]): string;
  describeProduct(fields: readonly string[]): ProductDescription;
}

/** Null or absent means "leave as it is". */
export interface ProductRow {
  readonly externalId: string;
  readonly name: string | null;
  readonly category: string | null;
  readonly price: string | null;
  readonly description: string | null;
  readonly stock: string | null;
  readonly isMerchandise: string | null;
  /** A JSON object as text, merged into what is there. */
  readonly attributes: string | null;
}

export interface UserRow {
  readonly externalId: string;
  readonly telegramId: string | null;
  readonly firstName: string | null;
  readonly lastName: string | null;
  readonly username: string | null;
  readonly registrationDate: string | null;
  /** A JSON object as text, merged into what is there. */
  readonly profile: string | null;
}

export interface BindContext {
  /** Currency of the shop, ISO 4217. */
  readonly currency: string;
  readonly slashOrder: SlashOrder;
}

interface FormatBase {
  readonly name: FormatName;
  /** Name of the source when none is given: ids of one source name the same customers and products. */
  readonly defaultSource: string;
  /** Column -> the names that files give it, as columnKey writes them. */
  readonly columns: ColumnSpec;
}

export type ColumnSpec = Readonly<
  Record<string, { readonly names: readonly string[]; readonly required: boolean }>
>;
/** Column -> its place in the row, -1 where the file lacks it. */
export type ColumnMap = Readonly<Record<string, number>>;

export interface EventFormat extends FormatBase {
  readonly kind: 'events';
  bind(columns: ColumnMap, header: readonly string[], context: BindContext): EventMapper;
}

export interface ProductFormat extends FormatBase {
  readonly kind: 'products';
  bind(
    columns: ColumnMap,
    header: readonly string[],
    context: BindContext,
  ): (fields: readonly string[]) => ProductRow | Reject;
}

export interface UserFormat extends FormatBase {
  readonly kind: 'users';
  bind(
    columns: ColumnMap,
    header: readonly string[],
    context: BindContext,
  ): (fields: readonly string[]) => UserRow | Reject;
}

export type Format = EventFormat | ProductFormat | UserFormat;

/** `Customer ID`, `CustomerID` and `customer_id` are one column. */
export function columnKey(name: string): string {
  return name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');
}

export function required(...names: string[]): { names: string[]; required: true } {
  return { names, required: true };
}

export function optional(...names: string[]): { names: string[]; required: false } {
  return { names, required: false };
}

/** Finds the columns of a spec in a header. `missing` names the required ones that are not there. */
export function mapColumns(
  spec: ColumnSpec,
  header: readonly string[],
): { columns: ColumnMap; missing: string[] } {
  const keys = header.map(columnKey);
  const columns: Record<string, number> = {};
  const missing: string[] = [];
  for (const [column, { names, required: isRequired }] of Object.entries(spec)) {
    const name = names.find((each) => keys.includes(each));
    columns[column] = name === undefined ? -1 : keys.indexOf(name);
    if (name === undefined && isRequired) missing.push(column);
  }
  return { columns, missing };
}
