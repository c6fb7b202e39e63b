import { Type } from 'typebox';
import { AppError, type ErrorCode } from '../../errors.ts';
import type { Outcome } from '../../ingestion/live/message.ts';

const nullableText = Type.Union([Type.String(), Type.Null()]);

const ItemAnswer = Type.Object({
  index: Type.Integer({ description: 'Place in the request, from 0' }),
  message_id: nullableText,
  status: Type.Unsafe<Outcome['status']>({ type: 'string', enum: ['accepted', 'duplicate', 'rejected'] }),
  events: Type.Optional(Type.Integer({ description: 'Rows of events that the message made' })),
  flags: Type.Optional(
    Type.Array(Type.String(), { description: 'clock_ahead: more than 24 hours in the future' }),
  ),
  code: Type.Optional(
    Type.String({ description: 'Why it was rejected; `conflict` is the same id with other contents' }),
  ),
  reason: Type.Optional(Type.String()),
});

export const IngestAnswer = Type.Object({
  success: Type.Boolean({ description: 'Nothing was rejected' }),
  accepted: Type.Integer(),
  duplicates: Type.Integer(),
  rejected: Type.Integer(),
  items: Type.Array(ItemAnswer),
});

type ItemJson = Record<string, unknown>;

/** Counts what comes, and keeps the answers to single items. */
export class AnswerBuilder {
  readonly #counts = { accepted: 0, duplicate: 0, rejected: 0 };
  readonly #items: ItemJson[] = [];
  readonly #mostItems: number;
  readonly #onlyExceptions: boolean;
  isCut = false;

  constructor(mostItems = Number.POSITIVE_INFINITY, onlyExceptions = false) {
    this.#mostItems = mostItems;
    this.#onlyExceptions = onlyExceptions;
  }

  add(outcomes: readonly Outcome[], first = 0): this {
    for (const [i, outcome] of outcomes.entries()) {
      this.#counts[outcome.status] += 1;
      if (this.#onlyExceptions && outcome.status === 'accepted') continue;
      if (this.#items.length < this.#mostItems) this.#items.push(itemJson(outcome, first + i));
      else this.isCut = true;
    }
    return this;
  }

  build() {
    const { accepted, duplicate, rejected } = this.#counts;
    return { success: rejected === 0, accepted, duplicates: duplicate, rejected, items: this.#items };
  }
}

function itemJson(outcome: Outcome, index: number): ItemJson {
  const { status, messageId: message_id } = outcome;
  if (status === 'duplicate') return { index, message_id, status };
  if (status === 'rejected') return { index, message_id, status, code: outcome.code, reason: outcome.reason };
  const { events, flags } = outcome;
  return flags.length > 0
    ? { index, message_id, status, events, flags }
    : { index, message_id, status, events };
}

const singleCodes: Record<string, ErrorCode> = { conflict: 'INGEST_CONFLICT', not_permitted: 'FORBIDDEN' };

/** Who sends one event is told by the status too. @throws INGEST_REJECTED, INGEST_CONFLICT, FORBIDDEN */
export function answerSingle(outcome: Outcome, isPublic: boolean) {
  if (outcome.status === 'rejected') {
    const { code, reason } = outcome;
    const hint = isPublic ? 'Nothing of it is kept.' : 'It is kept: customer-analyzer rejects list.';
    throw new AppError(singleCodes[code] ?? 'INGEST_REJECTED', `${code}: ${reason}`, { hint });
  }
  return new AnswerBuilder().add([outcome]).build();
}
