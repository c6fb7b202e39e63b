import type pg from 'pg';
import { ensureSource } from '../queries.ts';
import { Reject, reject } from '../rejects.ts';
import { type Item, type LiveLine, type LiveMessage, type Outcome, rejected } from './message.ts';
import { type Addressed, type People, resolvePeople } from './people.ts';
import { type KnownProduct, productKey, resolveProducts } from './products.ts';
import * as queries from './queries.ts';
import { bodyText } from './read.ts';

/** What is kept of a refused message: whatever an event may have. */
const keptCharacters = 64 * 1024;

interface Member extends Addressed, queries.MessageKey {
  readonly place: number;
}

/**
 * Writes a group of messages within the caller's transaction: the ledger first, then people, products and events, in an order
 * of locks that all groups share. @returns what became of each, to be told after the commit
 */
export async function storeGroup(client: pg.ClientBase, items: readonly Item[]): Promise<Outcome[]> {
  const outcomes = new Array<Outcome>(items.length);
  const members = await readMembers(client, items, outcomes);
  const fresh = await claim(client, await refuseUnknownIds(client, members, outcomes), outcomes);
  if (fresh.length > 0) {
    const people = await resolvePeople(client, fresh);
    const products = await resolveProducts(client, fresh);
    await writeEvents(client, fresh, people, products, outcomes);
  }
  await keepRejects(client, items, outcomes);
  return outcomes;
}

/** Messages that could be read. A message that is twice in the group shares the fate of the first, see `claim`. */
async function readMembers(
  client: pg.ClientBase,
  items: readonly Item[],
  outcomes: Outcome[],
): Promise<Member[]> {
  const sourceIds = new Map<string, number>();
  const members: Member[] = [];
  for (const [place, { source, read, hash, messageId }] of items.entries()) {
    if (read instanceof Reject) {
      outcomes[place] = rejected(messageId, read);
      continue;
    }
    const sourceId = sourceIds.get(source) ?? (await ensureSource(client, source));
    sourceIds.set(source, sourceId);
    members.push({ place, source, sourceId, messageId: read.id, hash, message: read });
  }
  return members;
}

/** Ids that the sender says are ours. Products are looked up again for their price when events are written. */
async function refuseUnknownIds(
  client: pg.ClientBase,
  members: readonly Member[],
  outcomes: Outcome[],
): Promise<readonly Member[]> {
  const userIds = members.flatMap(({ message }) => message.ownUserId ?? []);
  const productIds = members.flatMap(({ message }) => message.lines.flatMap((line) => line.productId ?? []));
  if (userIds.length + productIds.length === 0) return members;
  const users = await queries.findOwnUsers(client, userIds);
  const products = await queries.findOwnProducts(client, productIds);
  return members.filter(({ place, message: { id, ownUserId, lines } }) => {
    const product = lines.find(({ productId }) => productId !== null && !products.has(productId));
    const unknown =
      ownUserId !== null && !users.has(ownUserId)
        ? `there is no user_id ${ownUserId}`
        : product && `there is no product_id ${product.productId}`;
    if (unknown) outcomes[place] = rejected(id, reject('unknown_id', unknown));
    return !unknown;
  });
}

/** Tells new messages from those that were here before, and these by whether they say the same. */
async function claim(
  client: pg.ClientBase,
  members: readonly Member[],
  outcomes: Outcome[],
): Promise<Member[]> {
  const firsts = new Map<string, Member>();
  const again: Member[] = [];
  for (const member of members) {
    const key = `${member.sourceId}/${member.messageId}`;
    if (firsts.has(key)) again.push(member);
    else firsts.set(key, member);
  }
  const wanted = [...firsts.values()];
  if (wanted.length === 0) return [];
  const claimed = await queries.claimMessages(client, wanted);
  const old = wanted.filter((_, place) => !claimed.has(place));
  const hashes = old.length === 0 ? new Map<number, string>() : await queries.readHashes(client, old);
  for (const [place, member] of old.entries()) outcomes[member.place] = repeated(member, hashes.get(place));
  for (const member of again) {
    const first = firsts.get(`${member.sourceId}/${member.messageId}`) as Member;
    const place = old.indexOf(first);
    outcomes[member.place] = repeated(member, place < 0 ? first.hash : hashes.get(place));
  }
  return wanted.filter((_, place) => claimed.has(place));
}

function repeated({ hash, messageId }: Member, knownHash: string | undefined): Outcome {
  if (hash === knownHash) return { status: 'duplicate', messageId };
  return rejected(messageId, reject('conflict', 'another message with this id and other contents is known'));
}

async function writeEvents(
  client: pg.ClientBase,
  fresh: readonly Member[],
  people: People,
  products: ReadonlyMap<string, KnownProduct>,
  outcomes: Outcome[],
): Promise<void> {
  const ownPrices = await readOwnPrices(client, fresh);
  const rows: queries.EventRow[] = [];
  const owners: Member[] = [];
  for (const member of fresh) {
    const { message, source, sourceId } = member;
    const userId = message.lines.length === 0 ? null : people.userOf(member);
    const at = new Date(message.at).toISOString();
    for (const line of message.lines) {
      const product =
        line.product === null ? undefined : products.get(productKey(source, line.product.externalId));
      const price = product?.price ?? (line.productId === null ? null : ownPrices.get(line.productId));
      const { eventType, externalId } = line;
      const productId = product?.id ?? line.productId;
      rows.push({ userId, productId, eventType, at, properties: stamped(line, price), sourceId, externalId });
      owners.push(member);
    }
  }
  // Known to an import of a file under the same id: the message is new to the ledger, the event is not.
  const known = rows.length === 0 ? new Set<number>() : await queries.insertEvents(client, rows);
  const events = new Map<Member, number>();
  owners.forEach((owner, place) => {
    events.set(owner, (events.get(owner) ?? 0) + (known.has(place) ? 0 : 1));
  });
  for (const member of fresh) outcomes[member.place] = outcomeOf(member.message, events.get(member) ?? 0);
}

async function readOwnPrices(
  client: pg.ClientBase,
  fresh: readonly Member[],
): Promise<Map<number, string | null>> {
  const ids = fresh.flatMap(({ message }) =>
    message.lines.flatMap((line) => (line.needsPrice && line.productId !== null ? line.productId : [])),
  );
  return ids.length === 0 ? new Map() : queries.findOwnProducts(client, ids);
}

/** History must not move when a price changes: a sale without a price gets today's. */
function stamped({ properties, needsPrice }: LiveLine, price: string | null | undefined): string {
  return needsPrice && price ? `${properties.slice(0, -1)},"unit_price":${price}}` : properties;
}

function outcomeOf({ id, lines, flags }: LiveMessage, events: number): Outcome {
  if (lines.length > 0 && events === 0) return { status: 'duplicate', messageId: id };
  return { status: 'accepted', messageId: id, events, flags };
}

async function keepRejects(
  client: pg.ClientBase,
  items: readonly Item[],
  outcomes: readonly Outcome[],
): Promise<void> {
  const rows: queries.RejectRow[] = [];
  for (const [place, item] of items.entries()) {
    const outcome = outcomes[place] as Outcome;
    if (outcome.status !== 'rejected') continue;
    rows.push(rejectRow(item, outcome));
  }
  if (rows.length > 0) await queries.writeRejects(client, rows);
}

export function rejectRow(item: Item, { code, reason }: { code: string; reason: string }): queries.RejectRow {
  const { source, kind, hash, receivedAt } = item;
  const body = bodyText(item.body, item.sentAt);
  return {
    source,
    kind,
    code,
    reason,
    hash,
    body: body.slice(0, keptCharacters),
    isWhole: body !== '' && body.length <= keptCharacters,
    receivedAt: new Date(receivedAt),
  };
}
