import type pg from 'pg';
import { firstOfEach, type Member, outcomeOf, readMembers, type SourceIds } from './members.ts';
import type { Item, Outcome } from './message.ts';
import * as queries from './queries.ts';

/**
 * Tries the short way with a group: one round trip writes what needs no look-up, and that is nearly everything once a shop runs. What it
 * leaves out has no outcome yet and goes the long way, `storeGroup`, which alone also tells duplicates and conflicts.
 */
export async function storePlain(
  client: pg.ClientBase,
  items: readonly Item[],
  sources: SourceIds,
  expectsKnown: boolean,
): Promise<(Outcome | undefined)[]> {
  const outcomes = new Array<Outcome | undefined>(items.length);
  const members = readMembers(items, await sources.of(client, items), []);
  const plain = firstOfEach(members).filter(isPlain);
  if (plain.length === 0) return outcomes;
  // A transaction of its own: it is committed when it answers.
  const written = await queries.writePlain(client, plain, linesOf(plain), expectsKnown);
  for (const [place, events] of written) {
    const { place: at, message } = plain[place] as Member;
    outcomes[at] = outcomeOf(message, events);
  }
  return outcomes;
}

/** A named customer's events that bring their price: they read nothing that another message of the group could change. */
function isPlain({ message }: Member): boolean {
  const { userId, links, traits, ownUserId, lines } = message;
  if (userId === '' || links || traits !== null || ownUserId !== null || lines.length === 0) return false;
  return lines.every(({ needsPrice, productId }) => !needsPrice && productId === null);
}

function linesOf(plain: readonly Member[]): queries.PlainLine[] {
  const lines: queries.PlainLine[] = [];
  for (const [place, { source, message }] of plain.entries()) {
    const { userId, at } = message;
    for (const line of message.lines) lines.push({ message: place, source, userId, at, line });
  }
  return lines;
}
