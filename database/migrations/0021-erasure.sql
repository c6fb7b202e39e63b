-- Erasing a person, and keeping erased who comes again with a repeated import or an older backup. See docs/adr/0015-erasure.md.

RESET ROLE;
CREATE SCHEMA privacy AUTHORIZATION customer_analyzer_owner;
COMMENT ON SCHEMA privacy IS 'Customer Analyzer: erasure of persons and its key; closed to ml_user, and to app_user but for find_erased()';
SET LOCAL ROLE customer_analyzer_owner;
GRANT USAGE ON SCHEMA privacy TO app_user;

CREATE TABLE privacy.keys (
  key_id    boolean PRIMARY KEY DEFAULT true CHECK (key_id),
  inner_pad bytea NOT NULL,
  outer_pad bytea NOT NULL
);
COMMENT ON TABLE privacy.keys IS 'One row: the key of HMAC-SHA-256, already combined with its two pads (RFC 2104). Who has it can test whether a known id was erased';

DO $key$
DECLARE
  -- Two random UUIDs hold 244 bits from the system's source of randomness; SHA-256 makes them one even key.
  v_inner bytea := sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())) || decode(repeat('00', 32), 'hex');
  v_outer bytea := v_inner;
BEGIN
  FOR i IN 0..63 LOOP
    v_outer := set_byte(v_outer, i, get_byte(v_outer, i) # 92);
    v_inner := set_byte(v_inner, i, get_byte(v_inner, i) # 54);
  END LOOP;
  INSERT INTO privacy.keys (inner_pad, outer_pad) VALUES (v_inner, v_outer);
END
$key$;

CREATE TABLE privacy.erasures (
  identity_hash text PRIMARY KEY,
  erased_at     timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE privacy.erasures IS 'Keyed hashes of the ids of those who were erased: outside ids, Telegram ids, our own with the moment of registration';

-- The one place that says what becomes of a person in each table. A migration that adds a table with personal data adds its row here;
-- a test finds a table with a column user_id that has none.
CREATE TABLE privacy.rules (
  table_name text PRIMARY KEY,
  place      integer NOT NULL UNIQUE,
  erase_sql  text NOT NULL,
  export_sql text NOT NULL
);
COMMENT ON TABLE privacy.rules IS 'What erase_user and export_user do with each table, in the order of place';
COMMENT ON COLUMN privacy.rules.erase_sql IS 'One statement; $1 is the user_id, $2 text[] of what names the person elsewhere (see privacy.mentions)';
COMMENT ON COLUMN privacy.rules.export_sql IS 'One SELECT; $1 and $2 as in erase_sql';

-- An expression and nothing else, so that PostgreSQL puts it into the query that calls it: by a call for each id it took twenty times as long.
CREATE FUNCTION privacy.hash_with(p_inner_pad bytea, p_outer_pad bytea, p_kind text, p_context text, p_id text) RETURNS text
LANGUAGE sql STABLE SECURITY INVOKER
AS $function$
  -- Each part with its length: ('a', 'bc') is not ('ab', 'c').
  SELECT 'erased:' || encode(substr(sha256(p_outer_pad || sha256(p_inner_pad || convert_to(
    octet_length(p_kind) || ':' || p_kind || octet_length(p_context) || ':' || p_context || octet_length(p_id) || ':' || p_id, 'UTF8'))), 1, 16), 'hex')
$function$;
COMMENT ON FUNCTION privacy.hash_with(bytea, bytea, text, text, text) IS 'erased: and 128 bits of HMAC-SHA-256 over the three parts, in hex; for queries over many ids, which join privacy.keys once';

CREATE FUNCTION privacy.keyed_hash(p_kind text, p_context text, p_id text) RETURNS text
LANGUAGE sql STABLE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
  SELECT privacy.hash_with(k.inner_pad, k.outer_pad, p_kind, p_context, p_id) FROM privacy.keys k
$function$;
COMMENT ON FUNCTION privacy.keyed_hash(text, text, text) IS 'hash_with the key of this database';

CREATE FUNCTION privacy.anonymous_properties(p_properties jsonb) RETURNS jsonb
LANGUAGE sql STABLE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
  SELECT coalesce(jsonb_object_agg(p.key, CASE p.key WHEN 'order_id' THEN to_jsonb(privacy.keyed_hash('order', '', p.value #>> '{}')) ELSE p.value END), '{}')
  FROM jsonb_each(CASE jsonb_typeof(p_properties) WHEN 'object' THEN p_properties ELSE '{}' END) p
  WHERE (p.key IN ('amount', 'quantity', 'unit_price') AND jsonb_typeof(p.value) = 'number')
    OR (p.key = 'order_id' AND jsonb_typeof(p.value) IN ('string', 'number'))
$function$;
COMMENT ON FUNCTION privacy.anonymous_properties(jsonb) IS 'Of an event''s properties what revenue and the count of orders need; the order under another name';

-- For a whole batch at once: asked one by one, a first import would pay more for the question than for the customer.
CREATE FUNCTION privacy.find_erased(p_kind text, p_source text, p_ids text[]) RETURNS SETOF text
LANGUAGE plpgsql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  IF EXISTS (SELECT FROM privacy.erasures) THEN
    RETURN QUERY
      SELECT w.id FROM privacy.keys k CROSS JOIN unnest(p_ids) w (id)
      JOIN privacy.erasures e ON e.identity_hash = privacy.hash_with(k.inner_pad, k.outer_pad, p_kind, p_source, w.id);
  END IF;
END
$function$;
COMMENT ON FUNCTION privacy.find_erased(text, text, text[]) IS
  'Those of the ids that belong to somebody who was erased; kind is identity (with the source) or telegram (source empty). Events of such a person are written with user_id -1';
GRANT EXECUTE ON FUNCTION privacy.find_erased(text, text, text[]) TO app_user;

CREATE FUNCTION privacy.anonymise_event() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  NEW.user_id := NULL;
  NEW.properties := privacy.anonymous_properties(NEW.properties);
  -- As erase_user left those that were there: the same event again is still the same event.
  IF NEW.source_id IS NOT NULL THEN
    NEW.external_id := privacy.keyed_hash('event', NEW.source_id::text, NEW.external_id);
  END IF;
  RETURN NEW;
END
$function$;
COMMENT ON FUNCTION privacy.anonymise_event() IS 'Trigger: an event that comes with user_id -1 is that of an erased person, and is stored as nobody''s';
-- The condition is what every other event pays: no call, no look-up.
CREATE TRIGGER events_of_erased BEFORE INSERT ON app_schema.events
  FOR EACH ROW WHEN (NEW.user_id = -1) EXECUTE FUNCTION privacy.anonymise_event();

CREATE FUNCTION privacy.refuse_erased() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  v_source text;
BEGIN
  IF EXISTS (SELECT FROM privacy.erasures) THEN
    SELECT n.source INTO v_source FROM privacy.keys k CROSS JOIN new_identities n
    JOIN privacy.erasures e ON e.identity_hash = privacy.hash_with(k.inner_pad, k.outer_pad, 'identity', n.source, n.external_id) LIMIT 1;
    IF FOUND THEN
      RAISE EXCEPTION 'an id of the source % belongs to a person who was erased', v_source
        USING ERRCODE = 'CA003', HINT = 'Ask privacy.find_erased() first, and write the events with user_id -1.';
    END IF;
  END IF;
  RETURN NULL;
END
$function$;
COMMENT ON FUNCTION privacy.refuse_erased() IS 'Trigger: no door makes a customer again of somebody who was erased';
CREATE TRIGGER identities_of_erased AFTER INSERT ON app_schema.user_identities
  REFERENCING NEW TABLE AS new_identities FOR EACH STATEMENT EXECUTE FUNCTION privacy.refuse_erased();

CREATE FUNCTION privacy.strings_of(p_user_id integer) RETURNS text[]
LANGUAGE sql STABLE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
  -- Not the names: others bear them, too.
  SELECT array_agg(DISTINCT s.text)
  FROM (
    SELECT u.telegram_id::text FROM app_schema.users u WHERE u.user_id = p_user_id AND u.telegram_id > 0
    UNION ALL SELECT u.username FROM app_schema.users u WHERE u.user_id = p_user_id
    UNION ALL SELECT i.external_id FROM app_schema.user_identities i WHERE i.user_id = p_user_id
    UNION ALL SELECT v #>> '{}' FROM app_schema.users u, jsonb_path_query(u.profile_data, 'strict $.**') v
      WHERE u.user_id = p_user_id AND jsonb_typeof(v) = 'string' AND length(v #>> '{}') >= 6
  ) s (text) WHERE s.text <> ''
$function$;
COMMENT ON FUNCTION privacy.strings_of(integer) IS 'What names a person outside of their own rows: Telegram id, username, outside ids, longer texts of the profile';

CREATE FUNCTION privacy.mentions(p_text text, p_strings text[]) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
  SELECT EXISTS (SELECT FROM unnest(p_strings) s WHERE strpos(lower(p_text), lower(s)) > 0)
$function$;
COMMENT ON FUNCTION privacy.mentions(text, text[]) IS 'Whether a text, as a rejected row, has one of the strings; for rules of tables without a user_id';

CREATE FUNCTION privacy.count_traces(p_user_id integer) RETURNS TABLE (column_name text, rows bigint)
LANGUAGE plpgsql STABLE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  FOR column_name, rows IN
    SELECT format('%s.%I', c.oid::regclass, a.attname), 0
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition AND c.relpersistence <> 't' AND a.attname = 'user_id' AND NOT a.attisdropped
      AND a.atttypid IN ('integer'::regtype, 'bigint'::regtype) AND c.relnamespace::regnamespace::text !~ '^(pg_|information_schema)'
    ORDER BY 1
  LOOP
    EXECUTE format('SELECT count(*) FROM %s WHERE user_id = $1', left(column_name, -8)) INTO rows USING p_user_id;
    RETURN NEXT;
  END LOOP;
END
$function$;
COMMENT ON FUNCTION privacy.count_traces(integer) IS 'Rows of a customer in each table that has a column user_id, by the catalogue and not by privacy.rules';

CREATE FUNCTION privacy.erase_user(p_user_id integer) RETURNS TABLE (table_name text, rows bigint)
LANGUAGE plpgsql VOLATILE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  v_strings text[];
  v_source text;
  v_rule record;
BEGIN
  -- An import that runs remembers ids, and would write, or reject with all its words, an event of somebody who is gone. Its lock: ingestion/queries.ts.
  FOR v_source IN SELECT DISTINCT i.source FROM app_schema.user_identities i WHERE i.user_id = p_user_id ORDER BY 1 LOOP
    IF NOT pg_try_advisory_xact_lock(x'494d'::integer, hashtext(v_source)) THEN
      RAISE EXCEPTION 'an import of the source % is running', v_source USING ERRCODE = 'CA005', HINT = 'Nothing was changed. Try again when it has ended.';
    END IF;
  END LOOP;
  PERFORM FROM app_schema.users u WHERE u.user_id = p_user_id FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no customer %', p_user_id USING ERRCODE = 'CA004', HINT = 'Nothing was changed.';
  END IF;
  v_strings := coalesce(privacy.strings_of(p_user_id), '{}');
  INSERT INTO privacy.erasures (identity_hash)
  SELECT privacy.keyed_hash('identity', i.source, i.external_id) FROM app_schema.user_identities i WHERE i.user_id = p_user_id
  UNION SELECT privacy.keyed_hash('telegram', '', u.telegram_id::text) FROM app_schema.users u WHERE u.user_id = p_user_id AND u.telegram_id > 0
  UNION SELECT privacy.keyed_hash('user', extract(epoch FROM u.registration_date)::text, u.user_id::text) FROM app_schema.users u
    WHERE u.user_id = p_user_id AND u.registration_date IS NOT NULL
  ON CONFLICT DO NOTHING;
  FOR v_rule IN SELECT r.table_name, r.erase_sql FROM privacy.rules r WHERE to_regclass(r.table_name) IS NOT NULL ORDER BY r.place LOOP
    EXECUTE v_rule.erase_sql USING p_user_id, v_strings;
    GET DIAGNOSTICS rows = ROW_COUNT;
    table_name := v_rule.table_name;
    RETURN NEXT;
  END LOOP;
  FOR v_rule IN SELECT t.column_name FROM privacy.count_traces(p_user_id) t WHERE t.rows > 0 LOOP
    RAISE EXCEPTION '% still has the customer', v_rule.column_name USING HINT = 'Nothing was changed. Add the table to privacy.rules.';
  END LOOP;
END
$function$;
COMMENT ON FUNCTION privacy.erase_user(integer) IS
  'Erases a person everywhere, in one transaction: personal rows go, events stay as nobody''s with their money, and hashes keep the ids from coming back. CA004 for an unknown customer; fails where a table still has a row';

CREATE FUNCTION privacy.export_user(p_user_id integer) RETURNS jsonb
LANGUAGE plpgsql STABLE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  v_all jsonb := '{}';
  v_rows jsonb;
  v_rule record;
BEGIN
  IF NOT EXISTS (SELECT FROM app_schema.users u WHERE u.user_id = p_user_id) THEN
    RAISE EXCEPTION 'there is no customer %', p_user_id USING ERRCODE = 'CA004';
  END IF;
  FOR v_rule IN SELECT r.table_name, r.export_sql FROM privacy.rules r WHERE to_regclass(r.table_name) IS NOT NULL ORDER BY r.place DESC LOOP
    EXECUTE format('SELECT coalesce(jsonb_agg(to_jsonb(x)), ''[]'') FROM (%s) x', v_rule.export_sql)
      INTO v_rows USING p_user_id, coalesce(privacy.strings_of(p_user_id), '{}');
    v_all := v_all || jsonb_build_object(v_rule.table_name, v_rows);
  END LOOP;
  RETURN v_all;
END
$function$;
COMMENT ON FUNCTION privacy.export_user(integer) IS 'All that is held of a person, by table. CA004 for an unknown customer';

CREATE FUNCTION privacy.reapply_erasures() RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  v_user_id integer;
  v_count integer := 0;
BEGIN
  -- Who registered after the erasure came by themselves, and anew.
  FOR v_user_id IN
    SELECT DISTINCT u.user_id
    FROM (
      SELECT i.user_id, 'identity', i.source, i.external_id FROM app_schema.user_identities i
      UNION ALL SELECT t.user_id, 'telegram', '', t.telegram_id::text FROM app_schema.users t WHERE t.telegram_id > 0
      UNION ALL SELECT r.user_id, 'user', extract(epoch FROM r.registration_date)::text, r.user_id::text FROM app_schema.users r
        WHERE r.registration_date IS NOT NULL
    ) h (user_id, kind, context, id)
    CROSS JOIN privacy.keys k
    JOIN privacy.erasures e ON e.identity_hash = privacy.hash_with(k.inner_pad, k.outer_pad, h.kind, h.context, h.id)
    JOIN app_schema.users u ON u.user_id = h.user_id AND (u.registration_date IS NULL OR u.registration_date < e.erased_at)
    WHERE EXISTS (SELECT FROM privacy.erasures)
  LOOP
    PERFORM FROM privacy.erase_user(v_user_id);
    v_count := v_count + 1;
  END LOOP;
  RETURN v_count;
END
$function$;
COMMENT ON FUNCTION privacy.reapply_erasures() IS 'Erases again whom an older backup brought back; scripts/restore-db.sh calls it. Returns how many they were';

INSERT INTO privacy.rules (place, table_name, erase_sql, export_sql) VALUES
  -- Before the rows that say which messages these were. A message's id may itself name the person; its hash tells whether a known text was sent.
  (5, 'app_schema.ingested_messages',
    'DELETE FROM app_schema.ingested_messages m USING app_schema.sources s
     WHERE s.source_id = m.source_id AND (privacy.mentions(m.message_id, $2)
       OR (m.source_id, m.message_id) IN (SELECT e.source_id, k FROM app_schema.events e,
           LATERAL (VALUES (e.external_id), (regexp_replace(e.external_id, ''/[0-9]+$'', ''''))) v (k) WHERE e.user_id = $1)
       OR (s.name, m.message_id) IN (
         SELECT split_part(i.source, ''#'', 1), i.linked_by FROM app_schema.user_identities i WHERE i.user_id = $1
         UNION SELECT split_part(t.source, ''#'', 1), t.set_by FROM app_schema.identity_traits t
           JOIN app_schema.user_identities i USING (source, external_id) WHERE i.user_id = $1))',
    'SELECT m.* FROM app_schema.ingested_messages m JOIN app_schema.events e
       ON e.source_id = m.source_id AND m.message_id IN (e.external_id, regexp_replace(e.external_id, ''/[0-9]+$'', ''''))
     WHERE e.user_id = $1 AND $2 IS NOT NULL'),
  (10, 'app_schema.events',
    'UPDATE app_schema.events SET user_id = NULL, properties = privacy.anonymous_properties(properties),
       external_id = CASE WHEN source_id IS NOT NULL THEN privacy.keyed_hash(''event'', source_id::text, external_id) END WHERE user_id = $1',
    'SELECT * FROM app_schema.events WHERE user_id = $1 ORDER BY event_id'),
  (20, 'app_schema.user_score_details', 'DELETE FROM app_schema.user_score_details WHERE user_id = $1', 'SELECT * FROM app_schema.user_score_details WHERE user_id = $1'),
  (30, 'app_schema.user_metrics', 'DELETE FROM app_schema.user_metrics WHERE user_id = $1', 'SELECT * FROM app_schema.user_metrics WHERE user_id = $1'),
  (40, 'app_schema.user_days', 'DELETE FROM app_schema.user_days WHERE user_id = $1', 'SELECT * FROM app_schema.user_days WHERE user_id = $1 ORDER BY day'),
  -- After events, whose trigger notes the days.
  (50, 'app_schema.user_day_changes', 'DELETE FROM app_schema.user_day_changes WHERE user_id = $1', 'SELECT DISTINCT * FROM app_schema.user_day_changes WHERE user_id = $1'),
  (60, 'app_schema.recommendation_lists', 'DELETE FROM app_schema.recommendation_lists WHERE user_id = $1',
    'SELECT * FROM app_schema.recommendation_lists WHERE user_id = $1 ORDER BY served_at'),
  (70, 'app_schema.identity_traits',
    'DELETE FROM app_schema.identity_traits t USING app_schema.user_identities i WHERE i.user_id = $1 AND t.source = i.source AND t.external_id = i.external_id',
    'SELECT t.* FROM app_schema.identity_traits t JOIN app_schema.user_identities i USING (source, external_id) WHERE i.user_id = $1'),
  (80, 'app_schema.ingest_rejects', 'DELETE FROM app_schema.ingest_rejects WHERE $1 IS NOT NULL AND privacy.mentions(body, $2)',
    'SELECT * FROM app_schema.ingest_rejects WHERE $1 IS NOT NULL AND privacy.mentions(body, $2) ORDER BY reject_id'),
  (900, 'app_schema.user_identities', 'DELETE FROM app_schema.user_identities WHERE user_id = $1', 'SELECT * FROM app_schema.user_identities WHERE user_id = $1'),
  (1000, 'app_schema.users', 'DELETE FROM app_schema.users WHERE user_id = $1', 'SELECT * FROM app_schema.users WHERE user_id = $1');
