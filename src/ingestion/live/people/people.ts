import type pg from 'pg';
import { createUsers, lockIdentities } from '../../identities/queries.ts';
import { anonymousSource, type LiveMessage } from '../message.ts';
import * as queries from './queries.ts';

export interface Addressed {
  readonly source: string;
  readonly sourceId: number;
  readonly message: LiveMessage;
}

/** Outside id -> user_id, for the group at hand. */
export class People {
  readonly #ids = new Map<string, number>();

  /** Who did it: a customer of ours, else the customer named, else the visitor. */
  userOf({ source, message }: Addressed): number | null {
    const { ownUserId, userId, anonymousId } = message;
    if (ownUserId !== null) return ownUserId;
    if (userId !== '') return this.get(source, userId);
    return anonymousId === '' ? null : this.get(anonymousSource(source), anonymousId);
  }

  get(source: string, externalId: string): number {
    return this.#ids.get(`${source}\u0000${externalId}`) as number;
  }

  has(source: string, externalId: string): boolean {
    return this.#ids.has(`${source}\u0000${externalId}`);
  }

  set(source: string, externalId: string, userId: number): void {
    this.#ids.set(`${source}\u0000${externalId}`, userId);
  }
}

/** Outside ids that a group names: customers under their source, visitors under that of anonymous ids. */
export interface WantedIds {
  readonly sources: string[];
  readonly externalIds: string[];
}

export function wantedIds(group: readonly Addressed[]): WantedIds {
  const wanted = new Map<string, [string, string]>();
  const add = (source: string, externalId: string): void => {
    if (externalId !== '') wanted.set(`${source}\u0000${externalId}`, [source, externalId]);
  };
  for (const { source, message } of group) {
    add(source, message.userId);
    if (message.userId === '' || message.links) add(anonymousSource(source), message.anonymousId);
  }
  const pairs = [...wanted.values()];
  return { sources: pairs.map(([source]) => source), externalIds: pairs.map(([, id]) => id) };
}

/**
 * Locks what a group of messages may move, source by source in one order. Customers that are named stay who they are, so that messages of
 * theirs need none.
 */
export function lockPeople(client: pg.ClientBase, group: readonly Addressed[]): Promise<void>[] {
  return bySource(group)
    .filter(([, members]) =>
      members.some(({ message }) => message.anonymousId !== '' || message.traits !== null),
    )
    .map(([source, members]) =>
      queries.lockLinks(
        client,
        source,
        members.some(({ message }) => changesPeople(message)),
      ),
    );
}

function changesPeople(message: LiveMessage): boolean {
  return message.links || message.traits !== null;
}

/**
 * Makes the customers and visitors of a group that `found` lacks, and gives visitors to the customers who turned out to be them,
 * their events with them. The earliest identify or alias of an anonymous id wins, so that a second customer at the same
 * device takes nothing from the first, in whatever order the two arrive. `lockPeople` comes before, then `found`.
 */
export async function resolvePeople(
  client: pg.ClientBase,
  group: readonly Addressed[],
  wanted: WantedIds,
  found: readonly queries.Identity[],
): Promise<People> {
  const people = new People();
  const known = new Map<string, queries.Identity>();
  for (const identity of found) {
    const source = wanted.sources[identity.place] as string;
    const externalId = wanted.externalIds[identity.place] as string;
    people.set(source, externalId, identity.userId);
    known.set(`${source}\u0000${externalId}`, identity);
  }
  const emptied: number[] = [];
  const touched = new Set<number>();
  const lostKeys = new Set<string>();
  for (const [source, members] of bySource(group)) {
    await makeMissing(
      client,
      people,
      source,
      members.map(({ message }) => message.userId),
    );
    const moves = await link(
      client,
      people,
      known,
      source,
      members.filter(({ message }) => message.links),
    );
    for (const { fromUserId, toUserId } of moves) {
      emptied.push(fromUserId);
      touched.add(fromUserId).add(toUserId);
    }
    const movedIds = moves.map((move) => move.anonymousId);
    if (moves.length > 0)
      for (const key of await queries.readTraitKeys(client, anonymousSource(source), movedIds))
        lostKeys.add(key);
    await makeMissing(client, people, anonymousSource(source), members.map(visitorOf));
  }
  for (const userId of await writeTraits(client, people, group)) touched.add(userId);
  if (touched.size > 0) await queries.foldTraits(client, [...touched], [...lostKeys]);
  if (emptied.length > 0) await queries.deleteEmptyVisitors(client, emptied);
  return people;
}

function bySource(group: readonly Addressed[]): [string, Addressed[]][] {
  const sources = new Map<string, Addressed[]>();
  for (const member of group) {
    const members = sources.get(member.source);
    if (members === undefined) sources.set(member.source, [member]);
    else members.push(member);
  }
  // In one order everywhere, as all locks.
  return [...sources].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** The anonymous id under which something is written; a message that names the customer needs none. */
function visitorOf({ message }: Addressed): string {
  return message.userId === '' ? message.anonymousId : '';
}

/** Under the lock that imports take too; whoever held it before may have made some. */
async function makeMissing(
  client: pg.ClientBase,
  people: People,
  source: string,
  externalIds: readonly string[],
): Promise<void> {
  const missing = [...new Set(externalIds)].filter((id) => id !== '' && !people.has(source, id));
  if (missing.length === 0) return;
  await lockIdentities(client, source);
  const made = new Set<string>();
  for (const { place, userId } of await queries.findIdentities(
    client,
    missing.map(() => source),
    missing,
  )) {
    people.set(source, missing[place] as string, userId);
    made.add(missing[place] as string);
  }
  const fresh = missing.filter((id) => !made.has(id));
  const ids = await createUsers(
    client,
    source,
    fresh,
    fresh.map(() => '{}'),
  );
  ids.forEach((id, i) => {
    people.set(source, fresh[i] as string, id);
  });
}

/** @returns who lost an anonymous id to whom */
async function link(
  client: pg.ClientBase,
  people: People,
  known: ReadonlyMap<string, queries.Identity>,
  source: string,
  members: readonly Addressed[],
): Promise<queries.Move[]> {
  const visitors = anonymousSource(source);
  const best = new Map<string, queries.Link>();
  for (const { message } of members) {
    const { anonymousId, at, id } = message;
    const claim = { anonymousId, userId: people.get(source, message.userId), at: new Date(at), by: id };
    const other = best.get(anonymousId);
    if (other === undefined || isEarlier(claim, other.at, other.by)) best.set(anonymousId, claim);
  }
  const knownAs = (anonymousId: string) => known.get(`${visitors}\u0000${anonymousId}`);
  const winners = [...best.values()].filter((claim) => {
    const identity = knownAs(claim.anonymousId);
    return !identity?.linkedAt || isEarlier(claim, identity.linkedAt, identity.linkedBy as string);
  });
  if (winners.length === 0) return [];
  await queries.writeLinks(client, visitors, winners);
  for (const { anonymousId, userId } of winners) people.set(visitors, anonymousId, userId);
  const moves = winners.flatMap(({ anonymousId, userId }) => {
    const fromUserId = knownAs(anonymousId)?.userId;
    return fromUserId === undefined || fromUserId === userId
      ? []
      : [{ anonymousId, fromUserId, toUserId: userId }];
  });
  if (moves.length > 0) await queries.moveEvents(client, (members[0] as Addressed).sourceId, moves);
  return moves;
}

function isEarlier(claim: queries.Link, at: Date, by: string): boolean {
  const difference = claim.at.getTime() - at.getTime();
  return difference < 0 || (difference === 0 && Buffer.compare(Buffer.from(claim.by), Buffer.from(by)) < 0);
}

/** @returns whose traits may have changed */
async function writeTraits(
  client: pg.ClientBase,
  people: People,
  group: readonly Addressed[],
): Promise<number[]> {
  const speaking = group.filter(({ message }) => message.traits !== null && message.traits !== '{}');
  if (speaking.length === 0) return [];
  await queries.writeTraits(
    client,
    speaking.map(({ source, message: { userId, anonymousId, traits, at, id } }) => ({
      source: userId === '' ? anonymousSource(source) : source,
      externalId: userId || anonymousId,
      traits: traits as string,
      at: new Date(at),
      by: id,
    })),
  );
  return speaking.map((member) => people.userOf(member) as number);
}
