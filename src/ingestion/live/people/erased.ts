import type pg from 'pg';
import { anonymousSource } from '../message.ts';
import type { Addressed, WantedIds } from './people.ts';
import { findErased, type Identity } from './queries.ts';

/** Which ids of a group belong to people who were erased. Asked only of ids that nobody has: a group of known customers pays nothing. */
export class Erased {
  readonly #ids: ReadonlySet<string>;

  private constructor(ids: ReadonlySet<string>) {
    this.#ids = ids;
  }

  static async find(
    client: pg.ClientBase,
    { sources, externalIds }: WantedIds,
    found: readonly Identity[],
  ): Promise<Erased> {
    const known = new Set(found.map(({ place }) => place));
    const missing = new Map<string, string[]>();
    for (const [place, id] of externalIds.entries()) {
      if (known.has(place)) continue;
      const source = sources[place] as string;
      missing.set(source, [...(missing.get(source) ?? []), id]);
    }
    const asked = [...missing].map(async ([source, ids]) =>
      (await findErased(client, source, ids)).map((id) => `${source}\u0000${id}`),
    );
    return new Erased(new Set((await Promise.all(asked)).flat()));
  }

  get isEmpty(): boolean {
    return this.#ids.size === 0;
  }

  /** Whether who did it is such a person. */
  owns({ source, message: { ownUserId, userId, anonymousId } }: Addressed): boolean {
    if (this.isEmpty || ownUserId !== null) return false;
    return userId === '' ? this.#hasVisitor(source, anonymousId) : this.#ids.has(`${source}\u0000${userId}`);
  }

  /** The visitor of an erased person is nobody else's. */
  unlinked<T extends Addressed>(member: T): T {
    const { source, message } = member;
    if (this.isEmpty || !message.links || !this.#hasVisitor(source, message.anonymousId)) return member;
    return { ...member, message: { ...message, links: false } };
  }

  #hasVisitor(source: string, anonymousId: string): boolean {
    return this.#ids.has(`${anonymousSource(source)}\u0000${anonymousId}`);
  }
}
