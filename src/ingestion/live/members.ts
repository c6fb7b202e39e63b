import type pg from 'pg';
import { ensureSource } from '../queries.ts';
import { Reject } from '../rejects.ts';
import { type Item, type LiveMessage, type Outcome, rejected } from './message.ts';
import type { Addressed } from './people/people.ts';
import type { MessageKey } from './queries.ts';

export interface Member extends Addressed, MessageKey {
  readonly place: number;
}

/** source_id by name: rows of sources are only ever added. */
export class SourceIds {
  readonly #ids = new Map<string, number>();

  async of(client: pg.ClientBase, items: readonly Item[]): Promise<ReadonlyMap<string, number>> {
    for (const { source } of items)
      if (!this.#ids.has(source)) this.#ids.set(source, await ensureSource(client, source));
    return this.#ids;
  }
}

/** Messages that could be read. */
export function readMembers(
  items: readonly Item[],
  sourceIds: ReadonlyMap<string, number>,
  outcomes: Outcome[],
): Member[] {
  const members: Member[] = [];
  for (const [place, { source, read, hash, messageId }] of items.entries()) {
    if (read instanceof Reject) outcomes[place] = rejected(messageId, read);
    else {
      const sourceId = sourceIds.get(source) as number;
      members.push({ place, source, sourceId, messageId: read.id, hash, message: read });
    }
  }
  return members;
}

export const keyOf = ({ sourceId, messageId }: Member): string => `${sourceId}/${messageId}`;

/** A message that is twice in the group shares the fate of the first. */
export function firstOfEach(members: readonly Member[]): Member[] {
  const firsts = new Map<string, Member>();
  for (const member of members) {
    const key = keyOf(member);
    if (!firsts.has(key)) firsts.set(key, member);
  }
  return [...firsts.values()];
}

export function outcomeOf({ id, lines, flags }: LiveMessage, events: number): Outcome {
  if (lines.length > 0 && events === 0) return { status: 'duplicate', messageId: id };
  return { status: 'accepted', messageId: id, events, flags };
}
