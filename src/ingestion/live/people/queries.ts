import type pg from 'pg';

type Client = Pick<pg.ClientBase, 'query'>;

/** First key of the advisory lock under which anonymous ids change hands ("LI", "NK"); the second is a hash of the source's name. */
const linkLock = 0x4c49;

/** Who writes events of visitors shares the lock, who gives visitors' events to customers has it alone: no event is left behind. */
export async function lockLinks(client: Client, source: string, alone: boolean): Promise<void> {
  await client.query({
    name: alone ? 'live-lock-alone' : 'live-lock-shared',
    text: `SELECT pg_advisory_xact_lock${alone ? '' : '_shared'}($1, hashtext($2))`,
    values: [linkLock, source],
  });
}

export interface Identity {
  readonly place: number;
  readonly userId: number;
  readonly linkedAt: Date | null;
  readonly linkedBy: string | null;
}

export async function findIdentities(
  client: Client,
  sources: readonly string[],
  externalIds: readonly string[],
): Promise<Identity[]> {
  const result = await client.query({
    name: 'live-identities',
    text: `SELECT g.place::integer - 1 AS place, i.user_id AS "userId", i.linked_at AS "linkedAt", i.linked_by AS "linkedBy"
      FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS g (source, external_id, place)
      JOIN app_schema.user_identities i ON i.source = g.source AND i.external_id = g.external_id`,
    values: [sources, externalIds],
  });
  return result.rows;
}

export interface Link {
  readonly anonymousId: string;
  readonly userId: number;
  readonly at: Date;
  readonly by: string;
}

const linkColumns = (links: readonly Link[]): unknown[] => [
  links.map((link) => link.anonymousId),
  links.map((link) => link.userId),
  links.map((link) => link.at),
  links.map((link) => link.by),
];

/** Gives anonymous ids to customers; `source` is that of the anonymous ids. */
export async function writeLinks(client: Client, source: string, links: readonly Link[]): Promise<void> {
  await client.query(
    `INSERT INTO app_schema.user_identities (source, external_id, user_id, linked_at, linked_by)
     SELECT $1, g.* FROM unnest($2::text[], $3::integer[], $4::timestamptz[], $5::text[]) AS g (external_id, user_id, linked_at, linked_by)
     ON CONFLICT (source, external_id) DO UPDATE
     SET user_id = excluded.user_id, linked_at = excluded.linked_at, linked_by = excluded.linked_by`,
    [source, ...linkColumns(links)],
  );
}

export interface Move {
  readonly anonymousId: string;
  readonly fromUserId: number;
  readonly toUserId: number;
}

/** Gives the events that came under anonymous ids to whom these belong now. */
export async function moveEvents(client: Client, sourceId: number, moves: readonly Move[]): Promise<void> {
  await client.query(
    `UPDATE app_schema.events e SET user_id = g.to_user_id
     FROM unnest($2::text[], $3::integer[], $4::integer[]) AS g (anonymous_id, from_user_id, to_user_id)
     WHERE e.user_id = g.from_user_id AND e.source_id = $1 AND e.properties ->> 'anonymous_id' = g.anonymous_id`,
    [
      sourceId,
      moves.map((move) => move.anonymousId),
      moves.map((move) => move.fromUserId),
      moves.map((move) => move.toUserId),
    ],
  );
}

/** A visitor of whom nothing is left was somebody else all along. */
export async function deleteEmptyVisitors(client: Client, userIds: readonly number[]): Promise<void> {
  await client.query(
    `DELETE FROM app_schema.users u
     WHERE u.user_id = ANY ($1::integer[]) AND u.telegram_id < 0
       AND NOT EXISTS (SELECT FROM app_schema.user_identities i WHERE i.user_id = u.user_id)
       AND NOT EXISTS (SELECT FROM app_schema.events e WHERE e.user_id = u.user_id)`,
    [userIds],
  );
}

export interface TraitRow {
  readonly source: string;
  readonly externalId: string;
  /** A JSON object as text. */
  readonly traits: string;
  readonly at: Date;
  readonly by: string;
}

export async function writeTraits(client: Client, rows: readonly TraitRow[]): Promise<void> {
  await client.query(
    `INSERT INTO app_schema.identity_traits AS t (source, external_id, key, value, set_at, set_by)
     SELECT DISTINCT ON (g.source, g.external_id, said.key) g.source, g.external_id, said.key, said.value, g.set_at, g.set_by
     FROM unnest($1::text[], $2::text[], $3::jsonb[], $4::timestamptz[], $5::text[]) AS g (source, external_id, traits, set_at, set_by)
     CROSS JOIN LATERAL jsonb_each(g.traits) said
     ORDER BY g.source, g.external_id, said.key, g.set_at DESC, g.set_by COLLATE "C" DESC
     ON CONFLICT (source, external_id, key) DO UPDATE SET value = excluded.value, set_at = excluded.set_at, set_by = excluded.set_by
     WHERE (excluded.set_at, excluded.set_by) > (t.set_at, t.set_by)`,
    [
      rows.map((row) => row.source),
      rows.map((row) => row.externalId),
      rows.map((row) => row.traits),
      rows.map((row) => row.at),
      rows.map((row) => row.by),
    ],
  );
}

/** The traits of anonymous ids that changed hands: who lost them keeps none of their keys. */
export async function readTraitKeys(
  client: Client,
  source: string,
  anonymousIds: readonly string[],
): Promise<string[]> {
  const result = await client.query(
    'SELECT DISTINCT key FROM app_schema.identity_traits WHERE source = $1 AND external_id = ANY ($2::text[])',
    [source, anonymousIds],
  );
  return result.rows.map((row) => row.key);
}

/**
 * Folds the traits of all outside ids of some customers into their rows: the latest says, key by key. Names and the day of
 * registration go to their columns, the rest to profile_data, where keys that nobody set by a trait stay. `lostKeys` are keys that
 * a customer may have had from an anonymous id that is another's now.
 */
export async function foldTraits(
  client: Client,
  userIds: readonly number[],
  lostKeys: readonly string[],
): Promise<void> {
  await client.query(
    `WITH latest AS (
       SELECT DISTINCT ON (i.user_id, t.key) i.user_id, t.key, t.value
       FROM app_schema.user_identities i
       JOIN app_schema.identity_traits t ON t.source = i.source AND t.external_id = i.external_id
       WHERE i.user_id = ANY ($1::integer[])
       ORDER BY i.user_id, t.key, t.set_at DESC, t.set_by DESC, t.source DESC, t.external_id DESC
     ), folded AS (
       SELECT touched.user_id, coalesce(jsonb_object_agg(l.key, l.value) FILTER (WHERE l.value <> 'null'), '{}') AS traits,
         coalesce(array_agg(l.key) FILTER (WHERE l.key IS NOT NULL), '{}') || $2::text[] AS keys
       FROM (SELECT DISTINCT unnest($1::integer[]) AS user_id) touched LEFT JOIN latest l USING (user_id)
       GROUP BY touched.user_id
     ), named AS (
       SELECT f.user_id, f.keys, f.traits - $3::text[] AS profile,
         coalesce(f.traits ->> 'firstName', f.traits ->> 'first_name', split_part(f.traits ->> 'name', ' ', 1)) AS first_name,
         coalesce(f.traits ->> 'lastName', f.traits ->> 'last_name', nullif(regexp_replace(f.traits ->> 'name', '^\\S*\\s*', ''), '')) AS last_name,
         f.traits ->> 'username' AS username
       FROM folded f
     )
     UPDATE app_schema.users u
     SET profile_data = (coalesce(u.profile_data, '{}') - n.keys) || n.profile,
       first_name = CASE WHEN n.keys && '{firstName,first_name,name}' THEN n.first_name ELSE u.first_name END,
       last_name = CASE WHEN n.keys && '{lastName,last_name,name}' THEN n.last_name ELSE u.last_name END,
       username = CASE WHEN n.keys && '{username}' THEN n.username ELSE u.username END
     FROM named n
     WHERE u.user_id = n.user_id`,
    [userIds, lostKeys, ['firstName', 'first_name', 'lastName', 'last_name', 'username']],
  );
}

/** Of some ids of a source those of people who were erased. */
export async function findErased(client: Client, source: string, ids: readonly string[]): Promise<string[]> {
  const result = await client.query({
    name: 'live-erased',
    text: "SELECT id FROM privacy.find_erased('identity', $1, $2) id",
    values: [source, ids],
  });
  return result.rows.map((row) => row.id);
}
