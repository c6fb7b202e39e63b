import type { ExactValue } from '../exact-json.ts';
import type { Reject } from '../rejects.ts';

/** The types of Segment's messages, and `event` for our plain form. */
export const messageKinds = ['track', 'identify', 'alias', 'page', 'screen', 'group', 'event'] as const;
export type MessageKind = (typeof messageKinds)[number];

/** What an event says about its product. The greater stamp wins, then the greater value, whatever the order of arrival. */
export interface ProductMention {
  readonly externalId: string;
  /** Empty where nothing is said. */
  readonly name: string;
  readonly category: string;
  /** Canonical decimal. */
  readonly price: string;
  /** Of a sale its moment, else the day: a look at a product moves its row once a day at most. */
  readonly priceStamp: string;
  readonly dayStamp: string;
}

/** One row of `events` to be. */
export interface LiveLine {
  readonly externalId: string;
  readonly eventType: string;
  /** A JSON object as text. */
  readonly properties: string;
  /** A sale or refund that says no price gets the product's. */
  readonly needsPrice: boolean;
  readonly product: ProductMention | null;
  /** products.product_id where the caller knows it; then `product` is null. */
  readonly productId: number | null;
}

export interface LiveMessage {
  readonly id: string;
  /** The moment of what happened, corrected, in milliseconds since 1970. */
  readonly at: number;
  /** Outside id of the customer; empty where none is named. */
  readonly userId: string;
  readonly anonymousId: string;
  /** users.user_id where the caller knows it. */
  readonly ownUserId: number | null;
  /** `anonymousId` is this customer's. */
  readonly links: boolean;
  /** A JSON object as text; null where nothing is said. */
  readonly traits: string | null;
  readonly lines: readonly LiveLine[];
  readonly flags: readonly string[];
}

/** A message on its way: read or refused, with what is needed to keep it as a dead letter. */
export interface Item {
  readonly source: string;
  readonly kind: MessageKind;
  readonly receivedAt: number;
  /** Of the envelope, in milliseconds since 1970. */
  readonly sentAt: number | null;
  readonly body: ExactValue;
  /** 128 bits in hexadecimal. */
  readonly hash: string;
  readonly messageId: string | null;
  /** Came with a key that anybody can read in a page's source. */
  readonly isPublic: boolean;
  readonly read: LiveMessage | Reject;
}

export type Outcome =
  | {
      readonly status: 'accepted';
      readonly messageId: string | null;
      readonly events: number;
      readonly flags: readonly string[];
    }
  | { readonly status: 'duplicate'; readonly messageId: string | null }
  | {
      readonly status: 'rejected';
      readonly messageId: string | null;
      readonly code: string;
      readonly reason: string;
    };

export function rejected(messageId: string | null, { code, reason }: Reject): Outcome {
  return { status: 'rejected', messageId, code, reason };
}

/** The namespace of anonymous ids beside that of customers: no source's name can hold the sign. */
export function anonymousSource(source: string): string {
  return `${source}#anonymous`;
}
