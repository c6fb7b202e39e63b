import type pg from 'pg';
import { reject } from '../rejects.ts';
import { deadLetters } from './dead-letters/keep.ts';
import { writeRejects } from './dead-letters/queries.ts';
import { firstOfEach, keyOf, type Member, outcomeOf, readMembers, type SourceIds } from './members.ts';
import { type Item, type LiveLine, type Outcome, rejected } from './message.ts';
import { Erased } from './people/erased.ts';
import { lockPeople, resolvePeople, type WantedIds, wantedIds } from './people/people.ts';
import { findIdentities, type Identity } from './people/queries.ts';
import { ProductTalk, productKey, resolveProducts } from './products/products.ts';
import { type ProductNews, type ProductState, updateProducts } from './products/queries.ts';
import * as queries from './queries.ts';

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
  const named = firstOfEach(members);
  const wanted = wantedIds(members);
  const talk = new ProductTalk(named);
  const [claimed, identities, states] = await Promise.all([
    named.length === 0 ? new Set<number>() : queries.claimMessages(client, named),
    lockedIdentities(client, named, wanted),
    talk.find(client),
  ]);
  const erased = await Erased.find(client, wanted, identities);
  const firsts = named.map((member) => erased.unlinked(member));
  const fresh = firsts.filter((_, place) => claimed.has(place));
  await tellRepeats(client, members, firsts, claimed, erased, outcomes);
  const group = { fresh, firsts, wanted, identities, states, talk, erased };
  const rows = fresh.length === 0 ? noEvents : await eventsOf(client, group);
  const rejects = await deadLetters(client, items, outcomes);
  const [known, left] = await Promise.all([
    rows.events.length === 0 ? new Set<number>() : queries.insertEvents(client, rows.events),
    writeOfErased(client, rows.ofErased),
    rows.news.length === 0 ? undefined : updateProducts(client, rows.news),
    rejects.length === 0 ? undefined : writeRejects(client, rejects),
    queries.commitGroup(client),
  ]);
  tellWritten(fresh, rows.owners, known, left, outcomes);
  return outcomes;
}

async function lockedIdentities(
  client: pg.ClientBase,
  firsts: readonly Member[],
  wanted: WantedIds,
): Promise<Identity[]> {
  const locks = lockPeople(client, firsts);
  const found = wanted.sources.length === 0 ? [] : findIdentities(client, wanted.sources, wanted.externalIds);
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
  erased: Erased,
  outcomes: Outcome[],
): Promise<void> {
  const old = firsts.filter((_, place) => !claimed.has(place));
  const hashes = new Map(firsts.map((member) => [keyOf(member), member.hash]));
  if (old.length > 0) {
    const known = await queries.readHashes(client, old);
    for (const [place, member] of old.entries()) hashes.set(keyOf(member), known.get(place) as string);
  }
  const fresh = new Set(firsts.filter((_, place) => claimed.has(place)).map(({ place }) => place));
  for (const member of members) {
    if (fresh.has(member.place)) continue;
    // A conflict would become a dead letter, with all that it says.
    const hash = erased.owns(member) ? member.hash : hashes.get(keyOf(member));
    outcomes[member.place] = repeated(member, hash);
  }
}

function repeated({ hash, messageId }: Member, knownHash: string | undefined): Outcome {
  if (hash === knownHash) return { status: 'duplicate', messageId };
  return rejected(messageId, reject('conflict', 'another message with this id and other contents is known'));
}

interface GroupRows {
  readonly events: queries.EventRow[];
  /** Whose each event is. */
  readonly owners: Member[];
  readonly news: readonly ProductNews[];
  /** Of people who were erased. */
  readonly ofErased: ReadonlyMap<Member, queries.EventRow[]>;
}

/** An event of this customer is stored as nobody's: docs/adr/0015-erasure.md. */
const ERASED_USER_ID = -1;

const noEvents: GroupRows = { events: [], owners: [], news: [], ofErased: new Map() };

interface Group {
  readonly fresh: readonly Member[];
  readonly firsts: readonly Member[];
  readonly wanted: WantedIds;
  readonly identities: readonly Identity[];
  readonly states: ProductState[];
  readonly talk: ProductTalk;
  readonly erased: Erased;
}

async function eventsOf(client: pg.ClientBase, group: Group): Promise<GroupRows> {
  const { fresh, firsts, wanted, identities, states, talk, erased } = group;
  const living = erased.isEmpty ? fresh : fresh.filter((member) => !erased.owns(member));
  const people = await resolvePeople(client, living, wanted, identities);
  // A repeated message says nothing new of products, and a conflicting one must not.
  const isWhole = fresh.length === firsts.length;
  const freshTalk = isWhole ? talk : new ProductTalk(fresh);
  const found = isWhole ? states : await freshTalk.find(client);
  const { known, news } = await resolveProducts(client, freshTalk, found);
  const ownPrices = await readOwnPrices(client, fresh);
  const rows = { events: [] as queries.EventRow[], owners: [] as Member[], news, ofErased: new Map() };
  for (const member of fresh) {
    const { message, source, sourceId } = member;
    const isErased = erased.owns(member);
    const userId = isErased ? ERASED_USER_ID : message.lines.length === 0 ? null : people.userOf(member);
    const at = new Date(message.at).toISOString();
    const made = message.lines.map((line): queries.EventRow => {
      const { product, productId: ownId, eventType, externalId } = line;
      const outside = product === null ? undefined : known.get(productKey(source, product.externalId));
      const price = outside?.price ?? (ownId === null ? null : ownPrices.get(ownId));
      const productId = outside?.id ?? ownId;
      return { userId, productId, eventType, at, properties: stamped(line, price), sourceId, externalId };
    });
    if (isErased) rows.ofErased.set(member, made);
    if (isErased) continue;
    rows.events.push(...made);
    rows.owners.push(...made.map(() => member));
  }
  return rows;
}

/**
 * Each message by itself: the trigger gives these events other keys, so that only their number tells whether they were new. The ledger forgets
 * such messages, whose ids may name the person, with this very transaction. @returns new events by message
 */
async function writeOfErased(
  client: pg.ClientBase,
  rows: ReadonlyMap<Member, queries.EventRow[]>,
): Promise<Map<Member, number>> {
  if (rows.size === 0) return new Map();
  const forgotten = queries.forgetMessages(client, [...rows.keys()]);
  const written = [...rows].map(
    async ([member, events]) => [member, await queries.insertOfErased(client, events)] as const,
  );
  await forgotten;
  return new Map(await Promise.all(written));
}

/** What an import of a file brought under the same id is no new event, though the message is new to the ledger. */
function tellWritten(
  fresh: readonly Member[],
  owners: readonly Member[],
  known: ReadonlySet<number>,
  ofErased: ReadonlyMap<Member, number>,
  outcomes: Outcome[],
): void {
  const events = new Map(ofErased);
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
