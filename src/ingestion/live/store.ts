import type pg from 'pg';
import { ensureSource } from '../queries.ts';
import { Reject, reject } from '../rejects.ts';
import { type Item, type LiveLine, type LiveMessage, type Outcome, rejected } from './message.ts';
import { type Addressed, lockPeople, resolvePeople, type WantedIds, wantedIds } from './people.ts';
import { ProductTalk, productKey, resolveProducts } from './products.ts';
import * as queries from './queries.ts';
import { bodyText } from './read.ts';

/** What is kept of a refused message: whatever an event may have. */
const keptCharacters = 64 * 1024;

export interface Member extends Addressed, queries.MessageKey {
  readonly place: number;
}

/**
 * Writes a group of messages in a transaction: the ledger first, then people, products and events, in an order of locks that all
 * groups share. What does not wait for an answer is sent together: most groups take two round trips, which on a busy machine
 * cost more than the work. @returns what became of each, after the commit
 */
export async function storeGroup(
  client: pg.ClientBase,
  items: readonly Item[],
  sources: SourceIds,
): Promise<Outcome[]> {
  const outcomes = new Array<Outcome>(items.length);
  const all = readMembers(items, await sources.of(client, items), outcomes);
  const [, members] = await Promise.all([
    queries.beginGroup(client),
    refuseUnknownIds(client, all, outcomes),
  ]);
  const firsts = firstOfEach(members);
  const wanted = wantedIds(firsts);
  const talk = new ProductTalk(firsts);
  const [claimed, identities, products] = await Promise.all([
    firsts.length === 0 ? new Set<number>() : queries.claimMessages(client, firsts),
    lockedIdentities(client, firsts, wanted),
    talk.find(client),
  ]);
  const fresh = firsts.filter((_, place) => claimed.has(place));
  await tellRepeats(client, members, firsts, claimed, outcomes);
  const rows =
    fresh.length === 0 ? noEvents : await eventsOf(client, fresh, firsts, wanted, identities, products, talk);
  const [known] = await Promise.all([
    rows.events.length === 0 ? new Set<number>() : queries.insertEvents(client, rows.events),
    rows.news.length === 0 ? undefined : queries.updateProducts(client, rows.news),
    keepRejects(client, items, outcomes),
    queries.commitGroup(client),
  ]);
  tellWritten(fresh, rows.owners, known, outcomes);
  return outcomes;
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
  return items.flatMap(({ source, read, hash, messageId }, place) => {
    if (read instanceof Reject) {
      outcomes[place] = rejected(messageId, read);
      return [];
    }
    return {
      place,
      source,
      sourceId: sourceIds.get(source) as number,
      messageId: read.id,
      hash,
      message: read,
    };
  });
}

const keyOf = ({ sourceId, messageId }: Member): string => `${sourceId}/${messageId}`;

/** A message that is twice in the group shares the fate of the first. */
export function firstOfEach(members: readonly Member[]): Member[] {
  const firsts = new Map<string, Member>();
  for (const member of members) if (!firsts.has(keyOf(member))) firsts.set(keyOf(member), member);
  return [...firsts.values()];
}

async function lockedIdentities(
  client: pg.ClientBase,
  firsts: readonly Member[],
  wanted: WantedIds,
): Promise<queries.Identity[]> {
  const locks = lockPeople(client, firsts);
  const found =
    wanted.sources.length === 0 ? [] : queries.findIdentities(client, wanted.sources, wanted.externalIds);
  const [identities] = await Promise.all([found, ...locks]);
  return identities;
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

/** Messages that were here before, told by whether they say the same. */
async function tellRepeats(
  client: pg.ClientBase,
  members: readonly Member[],
  firsts: readonly Member[],
  claimed: ReadonlySet<number>,
  outcomes: Outcome[],
): Promise<void> {
  const old = firsts.filter((_, place) => !claimed.has(place));
  const hashes = new Map(firsts.map((member) => [keyOf(member), member.hash]));
  if (old.length > 0) {
    const known = await queries.readHashes(client, old);
    for (const [place, member] of old.entries()) hashes.set(keyOf(member), known.get(place) as string);
  }
  const fresh = new Set(firsts.filter((_, place) => claimed.has(place)));
  for (const member of members)
    if (!fresh.has(member)) outcomes[member.place] = repeated(member, hashes.get(keyOf(member)));
}

function repeated({ hash, messageId }: Member, knownHash: string | undefined): Outcome {
  if (hash === knownHash) return { status: 'duplicate', messageId };
  return rejected(messageId, reject('conflict', 'another message with this id and other contents is known'));
}

interface GroupRows {
  readonly events: queries.EventRow[];
  /** Whose each event is. */
  readonly owners: Member[];
  readonly news: readonly queries.ProductNews[];
}

const noEvents: GroupRows = { events: [], owners: [], news: [] };

async function eventsOf(
  client: pg.ClientBase,
  fresh: readonly Member[],
  firsts: readonly Member[],
  wanted: WantedIds,
  identities: readonly queries.Identity[],
  states: queries.ProductState[],
  talk: ProductTalk,
): Promise<GroupRows> {
  const people = await resolvePeople(client, fresh, wanted, identities);
  // A repeated message says nothing new of products, and a conflicting one must not.
  const isWhole = fresh.length === firsts.length;
  const freshTalk = isWhole ? talk : new ProductTalk(fresh);
  const { known, news } = await resolveProducts(
    client,
    freshTalk,
    isWhole ? states : await freshTalk.find(client),
  );
  const ownPrices = await readOwnPrices(client, fresh);
  const events: queries.EventRow[] = [];
  const owners: Member[] = [];
  for (const member of fresh) {
    const { message, source, sourceId } = member;
    const userId = message.lines.length === 0 ? null : people.userOf(member);
    const at = new Date(message.at).toISOString();
    for (const line of message.lines) {
      const product =
        line.product === null ? undefined : known.get(productKey(source, line.product.externalId));
      const price = product?.price ?? (line.productId === null ? null : ownPrices.get(line.productId));
      const { eventType, externalId } = line;
      const productId = product?.id ?? line.productId;
      events.push({
        userId,
        productId,
        eventType,
        at,
        properties: stamped(line, price),
        sourceId,
        externalId,
      });
      owners.push(member);
    }
  }
  return { events, owners, news };
}

/** What an import of a file brought under the same id is no new event, though the message is new to the ledger. */
function tellWritten(
  fresh: readonly Member[],
  owners: readonly Member[],
  known: ReadonlySet<number>,
  outcomes: Outcome[],
): void {
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

export function outcomeOf({ id, lines, flags }: LiveMessage, events: number): Outcome {
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
    const outcome = outcomes[place];
    if (outcome?.status !== 'rejected') continue;
    rows.push(rejectRow(item, outcome));
  }
  if (rows.length > 0) await queries.writeRejects(client, rows);
}

function rejectRow(item: Item, { code, reason }: { code: string; reason: string }): queries.RejectRow {
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
