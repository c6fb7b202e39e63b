import type pg from 'pg';
import { createUsers, lockIdentities } from '../queries.ts';
import { anonymousSource, type LiveMessage } from './message.ts';
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

  set(source: string, externalId: string, userId: number): void {
    this.#ids.set(`${source}\u0000${externalId}`, userId);
  }
}

/**
 * Finds or makes the customers and visitors of a group, and gives visitors to the customers who turned out to be them, their
 * events with them. The earliest identify or alias of an anonymous id wins, so that a second customer at the same
 * device takes nothing from the first, in whatever order the two arrive.
 */
export async function resolvePeople(client: pg.ClientBase, group: readonly Addressed[]): Promise<People> {
  const people = new People();
  const emptied: number[] = [];
  const touched = new Set<number>();
  const lostKeys = new Set<string>();
  for (const [source, members] of bySource(group)) {
    const alone = members.some(({ message }) => message.links || message.traits !== null);
    await queries.lockLinks(client, source, alone);
    await resolveIds(
      client,
      people,
      source,
      members.map(({ message }) => message.userId),
    );
    const links = members.filter(({ message }) => message.links);
    if (links.length > 0) {
      const moves = await link(client, people, source, links);
      for (const { fromUserId, toUserId } of moves) {
        emptied.push(fromUserId);
        touched.add(fromUserId).add(toUserId);
      }
      const movedIds = moves.map((move) => move.anonymousId);
      if (moves.length > 0)
        for (const key of await queries.readTraitKeys(client, anonymousSource(source), movedIds))
          lostKeys.add(key);
    }
    await resolveIds(client, people, anonymousSource(source), members.map(visitorOf));
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

async function resolveIds(
  client: pg.ClientBase,
  people: People,
  source: string,
  externalIds: readonly string[],
): Promise<void> {
  const wanted = [...new Set(externalIds)].filter((id) => id !== '');
  if (wanted.length === 0) return;
  let missing = await find(client, people, source, wanted);
  if (missing.length === 0) return;
  await lockIdentities(client, source);
  missing = await find(client, people, source, missing);
  const ids = await createUsers(
    client,
    source,
    missing,
    missing.map(() => '{}'),
  );
  ids.forEach((id, i) => {
    people.set(source, missing[i] as string, id);
  });
}

async function find(
  client: pg.ClientBase,
  people: People,
  source: string,
  wanted: readonly string[],
): Promise<string[]> {
  const missing = new Set(wanted);
  for (const { place, userId } of await queries.findIdentities(
    client,
    wanted.map(() => source),
    wanted,
  )) {
    const externalId = wanted[place] as string;
    people.set(source, externalId, userId);
    missing.delete(externalId);
  }
  return [...missing];
}

/** @returns who lost an anonymous id to whom */
async function link(
  client: pg.ClientBase,
  people: People,
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
  const wanted = [...best.keys()];
  const known = new Map<string, queries.Identity>();
  for (const identity of await queries.findIdentities(
    client,
    wanted.map(() => visitors),
    wanted,
  ))
    known.set(wanted[identity.place] as string, identity);
  const winners = [...best.values()].filter((claim) => {
    const identity = known.get(claim.anonymousId);
    return !identity?.linkedAt || isEarlier(claim, identity.linkedAt, identity.linkedBy as string);
  });
  if (winners.length > 0) await queries.writeLinks(client, visitors, winners);
  const moves = winners.flatMap(({ anonymousId, userId }) => {
    const fromUserId = known.get(anonymousId)?.userId;
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
