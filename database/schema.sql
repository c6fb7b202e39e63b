-- The schema after all migrations, as pg_dump shows it. Generated, for reading and for review: UPDATE_SCHEMA=1 npx vitest run test/database/schema-file.test.ts

CREATE SCHEMA access_control;

ALTER SCHEMA access_control OWNER TO customer_analyzer_owner;

COMMENT ON SCHEMA access_control IS 'Keys, administrators, sessions, audit log; closed to ml_user, open to app_user through functions only';

CREATE SCHEMA app_schema;

ALTER SCHEMA app_schema OWNER TO customer_analyzer_owner;

COMMENT ON SCHEMA app_schema IS 'Customer Analyzer: what app_user may write and ml_user may read';

CREATE SCHEMA compatibility;

ALTER SCHEMA compatibility OWNER TO postgres;

COMMENT ON SCHEMA compatibility IS 'Views that keep old queries running; made for the running PostgreSQL version, not part of dumps';

CREATE SCHEMA extensions;

ALTER SCHEMA extensions OWNER TO postgres;

COMMENT ON SCHEMA extensions IS 'Extensions, apart from the data';

CREATE SCHEMA jobs;

ALTER SCHEMA jobs OWNER TO customer_analyzer_owner;

COMMENT ON SCHEMA jobs IS 'Background work: schedules, history, workers; app_user writes, ml_user sees nothing';

CREATE SCHEMA maintenance;

ALTER SCHEMA maintenance OWNER TO postgres;

COMMENT ON SCHEMA maintenance IS 'Customer Analyzer: ledger of migrations, settings of the database; closed to app_user and ml_user';

CREATE SCHEMA monitoring;

ALTER SCHEMA monitoring OWNER TO postgres;

COMMENT ON SCHEMA monitoring IS 'Customer Analyzer: views for whoever runs the database; closed to app_user and ml_user';

CREATE SCHEMA pgboss;

ALTER SCHEMA pgboss OWNER TO customer_analyzer_owner;

COMMENT ON SCHEMA pgboss IS 'The queue: tables of pg-boss as its version of package.json makes them; app_user sends and works, ml_user sees nothing';

CREATE SCHEMA privacy;

ALTER SCHEMA privacy OWNER TO customer_analyzer_owner;

COMMENT ON SCHEMA privacy IS 'Customer Analyzer: erasure of persons and its key; closed to ml_user, and to app_user but for find_erased()';

CREATE EXTENSION IF NOT EXISTS pg_stat_statements WITH SCHEMA extensions;

COMMENT ON EXTENSION pg_stat_statements IS 'track planning and execution statistics of all SQL statements executed';

CREATE TYPE app_schema.recommendation_options AS (
	language text,
	category character varying,
	as_of timestamp with time zone,
	excluded_ids integer[],
	model_run_id bigint,
	diversity double precision,
	max_per_category integer,
	min_price numeric,
	max_price numeric,
	in_stock boolean,
	buy_again boolean,
	buy_again_share double precision
);

ALTER TYPE app_schema.recommendation_options OWNER TO customer_analyzer_owner;

COMMENT ON TYPE app_schema.recommendation_options IS 'The options of a list of recommendations, checked, with the settings of the shop where nothing is said';

CREATE TYPE pgboss.job_state AS ENUM (
    'created',
    'retry',
    'active',
    'completed',
    'cancelled',
    'failed'
);

ALTER TYPE pgboss.job_state OWNER TO customer_analyzer_owner;

CREATE FUNCTION access_control.begin_login(p_login text, p_subjects bytea[], p_free_attempts integer[]) RETURNS TABLE(wait_seconds integer, administrator_id bigint, password_hash text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  v_wait integer;
BEGIN
  DELETE FROM access_control.sessions s WHERE s.expires_at < clock_timestamp();
  DELETE FROM access_control.login_throttles t WHERE t.last_attempt_at < clock_timestamp() - interval '1 day';
  INSERT INTO access_control.login_throttles (subject) SELECT s FROM unnest(p_subjects) s ORDER BY s ON CONFLICT DO NOTHING;
  -- In one order, so that two logins at once wait for each other instead of deadlocking.
  PERFORM FROM access_control.login_throttles t WHERE t.subject = ANY (p_subjects) ORDER BY t.subject FOR UPDATE;
  SELECT ceil(extract(epoch FROM max(t.blocked_until) - clock_timestamp())) INTO v_wait
  FROM access_control.login_throttles t WHERE t.subject = ANY (p_subjects);
  IF v_wait > 0 THEN
    RETURN QUERY SELECT v_wait, NULL::bigint, NULL::text;
    RETURN;
  END IF;
  -- Counted before the password is looked at: of many attempts at once none comes free. Success wipes the count.
  UPDATE access_control.login_throttles t
  SET attempts = t.attempts + 1, last_attempt_at = clock_timestamp(),
    blocked_until = CASE WHEN t.attempts + 1 >= f.free
      THEN clock_timestamp() + least(interval '30 seconds' * 2 ^ least(t.attempts + 1 - f.free, 10), interval '15 minutes') END
  FROM unnest(p_subjects, p_free_attempts) AS f (subject, free)
  WHERE t.subject = f.subject;
  RETURN QUERY
    SELECT 0, a.administrator_id, a.password_hash
    FROM (SELECT) one LEFT JOIN access_control.administrators a ON a.login = lower(p_login) AND a.disabled_at IS NULL;
END
$$;

ALTER FUNCTION access_control.begin_login(p_login text, p_subjects bytea[], p_free_attempts integer[]) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION access_control.begin_login(p_login text, p_subjects bytea[], p_free_attempts integer[]) IS 'Counts an attempt for each subject, and gives what the password is compared with; or wait_seconds, where one of them has used up its free attempts (then 30 s, doubled each time, at most 15 min)';

CREATE FUNCTION access_control.change_password(p_administrator_id bigint, p_password_hash text, p_kept_session bytea, p_subjects bytea[]) RETURNS boolean
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  DELETE FROM access_control.login_throttles WHERE subject = ANY (p_subjects);
  -- Whoever knew the old password may be logged in with it.
  DELETE FROM access_control.sessions WHERE administrator_id = p_administrator_id AND session_hash IS DISTINCT FROM p_kept_session;
  WITH changed AS (
    UPDATE access_control.administrators SET password_hash = p_password_hash WHERE administrator_id = p_administrator_id RETURNING 1
  )
  SELECT EXISTS (SELECT FROM changed)
$$;

ALTER FUNCTION access_control.change_password(p_administrator_id bigint, p_password_hash text, p_kept_session bytea, p_subjects bytea[]) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION access_control.change_password(p_administrator_id bigint, p_password_hash text, p_kept_session bytea, p_subjects bytea[]) IS 'Sets a password, ends all sessions but the one that is kept (NULL: all), forgets failed attempts; false where there is no such administrator';

CREATE FUNCTION access_control.complete_set_up(p_token_hash bytea, p_login text, p_password_hash text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  -- Deleting locks the row: of two who open the link at once, the second finds nothing.
  DELETE FROM access_control.set_up_tokens t WHERE t.token_hash = p_token_hash AND t.expires_at > clock_timestamp();
  IF NOT FOUND OR EXISTS (SELECT FROM access_control.administrators) THEN
    RETURN NULL;
  END IF;
  RETURN access_control.create_administrator(p_login, 'admin', p_password_hash);
END
$$;

ALTER FUNCTION access_control.complete_set_up(p_token_hash bytea, p_login text, p_password_hash text) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION access_control.complete_set_up(p_token_hash bytea, p_login text, p_password_hash text) IS 'Makes the first administrator; NULL where the link is used, too old or wrong';

CREATE FUNCTION access_control.create_administrator(p_login text, p_role text, p_password_hash text) RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  v_id bigint;
BEGIN
  INSERT INTO access_control.administrators (login, role, password_hash) VALUES (lower(p_login), p_role, p_password_hash)
  ON CONFLICT (login) DO NOTHING RETURNING administrator_id INTO v_id;
  IF v_id IS NULL THEN
    RAISE EXCEPTION 'there is an administrator with this login' USING ERRCODE = 'CA002', HINT = 'Choose another login.';
  END IF;
  RETURN v_id;
END
$$;

ALTER FUNCTION access_control.create_administrator(p_login text, p_role text, p_password_hash text) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION access_control.create_administrator(p_login text, p_role text, p_password_hash text) IS 'A new administrator; the id. Raises CA002 for a login that is taken';

CREATE FUNCTION access_control.create_api_key(p_key_hash bytea, p_prefix text, p_scope text, p_name text, p_source text, p_expires_at timestamp with time zone) RETURNS bigint
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  INSERT INTO access_control.api_keys (key_hash, prefix, scope, name, source, expires_at)
  VALUES (p_key_hash, p_prefix, p_scope, p_name, p_source, p_expires_at) RETURNING key_id
$$;

ALTER FUNCTION access_control.create_api_key(p_key_hash bytea, p_prefix text, p_scope text, p_name text, p_source text, p_expires_at timestamp with time zone) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION access_control.create_api_key(p_key_hash bytea, p_prefix text, p_scope text, p_name text, p_source text, p_expires_at timestamp with time zone) IS 'Stores a new key by its SHA-256; the id';

CREATE FUNCTION access_control.disable_administrator(p_administrator_id bigint) RETURNS boolean
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  WITH ended AS (
    DELETE FROM access_control.sessions WHERE administrator_id = p_administrator_id
  ), disabled AS (
    UPDATE access_control.administrators SET disabled_at = coalesce(disabled_at, now()) WHERE administrator_id = p_administrator_id RETURNING 1
  )
  SELECT EXISTS (SELECT FROM disabled)
$$;

ALTER FUNCTION access_control.disable_administrator(p_administrator_id bigint) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION access_control.disable_administrator(p_administrator_id bigint) IS 'Ends all sessions and allows no other; false where there is no such administrator';

CREATE FUNCTION access_control.enable_administrator(p_administrator_id bigint) RETURNS boolean
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  WITH enabled AS (
    UPDATE access_control.administrators SET disabled_at = NULL WHERE administrator_id = p_administrator_id RETURNING 1
  )
  SELECT EXISTS (SELECT FROM enabled)
$$;

ALTER FUNCTION access_control.enable_administrator(p_administrator_id bigint) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION access_control.enable_administrator(p_administrator_id bigint) IS 'Lets a disabled administrator log in again, with the password of before; false where there is none. A second call changes nothing';

CREATE FUNCTION access_control.end_session(p_session_hash bytea) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  DELETE FROM access_control.sessions WHERE session_hash = p_session_hash
$$;

ALTER FUNCTION access_control.end_session(p_session_hash bytea) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION access_control.end_session(p_session_hash bytea) IS 'Logs out';

CREATE FUNCTION access_control.find_api_key(p_key_hash bytea) RETURNS TABLE(key_id bigint, scope text, name text, source text)
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  v_last_used_at timestamptz;
BEGIN
  SELECT k.key_id, k.scope, k.name, k.source, k.last_used_at INTO key_id, scope, name, source, v_last_used_at
  FROM access_control.api_keys k
  WHERE k.key_hash = p_key_hash AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp());
  IF NOT FOUND THEN
    RETURN;
  END IF;
  IF v_last_used_at IS NULL OR v_last_used_at < clock_timestamp() - interval '1 minute' THEN
    -- At most once a minute, and never waiting for another request that does the same.
    UPDATE access_control.api_keys k SET last_used_at = clock_timestamp()
    WHERE k.key_id = (
      SELECT f.key_id FROM access_control.api_keys f
      WHERE f.key_hash = p_key_hash AND (f.last_used_at IS NULL OR f.last_used_at < clock_timestamp() - interval '1 minute')
      FOR NO KEY UPDATE SKIP LOCKED
    );
  END IF;
  RETURN NEXT;
END
$$;

ALTER FUNCTION access_control.find_api_key(p_key_hash bytea) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION access_control.find_api_key(p_key_hash bytea) IS 'The key with this SHA-256, if it is valid now; notes that it was used';

CREATE FUNCTION access_control.find_session(p_session_hash bytea) RETURNS TABLE(administrator_id bigint, login text, role text, expires_at timestamp with time zone)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT a.administrator_id, a.login, a.role, s.expires_at
  FROM access_control.sessions s JOIN access_control.administrators a ON a.administrator_id = s.administrator_id
  WHERE s.session_hash = p_session_hash AND s.expires_at > clock_timestamp() AND a.disabled_at IS NULL
$$;

ALTER FUNCTION access_control.find_session(p_session_hash bytea) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION access_control.find_session(p_session_hash bytea) IS 'Who is logged in by the cookie with this SHA-256';

CREATE FUNCTION access_control.finish_action(p_action_id bigint, p_outcome text) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  UPDATE access_control.actions SET outcome = p_outcome WHERE action_id = p_action_id AND outcome IS NULL
$$;

ALTER FUNCTION access_control.finish_action(p_action_id bigint, p_outcome text) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION access_control.finish_action(p_action_id bigint, p_outcome text) IS 'Says how an action ended, once';

CREATE FUNCTION access_control.finish_login(p_administrator_id bigint, p_subjects bytea[], p_session_hash bytea, p_expires_at timestamp with time zone) RETURNS void
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  DELETE FROM access_control.login_throttles WHERE subject = ANY (p_subjects);
  UPDATE access_control.administrators SET last_login_at = now() WHERE administrator_id = p_administrator_id;
  INSERT INTO access_control.sessions (session_hash, administrator_id, expires_at)
  SELECT p_session_hash, a.administrator_id, p_expires_at FROM access_control.administrators a
  WHERE a.administrator_id = p_administrator_id AND a.disabled_at IS NULL
$$;

ALTER FUNCTION access_control.finish_login(p_administrator_id bigint, p_subjects bytea[], p_session_hash bytea, p_expires_at timestamp with time zone) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION access_control.finish_login(p_administrator_id bigint, p_subjects bytea[], p_session_hash bytea, p_expires_at timestamp with time zone) IS 'The password was right: forgets the failures, begins a session';

CREATE FUNCTION access_control.is_set_up_token(p_token_hash bytea) RETURNS boolean
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT EXISTS (SELECT FROM access_control.set_up_tokens t WHERE t.token_hash = p_token_hash AND t.expires_at > clock_timestamp())
$$;

ALTER FUNCTION access_control.is_set_up_token(p_token_hash bytea) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION access_control.is_set_up_token(p_token_hash bytea) IS 'Whether the link is good, before a password is hashed at the expense of a tenth of a second';

CREATE FUNCTION access_control.issue_set_up_token(p_token_hash bytea, p_expires_at timestamp with time zone) RETURNS boolean
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  WITH issued AS (
    INSERT INTO access_control.set_up_tokens (token_hash, expires_at)
    SELECT p_token_hash, p_expires_at
    WHERE NOT EXISTS (SELECT FROM access_control.administrators) AND NOT EXISTS (SELECT FROM access_control.api_keys)
    ON CONFLICT (token_id) DO UPDATE SET token_hash = excluded.token_hash, expires_at = excluded.expires_at
    RETURNING 1
  )
  SELECT EXISTS (SELECT FROM issued)
$$;

ALTER FUNCTION access_control.issue_set_up_token(p_token_hash bytea, p_expires_at timestamp with time zone) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION access_control.issue_set_up_token(p_token_hash bytea, p_expires_at timestamp with time zone) IS 'Replaces the set-up link; false, and no link, where there ever was an administrator or a key';

CREATE FUNCTION access_control.list_actions(p_limit integer, p_before bigint DEFAULT NULL::bigint) RETURNS TABLE(action_id bigint, started_at timestamp with time zone, administrator_id bigint, login text, key_id bigint, action text, target text, outcome text)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT a.action_id, a.started_at, a.administrator_id, d.login, a.key_id, a.action, a.target, a.outcome
  FROM access_control.actions a LEFT JOIN access_control.administrators d ON d.administrator_id = a.administrator_id
  WHERE a.action_id < coalesce(p_before, 9223372036854775807)
  ORDER BY a.action_id DESC LIMIT p_limit
$$;

ALTER FUNCTION access_control.list_actions(p_limit integer, p_before bigint) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION access_control.list_actions(p_limit integer, p_before bigint) IS 'The audit log, newest first; p_before is the last action_id of the page before';

CREATE FUNCTION access_control.list_administrators() RETURNS TABLE(administrator_id bigint, login text, role text, created_at timestamp with time zone, disabled_at timestamp with time zone, last_login_at timestamp with time zone)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT a.administrator_id, a.login, a.role, a.created_at, a.disabled_at, a.last_login_at
  FROM access_control.administrators a ORDER BY a.administrator_id
$$;

ALTER FUNCTION access_control.list_administrators() OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION access_control.list_administrators() IS 'All administrators, also disabled ones, without their passwords';

CREATE FUNCTION access_control.list_api_keys() RETURNS TABLE(key_id bigint, prefix text, scope text, name text, source text, created_at timestamp with time zone, expires_at timestamp with time zone, revoked_at timestamp with time zone, last_used_at timestamp with time zone)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT k.key_id, k.prefix, k.scope, k.name, k.source, k.created_at, k.expires_at, k.revoked_at, k.last_used_at
  FROM access_control.api_keys k ORDER BY k.key_id
$$;

ALTER FUNCTION access_control.list_api_keys() OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION access_control.list_api_keys() IS 'All keys, also revoked ones, without their hashes';

CREATE FUNCTION access_control.record_action(p_administrator_id bigint, p_key_id bigint, p_action text, p_target text, p_outcome text) RETURNS bigint
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  INSERT INTO access_control.actions (administrator_id, key_id, action, target, outcome)
  VALUES (p_administrator_id, p_key_id, p_action, p_target, p_outcome) RETURNING action_id
$$;

ALTER FUNCTION access_control.record_action(p_administrator_id bigint, p_key_id bigint, p_action text, p_target text, p_outcome text) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION access_control.record_action(p_administrator_id bigint, p_key_id bigint, p_action text, p_target text, p_outcome text) IS 'Adds to the audit log; the id';

CREATE FUNCTION access_control.revoke_api_key(p_key_id bigint) RETURNS boolean
    LANGUAGE sql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  WITH revoked AS (
    UPDATE access_control.api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE key_id = p_key_id RETURNING 1
  )
  SELECT EXISTS (SELECT FROM revoked)
$$;

ALTER FUNCTION access_control.revoke_api_key(p_key_id bigint) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION access_control.revoke_api_key(p_key_id bigint) IS 'No request that begins after the commit gets in with this key; false where there is none. A second call changes nothing';

CREATE FUNCTION app_schema.arrange_products(p_model_run_id bigint, p_limit integer, p_ids integer[], p_scores double precision[], p_days real[], p_positions integer[], p_categories text[], p_due_places integer, p_cap integer, p_diversity double precision) RETURNS integer[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
DECLARE
  v_places integer[];
  v_order integer[];
BEGIN
  WITH placed AS (
    SELECT u.*, u.days IS NOT NULL AND row_number() OVER (PARTITION BY u.days IS NULL ORDER BY u.score DESC, u.id) > p_due_places AS in_excess
    FROM unnest(p_ids, p_scores, p_days, p_positions, p_categories) WITH ORDINALITY u (id, score, days, position, category, place)
  ), capped AS (
    SELECT p.*, row_number() OVER (ORDER BY p.position IS NOT NULL, p.in_excess, p.score DESC, p.id) AS free_place,
      CASE WHEN p_cap IS NOT NULL AND p.category IS NOT NULL
        THEN row_number() OVER (PARTITION BY p.position IS NULL, p.category ORDER BY p.in_excess, p.score DESC, p.id) ELSE 1 END AS of_category
    FROM placed p
  )
  SELECT array_agg(f.place) INTO v_places
  FROM (
    SELECT k.place FROM capped k
    WHERE k.position IS NOT NULL OR p_cap IS NULL OR k.of_category <= p_cap
    ORDER BY k.position NULLS LAST, k.free_place
    -- A rule pins to one of a hundred positions.
    LIMIT CASE WHEN p_diversity > 0 THEN greatest(100, p_limit) ELSE p_limit::bigint + 100 END
  ) f;
  IF p_diversity > 0 THEN
    -- Beyond a hundred nobody looks, and each place costs a walk through all candidates.
    v_order := app_schema.diversify(
      p_model_run_id, ARRAY(SELECT p_ids[u.place] FROM unnest(v_places) WITH ORDINALITY u (place, n) ORDER BY u.n),
      ARRAY(SELECT p_scores[u.place] FROM unnest(v_places) WITH ORDINALITY u (place, n) ORDER BY u.n),
      ARRAY(SELECT p_categories[u.place] FROM unnest(v_places) WITH ORDINALITY u (place, n) ORDER BY u.n), least(p_limit, 100), p_diversity
    );
  END IF;
  RETURN ARRAY(
    SELECT t.place
    FROM (
      SELECT u.place, u.n, p_positions[u.place] AS position,
        row_number() OVER (PARTITION BY p_positions[u.place] IS NULL ORDER BY coalesce(m.n, 1000000000), u.n) AS free_place,
        row_number() OVER (PARTITION BY p_positions[u.place] IS NULL ORDER BY p_positions[u.place], u.n) - 1 AS pins_before
      FROM unnest(v_places) WITH ORDINALITY u (place, n)
      LEFT JOIN unnest(v_order) WITH ORDINALITY m (was, n) ON m.was = u.n
    ) t
    ORDER BY CASE WHEN t.position IS NULL THEN t.free_place ELSE t.position - t.pins_before - 0.5 END, t.position, t.n
    LIMIT p_limit
  );
END
$$;

ALTER FUNCTION app_schema.arrange_products(p_model_run_id bigint, p_limit integer, p_ids integer[], p_scores double precision[], p_days real[], p_positions integer[], p_categories text[], p_due_places integer, p_cap integer, p_diversity double precision) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.arrange_products(p_model_run_id bigint, p_limit integer, p_ids integer[], p_scores double precision[], p_days real[], p_positions integer[], p_categories text[], p_due_places integer, p_cap integer, p_diversity double precision) IS 'The best p_limit as places in p_ids, after what moves them: pinned positions, at most p_due_places first that are due again, p_cap of a category, diversity';

CREATE FUNCTION app_schema.check_limit(p_limit integer) RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
    BEGIN
      IF p_limit IS NULL OR p_limit < 0 THEN
        RAISE EXCEPTION 'the limit must be 0 or more, not %', coalesce(p_limit::text, 'NULL') USING ERRCODE = 'CA002';
      END IF;
    END
    $$;

ALTER FUNCTION app_schema.check_limit(p_limit integer) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.check_limit(p_limit integer) IS 'Raises CA002 for a negative or missing limit';

CREATE FUNCTION app_schema.check_period(p_start_date date, p_end_date date) RETURNS void
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $$
    BEGIN
      IF p_start_date IS NULL OR p_end_date IS NULL THEN
        RAISE EXCEPTION 'both days of the period must be given' USING ERRCODE = 'CA002';
      END IF;
      IF p_start_date > p_end_date THEN
        RAISE EXCEPTION 'the period begins on % and ends before that, on %', p_start_date, p_end_date
          USING ERRCODE = 'CA001', HINT = 'The first day comes first; both days belong to the period.';
      END IF;
    END
    $$;

ALTER FUNCTION app_schema.check_period(p_start_date date, p_end_date date) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.check_period(p_start_date date, p_end_date date) IS 'Raises CA001 for a reversed period, CA002 for a missing day';

CREATE FUNCTION app_schema.check_recommendation_option(p_name text, p_value jsonb) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $_$
  SELECT CASE
    WHEN p_name NOT IN ('language', 'category', 'as_of', 'exclude_product_ids', 'model_run_id', 'diversity', 'max_per_category', 'min_price',
      'max_price', 'in_stock', 'buy_again') THEN NULL
    WHEN p_value = 'null' THEN ''
    WHEN p_name = 'language' AND p_value NOT IN ('"en"', '"ru"') THEN 'en or ru'
    WHEN p_name IN ('category', 'as_of') AND jsonb_typeof(p_value) <> 'string' THEN 'a text'
    WHEN p_name IN ('in_stock', 'buy_again') AND jsonb_typeof(p_value) <> 'boolean' THEN 'true or false'
    WHEN p_name = 'exclude_product_ids'
      AND (jsonb_typeof(p_value) <> 'array' OR jsonb_path_exists(p_value, 'strict $[*] ? (@.type() != "number")')) THEN 'an array of numbers'
    WHEN p_name IN ('model_run_id', 'max_per_category') AND NOT jsonb_path_exists(p_value, 'strict $ ? (@.type() == "number" && @ >= 1 && @ <= 2147483647 && @ == @.floor())')
      THEN 'a whole number from 1'
    WHEN p_name = 'diversity' AND NOT jsonb_path_exists(p_value, 'strict $ ? (@.type() == "number" && @ >= 0 && @ <= 1)') THEN 'a number from 0 to 1'
    WHEN p_name IN ('min_price', 'max_price') AND NOT jsonb_path_exists(p_value, 'strict $ ? (@.type() == "number" && @ >= 0)') THEN 'a number from 0'
    ELSE ''
  END
$_$;

ALTER FUNCTION app_schema.check_recommendation_option(p_name text, p_value jsonb) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.check_recommendation_option(p_name text, p_value jsonb) IS 'What an option of recommendations must be where its value is not that; empty where it is, NULL where there is no such option';

CREATE FUNCTION app_schema.count_words(p_number numeric, p_forms text, p_language text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $$
DECLARE
  v_shown numeric := trim_scale(round(p_number, CASE WHEN p_number < 1 THEN 2 WHEN p_number < 10 THEN 1 ELSE 0 END));
BEGIN
  RETURN app_schema.format_number(v_shown, scale(v_shown), p_language) || ' ' || app_schema.plural_form(v_shown, p_forms, p_language);
END
$$;

ALTER FUNCTION app_schema.count_words(p_number numeric, p_forms text, p_language text) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.count_words(p_number numeric, p_forms text, p_language text) IS 'A number and its noun: 4 orders, 0.4 orders; p_forms as in plural_form';

CREATE FUNCTION app_schema.day_of(p_moment timestamp with time zone) RETURNS date
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
  SELECT (p_moment AT TIME ZONE (SELECT s.time_zone FROM app_schema.settings s))::date
$$;

ALTER FUNCTION app_schema.day_of(p_moment timestamp with time zone) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.day_of(p_moment timestamp with time zone) IS 'The day of the shop to which a moment belongs, whatever TimeZone the session has';

CREATE FUNCTION app_schema.day_start(p_day date) RETURNS timestamp with time zone
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
      SELECT p_day::timestamp AT TIME ZONE (SELECT s.time_zone FROM app_schema.settings s)
    $$;

ALTER FUNCTION app_schema.day_start(p_day date) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.day_start(p_day date) IS 'The moment when a day begins in the shop''s time zone, whatever TimeZone the session has';

CREATE FUNCTION app_schema.days_ago(p_days numeric, p_language text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
  SELECT CASE
    WHEN p_days = 0 THEN CASE p_language WHEN 'ru' THEN 'сегодня' ELSE 'today' END
    WHEN p_days = 1 THEN CASE p_language WHEN 'ru' THEN 'вчера' ELSE 'yesterday' END
    ELSE app_schema.count_words(p_days, 'day ago|days ago|день назад|дня назад|дней назад', p_language)
  END
$$;

ALTER FUNCTION app_schema.days_ago(p_days numeric, p_language text) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.days_ago(p_days numeric, p_language text) IS 'today, yesterday, 42 days ago';

CREATE FUNCTION app_schema.delete_score_details() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  DELETE FROM app_schema.user_score_details d USING gone g WHERE d.user_id = g.user_id;
  RETURN NULL;
END
$$;

ALTER FUNCTION app_schema.delete_score_details() OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.delete_score_details() IS 'Trigger: the details of a score go with it, also where the customer is deleted';

CREATE FUNCTION app_schema.describe_absence(p_user_id integer, p_language text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $$
BEGIN
  RETURN (
    SELECT CASE
        WHEN r.as_of IS NULL THEN
          CASE p_language WHEN 'ru' THEN 'Оценок нет: расчёт ещё не запускали.' ELSE 'Not scored: no scoring has run yet.' END
        WHEN NOT EXISTS (SELECT FROM app_schema.events e WHERE e.user_id = p_user_id AND e.event_timestamp < r.as_of) THEN
          CASE p_language WHEN 'ru' THEN 'Оценок нет: до последнего расчёта не было ни одного события.' ELSE 'Not scored: no event before the last scoring.' END
        WHEN r.visitors_lack_data
          AND NOT EXISTS (SELECT FROM app_schema.events e WHERE e.user_id = p_user_id AND e.event_type = 'purchase' AND e.event_timestamp < r.as_of) THEN
          CASE p_language
            WHEN 'ru' THEN 'Оценок нет: покупок ещё не было, а о первых покупках других посетителей известно слишком мало.'
            ELSE 'Not scored: has bought nothing yet, and too little is known of other visitors'' first purchases.'
          END
        ELSE
          CASE p_language
            WHEN 'ru' THEN 'Оценок нет: события загружены после последнего расчёта, следующий их учтёт.'
            ELSE 'Not scored: the events came in after the last scoring, the next one will count them.'
          END
      END
    FROM (SELECT) nothing
    LEFT JOIN LATERAL (
      SELECT l.as_of, l.evaluation -> 'firstPurchase' ? 'missing' AS visitors_lack_data FROM app_schema.get_latest_run('scoring') l
    ) r ON true
  );
END
$$;

ALTER FUNCTION app_schema.describe_absence(p_user_id integer, p_language text) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.describe_absence(p_user_id integer, p_language text) IS 'Why a customer has no scores';

CREATE FUNCTION app_schema.describe_basis(p_explanation jsonb, p_chosen text, p_language text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $$
BEGIN
  RETURN (
    SELECT CASE
      WHEN p_chosen = 'recency' THEN format(
        CASE p_language WHEN 'ru' THEN 'Учтено только время с последней покупки: %s.' ELSE 'Only the time since the last purchase counts: %s.' END,
        app_schema.count_words(b.last, 'day|days|день|дня|дней', p_language))
      WHEN b.first = b.last THEN format(
        CASE p_language WHEN 'ru' THEN 'Учтена только история покупок: один день, %s.' ELSE 'Only the purchases count: all on one day, %s.' END,
        app_schema.days_ago(b.last, p_language))
      ELSE format(
        CASE p_language
          WHEN 'ru' THEN 'Учтена только история покупок: %s, первый %s, последний %s.'
          ELSE 'Only the purchases count: %s, the first %s, the last %s.'
        END,
        app_schema.count_words(b.repeats + 1, 'purchase day|purchase days|день с покупками|дня с покупками|дней с покупками', p_language),
        app_schema.days_ago(b.first, p_language), app_schema.days_ago(b.last, p_language))
    END
    FROM (
      SELECT (p_explanation ->> 'days_since_first_purchase')::numeric, (p_explanation ->> 'days_since_last_purchase')::numeric,
        (p_explanation ->> 'repeat_purchase_days')::numeric
    ) b (first, last, repeats)
    WHERE num_nulls(b.first, b.last, b.repeats) = 0
  );
END
$$;

ALTER FUNCTION app_schema.describe_basis(p_explanation jsonb, p_chosen text, p_language text) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.describe_basis(p_explanation jsonb, p_chosen text, p_language text) IS 'What a probability rests on where no classifier made it; p_chosen is the candidate that was chosen';

CREATE FUNCTION app_schema.describe_feature(p_reason jsonb, p_currency text, p_language text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $_$
BEGIN
  RETURN (
    WITH asked AS (
      SELECT coalesce(w.parts[1], p_reason ->> 'feature') AS feature, w.parts[2]::numeric AS days, (p_reason ->> 'value')::numeric AS value
      FROM (SELECT regexp_match(p_reason ->> 'feature', '^(purchase_days|active_days|views|carts|bot_events)_(\d{1,4})$') AS parts) w
    )
    SELECT coalesce(
        CASE
          WHEN a.value IS NULL THEN coalesce(CASE WHEN p_reason ? 'value' THEN t.none END, t.name)
          WHEN a.value = 0 AND t.zero IS NOT NULL THEN t.zero
          ELSE replace(t.words, '{}', CASE f.unit
              WHEN 'ago' THEN app_schema.days_ago(a.value, p_language)
              WHEN 'count' THEN app_schema.count_words(a.value, f.forms, p_language)
              WHEN 'money' THEN app_schema.format_money(a.value, p_currency, p_language)
              WHEN 'probability' THEN app_schema.format_probability(a.value, p_language)
              WHEN 'ratio' THEN app_schema.format_number(a.value, 1, p_language)
            END)
        END || CASE WHEN a.days IS NULL THEN '' ELSE
          app_schema.plural_form(a.days, ' in the last | in the last | за последний | за последние | за последние ', p_language)
          || app_schema.count_words(a.days, 'day|days|день|дня|дней', p_language)
        END,
        a.feature || coalesce(' = ' || app_schema.format_number(a.value, scale(trim_scale(round(a.value, 3))), p_language), ''))
    FROM asked a
    LEFT JOIN app_schema.feature_words() f ON f.feature = a.feature
    CROSS JOIN LATERAL (
      SELECT f.words_en, f.zero_en, f.none_en, f.name_en WHERE p_language <> 'ru'
      UNION ALL
      SELECT f.words_ru, f.zero_ru, f.none_ru, f.name_ru WHERE p_language = 'ru'
    ) t (words, zero, none, name)
  );
END
$_$;

ALTER FUNCTION app_schema.describe_feature(p_reason jsonb, p_currency text, p_language text) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.describe_feature(p_reason jsonb, p_currency text, p_language text) IS 'A {feature, value} of explanation in words; a feature nobody put in words goes by its name';

CREATE FUNCTION app_schema.describe_forecast(p_explanation jsonb, p_parameters jsonb, p_currency text, p_language text) RETURNS SETOF text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $$
BEGIN
  RETURN QUERY
    WITH forecast AS (
      SELECT p_language = 'ru' AS ru, f.*
      FROM (
        SELECT (p_explanation ->> 'expected_purchases')::numeric, (p_explanation ->> 'expected_spend')::numeric,
          (p_explanation ->> 'predicted_revenue')::numeric, (p_explanation ->> 'historic_revenue')::numeric,
          (p_explanation ->> 'ltv_low')::numeric, (p_explanation ->> 'ltv_high')::numeric,
          (p_explanation ->> 'discounted_revenue')::numeric, (p_parameters ->> 'discountHorizonDays')::numeric,
          (p_parameters ->> 'discountRate')::numeric, (p_parameters ->> 'horizonDays')::numeric, (p_parameters ->> 'refundShare')::numeric,
          coalesce((p_parameters ->> 'extrapolated')::boolean, false)
      ) f (purchases, spend, revenue, historic, low, high, discounted, discount_horizon, discount_rate, horizon, refunds, extrapolated)
    )
    SELECT format(
        CASE WHEN f.ru THEN 'Ожидаем %s%s%s: %s%s.' ELSE 'We expect %s%s%s: %s%s.' END,
        CASE
          WHEN f.purchases < 0.005 THEN CASE WHEN f.ru THEN 'меньше 0,01 покупки' ELSE 'less than 0.01 purchases' END
          ELSE format(
            CASE WHEN f.ru THEN 'ещё %s в среднем на %s' ELSE '%s of %s on average' END,
            app_schema.count_words(f.purchases, 'more purchase|more purchases|покупку|покупки|покупок', p_language),
            app_schema.format_money(f.spend, p_currency, p_language))
        END,
        coalesce(' ' || app_schema.within_days(f.horizon, p_language), ''),
        CASE WHEN f.refunds >= 0.0005 THEN format(
          CASE WHEN f.ru THEN ', за вычетом обычных возвратов (%s)' ELSE ', less the usual refunds (%s)' END,
          app_schema.format_probability(f.refunds, p_language)) ELSE '' END,
        app_schema.format_money(f.revenue, p_currency, p_language),
        -- Stored is the interval of the whole value; what was paid already is certain.
        CASE WHEN num_nulls(f.low, f.high, f.historic) > 0 THEN '' ELSE format(
          CASE WHEN f.ru THEN ' (в 8 случаях из 10 — от %s до %s)' ELSE ' (in 8 of 10 cases between %s and %s)' END,
          app_schema.format_number(greatest(0, f.low - f.historic), CASE WHEN f.high - f.low < 10 THEN 2 ELSE 0 END, p_language),
          app_schema.format_number(f.high - f.historic, CASE WHEN f.high - f.low < 10 THEN 2 ELSE 0 END, p_language)) END)
    FROM forecast f WHERE num_nulls(f.purchases, f.spend, f.revenue) = 0
    UNION ALL
    SELECT format(
      CASE
        WHEN f.ru THEN 'Покупки %s стоят сегодня %s (с дисконтом %s в год).'
        ELSE 'What comes %s is worth %s today (discounted by %s a year).'
      END,
      app_schema.within_days(f.discount_horizon, p_language), app_schema.format_money(f.discounted, p_currency, p_language),
      app_schema.format_number(100 * f.discount_rate, 0, p_language) || CASE WHEN f.ru THEN chr(160) || '%' ELSE '%' END)
    FROM forecast f WHERE num_nulls(f.discounted, f.discount_horizon, f.discount_rate) = 0
    UNION ALL
    SELECT CASE
      WHEN f.ru THEN 'История магазина короче этого срока, так далеко прогноз никто не проверял.'
      ELSE 'The shop''s history is shorter than that: no forecast so far ahead could be checked.'
    END
    FROM forecast f WHERE f.extrapolated;
END
$$;

ALTER FUNCTION app_schema.describe_forecast(p_explanation jsonb, p_parameters jsonb, p_currency text, p_language text) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.describe_forecast(p_explanation jsonb, p_parameters jsonb, p_currency text, p_language text) IS 'What a customer is expected to bring, from explanation and the run''s parameters.ltv';

CREATE FUNCTION app_schema.describe_missing(p_missing jsonb, p_language text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $_$
BEGIN
  RETURN (
    WITH russian (pattern, words) AS (
      VALUES
        ('^customers who bought$', 'покупателей хотя бы с одной покупкой'),
        ('^days since the first purchase$', 'дней с первой покупки в магазине'),
        ('^purchases that (\S+) can be fitted to$', 'покупок, к которым подходит модель \1'),
        ('^amounts that (\S+) can be fitted to \(the largest mean spend is (\S+)\)$', 'сумм, к которым подходит модель \1 (наибольший средний чек — \2)'),
        ('^days of history before the cut-off (\d+) days ago$', 'дней истории раньше, чем за \1 дн. до расчёта'),
        ('^customers who bought in the last (\d+) days, of those who had bought before$', 'купивших за последние \1 дн. из тех, кто покупал раньше'),
        ('^customers who bought in the last (\d+) days, of those who had only looked before$', 'купивших за последние \1 дн. из тех, кто раньше только смотрел'),
        ('^customers who did not buy in the last (\d+) days, of those who had bought before$', 'не купивших за последние \1 дн. из тех, кто покупал раньше'),
        ('^customers who did not buy in the last (\d+) days, of those who had only looked before$',
          'не купивших за последние \1 дн. из тех, кто раньше только смотрел')
    ), said AS (
      SELECT coalesce((
          SELECT regexp_replace(p_missing ->> 'what', r.pattern, r.words)
          FROM russian r WHERE p_language = 'ru' AND p_missing ->> 'what' ~ r.pattern
        ), p_missing ->> 'what') AS what,
        trim_scale((p_missing ->> 'have')::numeric) AS have, trim_scale((p_missing ->> 'need')::numeric) AS need
    )
    SELECT CASE
        -- No count: there is none of it.
        WHEN s.need = 1 THEN CASE p_language WHEN 'ru' THEN 'Не хватает: ' ELSE 'Missing: ' END || s.what || '.'
        ELSE upper(left(s.what, 1)) || substr(s.what, 2) || format(
          CASE p_language WHEN 'ru' THEN ': есть %s, нужно не меньше %s.' ELSE ': %s so far, at least %s are needed.' END,
          app_schema.format_number(s.have, scale(s.have), p_language), app_schema.format_number(s.need, scale(s.need), p_language))
      END
    FROM said s
  );
END
$_$;

ALTER FUNCTION app_schema.describe_missing(p_missing jsonb, p_language text) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.describe_missing(p_missing jsonb, p_language text) IS 'One of explanation.missing, {what, have, need}, as a sentence';

CREATE FUNCTION app_schema.describe_purchases(p_explanation jsonb, p_as_of date, p_currency text, p_language text) RETURNS SETOF text
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $$
BEGIN
  RETURN QUERY
    WITH story AS (
      SELECT p_language = 'ru' AS ru, app_schema.format_money(t.revenue, p_currency, p_language) AS revenue,
        app_schema.count_words(t.orders, 'order|orders|заказ|заказа|заказов', p_language) AS orders,
        to_char(p_as_of - t.first::integer, CASE p_language WHEN 'ru' THEN 'DD.MM.YYYY' ELSE 'YYYY-MM-DD' END) AS since,
        app_schema.days_ago(t.last, p_language) AS ago, t.first = t.last AS on_one_day,
        -- One gap is no rhythm.
        CASE WHEN t.repeats > 1 THEN app_schema.count_words((t.first - t.last) / t.repeats, 'day|days|день|дня|дней', p_language) END AS gap,
        CASE WHEN t.repeats > 1 THEN app_schema.format_probability(t.alive, p_language) END AS alive
      FROM (
        SELECT (p_explanation ->> 'historic_revenue')::numeric, (p_explanation ->> 'orders')::numeric,
          (p_explanation ->> 'days_since_first_purchase')::numeric, (p_explanation ->> 'days_since_last_purchase')::numeric,
          (p_explanation ->> 'repeat_purchase_days')::numeric, (p_explanation ->> 'probability_alive')::numeric
      ) t (revenue, orders, first, last, repeats, alive)
    )
    SELECT CASE
      WHEN s.on_one_day THEN format(
        CASE WHEN s.ru THEN 'Покупки принесли %s: %s %s, %s.' ELSE 'Has brought %s in %s on %s, %s.' END, s.revenue, s.orders, s.since, s.ago)
      ELSE format(
        CASE WHEN s.ru THEN 'Покупки принесли %s: %s с %s%s, последний раз %s.' ELSE 'Has brought %s in %s since %s%s, the last time %s.' END,
        s.revenue, s.orders, s.since,
        coalesce(CASE WHEN s.ru THEN ', в среднем раз в ' ELSE ', on average every ' END || s.gap, ''), s.ago)
    END
    FROM story s WHERE num_nulls(s.revenue, s.orders, s.since, s.ago) = 0
    UNION ALL
    SELECT format(
      CASE WHEN s.ru THEN 'Судя по этому ритму, остаётся покупателем с вероятностью %s.' ELSE 'By this rhythm, still a customer with a probability of %s.' END,
      s.alive)
    FROM story s WHERE s.alive IS NOT NULL;
END
$$;

ALTER FUNCTION app_schema.describe_purchases(p_explanation jsonb, p_as_of date, p_currency text, p_language text) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.describe_purchases(p_explanation jsonb, p_as_of date, p_currency text, p_language text) IS 'What a customer bought, since when, how often and how long ago, from explanation; p_as_of is the day from which its days count back';

CREATE FUNCTION app_schema.describe_reasons(p_because jsonb, p_is_churn boolean, p_currency text, p_language text) RETURNS TABLE(kind text, feature text, value numeric, effect double precision, text text)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $$
BEGIN
  RETURN QUERY
    SELECT CASE WHEN e.effect > 0 THEN 'for' ELSE 'against' END, r.reason ->> 'feature', (e.reason ->> 'value')::numeric, e.effect,
      CASE p_language
        WHEN 'ru' THEN CASE e.strength WHEN 2 THEN 'Сильно ' WHEN 1 THEN 'Заметно ' ELSE 'Немного ' END
          || CASE WHEN e.effect > 0 THEN 'повышает: ' ELSE 'снижает: ' END
        ELSE CASE WHEN e.effect > 0 THEN 'Raises it ' ELSE 'Lowers it ' END
          || CASE e.strength WHEN 2 THEN 'strongly: ' WHEN 1 THEN 'somewhat: ' ELSE 'slightly: ' END
      END || app_schema.describe_feature(e.reason, p_currency, p_language) || '.'
    FROM jsonb_array_elements(p_because) WITH ORDINALITY r (reason, place)
    CROSS JOIN LATERAL (SELECT (r.reason ->> 'effect')::double precision) p (effect)
    -- Stored is what speaks for a purchase; churn is that there is none.
    CROSS JOIN LATERAL (
      SELECT CASE WHEN p_is_churn THEN -p.effect ELSE p.effect END,
        -- In log-odds: from .7 on the odds double or halve, from .3 on they change by a third or more.
        CASE WHEN abs(p.effect) >= 0.7 THEN 2 WHEN abs(p.effect) >= 0.3 THEN 1 ELSE 0 END,
        CASE
          WHEN p_is_churn AND r.reason ->> 'feature' = 'purchase_model' AND r.reason ->> 'value' IS NOT NULL
            THEN jsonb_set(r.reason, '{value}', to_jsonb(1 - (r.reason ->> 'value')::numeric))
          ELSE r.reason
        END
    ) e (effect, strength, reason)
    ORDER BY r.place;
END
$$;

ALTER FUNCTION app_schema.describe_reasons(p_because jsonb, p_is_churn boolean, p_currency text, p_language text) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.describe_reasons(p_because jsonb, p_is_churn boolean, p_currency text, p_language text) IS 'explanation.purchase_because or no_churn_because in words, strongest first: for raises the probability (of churn where p_is_churn), effect is in log-odds before calibration';

CREATE FUNCTION app_schema.describe_score(p_score text, p_status text, p_value text, p_within text, p_language text) RETURNS text
    LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
    AS $_$
BEGIN
  RETURN (
    SELECT format(CASE p_language WHEN 'ru' THEN w.ru ELSE w.en END, p_value, ' ' || p_within)
    FROM (VALUES
      ('segment', 'ok', '%1$s', '%1$s'),
      ('segment', 'never_bought', 'No segment before the first purchase.', 'До первой покупки сегмента нет.'),
      ('segment', 'not_scored', 'No segment yet.', 'Сегмента пока нет.'),
      ('ltv', 'ok', 'Is worth %1$s, counting what came so far and what we expect%2$s.', 'Ценность (LTV) — %1$s: уже полученное и ожидаемое%2$s.'),
      ('ltv', 'insufficient_data', 'No lifetime value yet: too little data.', 'Ценность (LTV) пока не посчитать: мало данных.'),
      ('ltv', 'never_bought', 'No lifetime value before the first purchase.', 'До первой покупки ценности (LTV) нет.'),
      ('ltv', 'not_scored', 'No lifetime value yet.', 'Ценности (LTV) пока нет.'),
      ('purchase', 'ok', 'Will buy%2$s with a probability of %1$s.', 'Купит%2$s с вероятностью %1$s.'),
      ('purchase', 'first', 'Will make a first purchase%2$s with a probability of %1$s.', 'Сделает первую покупку%2$s с вероятностью %1$s.'),
      ('purchase', 'insufficient_data', 'No probability of a purchase yet: too little data.', 'Вероятность покупки пока не посчитать: мало данных.'),
      ('purchase', 'not_scored', 'No probability of a purchase yet.', 'Вероятности покупки пока нет.'),
      ('churn', 'ok', 'Will buy nothing%2$s with a probability of %1$s.', 'Ничего не купит%2$s с вероятностью %1$s.'),
      ('churn', 'insufficient_data', 'No probability of churn yet: too little data.', 'Вероятность оттока пока не посчитать: мало данных.'),
      ('churn', 'never_bought', 'No churn before the first purchase.', 'До первой покупки об оттоке говорить рано.'),
      ('churn', 'not_scored', 'No probability of churn yet.', 'Вероятности оттока пока нет.')
    ) w (score, status, en, ru)
    WHERE w.score = p_score AND w.status = p_status
  );
END
$_$;

ALTER FUNCTION app_schema.describe_score(p_score text, p_status text, p_value text, p_within text, p_language text) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.describe_score(p_score text, p_status text, p_value text, p_within text, p_language text) IS 'One score in a sentence by its status; first is the probability of a visitor''s first purchase, p_within the horizon in words';

CREATE FUNCTION app_schema.diversify(p_model_run_id bigint, p_ids integer[], p_scores double precision[], p_categories text[], p_limit integer, p_diversity double precision) RETURNS integer[]
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $$
DECLARE
  v_count integer := cardinality(p_ids);
  v_relevance double precision[];
  v_likeness double precision[] := array_fill(0::double precision, ARRAY[cardinality(p_ids)]);
  v_left boolean[] := array_fill(true, ARRAY[cardinality(p_ids)]);
  v_order integer[] := '{}';
  v_best integer;
  v_best_value double precision;
  v_value double precision;
  v_ids integer[];
  v_weights real[];
  v_at integer;
BEGIN
  v_relevance := ARRAY(
    SELECT coalesce((u.score - min(u.score) OVER ()) / nullif(max(u.score) OVER () - min(u.score) OVER (), 0), 1)
    FROM unnest(p_scores) WITH ORDINALITY u (score, place) ORDER BY u.place
  );
  WHILE cardinality(v_order) < least(p_limit, v_count) LOOP
    v_best := NULL;
    FOR i IN 1 .. v_count LOOP
      CONTINUE WHEN NOT v_left[i];
      v_value := (1 - p_diversity) * v_relevance[i] - p_diversity * v_likeness[i];
      IF v_best IS NULL OR v_value > v_best_value THEN
        v_best := i;
        v_best_value := v_value;
      END IF;
    END LOOP;
    v_order := v_order || v_best;
    v_left[v_best] := false;
    SELECT n.neighbour_ids, n.weights INTO v_ids, v_weights
    FROM app_schema.product_neighbours n WHERE n.model_run_id = p_model_run_id AND n.product_id = p_ids[v_best];
    FOR i IN 1 .. v_count LOOP
      CONTINUE WHEN NOT v_left[i];
      v_at := array_position(v_ids, p_ids[i]);
      v_likeness[i] := greatest(
        v_likeness[i], CASE WHEN p_categories[i] = p_categories[v_best] THEN 0.5 ELSE 0 END,
        -- Lists are in the order of their weights: the first is what is most like it.
        CASE WHEN v_at IS NOT NULL AND v_weights[1] > 0 THEN v_weights[v_at] / v_weights[1] ELSE 0 END
      );
    END LOOP;
  END LOOP;
  RETURN v_order;
END
$$;

ALTER FUNCTION app_schema.diversify(p_model_run_id bigint, p_ids integer[], p_scores double precision[], p_categories text[], p_limit integer, p_diversity double precision) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.diversify(p_model_run_id bigint, p_ids integer[], p_scores double precision[], p_categories text[], p_limit integer, p_diversity double precision) IS 'Maximal marginal relevance (Carbonell & Goldstein 1998): places in p_ids, next always the one with the largest (1 - d) relevance - d likeness to what stands higher; likeness is the weight between the two, at least 0.5 within a category. Cost: p_limit times candidates';

CREATE FUNCTION app_schema.end_of_as_of(p_as_of text) RETURNS timestamp with time zone
    LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
    AS $_$
BEGIN
  IF p_as_of ~ '^\d{4}-\d{2}-\d{2}$' THEN
    RETURN app_schema.day_start(p_as_of::date + 1);
  ELSIF p_as_of ~ '^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}(:?\d{2})?)$' THEN
    RETURN p_as_of::timestamptz;
  ELSIF p_as_of ~ '^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2}(\.\d+)?)?$' THEN
    RETURN p_as_of::timestamp AT TIME ZONE (SELECT s.time_zone FROM app_schema.settings s);
  END IF;
  RAISE EXCEPTION 'as_of must be a day (2024-01-31) or a moment (2024-01-31T12:00:00Z), not "%"', p_as_of USING ERRCODE = 'CA002';
END
$_$;

ALTER FUNCTION app_schema.end_of_as_of(p_as_of text) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.end_of_as_of(p_as_of text) IS 'The moment before which events count: a bare day counts whole, a moment without an offset is of the shop''s time zone, never of the session''s';

CREATE FUNCTION app_schema.event_revenue(p_event_type text, p_properties jsonb) RETURNS numeric
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
      SELECT CASE p_event_type WHEN 'purchase' THEN 1 WHEN 'refund' THEN -1 END
        * CASE
            WHEN jsonb_typeof(p_properties -> 'amount') = 'number' THEN (p_properties ->> 'amount')::numeric
            WHEN jsonb_typeof(p_properties -> 'unit_price') = 'number'
              THEN CASE WHEN jsonb_typeof(p_properties -> 'quantity') = 'number' THEN (p_properties ->> 'quantity')::numeric ELSE 1 END
                * (p_properties ->> 'unit_price')::numeric
          END
    $$;

ALTER FUNCTION app_schema.event_revenue(p_event_type text, p_properties jsonb) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.event_revenue(p_event_type text, p_properties jsonb) IS 'Revenue of one event: properties.amount, else quantity (1 unless given) x unit_price; a refund counts negative; NULL where the event moves no money';

CREATE FUNCTION app_schema.explain_user(p_user_id integer, p_language text DEFAULT 'en'::text) RETURNS TABLE(line integer, score text, status text, kind text, value numeric, feature text, effect double precision, text text)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $$
DECLARE
  v_language text := coalesce(p_language, 'en');
BEGIN
  IF v_language NOT IN ('en', 'ru') THEN
    RAISE EXCEPTION 'language must be en or ru, not "%"', v_language USING ERRCODE = 'CA002';
  END IF;
  RETURN QUERY
    WITH customer AS (
      SELECT u.*, z.currency, r.evaluation, r.parameters -> 'ltv' AS ltv_parameters, r.parameters #>> '{churn,chosen}' AS churn_chosen,
        r.parameters #>> '{purchase,chosen}' AS purchase_chosen, ((u.as_of - interval '1 microsecond') AT TIME ZONE z.time_zone)::date AS as_of_day,
        CASE v_language WHEN 'ru' THEN concat_ws('. ', g.name_ru, nullif(g.description_ru, '')) ELSE concat_ws('. ', g.name_en, nullif(g.description_en, '')) END
          AS segment,
        CASE u.ltv_status WHEN 'never_bought' THEN 'firstPurchase' ELSE 'purchase' END AS purchase_key
      FROM app_schema.get_user(p_user_id) u
      CROSS JOIN app_schema.settings z
      LEFT JOIN app_schema.segments g ON g.code = u.segment_code
      LEFT JOIN app_schema.user_score_details d ON d.user_id = u.user_id
      LEFT JOIN app_schema.model_runs r ON r.model_run_id = d.model_run_id
    ), scores AS (
      SELECT 1 AS section, 'segment' AS score,
        CASE WHEN c.segment <> '' THEN 'ok' WHEN c.ltv_status = 'never_bought' THEN 'never_bought' ELSE 'not_scored' END AS status,
        NULL::numeric AS value, c.segment AS shown, NULL::numeric AS horizon, NULL::jsonb AS because, NULL::text AS chosen
      FROM customer c
      UNION ALL
      SELECT 2, 'ltv', c.ltv_status, c.ltv, app_schema.format_money(c.ltv, c.currency, v_language),
        (c.ltv_parameters ->> 'horizonDays')::numeric, NULL, NULL
      FROM customer c
      UNION ALL
      -- The column's name says 30 days; what the run says counts more.
      SELECT 3, 'purchase', c.purchase_status, c.purchase_probability_30d::numeric,
        app_schema.format_probability(c.purchase_probability_30d::numeric, v_language),
        coalesce((c.evaluation -> c.purchase_key ->> 'horizonDays')::numeric, 30), c.explanation -> 'purchase_because',
        c.purchase_chosen
      FROM customer c
      UNION ALL
      SELECT 4, 'churn', c.churn_status, c.churn_probability::numeric, app_schema.format_probability(c.churn_probability::numeric, v_language),
        (c.evaluation #>> '{churn,horizonDays}')::numeric, c.explanation -> 'no_churn_because', c.churn_chosen
      FROM customer c
    ), sentences AS (
      SELECT 0 AS section, 0 AS place, 0::bigint AS nth, NULL AS score, 'fact' AS kind, NULL::numeric AS value, NULL AS feature, NULL::double precision AS effect,
        CASE
          WHEN c.as_of_day IS NULL THEN app_schema.describe_absence(c.user_id, v_language)
          WHEN v_language = 'ru' THEN format('По данным на %s, дни отсчитаны от этой даты.', to_char(c.as_of_day, 'DD.MM.YYYY'))
          ELSE format('As of %s; days count back from there.', to_char(c.as_of_day, 'YYYY-MM-DD'))
        END AS text
      FROM customer c
      UNION ALL
      SELECT s.section, 0, 0, s.score, 'summary', s.value, NULL, NULL, app_schema.describe_score(
        s.score, CASE WHEN s.score = 'purchase' AND s.status = 'ok' AND c.ltv_status = 'never_bought' THEN 'first' ELSE s.status END, s.shown,
        coalesce(app_schema.within_days(s.horizon, v_language),
          CASE WHEN s.score = 'churn' THEN CASE v_language WHEN 'ru' THEN 'за срок оттока' ELSE 'within the churn horizon' END END), v_language)
      FROM scores s CROSS JOIN customer c
      UNION ALL
      SELECT 2, 1, p.nth, 'ltv', 'fact', NULL, NULL, NULL, p.words
      FROM customer c
      CROSS JOIN app_schema.describe_purchases(c.explanation, c.as_of_day, c.currency, v_language) WITH ORDINALITY p (words, nth)
      WHERE c.ltv_status <> 'never_bought'
      UNION ALL
      SELECT 2, 2, f.nth, 'ltv', 'fact', NULL, NULL, NULL, f.words
      FROM customer c
      CROSS JOIN app_schema.describe_forecast(c.explanation, c.ltv_parameters, c.currency, v_language) WITH ORDINALITY f (words, nth)
      WHERE c.ltv_status = 'ok'
      UNION ALL
      SELECT 3, 1, 0, 'purchase', 'fact', NULL, NULL, NULL, format(
        CASE v_language WHEN 'ru' THEN 'Ещё ничего не куплено; первая активность %s, последняя %s.' ELSE 'Nothing bought yet; first seen %s, last seen %s.' END,
        app_schema.days_ago((c.explanation ->> 'days_since_first_seen')::numeric, v_language),
        app_schema.days_ago((c.explanation ->> 'days_since_last_seen')::numeric, v_language))
      FROM customer c WHERE c.explanation ?& ARRAY['days_since_first_seen', 'days_since_last_seen']
      UNION ALL
      SELECT s.section, 2, b.nth, s.score, b.kind, b.value, b.feature, b.effect, b.words
      FROM scores s
      CROSS JOIN customer c
      CROSS JOIN app_schema.describe_reasons(s.because, s.score = 'churn', c.currency, v_language)
        WITH ORDINALITY b (kind, feature, value, effect, words, nth)
      WHERE s.status = 'ok'
      UNION ALL
      SELECT s.section, 2, 0, s.score, 'fact', NULL, NULL, NULL, CASE
          WHEN s.because IS NULL THEN app_schema.describe_basis(c.explanation, s.chosen, v_language)
          WHEN v_language = 'ru' THEN 'Ничто не отличает от среднего покупателя настолько, чтобы об этом говорить.'
          ELSE 'Nothing sets this customer apart enough to speak of.'
        END
      FROM scores s CROSS JOIN customer c
      WHERE s.status = 'ok' AND s.section > 2 AND coalesce(s.because, '[]') = '[]'
      UNION ALL
      SELECT s.section, 3, m.nth, s.score, 'missing', (m.missing ->> 'have')::numeric, NULL, NULL, app_schema.describe_missing(m.missing, v_language)
      FROM scores s CROSS JOIN customer c CROSS JOIN jsonb_array_elements(c.explanation -> 'missing' -> s.score) WITH ORDINALITY m (missing, nth)
    )
    SELECT (row_number() OVER (ORDER BY t.section, t.place, t.nth))::integer, t.score, s.status, t.kind, t.value, t.feature, t.effect, t.text
    FROM sentences t LEFT JOIN scores s ON s.score = t.score
    WHERE t.text IS NOT NULL
    ORDER BY 1;
END
$$;

ALTER FUNCTION app_schema.explain_user(p_user_id integer, p_language text) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.explain_user(p_user_id integer, p_language text) IS 'A customer''s scores and why they are so, in sentences to read from top to bottom (p_language en or ru). kind: summary (value is the score), fact, for and against (what raised and lowered it: feature, the customer''s value of it, effect in log-odds before calibration), missing. No row for an unknown customer';

CREATE FUNCTION app_schema.feature_words() RETURNS TABLE(feature text, unit text, forms text, words_en text, words_ru text, zero_en text, zero_ru text, none_en text, none_ru text, name_en text, name_ru text)
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
  VALUES
    ('purchase_model', 'probability', NULL, 'by the purchases alone it would be {}', 'по одним только покупкам было бы {}', NULL, NULL, NULL, NULL,
      'the rhythm of the purchases', 'ритм покупок'),
    ('since_last_purchase', 'ago', NULL, 'last bought {}', 'последняя покупка {}', NULL, NULL, NULL, NULL,
      'the time since the last purchase', 'время с последней покупки'),
    ('overdue', 'ratio', NULL, '{} times the usual gap has passed since the last purchase', 'с последней покупки прошло {} обычного промежутка',
      'bought today', 'покупка сегодня', 'bought on one day only, no usual gap yet', 'покупки были лишь в один день, обычного промежутка ещё нет',
      'the last purchase against the usual gap', 'последняя покупка в сравнении с обычным промежутком'),
    ('usual_gap', 'count', 'day|days|день|дня|дней', 'usually {} between purchases', 'обычно {} между покупками', NULL, NULL,
      'bought on one day only, no usual gap yet', 'покупки были лишь в один день, обычного промежутка ещё нет',
      'the usual gap between purchases', 'обычный промежуток между покупками'),
    ('gap_deviation_days', 'count', 'day|days|день|дня|дней', 'gaps between purchases vary by {}', 'промежутки между покупками расходятся на {}',
      'even gaps between purchases', 'ровные промежутки между покупками',
      'no gaps between purchases to compare', 'промежутков между покупками для сравнения нет',
      'how even the gaps between purchases are', 'равномерность покупок'),
    ('order_value', 'money', NULL, 'average order {}', 'средний чек {}', NULL, NULL, NULL, NULL, 'the average order', 'средний чек'),
    ('frequency', 'count', 'repeat purchase|repeat purchases|повторная покупка|повторные покупки|повторных покупок', '{}', '{}',
      'no repeat purchases', 'ни одной повторной покупки', NULL, NULL, 'the number of repeat purchases', 'число повторных покупок'),
    ('t_days', 'ago', NULL, 'first bought {}', 'первая покупка {}', NULL, NULL, NULL, NULL,
      'the time since the first purchase', 'время с первой покупки'),
    ('orders', 'count', 'order|orders|заказ|заказа|заказов', '{}', '{}', 'no orders', 'ни одного заказа', NULL, NULL,
      'the number of orders', 'число заказов'),
    ('refund_events', 'count', 'refund|refunds|возврат|возврата|возвратов', '{}', '{}', 'no refunds', 'ни одного возврата', NULL, NULL,
      'the number of refunds', 'число возвратов'),
    ('tenure_days', 'ago', NULL, 'first seen {}', 'первая активность {}', NULL, NULL, NULL, NULL,
      'the time since the first visit', 'время с первой активности'),
    ('inactive_days', 'ago', NULL, 'last seen {}', 'последняя активность {}', NULL, NULL, NULL, NULL,
      'the time since the last visit', 'время с последней активности'),
    ('season_days_30', 'count', 'purchase day|purchase days|день с покупками|дня с покупками|дней с покупками',
      '{} in the 30 days after this date last year', '{} за 30 дней после этой даты год назад',
      'no purchases in the 30 days after this date last year', 'ни одной покупки за 30 дней после этой даты год назад', NULL, NULL,
      'purchases at this time last year', 'покупки в это же время год назад'),
    ('season_days_90', 'count', 'purchase day|purchase days|день с покупками|дня с покупками|дней с покупками',
      '{} in the 90 days after this date last year', '{} за 90 дней после этой даты год назад',
      'no purchases in the 90 days after this date last year', 'ни одной покупки за 90 дней после этой даты год назад', NULL, NULL,
      'purchases in this season last year', 'покупки в этот же сезон год назад'),
    -- From here on within a window of days that ends the feature's name: views_30.
    ('purchase_days', 'count', 'purchase day|purchase days|день с покупками|дня с покупками|дней с покупками', '{}', '{}',
      'no purchases', 'ни одной покупки', NULL, NULL, 'the number of purchase days', 'число дней с покупками'),
    ('active_days', 'count', 'active day|active days|активный день|активных дня|активных дней', '{}', '{}',
      'no active days', 'ни одного активного дня', NULL, NULL, 'the number of active days', 'число активных дней'),
    ('views', 'count', 'view|views|просмотр|просмотра|просмотров', '{}', '{}', 'no views', 'ни одного просмотра', NULL, NULL,
      'the number of views', 'число просмотров'),
    ('carts', 'count', 'cart addition|cart additions|добавление в корзину|добавления в корзину|добавлений в корзину', '{}', '{}',
      'nothing put into the cart', 'ничего не добавлено в корзину', NULL, NULL, 'the number of cart additions', 'число добавлений в корзину'),
    ('bot_events', 'count', 'bot command|bot commands|команда боту|команды боту|команд боту', '{}', '{}',
      'no bot commands', 'ни одной команды боту', NULL, NULL, 'the number of bot commands', 'число команд боту')
$$;

ALTER FUNCTION app_schema.feature_words() OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.feature_words() IS 'How people speak of what moved a probability: {} in words_… is the customer''s own value; zero_… stands for 0, none_… where the customer has no value, name_… where it is not known';

CREATE FUNCTION app_schema.find_recommendable(p_product_id integer, p_category character varying, p_min_price numeric, p_max_price numeric, p_in_stock boolean, p_has_includes boolean, p_has_excludes boolean, p_language text) RETURNS TABLE(name character varying, category character varying, price numeric)
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
  SELECT CASE p_language WHEN 'ru' THEN coalesce(p.attributes ->> 'name_ru', p.name) ELSE p.name END, p.category, p.price
  FROM app_schema.products p
  WHERE p.product_id = p_product_id AND p.is_merchandise AND NOT p.is_hidden AND (NOT p_in_stock OR coalesce(p.stock, 1) > 0)
    AND (p_category IS NULL OR p.category = p_category)
    AND (p_min_price IS NULL OR p.price >= p_min_price) AND (p_max_price IS NULL OR p.price <= p_max_price)
    AND (NOT p_has_excludes OR NOT EXISTS (
      SELECT FROM app_schema.recommendation_rules r
      WHERE r.action = 'exclude' AND (r.product_id IS NULL OR r.product_id = p.product_id) AND (r.category IS NULL OR r.category = p.category)
        AND (r.min_price IS NULL OR p.price >= r.min_price) AND (r.max_price IS NULL OR p.price <= r.max_price)
    ))
    AND (NOT p_has_includes OR EXISTS (
      SELECT FROM app_schema.recommendation_rules r
      WHERE r.action = 'include' AND (r.product_id IS NULL OR r.product_id = p.product_id) AND (r.category IS NULL OR r.category = p.category)
        AND (r.min_price IS NULL OR p.price >= r.min_price) AND (r.max_price IS NULL OR p.price <= r.max_price)
    ))
  OFFSET 0
$$;

ALTER FUNCTION app_schema.find_recommendable(p_product_id integer, p_category character varying, p_min_price numeric, p_max_price numeric, p_in_stock boolean, p_has_includes boolean, p_has_excludes boolean, p_language text) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.find_recommendable(p_product_id integer, p_category character varying, p_min_price numeric, p_max_price numeric, p_in_stock boolean, p_has_includes boolean, p_has_excludes boolean, p_language text) IS 'The product where it may be recommended now: merchandise, not hidden, in stock, within the asked category and prices and the rules of the shop; else no row. Its name in the language asked for';

CREATE FUNCTION app_schema.find_users(p_filters jsonb DEFAULT '{}'::jsonb, p_sort text DEFAULT 'user_id'::text, p_descending boolean DEFAULT false, p_limit integer DEFAULT 50, p_after jsonb DEFAULT NULL::jsonb) RETURNS TABLE(user_id integer, telegram_id bigint, username character varying, first_name character varying, last_name character varying, registration_date timestamp with time zone, segment_code text, segment_name_en text, segment_name_ru text, ltv numeric, churn_probability real, purchase_probability_30d real, last_updated timestamp with time zone, sort_value text)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $_$
DECLARE
  -- What may be asked, and the condition that it becomes: only what was asked stands in the statement, so that each question gets its own plan.
  c_conditions CONSTANT jsonb := jsonb_build_object(
    'segment', 's.code = $1 ->> ''segment''',
    'min_ltv', 'm.ltv >= ($1 ->> ''min_ltv'')::numeric',
    'max_ltv', 'm.ltv <= ($1 ->> ''max_ltv'')::numeric',
    'min_churn_probability', 'm.churn_probability >= ($1 ->> ''min_churn_probability'')::real',
    'max_churn_probability', 'm.churn_probability <= ($1 ->> ''max_churn_probability'')::real',
    'min_purchase_probability_30d', 'm.purchase_probability_30d >= ($1 ->> ''min_purchase_probability_30d'')::real',
    'max_purchase_probability_30d', 'm.purchase_probability_30d <= ($1 ->> ''max_purchase_probability_30d'')::real',
    'active_since', 'EXISTS (SELECT FROM app_schema.events e WHERE e.user_id = u.user_id AND e.event_timestamp >= ($1 ->> ''active_since'')::timestamptz)',
    'inactive_since', 'NOT EXISTS (SELECT FROM app_schema.events e WHERE e.user_id = u.user_id AND e.event_timestamp >= ($1 ->> ''inactive_since'')::timestamptz)',
    'profile', 'u.profile_data @> ($1 -> ''profile'')',
    'search', '(%s OR u.user_id = ANY ($5))');
  c_sorts CONSTANT jsonb := jsonb_build_object('user_id', 'u.user_id', 'registration_date', 'u.registration_date', 'ltv', 'm.ltv',
    'churn_probability', 'm.churn_probability', 'purchase_probability_30d', 'm.purchase_probability_30d', 'last_updated', 'm.last_updated');
  c_types CONSTANT jsonb := jsonb_build_object('user_id', 'integer', 'registration_date', 'timestamptz', 'ltv', 'numeric',
    'churn_probability', 'real', 'purchase_probability_30d', 'real', 'last_updated', 'timestamptz');
  v_column text := c_sorts ->> p_sort;
  -- Of the table that the column is of, so that one index has both.
  v_id text := split_part(v_column, '.', 1) || '.user_id';
  v_direction text := CASE WHEN p_descending THEN 'DESC' ELSE 'ASC' END;
  v_conditions text[] := '{}';
  v_patterns text[];
  v_search text := btrim(p_filters ->> 'search');
  v_ids integer[];
  v_select text;
  v_unknown text;
  v_found integer := 0;
BEGIN
  PERFORM app_schema.check_limit(p_limit);
  IF v_column IS NULL THEN
    RAISE EXCEPTION 'customers cannot be sorted by "%"', p_sort USING ERRCODE = 'CA002',
      HINT = 'Choose user_id, registration_date, ltv, churn_probability, purchase_probability_30d or last_updated.';
  END IF;
  SELECT string_agg(k, ', ' ORDER BY k) INTO v_unknown FROM jsonb_object_keys(p_filters) k WHERE NOT c_conditions ? k;
  IF v_unknown IS NOT NULL THEN
    RAISE EXCEPTION 'there is no filter %', v_unknown USING ERRCODE = 'CA002',
      HINT = (SELECT 'Choose of ' || string_agg(k, ', ' ORDER BY k) || '.' FROM jsonb_object_keys(c_conditions) k);
  END IF;
  IF p_filters ? 'segment' AND NOT EXISTS (SELECT FROM app_schema.segments s WHERE s.code = p_filters ->> 'segment') THEN
    RAISE EXCEPTION 'there is no segment "%"', p_filters ->> 'segment'
      USING ERRCODE = 'CA002', HINT = 'SELECT * FROM app_schema.list_segments() shows the codes; before the first scoring there are none.';
  END IF;
  SELECT coalesce(array_agg(c_conditions ->> k), '{}') INTO v_conditions FROM jsonb_object_keys(p_filters - 'search') k;
  IF p_filters ? 'search' THEN
    -- Each word begins a first name, a last name or a user name (as "ann arch"); or the whole is an id. Plain conditions, so that PostgreSQL may go by the
    -- index of a rare word, or by user_id where a word is common: of 143,000 who are called Ann it took 600 ms to gather all, and a page needs 50.
    v_patterns := ARRAY(
      SELECT regexp_replace(lower(w), '([\\%_])', '\\\1', 'g') || '%'
      FROM regexp_split_to_table(ltrim(v_search, '@'), '\s+') WITH ORDINALITY AS t (w, n) WHERE w <> '' ORDER BY n LIMIT 5);
    v_ids := ARRAY(SELECT i.user_id FROM app_schema.user_identities i WHERE i.external_id = v_search);
    IF v_search ~ '^-?\d{1,18}$' THEN
      v_ids := v_ids || ARRAY(
        SELECT x.user_id FROM app_schema.users x WHERE x.telegram_id = v_search::bigint
        UNION SELECT x.user_id FROM app_schema.users x WHERE x.user_id = v_search::bigint);
    END IF;
    v_conditions := v_conditions || format(c_conditions ->> 'search', coalesce(
      (SELECT '(' || string_agg(format(
        '(lower(u.first_name) LIKE ($2)[%1$s] OR lower(u.last_name) LIKE ($2)[%1$s] OR lower(u.username) LIKE ($2)[%1$s])', n), ' AND ') || ')'
       FROM generate_series(1, cardinality(v_patterns)) n), 'false'));
  END IF;
  v_select := 'SELECT u.user_id, u.telegram_id, u.username, u.first_name, u.last_name, u.registration_date, s.code, s.name_en, s.name_ru, m.ltv,
       m.churn_probability, m.purchase_probability_30d, m.last_updated, (' || v_column || ')::text
     FROM app_schema.users u
     LEFT JOIN app_schema.user_metrics m ON m.user_id = u.user_id
     LEFT JOIN app_schema.segments s ON s.segment_id = m.segment_id
     WHERE ' || array_to_string(ARRAY['true'] || v_conditions, ' AND ');
  IF p_sort = 'user_id' THEN
    RETURN QUERY EXECUTE v_select
      || CASE WHEN p_after IS NULL THEN '' ELSE format(' AND u.user_id %s ($3 ->> ''user_id'')::integer', CASE WHEN p_descending THEN '<' ELSE '>' END) END
      || format(' ORDER BY u.user_id %s LIMIT $4', v_direction)
      USING p_filters, v_patterns, p_after, p_limit, v_ids;
    RETURN;
  END IF;
  -- First those who have a value, in the order of its index, then, if the page has room, those who have none: in one statement PostgreSQL sorts everybody
  -- for each page (1,000,000 customers: 2 s).
  IF p_after IS NULL OR p_after ->> 'value' IS NOT NULL THEN
    RETURN QUERY EXECUTE v_select || format(' AND %s IS NOT NULL', v_column)
      || CASE WHEN p_after IS NULL THEN '' ELSE format(' AND (%s, %s) %s (($3 ->> ''value'')::%s, ($3 ->> ''user_id'')::integer)',
        v_column, v_id, CASE WHEN p_descending THEN '<' ELSE '>' END, c_types ->> p_sort) END
      || format(' ORDER BY %s %s, %s %2$s LIMIT $4', v_column, v_direction, v_id)
      USING p_filters, v_patterns, p_after, p_limit, v_ids;
    GET DIAGNOSTICS v_found = ROW_COUNT;
  END IF;
  IF v_found < p_limit AND NOT p_filters ?| ARRAY['min_' || p_sort, 'max_' || p_sort] THEN
    RETURN QUERY EXECUTE v_select || format(' AND %s IS NULL', v_column)
      || CASE WHEN p_after IS NULL OR p_after ->> 'value' IS NOT NULL THEN '' ELSE ' AND u.user_id > ($3 ->> ''user_id'')::integer' END
      || ' ORDER BY u.user_id LIMIT $4'
      USING p_filters, v_patterns, p_after, p_limit - v_found, v_ids;
  END IF;
END
$_$;

ALTER FUNCTION app_schema.find_users(p_filters jsonb, p_sort text, p_descending boolean, p_limit integer, p_after jsonb) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.find_users(p_filters jsonb, p_sort text, p_descending boolean, p_limit integer, p_after jsonb) IS 'A page of customers. p_filters: search (beginnings of names, or an id), segment, min_/max_ of ltv, churn_probability and purchase_probability_30d, active_since, inactive_since, profile (contained in profile_data); p_after: {"value": sort_value, "user_id": user_id} of the last row of the page before. sort_value is text, since a client''s numbers and dates may be coarser';

CREATE FUNCTION app_schema.first_whole_day(p_from timestamp with time zone) RETURNS date
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
  SELECT CASE WHEN app_schema.day_start(app_schema.day_of(p_from)) >= p_from THEN 0 ELSE 1 END + app_schema.day_of(p_from)
$$;

ALTER FUNCTION app_schema.first_whole_day(p_from timestamp with time zone) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.first_whole_day(p_from timestamp with time zone) IS 'The first day of the shop that begins at the moment or after it';

CREATE TABLE app_schema.user_days (
    user_id integer NOT NULL,
    day date NOT NULL,
    events integer NOT NULL,
    purchases integer NOT NULL,
    orders integer NOT NULL,
    spend numeric NOT NULL,
    refund_events integer NOT NULL,
    refunds numeric NOT NULL,
    views integer NOT NULL,
    carts integer NOT NULL,
    bot_events integer NOT NULL
);

ALTER TABLE app_schema.user_days OWNER TO customer_analyzer_owner;

COMMENT ON TABLE app_schema.user_days IS 'Events of each customer by day of the shop, as of the last refresh_user_days(); read get_user_days(), which adds what came since';

COMMENT ON COLUMN app_schema.user_days.events IS 'Everything but adjustments, which are corrections of the books and nothing that a customer did';

COMMENT ON COLUMN app_schema.user_days.orders IS 'Distinct orders; purchases counts their lines';

COMMENT ON COLUMN app_schema.user_days.spend IS 'Revenue before refunds';

CREATE FUNCTION app_schema.fold_all_days() RETURNS SETOF app_schema.user_days
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
  SELECT o.user_id, o.day, sum(o.events)::integer, sum(o.purchases)::integer, count(o.order_key)::integer, coalesce(sum(o.spend), 0),
    sum(o.refund_events)::integer, coalesce(sum(o.refunds), 0), sum(o.views)::integer, sum(o.carts)::integer, sum(o.bot_events)::integer
  FROM (
    SELECT f.user_id, f.day, f.order_key, count(*) AS events,
      count(*) FILTER (WHERE f.event_type = 'purchase') AS purchases, sum(f.revenue) FILTER (WHERE f.event_type = 'purchase') AS spend,
      count(*) FILTER (WHERE f.event_type = 'refund') AS refund_events, -sum(f.revenue) FILTER (WHERE f.event_type = 'refund') AS refunds,
      count(*) FILTER (WHERE f.event_type = 'view') AS views, count(*) FILTER (WHERE f.event_type = 'add_to_cart') AS carts,
      count(*) FILTER (WHERE f.event_type = 'bot_command') AS bot_events
    FROM app_schema.event_facts f
    GROUP BY f.user_id, f.day, f.order_key
  ) o
  GROUP BY o.user_id, o.day
$$;

ALTER FUNCTION app_schema.fold_all_days() OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.fold_all_days() IS 'What user_days should hold, from all events';

CREATE FUNCTION app_schema.fold_day(p_user_id integer, p_day date, p_from timestamp with time zone, p_until timestamp with time zone) RETURNS SETOF app_schema.user_days
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
  SELECT f.user_id, f.day, count(*)::integer, (count(*) FILTER (WHERE f.event_type = 'purchase'))::integer,
    count(DISTINCT f.order_key)::integer, coalesce(sum(f.revenue) FILTER (WHERE f.event_type = 'purchase'), 0),
    (count(*) FILTER (WHERE f.event_type = 'refund'))::integer, coalesce(-sum(f.revenue) FILTER (WHERE f.event_type = 'refund'), 0),
    (count(*) FILTER (WHERE f.event_type = 'view'))::integer, (count(*) FILTER (WHERE f.event_type = 'add_to_cart'))::integer,
    (count(*) FILTER (WHERE f.event_type = 'bot_command'))::integer
  FROM app_schema.event_facts f
  WHERE f.user_id = p_user_id AND f.day = p_day
    AND f.event_timestamp >= greatest(p_from, (p_day::timestamp AT TIME ZONE (SELECT s.time_zone FROM app_schema.settings s)) - interval '3 hours')
    AND f.event_timestamp < least(p_until, ((p_day + 1)::timestamp AT TIME ZONE (SELECT s.time_zone FROM app_schema.settings s)) + interval '3 hours')
  GROUP BY f.user_id, f.day
$$;

ALTER FUNCTION app_schema.fold_day(p_user_id integer, p_day date, p_from timestamp with time zone, p_until timestamp with time zone) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.fold_day(p_user_id integer, p_day date, p_from timestamp with time zone, p_until timestamp with time zone) IS 'One customer''s day from the events themselves, of those from p_from up to but not including p_until. No row where there are none';

CREATE FUNCTION app_schema.fold_days_anew() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  -- Days mean something else now: who is writing events noted them by the old zone, and has to end first.
  LOCK TABLE app_schema.events IN SHARE MODE;
  PERFORM app_schema.refresh_user_days(p_rebuild => true);
  RETURN NULL;
END
$$;

ALTER FUNCTION app_schema.fold_days_anew() OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.fold_days_anew() IS 'Trigger: folds all days anew after a change of the shop''s time zone or after TRUNCATE';

CREATE FUNCTION app_schema.format_money(p_amount numeric, p_currency text, p_language text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
  SELECT app_schema.format_number(p_amount, CASE WHEN round(p_amount, 2) % 1 = 0 THEN 0 ELSE 2 END, p_language) || ' ' || p_currency
$$;

ALTER FUNCTION app_schema.format_money(p_amount numeric, p_currency text, p_language text) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.format_money(p_amount numeric, p_currency text, p_language text) IS 'An amount with its currency; whole amounts without decimals';

CREATE FUNCTION app_schema.format_number(p_number numeric, p_decimals integer, p_language text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
  -- Without D and G: the session's lc_numeric never matters. In Russian a blank that does not break the line separates thousands.
  SELECT translate(
    to_char(round(p_number, p_decimals), 'FM999,999,999,999,999,999,990' || CASE WHEN p_decimals > 0 THEN rpad('.', 1 + p_decimals, '0') ELSE '' END),
    ',.', CASE p_language WHEN 'ru' THEN chr(160) || ',' ELSE ',.' END)
$$;

ALTER FUNCTION app_schema.format_number(p_number numeric, p_decimals integer, p_language text) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.format_number(p_number numeric, p_decimals integer, p_language text) IS 'A number as people write it: 1,234.5 in English (en), 1 234,5 in Russian (ru)';

CREATE FUNCTION app_schema.format_probability(p_probability numeric, p_language text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
  -- Nobody knows a customer to a hundredth of a percent, and no forecast is certain.
  SELECT CASE
      WHEN p_probability < 0.0005 THEN CASE p_language WHEN 'ru' THEN 'меньше ' ELSE 'less than ' END
      WHEN p_probability > 0.9995 THEN CASE p_language WHEN 'ru' THEN 'больше ' ELSE 'more than ' END
      ELSE ''
    END
    || app_schema.format_number(
      100 * least(0.999, greatest(0.001, p_probability)), CASE WHEN p_probability BETWEEN 0.0995 AND 0.9 THEN 0 ELSE 1 END, p_language)
    || CASE p_language WHEN 'ru' THEN chr(160) || '%' ELSE '%' END
$$;

ALTER FUNCTION app_schema.format_probability(p_probability numeric, p_language text) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.format_probability(p_probability numeric, p_language text) IS 'A probability in percent, with a decimal near 0 and 1, and never 0 % or 100 %';

CREATE FUNCTION app_schema.get_active_users(p_start_date date, p_end_date date) RETURNS TABLE(user_id integer, telegram_id bigint, username character varying, first_name character varying, last_name character varying, event_count bigint, last_activity timestamp with time zone)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $$
    BEGIN
      PERFORM app_schema.check_period(p_start_date, p_end_date);
      RETURN QUERY
        SELECT u.user_id, u.telegram_id, u.username, u.first_name, u.last_name, a.event_count, a.last_activity
        FROM (
          SELECT e.user_id, count(*) AS event_count, max(e.event_timestamp) AS last_activity
          FROM app_schema.events e
          WHERE e.user_id IS NOT NULL
            AND e.event_timestamp >= app_schema.day_start(p_start_date) AND e.event_timestamp < app_schema.day_start(p_end_date + 1)
          GROUP BY e.user_id
        ) a
        JOIN app_schema.users u ON u.user_id = a.user_id
        ORDER BY a.last_activity DESC, u.user_id;
    END
    $$;

ALTER FUNCTION app_schema.get_active_users(p_start_date date, p_end_date date) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.get_active_users(p_start_date date, p_end_date date) IS 'Customers with an event within the period (whole days of the shop''s time zone, both included), latest first';

CREATE FUNCTION app_schema.get_bought_together(p_product_ids integer[], p_limit integer DEFAULT 10, p_options jsonb DEFAULT '{}'::jsonb) RETURNS TABLE(rank integer, product_id integer, name character varying, category character varying, price numeric, score double precision, reason_code text, reason text, reason_product_id integer, reason_weight double precision, model_run_id bigint)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $$
DECLARE
  v_options app_schema.recommendation_options;
  v_run bigint;
  v_ids integer[] := ARRAY(SELECT DISTINCT u.id FROM unnest(p_product_ids) u (id) WHERE u.id IS NOT NULL ORDER BY 1 LIMIT 200);
BEGIN
  PERFORM app_schema.check_limit(p_limit);
  v_options := app_schema.read_recommendation_options(p_options);
  v_run := coalesce(v_options.model_run_id, app_schema.get_recommender_of());
  IF v_run IS NULL OR v_ids = '{}' THEN
    RETURN;
  END IF;
  -- NULL is the name of no list: what is popular does not fill this one up.
  RETURN QUERY SELECT * FROM app_schema.rank_products(
    'bought_together', v_run, p_limit, v_options, v_ids, array_fill(1::double precision, ARRAY[cardinality(v_ids)]), cardinality(v_ids), NULL,
    array_remove(p_product_ids, NULL), NULL
  );
END
$$;

ALTER FUNCTION app_schema.get_bought_together(p_product_ids integer[], p_limit integer, p_options jsonb) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.get_bought_together(p_product_ids integer[], p_limit integer, p_options jsonb) IS 'What the same customers take beside all of a basket (of its first 200 products by id); nothing else fills the list up. Options as of get_recommendations';

CREATE TABLE app_schema.model_runs (
    model_run_id bigint NOT NULL,
    kind text NOT NULL,
    as_of timestamp with time zone NOT NULL,
    code_version text NOT NULL,
    finished_at timestamp with time zone DEFAULT now() NOT NULL,
    parameters jsonb NOT NULL,
    evaluation jsonb NOT NULL,
    status text DEFAULT 'applied'::text NOT NULL,
    algorithm text,
    model jsonb,
    data_from timestamp with time zone,
    customers integer,
    duration_seconds real,
    CONSTRAINT model_runs_status_check CHECK ((status = ANY (ARRAY['applied'::text, 'promoted'::text, 'challenger'::text, 'retired'::text])))
);

ALTER TABLE app_schema.model_runs OWNER TO customer_analyzer_owner;

COMMENT ON TABLE app_schema.model_runs IS 'The registry: each training (kinds purchase, churn, first_purchase, ltv, segmentation, recommendations) and each application (scoring)';

COMMENT ON COLUMN app_schema.model_runs.as_of IS 'Events at or after this moment were not used';

COMMENT ON COLUMN app_schema.model_runs.parameters IS 'How the model came about: horizon, selection, contest; of scoring which runs were applied';

COMMENT ON COLUMN app_schema.model_runs.evaluation IS 'How it did at an earlier cut-off beside a naive baseline; of scoring also drift';

COMMENT ON COLUMN app_schema.model_runs.status IS 'promoted: applied to moments from its as_of on, until one with a later as_of is promoted; challenger: judged worse, kept for comparison; retired: withdrawn; applied: a run that trained nothing that could be applied again';

COMMENT ON COLUMN app_schema.model_runs.algorithm IS 'What was chosen, such as logistic or bg-nbd';

COMMENT ON COLUMN app_schema.model_runs.model IS 'The fitted model in its stored form, of kinds that are applied from here';

COMMENT ON COLUMN app_schema.model_runs.data_from IS 'The first day with an event that was used; as_of is the end';

COMMENT ON COLUMN app_schema.model_runs.customers IS 'Customers known then';

CREATE FUNCTION app_schema.get_champion(p_kind text, p_as_of timestamp with time zone DEFAULT 'infinity'::timestamp with time zone) RETURNS SETOF app_schema.model_runs
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
  SELECT r.*
  FROM app_schema.model_runs r
  WHERE r.kind = p_kind AND r.status = 'promoted' AND r.as_of <= p_as_of
  ORDER BY r.as_of DESC, r.model_run_id DESC
  LIMIT 1
$$;

ALTER FUNCTION app_schema.get_champion(p_kind text, p_as_of timestamp with time zone) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.get_champion(p_kind text, p_as_of timestamp with time zone) IS 'The model of a kind that is applied at a moment: the promoted one with the latest as_of that knew nothing of what came after the moment';

CREATE FUNCTION app_schema.get_customer_features(p_as_of timestamp with time zone, p_user_ids integer[] DEFAULT NULL::integer[]) RETURNS TABLE(user_id integer, frequency integer, recency_days integer, t_days integer, monetary_value double precision, orders integer, gross_revenue numeric, refunds numeric, purchase_days_30 integer, purchase_days_90 integer, purchase_days_365 integer, gap_mean_days double precision, gap_deviation_days double precision, last_gap_days integer, refund_events integer, tenure_days integer, inactive_days integer, active_days_90 integer, views_7 integer, views_30 integer, views_90 integer, carts_7 integer, carts_30 integer, carts_90 integer, bot_events_30 integer, season_days_30 integer, season_days_90 integer)
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
  WITH behaviour AS (
    SELECT a.user_id,
      max(a.age) AS tenure_days, min(a.age) AS inactive_days, count(*) FILTER (WHERE a.age < 90) AS active_days_90,
      coalesce(sum(a.views) FILTER (WHERE a.age < 7), 0) AS views_7, coalesce(sum(a.views) FILTER (WHERE a.age < 30), 0) AS views_30,
      coalesce(sum(a.views) FILTER (WHERE a.age < 90), 0) AS views_90, coalesce(sum(a.carts) FILTER (WHERE a.age < 7), 0) AS carts_7,
      coalesce(sum(a.carts) FILTER (WHERE a.age < 30), 0) AS carts_30, coalesce(sum(a.carts) FILTER (WHERE a.age < 90), 0) AS carts_90,
      coalesce(sum(a.bot_events) FILTER (WHERE a.age < 30), 0) AS bot_events_30, sum(a.refund_events) AS refund_events,
      count(*) FILTER (WHERE a.purchases > 0 AND a.age < 30) AS purchase_days_30,
      count(*) FILTER (WHERE a.purchases > 0 AND a.age < 90) AS purchase_days_90,
      count(*) FILTER (WHERE a.purchases > 0 AND a.age < 365) AS purchase_days_365,
      -- The days that followed this one a year ago: who buys for one season is seen nowhere else.
      count(*) FILTER (WHERE a.purchases > 0 AND a.age BETWEEN 335 AND 364) AS season_days_30,
      count(*) FILTER (WHERE a.purchases > 0 AND a.age BETWEEN 275 AND 364) AS season_days_90
    FROM (
      SELECT d.*, (SELECT app_schema.day_of(p_as_of - interval '1 microsecond')) - d.day AS age
      FROM app_schema.get_user_days('-infinity', p_as_of, p_user_ids) d
    ) a
    GROUP BY a.user_id
  )
  SELECT b.user_id, c.frequency, c.recency_days, c.t_days, c.monetary_value, c.orders, c.gross_revenue, c.refunds,
    b.purchase_days_30::integer, b.purchase_days_90::integer, b.purchase_days_365::integer, c.gap_mean_days, c.gap_deviation_days,
    c.last_gap_days, b.refund_events::integer, b.tenure_days, b.inactive_days, b.active_days_90::integer, b.views_7::integer,
    b.views_30::integer, b.views_90::integer, b.carts_7::integer, b.carts_30::integer, b.carts_90::integer, b.bot_events_30::integer,
    b.season_days_30::integer, b.season_days_90::integer
  FROM behaviour b
  LEFT JOIN app_schema.get_customer_snapshot(p_as_of, p_user_ids) c ON c.user_id = b.user_id
  ORDER BY b.user_id
$$;

ALTER FUNCTION app_schema.get_customer_features(p_as_of timestamp with time zone, p_user_ids integer[]) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.get_customer_features(p_as_of timestamp with time zone, p_user_ids integer[]) IS 'What the classifiers see of everybody (of p_user_ids, unless it is NULL) who did anything before p_as_of; purchase columns are NULL for who never bought. Days are whole days of the shop, windows end with the day of p_as_of';

CREATE FUNCTION app_schema.get_customer_outcomes(p_from timestamp with time zone, p_until timestamp with time zone) RETURNS TABLE(user_id integer, bought boolean, revenue numeric)
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
  SELECT d.user_id, bool_or(d.purchases > 0), sum(d.spend - d.refunds)
  FROM app_schema.get_user_days(p_from, p_until) d
  WHERE d.purchases > 0 OR d.refund_events > 0
  GROUP BY d.user_id
$$;

ALTER FUNCTION app_schema.get_customer_outcomes(p_from timestamp with time zone, p_until timestamp with time zone) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.get_customer_outcomes(p_from timestamp with time zone, p_until timestamp with time zone) IS 'Who bought or returned something from p_from up to but not including p_until: whether they bought, and their revenue net of refunds';

CREATE FUNCTION app_schema.get_customer_snapshot(p_as_of timestamp with time zone, p_user_ids integer[] DEFAULT NULL::integer[]) RETURNS TABLE(user_id integer, frequency integer, recency_days integer, t_days integer, monetary_value double precision, orders integer, gross_revenue numeric, refunds numeric, gap_mean_days double precision, gap_deviation_days double precision, last_gap_days integer)
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
  WITH steps AS (
    SELECT d.user_id, d.day, d.spend, d.orders, d.day - lag(d.day) OVER by_day AS gap, lead(d.day) OVER by_day IS NULL AS is_last
    FROM app_schema.get_user_days('-infinity', p_as_of, p_user_ids) d
    WHERE d.purchases > 0
    WINDOW by_day AS (PARTITION BY d.user_id ORDER BY d.day)
  ), buyers AS (
    SELECT s.user_id, count(*) AS days, min(s.day) AS first_day, max(s.day) AS last_day, sum(s.spend) AS spend,
      sum(s.spend) FILTER (WHERE s.gap IS NULL) AS first_spend, sum(s.orders) AS orders, avg(s.gap)::double precision AS gap_mean,
      CASE WHEN count(*) > 1 THEN stddev_pop(s.gap)::double precision END AS gap_deviation, sum(s.gap) FILTER (WHERE s.is_last) AS last_gap
    FROM steps s
    GROUP BY s.user_id
  ), returned AS (
    SELECT d.user_id, sum(d.refunds) AS refunds
    FROM app_schema.get_user_days('-infinity', p_as_of, p_user_ids) d
    WHERE d.refund_events > 0
    GROUP BY d.user_id
  )
  SELECT b.user_id, (b.days - 1)::integer, b.last_day - b.first_day, app_schema.day_of(p_as_of - interval '1 microsecond') - b.first_day,
    coalesce(((b.spend - b.first_spend) / nullif(b.days - 1, 0))::double precision, 0), b.orders::integer, b.spend,
    coalesce(r.refunds, 0), b.gap_mean, b.gap_deviation, b.last_gap::integer
  FROM buyers b LEFT JOIN returned r ON r.user_id = b.user_id
  ORDER BY b.user_id
$$;

ALTER FUNCTION app_schema.get_customer_snapshot(p_as_of timestamp with time zone, p_user_ids integer[]) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.get_customer_snapshot(p_as_of timestamp with time zone, p_user_ids integer[]) IS 'What the purchase models see of each customer (of p_user_ids, unless it is NULL) who bought before p_as_of: frequency (repeat purchase days), recency_days and t_days (since the first purchase day, in whole days of the shop), monetary_value (mean spend of a repeat day), orders, revenue before refunds, refunds; gaps between purchase days, NULL for who bought on one';

CREATE FUNCTION app_schema.get_experiment_arm(p_user_id integer, p_name text, p_share real) RETURNS text
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
  -- md5 and not hashint4: PostgreSQL's own hashes may change with its version, and a customer must not change sides by an upgrade.
  SELECT CASE WHEN ('x' || left(md5(p_name || ':' || p_user_id), 8))::bit(32)::bigint < p_share::double precision * 4294967296
    THEN 'treatment' ELSE 'control' END
$$;

ALTER FUNCTION app_schema.get_experiment_arm(p_user_id integer, p_name text, p_share real) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.get_experiment_arm(p_user_id integer, p_name text, p_share real) IS 'treatment or control: by a hash of name and user_id, the same for ever; a larger share moves customers to the treatment only';

CREATE FUNCTION app_schema.get_latest_run(p_kind text DEFAULT 'scoring'::text) RETURNS TABLE(model_run_id bigint, kind text, as_of timestamp with time zone, code_version text, finished_at timestamp with time zone, parameters jsonb, evaluation jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
  SELECT r.model_run_id, r.kind, r.as_of, r.code_version, r.finished_at, r.parameters, r.evaluation
  FROM app_schema.model_runs r
  WHERE r.kind = p_kind
  ORDER BY r.model_run_id DESC
  LIMIT 1
$$;

ALTER FUNCTION app_schema.get_latest_run(p_kind text) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.get_latest_run(p_kind text) IS 'The newest run (scoring or recommendations): parameters and evaluation beside the naive baseline';

CREATE FUNCTION app_schema.get_overview(p_start_date date, p_end_date date) RETURNS TABLE(customers bigint, new_customers bigint, active_customers bigint, buyers bigint, orders bigint, revenue numeric, scored_customers bigint, mean_ltv numeric, mean_churn_probability numeric, mean_purchase_probability_30d numeric)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $$
DECLARE
  v_from timestamptz;
  v_until timestamptz;
BEGIN
  PERFORM app_schema.check_period(p_start_date, p_end_date);
  v_from := app_schema.day_start(p_start_date);
  v_until := app_schema.day_start(p_end_date + 1);
  RETURN QUERY
    SELECT u.customers, u.new_customers, a.active_customers, r.buyers, r.orders, r.revenue, m.scored_customers, m.mean_ltv, m.mean_churn,
      m.mean_purchase
    FROM (
      SELECT count(*) AS customers, count(*) FILTER (WHERE c.registration_date >= v_from AND c.registration_date < v_until) AS new_customers
      FROM app_schema.users c
    ) u, (
      SELECT count(DISTINCT d.user_id) AS active_customers FROM app_schema.get_user_days(v_from, v_until) d WHERE d.events > 0
    ) a, (
      -- Events, not days of customers: an order of somebody unknown is revenue too.
      SELECT count(DISTINCT e.user_id) FILTER (WHERE e.event_type = 'purchase') AS buyers,
        count(DISTINCT app_schema.order_key(e.properties, e.event_id)) FILTER (WHERE e.event_type = 'purchase') AS orders,
        coalesce(sum(app_schema.event_revenue(e.event_type, e.properties)), 0) AS revenue
      FROM app_schema.events e
      WHERE e.event_type IN ('purchase', 'refund') AND e.event_timestamp >= v_from AND e.event_timestamp < v_until
    ) r, (
      SELECT count(*) AS scored_customers, round(avg(k.ltv), 2) AS mean_ltv, round(avg(k.churn_probability::numeric), 4) AS mean_churn,
        round(avg(k.purchase_probability_30d::numeric), 4) AS mean_purchase
      FROM app_schema.user_metrics k
    ) m;
END
$$;

ALTER FUNCTION app_schema.get_overview(p_start_date date, p_end_date date) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.get_overview(p_start_date date, p_end_date date) IS 'The shop in one row: customers now; new, active, buyers, orders and net revenue within the period (days of the shop, both included); means of the latest scores';

CREATE FUNCTION app_schema.get_popular_products(p_category character varying DEFAULT NULL::character varying, p_window text DEFAULT 'recent'::text, p_limit integer DEFAULT 10, p_options jsonb DEFAULT '{}'::jsonb) RETURNS TABLE(rank integer, product_id integer, name character varying, category character varying, price numeric, score double precision, reason_code text, reason text, reason_product_id integer, reason_weight double precision, model_run_id bigint)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
DECLARE
  v_options app_schema.recommendation_options;
  v_run bigint;
  v_has_includes boolean;
  v_has_excludes boolean;
BEGIN
  PERFORM app_schema.check_limit(p_limit);
  v_options := app_schema.read_recommendation_options(p_options);
  IF (p_window IN ('recent', 'week', 'month', 'quarter', 'year')) IS NOT TRUE THEN
    RAISE EXCEPTION 'the window must be recent, week, month, quarter or year, not "%"', coalesce(p_window, 'NULL')
      USING ERRCODE = 'CA002', HINT = 'recent looks at all time and halves it every 30 days.';
  END IF;
  v_run := coalesce(v_options.model_run_id, app_schema.get_recommender_of());
  SELECT coalesce(bool_or(r.action = 'include'), false), coalesce(bool_or(r.action = 'exclude'), false) INTO v_has_includes, v_has_excludes
  FROM app_schema.recommendation_rules r;
  RETURN QUERY
    SELECT (row_number() OVER (ORDER BY f.place))::integer, f.id, f.name, f.category, f.price, f.score::double precision, 'popular', app_schema.reason_text('popular_' || p_window, v_options.language), NULL::integer, NULL::double precision, v_run
    FROM (
      SELECT o.id, o.score, o.place, p.name, p.category, p.price
      FROM (
        SELECT u.id, u.score, u.place
        FROM app_schema.popular_products l CROSS JOIN LATERAL unnest(l.product_ids, l.scores) WITH ORDINALITY u (id, score, place)
        WHERE l.model_run_id = v_run AND l.period = p_window AND l.category = coalesce(p_category, v_options.category, '')
          AND u.id NOT IN (SELECT unnest(v_options.excluded_ids))
        ORDER BY u.place
      ) o
      CROSS JOIN LATERAL app_schema.find_recommendable(
        o.id, coalesce(p_category, v_options.category), v_options.min_price, v_options.max_price, v_options.in_stock, v_has_includes, v_has_excludes,
        v_options.language
      ) p
      ORDER BY o.place
      LIMIT p_limit
    ) f
    ORDER BY 1;
END
$$;

ALTER FUNCTION app_schema.get_popular_products(p_category character varying, p_window text, p_limit integer, p_options jsonb) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.get_popular_products(p_category character varying, p_window text, p_limit integer, p_options jsonb) IS 'The most wanted products of the whole shop or one category; p_window is recent (halved every 30 days), week, month, quarter or year before the training. Options as of get_recommendations';

CREATE FUNCTION app_schema.get_realised_outcomes(p_until timestamp with time zone DEFAULT now()) RETURNS TABLE(model_run_id bigint, as_of timestamp with time zone, question text, horizon_days integer, customers bigint, said double precision, came double precision, standard_error double precision)
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
  SELECT r.model_run_id, r.as_of, q.question, q.horizon_days, q.customers,
    CASE q.question WHEN 'churn' THEN 1 - q.said ELSE q.said END,
    CASE q.question WHEN 'churn' THEN 1 - o.share ELSE o.share END, q.standard_error
  FROM app_schema.model_runs r
  CROSS JOIN LATERAL (
    SELECT p.key AS question, (p.value ->> 'horizonDays')::integer AS horizon_days, (p.value ->> 'customers')::bigint AS customers,
      (p.value ->> 'said')::double precision AS said, (p.value ->> 'standardError')::double precision AS standard_error
    FROM jsonb_each(r.evaluation -> 'said') p
  ) q
  CROSS JOIN LATERAL (
    -- Whom the run spoke of: who had bought before, or for a first purchase who had only looked.
    SELECT count(*) / nullif(q.customers, 0)::double precision AS share
    FROM app_schema.get_customer_outcomes(r.as_of, r.as_of + make_interval(hours => 24 * q.horizon_days)) w
    WHERE w.bought AND (q.question = 'first_purchase') <> EXISTS (
      SELECT FROM app_schema.events e WHERE e.user_id = w.user_id AND e.event_type = 'purchase' AND e.event_timestamp < r.as_of
    ) AND EXISTS (SELECT FROM app_schema.events e WHERE e.user_id = w.user_id AND e.event_timestamp < r.as_of AND e.event_type <> 'adjustment')
  ) o
  WHERE r.kind = 'scoring' AND r.as_of + make_interval(hours => 24 * q.horizon_days) <= p_until
  ORDER BY r.model_run_id DESC, q.question
$$;

ALTER FUNCTION app_schema.get_realised_outcomes(p_until timestamp with time zone) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.get_realised_outcomes(p_until timestamp with time zone) IS 'Of each scoring whose horizon has passed by p_until: the share of customers that was predicted to buy (of churn: not to buy), the share that did, and the standard error that chance alone gives it';

CREATE FUNCTION app_schema.get_recommendation_rates(p_start_date date, p_end_date date, p_by text DEFAULT 'reason'::text) RETURNS TABLE(model_run_id bigint, kind text, reason_code text, lists bigint, shown bigint, clicks bigint, click_rate double precision, purchases bigint, purchase_rate double precision)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $$
BEGIN
  PERFORM app_schema.check_period(p_start_date, p_end_date);
  IF (p_by IN ('reason', 'model', 'kind')) IS NOT TRUE THEN
    RAISE EXCEPTION 'rates are by reason, model or kind, not by "%"', coalesce(p_by, 'NULL') USING ERRCODE = 'CA002', HINT = 'model compares versions, as in an experiment.';
  END IF;
  RETURN QUERY
    SELECT CASE WHEN p_by = 'model' THEN s.model_run_id END, CASE WHEN p_by = 'kind' THEN s.kind END, CASE WHEN p_by = 'reason' THEN s.reason_code END,
      count(DISTINCT s.recommendation_id), count(*), count(*) FILTER (WHERE s.clicked), count(*) FILTER (WHERE s.clicked)::double precision / count(*),
      count(*) FILTER (WHERE s.bought), count(*) FILTER (WHERE s.bought)::double precision / count(*)
    FROM (
      SELECT l.recommendation_id, l.model_run_id, l.kind, t.reason_code, e.clicked, e.bought
      FROM app_schema.recommendation_lists l
      CROSS JOIN LATERAL (
        -- An event counts for the product that was in the list, once, and not where another customer sends the id back.
        SELECT array_agg(e.product_id) AS clicked_ids, array_agg(e.product_id) FILTER (WHERE e.event_type = 'purchase') AS bought_ids
        FROM app_schema.events e
        WHERE e.properties ? 'recommendation_id' AND e.properties ->> 'recommendation_id' = l.recommendation_id::text
          AND e.event_type IN ('view', 'add_to_cart', 'purchase') AND (l.user_id IS NULL OR e.user_id = l.user_id)
      ) c
      CROSS JOIN LATERAL unnest(l.product_ids, l.reason_codes) t (product_id, reason_code)
      CROSS JOIN LATERAL (
        SELECT coalesce(t.product_id = ANY (c.clicked_ids), false) AS clicked, coalesce(t.product_id = ANY (c.bought_ids), false) AS bought
      ) e
      WHERE l.served_at >= app_schema.day_start(p_start_date) AND l.served_at < app_schema.day_start(p_end_date + 1)
    ) s
    GROUP BY 1, 2, 3
    ORDER BY 1, 2, 3;
END
$$;

ALTER FUNCTION app_schema.get_recommendation_rates(p_start_date date, p_end_date date, p_by text) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.get_recommendation_rates(p_start_date date, p_end_date date, p_by text) IS 'Of the lists served on the days p_start_date to p_end_date, by reason, model or kind: products shown, how many of them were clicked (viewed, put into the cart or bought with the list''s recommendation_id), how many bought';

CREATE FUNCTION app_schema.get_recommendations(p_user_id integer, p_limit integer DEFAULT 10, p_options jsonb DEFAULT '{}'::jsonb) RETURNS TABLE(rank integer, product_id integer, name character varying, category character varying, price numeric, score double precision, reason_code text, reason text, reason_product_id integer, reason_weight double precision, model_run_id bigint)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
DECLARE
  v_options app_schema.recommendation_options;
  v_run bigint;
  v_how record;
  v_half_life double precision;
  v_now timestamptz;
  -- What is committed counts, also where the clock that stamped it runs ahead of ours: a bound is there only when asked for.
  v_until timestamptz;
  v_total double precision;
  v_newest timestamptz;
  v_rule_ids integer[];
  v_rule_actions text[];
  v_rule_days real[];
  v_ids integer[];
  v_weights double precision[];
  v_bought_ids integer[];
  v_blocked_ids integer[];
  v_due_ids integer[];
  v_due_scores double precision[];
  v_due_days real[];
  v_due_popularities real[];
BEGIN
  PERFORM app_schema.check_limit(p_limit);
  v_options := app_schema.read_recommendation_options(p_options);
  v_now := coalesce(v_options.as_of, now());
  v_until := coalesce(v_options.as_of, 'infinity');
  v_run := coalesce(v_options.model_run_id, app_schema.get_recommender_of(p_user_id));
  SELECT c.*, (
    SELECT e.event_timestamp
    FROM app_schema.events e
    WHERE e.user_id = p_user_id AND e.event_timestamp < v_until AND e.product_id IS NOT NULL
      AND e.event_type IN ('view', 'add_to_cart', 'purchase', 'refund')
    ORDER BY e.event_timestamp DESC
    LIMIT 1
  ) AS newest
  INTO v_how
  FROM app_schema.recommenders c
  WHERE c.model_run_id = v_run AND EXISTS (SELECT FROM app_schema.users u WHERE u.user_id = p_user_id);
  IF NOT FOUND THEN
    RETURN;
  END IF;
  v_newest := v_how.newest;
  v_half_life := 86400 * v_how.half_life_days;
  IF EXISTS (SELECT FROM app_schema.recommendation_rules r WHERE r.action IN ('buy_again', 'buy_once')) THEN
    SELECT array_agg(b.product_id), array_agg(r.action), array_agg(r.interval_days) INTO v_rule_ids, v_rule_actions, v_rule_days
    FROM (SELECT DISTINCT e.product_id FROM app_schema.events e WHERE e.event_type = 'purchase' AND e.user_id = p_user_id AND e.product_id IS NOT NULL) b
    JOIN app_schema.products p ON p.product_id = b.product_id
    CROSS JOIN LATERAL (
      SELECT s.action, s.interval_days
      FROM app_schema.recommendation_rules s
      WHERE s.action IN ('buy_again', 'buy_once') AND (s.product_id IS NULL OR s.product_id = p.product_id) AND (s.category IS NULL OR s.category = p.category)
      ORDER BY s.product_id NULLS LAST, s.rule_id DESC
      LIMIT 1
    ) r;
  END IF;

  SELECT array_agg(h.product_id), array_agg(h.weight), sum(h.weight), array_agg(h.product_id) FILTER (WHERE h.is_bought)
  INTO v_ids, v_weights, v_total, v_bought_ids
  FROM (
    SELECT w.product_id, w.weight, w.is_bought
    FROM (
      -- Age counts from the customer's own last event: waiting changes nobody's taste, and the list stays the same from day to day.
      -- What came back says nothing for a product from before that. OFFSET 0: weighed once, and not for each use of the weight.
      SELECT g.product_id, g.bought_at > g.back_at AS is_bought, greatest(
          CASE WHEN g.bought_at > g.back_at THEN v_how.purchase_weight * power(0.5, least(100, date_part('epoch', v_newest - g.bought_at) / v_half_life)) END,
          CASE WHEN g.carted_at > g.back_at THEN v_how.cart_weight * power(0.5, least(100, date_part('epoch', v_newest - g.carted_at) / v_half_life)) END,
          CASE WHEN g.viewed_at > g.back_at THEN v_how.view_weight * power(0.5, least(100, date_part('epoch', v_newest - g.viewed_at) / v_half_life)) END
        ) AS weight
      FROM (
        SELECT l.product_id,
          max(l.event_timestamp) FILTER (WHERE l.event_type = 'purchase') AS bought_at,
          max(l.event_timestamp) FILTER (WHERE l.event_type = 'add_to_cart') AS carted_at,
          max(l.event_timestamp) FILTER (WHERE l.event_type = 'view') AS viewed_at,
          coalesce(max(l.event_timestamp) FILTER (WHERE l.event_type = 'refund'), '-infinity') AS back_at
        FROM (
          SELECT e.product_id, e.event_type, e.event_timestamp
          FROM app_schema.events e
          WHERE e.user_id = p_user_id AND e.event_timestamp < v_until AND e.product_id IS NOT NULL
            AND e.event_type IN ('view', 'add_to_cart', 'purchase', 'refund')
          ORDER BY e.event_timestamp DESC, e.product_id
          LIMIT v_how.history_events
        ) l
        GROUP BY l.product_id
      ) g
      OFFSET 0
    ) w
    WHERE w.weight > 0
    ORDER BY w.weight DESC, w.product_id
    LIMIT v_how.history_products
  ) h;

  SELECT array_agg(b.product_id) FILTER (WHERE NOT b.is_due), array_agg(b.product_id) FILTER (WHERE b.is_due),
    array_agg(v_how.repeat_weight * power(b.repeat_share, v_how.repeat_share_power) * power(b.times, v_how.repeat_power)) FILTER (WHERE b.is_due),
    array_agg(b.days) FILTER (WHERE b.is_due), array_agg(b.popularity) FILTER (WHERE b.is_due)
  INTO v_blocked_ids, v_due_ids, v_due_scores, v_due_days, v_due_popularities
  FROM (
    -- Bought is excluded, unless people, or this customer by habit, buy it again and its time has come.
    SELECT x.product_id, x.days, x.repeat_share, x.times, x.popularity,
      (v_options.buy_again AND x.again AND v_now >= x.last_bought + make_interval(secs => v_how.due_after * 86400 * x.days)) IS TRUE AS is_due
    FROM (
      SELECT t.product_id, t.last_bought, t.times, coalesce(q.popularity, 0) AS popularity,
        coalesce(v_rule_days[t.rule], q.repeat_interval_days,
          (date_part('epoch', t.last_bought - t.first_bought) / 86400 / nullif(t.purchases - 1, 0))::real) AS days,
        CASE v_rule_actions[t.rule] WHEN 'buy_once' THEN false WHEN 'buy_again' THEN true
          ELSE q.is_bought_repeatedly OR t.purchases >= v_how.habit_purchases AND t.last_bought >= t.first_bought + interval '24 hours' END AS again,
        -- Where the shop says so and the data do not (yet), as much as makes a product one that is bought again.
        CASE v_rule_actions[t.rule] WHEN 'buy_again' THEN greatest(q.repeat_share, 0.25) ELSE coalesce(q.repeat_share, 0) END AS repeat_share
      FROM (
        -- Seen from the customer's own last purchase, so that waiting changes nobody's habits, nor the last digit of an answer; of a clock
        -- that ran ahead only what has come counts as last.
        SELECT o.product_id, max(o.event_timestamp) AS last_bought, min(o.event_timestamp) AS first_bought, count(*) AS purchases,
          sum(power(0.5, least(100, greatest(0, date_part('epoch', o.newest - o.event_timestamp)) / (86400 * v_how.repeat_half_life_days)))) AS times,
          array_position(v_rule_ids, o.product_id) AS rule
        FROM (
          SELECT e.product_id, e.event_timestamp, least(v_now, max(e.event_timestamp) OVER ()) AS newest
          FROM app_schema.events e
          WHERE e.event_type = 'purchase' AND e.user_id = p_user_id AND e.product_id IS NOT NULL AND e.event_timestamp < v_until
          -- As the index has them.
          ORDER BY e.product_id
        ) o
        GROUP BY o.product_id
      ) t
      LEFT JOIN app_schema.product_popularity q ON q.model_run_id = v_how.model_run_id AND q.product_id = t.product_id
      OFFSET 0
    ) x
    OFFSET 0
  ) b;

  RETURN QUERY SELECT * FROM app_schema.rank_products(
    'user', v_how.model_run_id, p_limit, v_options, v_ids, v_weights, v_total, v_bought_ids, coalesce(v_blocked_ids, '{}'), '',
    coalesce(v_due_ids, '{}'), coalesce(v_due_scores, '{}'), v_due_days, v_due_popularities
  );
END
$$;

ALTER FUNCTION app_schema.get_recommendations(p_user_id integer, p_limit integer, p_options jsonb) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.get_recommendations(p_user_id integer, p_limit integer, p_options jsonb) IS 'Products for one customer with score and reason, from the published weights and the latest committed events. What was bought is left out unless people buy it again. Options: language (en, ru), category, min_price, max_price, in_stock, exclude_product_ids, buy_again, diversity, max_per_category, as_of, model_run_id. No row for an unknown customer';

CREATE FUNCTION app_schema.get_recommender_of(p_user_id integer DEFAULT NULL::integer) RETURNS bigint
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $$
DECLARE
  v_run bigint;
BEGIN
  IF p_user_id IS NOT NULL AND EXISTS (SELECT FROM app_schema.recommendation_experiments x WHERE x.stopped_at IS NULL) THEN
    SELECT c.model_run_id INTO v_run
    FROM app_schema.recommendation_experiments x
    JOIN app_schema.recommenders c ON c.model_run_id
      = CASE app_schema.get_experiment_arm(p_user_id, x.name, x.share) WHEN 'treatment' THEN x.treatment_run ELSE x.control_run END
    JOIN app_schema.model_runs r ON r.model_run_id = c.model_run_id AND r.status <> 'retired'
    WHERE x.stopped_at IS NULL;
  END IF;
  IF v_run IS NULL THEN
    SELECT r.model_run_id INTO v_run
    FROM app_schema.model_runs r
    WHERE r.kind = 'recommendations' AND r.status = 'promoted'
      AND EXISTS (SELECT FROM app_schema.recommenders c WHERE c.model_run_id = r.model_run_id)
    ORDER BY r.as_of DESC, r.model_run_id DESC
    LIMIT 1;
  END IF;
  RETURN v_run;
END
$$;

ALTER FUNCTION app_schema.get_recommender_of(p_user_id integer) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.get_recommender_of(p_user_id integer) IS 'The run whose recommendations a customer gets now: that of the running experiment, else the champion (also without a customer); NULL before the first training';

CREATE FUNCTION app_schema.get_revenue_series(p_start_date date, p_end_date date, p_unit text DEFAULT 'day'::text) RETURNS TABLE(start_date date, end_date date, revenue numeric, orders bigint, buyers bigint, active_customers bigint)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $$
DECLARE
  c_longest CONSTANT integer := 1100;
  v_first date;
  v_zone text := (SELECT s.time_zone FROM app_schema.settings s);
BEGIN
  PERFORM app_schema.check_period(p_start_date, p_end_date);
  IF p_unit IS NULL OR p_unit NOT IN ('day', 'week', 'month') THEN
    RAISE EXCEPTION 'the unit is day, week or month, not "%"', p_unit USING ERRCODE = 'CA002';
  END IF;
  IF (p_end_date - p_start_date) / (CASE p_unit WHEN 'day' THEN 1 WHEN 'week' THEN 7 ELSE 30 END) > c_longest THEN
    RAISE EXCEPTION 'the period has more than % steps', c_longest USING ERRCODE = 'CA002', HINT = 'Ask for a shorter period, or for weeks or months.';
  END IF;
  v_first := date_trunc(p_unit, p_start_date::timestamp)::date;
  RETURN QUERY
    -- Weeks begin on Monday. The first and the last step are cut off at the ends of the period.
    SELECT greatest(g.step, p_start_date), least(g.following - 1, p_end_date), coalesce(r.revenue, 0), coalesce(r.orders, 0),
      coalesce(r.buyers, 0), coalesce(a.active_customers, 0)
    FROM (
      SELECT s::date AS step, (s + ('1 ' || p_unit)::interval)::date AS following
      FROM generate_series(v_first::timestamp, p_end_date::timestamp, ('1 ' || p_unit)::interval) s
    ) g
    LEFT JOIN (
      SELECT date_trunc(p_unit, e.event_timestamp AT TIME ZONE v_zone)::date AS step, sum(app_schema.event_revenue(e.event_type, e.properties)) AS revenue,
        count(DISTINCT app_schema.order_key(e.properties, e.event_id)) FILTER (WHERE e.event_type = 'purchase') AS orders,
        count(DISTINCT e.user_id) FILTER (WHERE e.event_type = 'purchase') AS buyers
      FROM app_schema.events e
      WHERE e.event_type IN ('purchase', 'refund')
        AND e.event_timestamp >= app_schema.day_start(p_start_date) AND e.event_timestamp < app_schema.day_start(p_end_date + 1)
      GROUP BY 1
    ) r ON r.step = g.step
    LEFT JOIN (
      SELECT date_trunc(p_unit, d.day::timestamp)::date AS step, count(DISTINCT d.user_id) AS active_customers
      FROM app_schema.get_user_days(app_schema.day_start(p_start_date), app_schema.day_start(p_end_date + 1)) d
      WHERE d.events > 0
      GROUP BY 1
    ) a ON a.step = g.step
    ORDER BY g.step;
END
$$;

ALTER FUNCTION app_schema.get_revenue_series(p_start_date date, p_end_date date, p_unit text) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.get_revenue_series(p_start_date date, p_end_date date, p_unit text) IS 'Net revenue, orders, buyers and active customers by day, week or month of the shop within the period, steps without events included';

CREATE FUNCTION app_schema.get_session_recommendations(p_product_ids integer[], p_limit integer DEFAULT 10, p_options jsonb DEFAULT '{}'::jsonb) RETURNS TABLE(rank integer, product_id integer, name character varying, category character varying, price numeric, score double precision, reason_code text, reason text, reason_product_id integer, reason_weight double precision, model_run_id bigint)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
DECLARE
  v_options app_schema.recommendation_options;
  v_run bigint;
  v_how app_schema.recommenders;
  v_ids integer[];
  v_weights double precision[];
  v_total double precision;
BEGIN
  PERFORM app_schema.check_limit(p_limit);
  v_options := app_schema.read_recommendation_options(p_options);
  v_run := coalesce(v_options.model_run_id, app_schema.get_recommender_of());
  SELECT * INTO v_how FROM app_schema.recommenders c WHERE c.model_run_id = v_run;
  IF v_how.model_run_id IS NULL THEN
    RETURN;
  END IF;
  SELECT array_agg(w.id), array_agg(w.weight), sum(w.weight) INTO v_ids, v_weights, v_total
  FROM (
    -- Each step back in the session says a fifth less: what is on the screen now is what is sought.
    SELECT l.id, power(0.8::double precision, row_number() OVER (ORDER BY l.last_place DESC) - 1) AS weight
    FROM (SELECT u.id, max(u.place) AS last_place FROM unnest(p_product_ids) WITH ORDINALITY u (id, place) WHERE u.id IS NOT NULL GROUP BY u.id) l
    ORDER BY l.last_place DESC
    LIMIT v_how.history_products
  ) w;
  RETURN QUERY SELECT * FROM app_schema.rank_products(
    'session', v_how.model_run_id, p_limit, v_options, v_ids, v_weights, v_total, NULL, array_remove(coalesce(p_product_ids, '{}'), NULL)
  );
END
$$;

ALTER FUNCTION app_schema.get_session_recommendations(p_product_ids integer[], p_limit integer, p_options jsonb) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.get_session_recommendations(p_product_ids integer[], p_limit integer, p_options jsonb) IS 'Products for a visitor without an account, from what was looked at, the latest last; those themselves are left out. Options as of get_recommendations; what is popular for an empty list';

CREATE FUNCTION app_schema.get_similar_products(p_product_id integer, p_limit integer DEFAULT 10, p_options jsonb DEFAULT '{}'::jsonb) RETURNS TABLE(rank integer, product_id integer, name character varying, category character varying, price numeric, score double precision, reason_code text, reason text, reason_product_id integer, reason_weight double precision, model_run_id bigint)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $$
DECLARE
  v_options app_schema.recommendation_options;
  v_run bigint;
  v_category varchar;
BEGIN
  PERFORM app_schema.check_limit(p_limit);
  v_options := app_schema.read_recommendation_options(p_options);
  v_run := coalesce(v_options.model_run_id, app_schema.get_recommender_of());
  SELECT coalesce(p.category, '') INTO v_category FROM app_schema.products p WHERE p.product_id = p_product_id;
  IF NOT FOUND OR v_run IS NULL THEN
    RETURN;
  END IF;
  RETURN QUERY SELECT * FROM app_schema.rank_products(
    'similar', v_run, p_limit, v_options, ARRAY[p_product_id], ARRAY[1::double precision], 1, NULL, ARRAY[p_product_id], v_category
  );
END
$$;

ALTER FUNCTION app_schema.get_similar_products(p_product_id integer, p_limit integer, p_options jsonb) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.get_similar_products(p_product_id integer, p_limit integer, p_options jsonb) IS 'What is like a product by text and attributes, else what is taken together with it; filled up with what is popular in its category. No row for an unknown product. Options as of get_recommendations';

CREATE FUNCTION app_schema.get_top_products(p_start_date date, p_end_date date, p_limit integer DEFAULT 10) RETURNS TABLE(product_id integer, name character varying, category character varying, views bigint, cart_additions bigint, purchases bigint, buyers bigint, revenue numeric, conversion numeric)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $$
BEGIN
  PERFORM app_schema.check_period(p_start_date, p_end_date), app_schema.check_limit(p_limit);
  RETURN QUERY
    SELECT p.product_id, p.name, p.category, a.views, a.cart_additions, a.purchases, a.buyers, a.revenue,
      round(a.purchases::numeric / nullif(a.views, 0), 4)
    FROM (
      SELECT e.product_id,
        count(*) FILTER (WHERE e.event_type = 'view') AS views,
        count(*) FILTER (WHERE e.event_type = 'add_to_cart') AS cart_additions,
        count(DISTINCT app_schema.order_key(e.properties, e.event_id)) FILTER (WHERE e.event_type = 'purchase') AS purchases,
        count(DISTINCT e.user_id) FILTER (WHERE e.event_type = 'purchase') AS buyers,
        coalesce(sum(app_schema.event_revenue(e.event_type, e.properties)), 0) AS revenue
      FROM app_schema.events e
      WHERE e.product_id IS NOT NULL AND e.event_type IN ('view', 'add_to_cart', 'purchase', 'refund')
        AND e.event_timestamp >= app_schema.day_start(p_start_date) AND e.event_timestamp < app_schema.day_start(p_end_date + 1)
      GROUP BY e.product_id
    ) a
    JOIN app_schema.products p ON p.product_id = a.product_id AND p.is_merchandise
    ORDER BY a.revenue DESC, a.purchases DESC, p.product_id
    LIMIT p_limit;
END
$$;

ALTER FUNCTION app_schema.get_top_products(p_start_date date, p_end_date date, p_limit integer) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.get_top_products(p_start_date date, p_end_date date, p_limit integer) IS 'Products by revenue (net of refunds) within the period, both days included; purchases counts orders, conversion is purchases per view';

CREATE FUNCTION app_schema.get_user(p_user_id integer) RETURNS TABLE(user_id integer, telegram_id bigint, username character varying, first_name character varying, last_name character varying, registration_date timestamp with time zone, profile_data jsonb, segment_code text, segment_name_en text, segment_name_ru text, ltv numeric, ltv_status text, churn_probability real, churn_status text, purchase_probability_30d real, purchase_status text, explanation jsonb, as_of timestamp with time zone, last_updated timestamp with time zone)
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
  SELECT u.user_id, u.telegram_id, u.username, u.first_name, u.last_name, u.registration_date, u.profile_data,
    s.code, s.name_en, s.name_ru, m.ltv, coalesce(d.ltv_status, 'not_scored'), m.churn_probability, coalesce(d.churn_status, 'not_scored'),
    m.purchase_probability_30d, coalesce(d.purchase_status, 'not_scored'), d.explanation, r.as_of, m.last_updated
  FROM app_schema.users u
  LEFT JOIN app_schema.user_metrics m ON m.user_id = u.user_id
  LEFT JOIN app_schema.segments s ON s.segment_id = m.segment_id
  LEFT JOIN app_schema.user_score_details d ON d.user_id = u.user_id
  LEFT JOIN app_schema.model_runs r ON r.model_run_id = d.model_run_id
  WHERE u.user_id = p_user_id
$$;

ALTER FUNCTION app_schema.get_user(p_user_id integer) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.get_user(p_user_id integer) IS 'One customer: profile, scores with their status, the numbers behind them. No row for an unknown customer';

CREATE FUNCTION app_schema.get_user_days(p_from timestamp with time zone, p_until timestamp with time zone, p_user_ids integer[] DEFAULT NULL::integer[]) RETURNS SETOF app_schema.user_days
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
  -- Bounds in sub-selects are worked out once; the functions alone would be called for each row.
  SELECT d.*
  FROM app_schema.user_days d
  WHERE d.day >= (SELECT app_schema.first_whole_day(p_from)) AND d.day < (SELECT app_schema.day_of(p_until))
    AND (p_user_ids IS NULL OR d.user_id = ANY ((SELECT p_user_ids)::integer[]))
    -- Most of the time nothing is noted: asked once, that spares a look-up for each row.
    AND ((SELECT NOT EXISTS (SELECT FROM app_schema.user_day_changes))
      OR NOT EXISTS (SELECT FROM app_schema.user_day_changes c WHERE c.user_id = d.user_id AND c.day = d.day))
  UNION ALL
  SELECT f.*
  FROM (
    SELECT DISTINCT c.user_id, c.day
    FROM app_schema.user_day_changes c
    WHERE c.day >= (SELECT app_schema.first_whole_day(p_from)) AND c.day < (SELECT app_schema.day_of(p_until))
      AND (p_user_ids IS NULL OR c.user_id = ANY ((SELECT p_user_ids)::integer[]))
  ) changed
  CROSS JOIN LATERAL app_schema.fold_day(changed.user_id, changed.day, '-infinity', 'infinity') f
  UNION ALL
  -- Where a bound lies within a day: the part of it before the first whole day, and that after the last.
  SELECT f.*
  FROM (
    SELECT DISTINCT e.user_id, e.day, part.from_moment, part.until_moment
    FROM (
      SELECT p_from AS from_moment, least(app_schema.day_start(app_schema.first_whole_day(p_from)), p_until) AS until_moment
      UNION ALL
      SELECT greatest(app_schema.day_start(app_schema.day_of(p_until)), app_schema.day_start(app_schema.first_whole_day(p_from))), p_until
    ) part
    -- By type, since the index of periods begins with it; the list of types is read from the same index, one probe each.
    CROSS JOIN LATERAL (
      SELECT v.user_id, v.day
      FROM app_schema.event_facts v
      WHERE v.event_timestamp >= part.from_moment AND v.event_timestamp < part.until_moment
        AND v.event_type = ANY (ARRAY(
          WITH RECURSIVE types AS (
            SELECT min(x.event_type) AS event_type FROM app_schema.events x
            UNION ALL
            SELECT (SELECT min(x.event_type) FROM app_schema.events x WHERE x.event_type > t.event_type) FROM types t
            WHERE t.event_type IS NOT NULL
          ) SELECT t.event_type FROM types t WHERE t.event_type IS NOT NULL
        ))
    ) e
    WHERE part.from_moment < part.until_moment
      -- Asked of what was found: by the index of customers all their years would be read for one part of a day.
      AND (p_user_ids IS NULL OR e.user_id IN (SELECT unnest(p_user_ids)))
  ) touched
  CROSS JOIN LATERAL app_schema.fold_day(touched.user_id, touched.day, touched.from_moment, touched.until_moment) f
$$;

ALTER FUNCTION app_schema.get_user_days(p_from timestamp with time zone, p_until timestamp with time zone, p_user_ids integer[]) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.get_user_days(p_from timestamp with time zone, p_until timestamp with time zone, p_user_ids integer[]) IS 'Events by customer and day of the shop, of those from p_from up to but not including p_until: from user_days, and where that is behind from the events themselves; of p_user_ids only, unless it is NULL';

CREATE FUNCTION app_schema.get_user_stats(p_user_id integer, p_now timestamp with time zone DEFAULT now()) RETURNS TABLE(user_id integer, total_events bigint, views bigint, cart_additions bigint, purchases bigint, items_purchased numeric, revenue numeric, average_order_value numeric, first_activity timestamp with time zone, last_activity timestamp with time zone, days_since_last_activity integer)
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
      SELECT u.user_id, s.total_events, s.views, s.cart_additions, s.purchases, s.items_purchased, s.revenue,
        round(s.gross_revenue / nullif(s.purchases, 0), 2), s.first_activity, s.last_activity,
        (p_now AT TIME ZONE z.time_zone)::date - (s.last_activity AT TIME ZONE z.time_zone)::date
      FROM app_schema.users u
      CROSS JOIN app_schema.settings z
      CROSS JOIN LATERAL (
        SELECT count(*) AS total_events,
          count(*) FILTER (WHERE e.event_type = 'view') AS views,
          count(*) FILTER (WHERE e.event_type = 'add_to_cart') AS cart_additions,
          count(DISTINCT app_schema.order_key(e.properties, e.event_id)) FILTER (WHERE e.event_type = 'purchase') AS purchases,
          coalesce(sum(CASE WHEN jsonb_typeof(e.properties -> 'quantity') = 'number' THEN (e.properties ->> 'quantity')::numeric ELSE 1 END)
            FILTER (WHERE e.event_type = 'purchase'), 0) AS items_purchased,
          coalesce(sum(app_schema.event_revenue(e.event_type, e.properties)), 0) AS revenue,
          sum(app_schema.event_revenue(e.event_type, e.properties)) FILTER (WHERE e.event_type = 'purchase') AS gross_revenue,
          min(e.event_timestamp) AS first_activity,
          max(e.event_timestamp) AS last_activity
        FROM app_schema.events e
        WHERE e.user_id = u.user_id AND e.event_timestamp <= p_now
      ) s
      WHERE u.user_id = p_user_id
    $$;

ALTER FUNCTION app_schema.get_user_stats(p_user_id integer, p_now timestamp with time zone) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.get_user_stats(p_user_id integer, p_now timestamp with time zone) IS 'One customer in numbers, as of p_now: purchases counts orders, revenue is net of refunds, average_order_value is before refunds. No row for an unknown customer';

CREATE FUNCTION app_schema.get_user_timeline(p_user_id integer, p_limit integer DEFAULT 50, p_before_event_id bigint DEFAULT NULL::bigint) RETURNS TABLE(event_id bigint, event_type character varying, event_timestamp timestamp with time zone, product_id integer, product_name character varying, revenue numeric, properties jsonb)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $$
DECLARE
  v_before timestamptz := 'infinity';
BEGIN
  PERFORM app_schema.check_limit(p_limit);
  IF p_before_event_id IS NOT NULL THEN
    SELECT e.event_timestamp INTO v_before FROM app_schema.events e WHERE e.event_id = p_before_event_id AND e.user_id = p_user_id;
    IF NOT FOUND THEN
      RAISE EXCEPTION 'customer % has no event %', p_user_id, p_before_event_id USING ERRCODE = 'CA002';
    END IF;
  END IF;
  RETURN QUERY
    SELECT e.event_id, e.event_type, e.event_timestamp, e.product_id, p.name, app_schema.event_revenue(e.event_type, e.properties), e.properties
    FROM app_schema.events e LEFT JOIN app_schema.products p ON p.product_id = e.product_id
    WHERE e.user_id = p_user_id AND e.event_timestamp <= v_before
      AND (e.event_timestamp < v_before OR p_before_event_id IS NULL OR e.event_id < p_before_event_id)
    ORDER BY e.event_timestamp DESC, e.event_id DESC
    LIMIT p_limit;
END
$$;

ALTER FUNCTION app_schema.get_user_timeline(p_user_id integer, p_limit integer, p_before_event_id bigint) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.get_user_timeline(p_user_id integer, p_limit integer, p_before_event_id bigint) IS 'Events of one customer, newest first; p_before_event_id is the last event of the page before';

CREATE FUNCTION app_schema.list_models(p_kind text DEFAULT NULL::text, p_limit integer DEFAULT 50) RETURNS TABLE(model_run_id bigint, kind text, algorithm text, status text, as_of timestamp with time zone, finished_at timestamp with time zone, data_from timestamp with time zone, customers integer, duration_seconds real, code_version text)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $$
BEGIN
  PERFORM app_schema.check_limit(p_limit);
  RETURN QUERY
    SELECT r.model_run_id, r.kind, r.algorithm,
      CASE WHEN r.status = 'promoted' AND r.model_run_id = (SELECT c.model_run_id FROM app_schema.get_champion(r.kind) c) THEN 'champion'
        ELSE r.status END,
      r.as_of, r.finished_at, r.data_from, r.customers, r.duration_seconds, r.code_version
    FROM app_schema.model_runs r
    WHERE p_kind IS NULL OR r.kind = p_kind
    ORDER BY r.model_run_id DESC
    LIMIT p_limit;
END
$$;

ALTER FUNCTION app_schema.list_models(p_kind text, p_limit integer) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.list_models(p_kind text, p_limit integer) IS 'The registry, newest first; the champion of a kind is what score applies now';

CREATE FUNCTION app_schema.list_products(p_limit integer DEFAULT 50, p_after_product_id integer DEFAULT 0, p_search text DEFAULT NULL::text, p_category text DEFAULT NULL::text) RETURNS TABLE(product_id integer, name character varying, category character varying, price numeric, description text, attributes jsonb, stock integer, is_merchandise boolean, is_hidden boolean)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $$
BEGIN
  PERFORM app_schema.check_limit(p_limit);
  RETURN QUERY
    SELECT p.product_id, p.name, p.category, p.price, p.description, p.attributes, p.stock, p.is_merchandise, p.is_hidden
    FROM app_schema.products p
    WHERE p.product_id > coalesce(p_after_product_id, 0) AND (p_category IS NULL OR p.category = p_category)
      AND (p_search IS NULL OR strpos(lower(p.name), lower(p_search)) > 0)
    ORDER BY p.product_id
    LIMIT p_limit;
END
$$;

ALTER FUNCTION app_schema.list_products(p_limit integer, p_after_product_id integer, p_search text, p_category text) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.list_products(p_limit integer, p_after_product_id integer, p_search text, p_category text) IS 'A page of the catalogue by product_id; p_search is a part of the name';

CREATE FUNCTION app_schema.list_segments() RETURNS TABLE(segment_id integer, code text, name_en text, name_ru text, description_en text, description_ru text, customers bigint, share numeric, mean_ltv numeric, mean_churn_probability numeric, mean_purchase_probability_30d numeric)
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
  SELECT s.segment_id, s.code, s.name_en, s.name_ru, s.description_en, s.description_ru, count(m.user_id),
    round(count(m.user_id) / nullif(sum(count(m.user_id)) OVER (), 0), 4), round(avg(m.ltv), 2),
    round(avg(m.churn_probability::numeric), 4), round(avg(m.purchase_probability_30d::numeric), 4)
  FROM app_schema.segments s
  LEFT JOIN app_schema.user_metrics m ON m.segment_id = s.segment_id
  WHERE s.is_promoted
  GROUP BY s.segment_id
  ORDER BY s.segment_id
$$;

ALTER FUNCTION app_schema.list_segments() OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.list_segments() IS 'Segments of the promoted segmentation with their size, share and mean scores';

CREATE FUNCTION app_schema.list_users(p_limit integer DEFAULT 50, p_after_user_id integer DEFAULT 0, p_segment text DEFAULT NULL::text) RETURNS TABLE(user_id integer, telegram_id bigint, username character varying, first_name character varying, last_name character varying, segment_code text, segment_name_en text, segment_name_ru text, ltv numeric, churn_probability real, purchase_probability_30d real, last_updated timestamp with time zone)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $$
BEGIN
  PERFORM app_schema.check_limit(p_limit);
  IF p_segment IS NOT NULL AND NOT EXISTS (SELECT FROM app_schema.segments s WHERE s.code = p_segment) THEN
    RAISE EXCEPTION 'there is no segment "%"', p_segment
      USING ERRCODE = 'CA002', HINT = 'SELECT * FROM app_schema.list_segments() shows the codes; before the first scoring there are none.';
  END IF;
  RETURN QUERY
    SELECT u.user_id, u.telegram_id, u.username, u.first_name, u.last_name, s.code, s.name_en, s.name_ru, m.ltv, m.churn_probability,
      m.purchase_probability_30d, m.last_updated
    FROM app_schema.users u
    LEFT JOIN app_schema.user_metrics m ON m.user_id = u.user_id
    LEFT JOIN app_schema.segments s ON s.segment_id = m.segment_id
    WHERE u.user_id > coalesce(p_after_user_id, 0) AND (p_segment IS NULL OR s.code = p_segment)
    ORDER BY u.user_id
    LIMIT p_limit;
END
$$;

ALTER FUNCTION app_schema.list_users(p_limit integer, p_after_user_id integer, p_segment text) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.list_users(p_limit integer, p_after_user_id integer, p_segment text) IS 'A page of customers with their scores by user_id: p_after_user_id is the last id of the page before, p_segment a segment''s code';

CREATE FUNCTION app_schema.note_all_scores() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  INSERT INTO app_schema.user_score_changes (user_id) VALUES (0);
  RETURN NULL;
END
$$;

ALTER FUNCTION app_schema.note_all_scores() OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.note_all_scores() IS 'Trigger: everybody is scored again';

CREATE FUNCTION app_schema.note_changed_days() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
  -- Without a zone nothing is folded, and the row that brings one folds everything.
  v_time_zone text := coalesce((SELECT s.time_zone FROM app_schema.settings s), 'UTC');
BEGIN
  INSERT INTO app_schema.user_day_changes (user_id, day)
  SELECT DISTINCT c.user_id, (c.event_timestamp AT TIME ZONE v_time_zone)::date FROM changed_events c WHERE c.user_id IS NOT NULL;
  IF TG_OP = 'UPDATE' THEN
    INSERT INTO app_schema.user_day_changes (user_id, day)
    SELECT DISTINCT c.user_id, (c.event_timestamp AT TIME ZONE v_time_zone)::date FROM events_as_changed c WHERE c.user_id IS NOT NULL;
  END IF;
  RETURN NULL;
END
$$;

ALTER FUNCTION app_schema.note_changed_days() OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.note_changed_days() IS 'Trigger: notes which days of which customers a statement touched';

CREATE FUNCTION app_schema.note_changed_scores() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    INSERT INTO app_schema.user_score_changes (user_id) SELECT c.user_id FROM changed_scores c UNION SELECT c.user_id FROM scores_as_changed c;
  ELSE
    INSERT INTO app_schema.user_score_changes (user_id) SELECT c.user_id FROM changed_scores c;
  END IF;
  RETURN NULL;
END
$$;

ALTER FUNCTION app_schema.note_changed_scores() OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.note_changed_scores() IS 'Trigger: whose scores somebody else than a scoring wrote or deleted is scored again';

CREATE FUNCTION app_schema.order_key(p_properties jsonb, p_event_id bigint) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
      SELECT coalesce(p_properties ->> 'order_id', 'event ' || p_event_id::text)
    $$;

ALTER FUNCTION app_schema.order_key(p_properties jsonb, p_event_id bigint) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.order_key(p_properties jsonb, p_event_id bigint) IS 'What counts as one order: line items that share properties.order_id; a purchase without one is an order of its own';

CREATE FUNCTION app_schema.plural_form(p_number numeric, p_forms text, p_language text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
  SELECT split_part(p_forms, '|', CASE
      WHEN p_language <> 'ru' THEN CASE WHEN p_number = 1 THEN 1 ELSE 2 END
      WHEN p_number % 1 <> 0 THEN 4
      WHEN p_number % 100 BETWEEN 11 AND 14 THEN 5
      WHEN p_number % 10 = 1 THEN 3
      WHEN p_number % 10 BETWEEN 2 AND 4 THEN 4
      ELSE 5
    END)
$$;

ALTER FUNCTION app_schema.plural_form(p_number numeric, p_forms text, p_language text) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.plural_form(p_number numeric, p_forms text, p_language text) IS 'The form of a noun after a number; p_forms is order|orders|заказ|заказа|заказов: English one and many, Russian after 1, after 2 and fractions, after 5';

CREATE FUNCTION app_schema.promote_model(p_model_run_id bigint) RETURNS text
    LANGUAGE plpgsql
    AS $$
DECLARE
  v_run app_schema.model_runs;
BEGIN
  SELECT * INTO v_run FROM app_schema.model_runs r WHERE r.model_run_id = p_model_run_id FOR UPDATE;
  IF v_run.model_run_id IS NULL THEN
    RAISE EXCEPTION 'there is no run %', p_model_run_id
      USING ERRCODE = 'CA002', HINT = 'SELECT * FROM app_schema.list_models() shows the runs.';
  ELSIF v_run.status = 'applied' THEN
    RAISE EXCEPTION 'run % (%) is no model that can be applied again', p_model_run_id, v_run.kind
      USING ERRCODE = 'CA002', HINT = 'Promote a run of a training: SELECT * FROM app_schema.list_models() shows them.';
  ELSIF v_run.kind = 'recommendations' AND NOT EXISTS (SELECT FROM app_schema.recommenders c WHERE c.model_run_id = p_model_run_id) THEN
    RAISE EXCEPTION 'the weights of run % were deleted: only those of the last few trainings are kept', p_model_run_id
      USING ERRCODE = 'CA002', HINT = 'SELECT * FROM app_schema.recommenders shows the runs that have theirs.';
  END IF;
  -- Of the same kind those that would go before it step back: that is how an older model is brought back.
  UPDATE app_schema.model_runs r SET status = 'challenger'
  WHERE r.kind = v_run.kind AND r.status = 'promoted' AND (r.as_of, r.model_run_id) > (v_run.as_of, v_run.model_run_id);
  UPDATE app_schema.model_runs r SET status = 'promoted' WHERE r.model_run_id = p_model_run_id;
  RETURN v_run.kind;
END
$$;

ALTER FUNCTION app_schema.promote_model(p_model_run_id bigint) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.promote_model(p_model_run_id bigint) IS 'Makes a run the champion of its kind, also an older one; the next score applies it, of recommendations the next read. Returns the kind';

CREATE FUNCTION app_schema.prune_recommendation_lists(p_before timestamp with time zone) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
DECLARE
  v_deleted bigint;
BEGIN
  DELETE FROM app_schema.recommendation_lists l WHERE l.served_at < p_before;
  GET DIAGNOSTICS v_deleted = ROW_COUNT;
  RETURN v_deleted;
END
$$;

ALTER FUNCTION app_schema.prune_recommendation_lists(p_before timestamp with time zone) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.prune_recommendation_lists(p_before timestamp with time zone) IS 'Deletes the lists served before a moment and returns how many; their events stay';

CREATE FUNCTION app_schema.prune_recommenders(p_keep integer DEFAULT 3) RETURNS integer
    LANGUAGE plpgsql
    AS $$
DECLARE
  v_kept bigint[];
  v_deleted integer;
BEGIN
  IF p_keep IS NULL OR p_keep < 1 THEN
    RAISE EXCEPTION 'at least one version is kept, not %', coalesce(p_keep::text, 'NULL') USING ERRCODE = 'CA002';
  END IF;
  -- Refreshes come by the hour: counted among the newest they would push out the trainings that one goes back to.
  v_kept := ARRAY(
    SELECT c.model_run_id FROM app_schema.recommenders c WHERE c.refreshed_from IS NULL ORDER BY c.model_run_id DESC LIMIT p_keep
  ) || ARRAY(
    -- Champions, and the one before: what is taken back to.
    SELECT r.model_run_id FROM app_schema.model_runs r JOIN app_schema.recommenders c ON c.model_run_id = r.model_run_id
    WHERE r.status = 'promoted' AND c.refreshed_from IS NULL ORDER BY r.as_of DESC, r.model_run_id DESC LIMIT 2
  ) || ARRAY(
    SELECT r.model_run_id FROM app_schema.model_runs r JOIN app_schema.recommenders c ON c.model_run_id = r.model_run_id
    WHERE r.status = 'promoted' ORDER BY r.as_of DESC, r.model_run_id DESC LIMIT 2
  ) || ARRAY(
    SELECT unnest(ARRAY[x.control_run, x.treatment_run]) FROM app_schema.recommendation_experiments x WHERE x.stopped_at IS NULL
  );
  DELETE FROM app_schema.recommenders c
  WHERE c.model_run_id <> ALL (v_kept)
    AND NOT EXISTS (SELECT FROM app_schema.recommenders k WHERE k.refreshed_from = c.model_run_id AND k.model_run_id = ANY (v_kept));
  GET DIAGNOSTICS v_deleted = ROW_COUNT;
  RETURN v_deleted;
END
$$;

ALTER FUNCTION app_schema.prune_recommenders(p_keep integer) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.prune_recommenders(p_keep integer) IS 'Deletes the weights of all versions but the newest p_keep trainings, the champion and the one promoted before it (of trainings, and of all), those of a running experiment, and the trainings that these were refreshed from; returns how many. The runs stay in the registry';

CREATE FUNCTION app_schema.rank_products(p_kind text, p_model_run_id bigint, p_limit integer, p_options app_schema.recommendation_options, p_source_ids integer[], p_source_weights double precision[], p_total double precision, p_bought_ids integer[], p_banned_ids integer[], p_popular_in character varying DEFAULT ''::character varying, p_due_ids integer[] DEFAULT '{}'::integer[], p_due_scores double precision[] DEFAULT '{}'::double precision[], p_due_days real[] DEFAULT '{}'::real[], p_due_popularities real[] DEFAULT '{}'::real[]) RETURNS TABLE(rank integer, product_id integer, name character varying, category character varying, price numeric, score double precision, reason_code text, reason text, reason_product_id integer, reason_weight double precision, model_run_id bigint)
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    SET plan_cache_mode TO 'force_generic_plan'
    AS $$
DECLARE
  v_category varchar := p_options.category;
  v_min_price numeric := p_options.min_price;
  v_max_price numeric := p_options.max_price;
  v_in_stock boolean := p_options.in_stock;
  v_language text := p_options.language;
  v_cap integer := p_options.max_per_category;
  v_for_person boolean := p_kind IN ('user', 'session');
  v_has_includes boolean := false;
  v_has_excludes boolean := false;
  v_has_boosts boolean := false;
  v_pin_ids integer[] := '{}';
  v_pin_popularities real[];
  -- So many best ones are ranked by all that counts; where the ranking is rearranged, it needs more to choose from.
  v_pool integer;
  v_popular integer;
  -- So many of the head of the order are sorted and looked up; more where too many of them may not be recommended. NULL: all.
  v_head integer;
  -- Candidates whatever their sum: what is due again or pinned; and with minus infinity what never is one.
  v_extra_ids integer[] := p_due_ids || p_banned_ids || p_options.excluded_ids;
  v_extra_scores double precision[];
  v_extra_popularities real[] := p_due_popularities;
  -- So many that may be recommended are looked for in the head. NULL: as many as there are.
  v_most integer;
  v_order integer[];
  v_due_places integer;
  v_is_arranged boolean;
  v_is_too_much_due boolean;
  v_popularity_weight double precision;
  v_ids integer[];
  v_scores double precision[];
  v_marks double precision[];
  v_names varchar[];
  v_categories varchar[];
  v_prices numeric[];
  v_days real[];
  v_pins integer[];
  -- On top of the sum of what is a candidate whatever its sum, a power of two far above all sums, and here in steps of 2^-30 as they are.
  c_extra CONSTANT double precision := 65536 * 1073741824.0;
  -- As many as are published of the whole shop.
  c_all_popular CONSTANT integer := 500;
  -- Below a place in the history by half of the step to the next: alike by content.
  c_half_place CONSTANT double precision := 1.0 / 2048;
  -- What of it the order does not see: nothing of it where what is rearranged must find all of those.
  v_extra double precision := c_extra;
BEGIN
  IF EXISTS (SELECT FROM app_schema.recommendation_rules) THEN
    SELECT coalesce(bool_or(r.action = 'include'), false), coalesce(bool_or(r.action = 'exclude'), false), coalesce(bool_or(r.action = 'boost'), false),
      coalesce(array_agg(r.product_id) FILTER (WHERE r.action = 'pin' AND v_for_person), '{}'),
      array_agg(coalesce(q.popularity, 0)) FILTER (WHERE r.action = 'pin' AND v_for_person)
    INTO v_has_includes, v_has_excludes, v_has_boosts, v_pin_ids, v_pin_popularities
    FROM app_schema.recommendation_rules r
    LEFT JOIN app_schema.product_popularity q ON r.action = 'pin' AND q.model_run_id = p_model_run_id AND q.product_id = r.product_id;
  END IF;
  SELECT 1073741824 * c.popularity_weight, ceil(p_limit * coalesce(p_options.buy_again_share, c.buy_again_share))
  INTO v_popularity_weight, v_due_places
  FROM app_schema.recommenders c WHERE c.model_run_id = p_model_run_id;
  v_pool := CASE
    WHEN v_cap IS NOT NULL THEN greatest(100, 6 * least(p_limit, 1000))
    WHEN v_has_boosts OR p_options.diversity > 0 THEN greatest(100, 2 * least(p_limit, 1000))
    ELSE 10 + 2 * least(p_limit, 1000)
  END;
  v_is_arranged := v_pin_ids <> '{}' OR v_cap IS NOT NULL OR p_options.diversity > 0;
  v_is_too_much_due := cardinality(p_due_ids) > v_due_places;
  IF v_is_arranged OR v_has_boosts THEN
    v_extra := 0;
    v_popular := greatest(100, least(p_limit, 1000)) + cardinality(v_extra_ids);
    v_head := v_pool + 10 + v_popular + cardinality(v_pin_ids);
  ELSE
    -- No history has a million candidates.
    v_most := least(p_limit, 1000000) + greatest(0, cardinality(p_due_ids) - v_due_places);
    v_head := v_most + 10;
    v_popular := v_most + cardinality(v_extra_ids) + 10;
  END IF;
  IF v_category IS NOT NULL OR v_min_price IS NOT NULL OR v_max_price IS NOT NULL OR v_has_includes THEN
    v_head := NULL;
    v_popular := c_all_popular;
  END IF;

  v_extra_scores := p_due_scores || array_fill('-infinity'::double precision, ARRAY[cardinality(v_extra_ids) - cardinality(p_due_ids)]);
  IF v_pin_ids <> '{}' THEN
    v_extra_ids := v_pin_ids || v_extra_ids;
    v_extra_scores := array_fill(0::double precision, ARRAY[cardinality(v_pin_ids)]) || v_extra_scores;
    v_extra_popularities := v_pin_popularities || v_extra_popularities;
  END IF;

  LOOP
    SELECT array_agg(f.id), array_agg((f.score - (c_extra - v_extra) * round(f.score / c_extra)) / 1073741824), array_agg(f.mark),
      array_agg(f.name), array_agg(f.category), array_agg(f.price)
    INTO v_ids, v_scores, v_marks, v_names, v_categories, v_prices
    FROM (
      SELECT h.*, p.*
      FROM (
        SELECT c.id, sum(c.part) + v_popularity_weight * max(c.popularity) - v_extra * round(sum(c.part) / c_extra) AS score,
          -- The largest mark says which source adds most: the part in whole steps, and below 1 its place in the history, and how it knows.
          max(floor(c.part) + c.mark) AS mark
        FROM (
          -- By subscript: half of what unnesting three slices takes.
          SELECT w.ids[w.at] AS id, w.weight * w.shares[w.at] AS part, CASE WHEN w.n > w.front THEN w.mark - c_half_place ELSE w.mark END AS mark,
            w.popularities[w.at] AS popularity
          FROM (
            SELECT w.*, CASE WHEN w.n > w.front THEN w.n + w.skipped ELSE w.n END AS at
            FROM (
              SELECT w.*, generate_series(1, w.most) AS n
              FROM app_schema.read_weights(p_kind, p_model_run_id, p_source_ids, p_source_weights, p_total) w
            ) w
          ) w
          UNION ALL SELECT unnest(v_extra_ids), c_extra + 1073741824 * unnest(v_extra_scores), '-infinity', unnest(v_extra_popularities)
          UNION ALL
          SELECT unnest(l.product_ids[:v_popular]), c_extra, '-infinity', unnest(l.popularities[:v_popular])
          FROM app_schema.popular_products l
          WHERE l.model_run_id = p_model_run_id AND l.period = 'recent' AND l.category = CASE WHEN p_popular_in IS NOT NULL THEN coalesce(v_category, p_popular_in) END
        ) c
        GROUP BY c.id
        HAVING sum(c.part) > 0
        ORDER BY score DESC, c.id
        LIMIT v_head
      ) h
      CROSS JOIN LATERAL app_schema.find_recommendable(
        h.id, v_category, v_min_price, v_max_price, v_in_stock, v_has_includes, v_has_excludes, v_language
      ) p
      ORDER BY h.score DESC, h.id
      LIMIT v_most
    ) f;
    IF v_head IS NULL OR cardinality(v_ids) >= coalesce(v_most, v_pool) THEN
      -- Few shops have boosts: in the query above, they would be made ready for each list.
      IF v_has_boosts THEN
        SELECT array_agg(b.id), array_agg(b.score), array_agg(b.mark), array_agg(b.name), array_agg(b.category), array_agg(b.price)
        INTO v_ids, v_scores, v_marks, v_names, v_categories, v_prices
        FROM (
          SELECT o.id, o.mark, o.name, o.category, o.price, o.score * (
              SELECT coalesce(exp(sum(ln(r.factor))), 1) FROM app_schema.recommendation_rules r
              WHERE r.action = 'boost' AND (r.product_id IS NULL OR r.product_id = o.id) AND (r.category IS NULL OR r.category = o.category)
                AND (r.min_price IS NULL OR o.price >= r.min_price) AND (r.max_price IS NULL OR o.price <= r.max_price)
            ) AS score
          FROM unnest(v_ids, v_scores, v_marks, v_names, v_categories, v_prices) o (id, score, mark, name, category, price)
          ORDER BY score DESC, o.id
        ) b;
      END IF;
      IF v_is_arranged THEN
        SELECT array_agg(d.days ORDER BY o.place), array_agg(i.position ORDER BY o.place) INTO v_days, v_pins
        FROM unnest(v_ids) WITH ORDINALITY o (id, place)
        LEFT JOIN unnest(p_due_ids, p_due_days) d (id, days) ON d.id = o.id
        LEFT JOIN (
          SELECT r.product_id, min(r.position) AS position FROM app_schema.recommendation_rules r WHERE v_pin_ids <> '{}' AND r.action = 'pin' GROUP BY 1
        ) i ON i.product_id = o.id;
        v_order := app_schema.arrange_products(
          p_model_run_id, p_limit, v_ids, v_scores, v_days, v_pins, v_categories, v_due_places, v_cap, p_options.diversity
        );
      ELSIF v_is_too_much_due THEN
        -- As arrange_products does, which for this alone would cost five times as much.
        v_order := ARRAY(
          SELECT t.place
          FROM unnest(v_ids) WITH ORDINALITY t (id, place)
          ORDER BY (t.id = ANY (p_due_ids) AND t.place >= (
            SELECT x.place FROM unnest(v_ids) WITH ORDINALITY x (id, place) WHERE x.id = ANY (p_due_ids) ORDER BY x.place OFFSET v_due_places LIMIT 1
          )) IS TRUE, t.place
          LIMIT p_limit
        );
      END IF;
      -- A cap may leave fewer than were asked for of a pool with few categories.
      EXIT WHEN v_head IS NULL OR v_cap IS NULL OR cardinality(v_order) >= p_limit;
    END IF;
    v_head := NULL;
    v_popular := c_all_popular;
  END LOOP;
  IF v_ids IS NULL THEN
    RETURN;
  END IF;
  RETURN QUERY
    SELECT o.rank::integer, v_ids[d.place], v_names[d.place], v_categories[d.place], v_prices[d.place], v_scores[d.place],
      CASE WHEN r.code LIKE 'popular%' THEN 'popular' ELSE r.code END,
      replace(app_schema.reason_text(r.code, v_language), '%s', coalesce(
        CASE WHEN r.code = 'buy_again' THEN round(d.days)::text WHEN v_language = 'ru' THEN coalesce(s.attributes ->> 'name_ru', s.name) ELSE s.name END, '')),
      s.product_id, CASE WHEN s.product_id IS NOT NULL THEN floor(v_marks[d.place]) / 1073741824 END, p_model_run_id
    FROM unnest((coalesce(v_order, v_ids))[:p_limit]) WITH ORDINALITY o (place, rank)
    CROSS JOIN LATERAL (SELECT CASE WHEN v_order IS NULL THEN o.rank ELSE o.place END AS place) l
    CROSS JOIN LATERAL (
      SELECT l.place, p_due_days[array_position(p_due_ids, v_ids[l.place])] AS days,
        CASE WHEN v_marks[l.place] >= 1 THEN (2048 * (v_marks[l.place] - floor(v_marks[l.place])))::integer END AS mark
      OFFSET 0
    ) d
    LEFT JOIN app_schema.products s ON v_pins[d.place] IS NULL AND d.days IS NULL AND s.product_id = p_source_ids[1024 - (d.mark + 1) / 2]
    CROSS JOIN LATERAL (
      SELECT CASE
        WHEN v_pins[d.place] IS NOT NULL THEN 'pinned'
        WHEN d.days IS NOT NULL THEN 'buy_again'
        WHEN s.product_id IS NULL THEN 'popular_' || coalesce(
          (SELECT q.trending FROM app_schema.product_popularity q WHERE q.model_run_id = p_model_run_id AND q.product_id = v_ids[d.place]), 'recent')
        WHEN s.product_id = v_ids[d.place] THEN 'viewed_again'
        WHEN d.mark % 2 = 1 THEN 'similar'
        WHEN NOT v_for_person THEN 'taken_together'
        WHEN s.product_id = ANY (p_bought_ids) THEN 'bought_together'
        ELSE 'viewed_together' END AS code
      OFFSET 0
    ) r
    ORDER BY o.rank;
END
$$;

ALTER FUNCTION app_schema.rank_products(p_kind text, p_model_run_id bigint, p_limit integer, p_options app_schema.recommendation_options, p_source_ids integer[], p_source_weights double precision[], p_total double precision, p_bought_ids integer[], p_banned_ids integer[], p_popular_in character varying, p_due_ids integer[], p_due_scores double precision[], p_due_days real[], p_due_popularities real[]) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.rank_products(p_kind text, p_model_run_id bigint, p_limit integer, p_options app_schema.recommendation_options, p_source_ids integer[], p_source_weights double precision[], p_total double precision, p_bought_ids integer[], p_banned_ids integer[], p_popular_in character varying, p_due_ids integer[], p_due_scores double precision[], p_due_days real[], p_due_popularities real[]) IS 'The engine of all lists: score(j) = sum of p_source_weights(i) / p_total w(i, j), what is due again, and popularity; then the rules of the shop, caps, diversity, and for each product its weightiest reason. The weightiest source comes first';

CREATE FUNCTION app_schema.read_recommendation_options(p_options jsonb) RETURNS app_schema.recommendation_options
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $$
DECLARE
  v_given jsonb := coalesce(p_options, '{}');
  v_bad record;
  v_read app_schema.recommendation_options;
BEGIN
  IF jsonb_typeof(v_given) <> 'object' THEN
    RAISE EXCEPTION 'the options must be a JSON object' USING ERRCODE = 'CA002', HINT = '{} is none; the database guide lists them.';
  END IF;
  -- Most lists are asked for without: the statement below takes them four times as long.
  IF v_given = '{}' THEN
    SELECT 'en', NULL, NULL, '{}', NULL, coalesce(s.recommendation_diversity, 0), s.recommendation_max_per_category, NULL, NULL,
      coalesce(s.recommendation_in_stock, true), true, s.recommendation_buy_again_share
    INTO v_read
    FROM (VALUES (true)) one (setting_id) LEFT JOIN app_schema.settings s USING (setting_id);
    RETURN v_read;
  END IF;
  SELECT string_agg(o.key, ', ' ORDER BY o.key) FILTER (WHERE o.must_be IS NULL) AS unknown,
    min(format('%s must be %s, not %s', o.key, o.must_be, o.value)) FILTER (WHERE o.must_be <> '') AS wrong
  INTO v_bad
  FROM (SELECT g.key, g.value, app_schema.check_recommendation_option(g.key, g.value) AS must_be FROM jsonb_each(v_given) g) o;
  IF v_bad.unknown IS NOT NULL THEN
    RAISE EXCEPTION 'unknown option: %', v_bad.unknown USING ERRCODE = 'CA002',
      HINT = 'Options are language, category, as_of, exclude_product_ids, model_run_id, diversity, max_per_category, min_price, max_price, in_stock, buy_again.';
  ELSIF v_bad.wrong IS NOT NULL THEN
    RAISE EXCEPTION '%', v_bad.wrong USING ERRCODE = 'CA002', HINT = 'The database guide lists the options with examples.';
  END IF;
  SELECT coalesce(v_given ->> 'language', 'en'), v_given ->> 'category', app_schema.end_of_as_of(v_given ->> 'as_of'),
    ARRAY(
      SELECT x::numeric::integer FROM jsonb_array_elements_text(coalesce(nullif(v_given -> 'exclude_product_ids', 'null'), '[]')) x
      WHERE x::numeric BETWEEN 1 AND 2147483647 AND x::numeric % 1 = 0
    ),
    (v_given ->> 'model_run_id')::bigint, coalesce((v_given ->> 'diversity')::double precision, s.recommendation_diversity, 0),
    coalesce((v_given ->> 'max_per_category')::integer, s.recommendation_max_per_category),
    (v_given ->> 'min_price')::numeric, (v_given ->> 'max_price')::numeric,
    coalesce((v_given ->> 'in_stock')::boolean, s.recommendation_in_stock, true), coalesce((v_given ->> 'buy_again')::boolean, true),
    s.recommendation_buy_again_share
  INTO v_read
  FROM (VALUES (true)) one (setting_id) LEFT JOIN app_schema.settings s USING (setting_id);
  IF v_read.model_run_id IS NOT NULL AND NOT EXISTS (SELECT FROM app_schema.recommenders c WHERE c.model_run_id = v_read.model_run_id) THEN
    RAISE EXCEPTION 'run % has no published recommendations', v_read.model_run_id
      USING ERRCODE = 'CA002', HINT = 'SELECT * FROM app_schema.recommenders shows the runs that have.';
  END IF;
  RETURN v_read;
END
$$;

ALTER FUNCTION app_schema.read_recommendation_options(p_options jsonb) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.read_recommendation_options(p_options jsonb) IS 'Checks the options of a list (CA002 for what is unknown or not of its kind) and fills in the settings of the shop';

CREATE FUNCTION app_schema.read_weights(p_kind text, p_model_run_id bigint, p_source_ids integer[], p_source_weights double precision[], p_total double precision) RETURNS TABLE(weight double precision, mark double precision, ids integer[], shares real[], popularities real[], front integer, skipped integer, most integer)
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
  SELECT s.weight / p_total * 1073741824, (1024 - s.place)::double precision / 1024,
    CASE WHEN x.is_similar THEN n.similar_ids ELSE n.neighbour_ids END,
    CASE WHEN x.is_similar THEN n.similarities ELSE n.weights END,
    CASE WHEN x.is_similar THEN n.similar_popularities ELSE n.neighbour_popularities END,
    x.front, CASE WHEN x.is_similar THEN 0 ELSE n.collaborative - x.front END,
    x.front + CASE
      WHEN x.is_similar THEN cardinality(n.similar_ids)
      WHEN p_kind = 'bought_together' THEN 0
      ELSE least(cardinality(n.neighbour_ids) - n.collaborative, floor(10 * x.share))
    END::integer
  FROM unnest(p_source_ids, p_source_weights) WITH ORDINALITY s (product_id, weight, place)
  JOIN app_schema.product_neighbours n ON n.model_run_id = p_model_run_id AND n.product_id = s.product_id
  CROSS JOIN LATERAL (
    SELECT k.is_similar, k.share, CASE WHEN k.is_similar THEN 0 ELSE least(n.collaborative, ceil(200 * k.share))::integer END AS front
    FROM (
      SELECT p_kind = 'similar' AND n.similar_ids <> '{}' AS is_similar,
        CASE WHEN p_kind IN ('user', 'session') THEN s.weight / p_total ELSE 1 END AS share
    ) k
    OFFSET 0
  ) x
  OFFSET 0
$$;

ALTER FUNCTION app_schema.read_weights(p_kind text, p_model_run_id bigint, p_source_ids integer[], p_source_weights double precision[], p_total double precision) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.read_weights(p_kind text, p_model_run_id bigint, p_source_ids integer[], p_source_weights double precision[], p_total double precision) IS 'The rows of weights that a list is made of: weight of the source in steps of 2^-30 after p_total divided it; mark, below 1, falls with its place by 2^-10; of the row the first `front` pairs and then, `skipped` ones further, what is known by content, `most` pairs in all. Of a history 200 pairs and at most 10 by content, shared among the sources by their weights; of a basket what was taken together, of a product what is like it (where nothing is known of that, what was taken together)';

CREATE FUNCTION app_schema.reason_text(p_code text, p_language text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
  SELECT CASE p_code
    WHEN 'pinned' THEN CASE p_language WHEN 'ru' THEN 'выбор магазина' ELSE 'chosen by the shop' END
    WHEN 'buy_again' THEN CASE p_language WHEN 'ru' THEN 'пора купить снова: обычно раз в %s дн.' ELSE 'time to buy it again: usually every %s days' END
    WHEN 'bought_together' THEN CASE p_language WHEN 'ru' THEN 'потому что вы купили: %s' ELSE 'because you bought %s' END
    WHEN 'viewed_together' THEN CASE p_language WHEN 'ru' THEN 'потому что вы смотрели: %s' ELSE 'because you looked at %s' END
    WHEN 'viewed_again' THEN CASE p_language WHEN 'ru' THEN 'потому что вы недавно это смотрели' ELSE 'because you looked at it lately' END
    WHEN 'similar' THEN CASE p_language WHEN 'ru' THEN 'похоже на: %s' ELSE 'similar to %s' END
    WHEN 'taken_together' THEN CASE p_language WHEN 'ru' THEN 'часто берут вместе с: %s' ELSE 'often taken together with %s' END
    WHEN 'popular_recent' THEN CASE p_language WHEN 'ru' THEN 'популярно у наших покупателей' ELSE 'popular with our customers' END
    WHEN 'popular_week' THEN CASE p_language WHEN 'ru' THEN 'популярно на этой неделе' ELSE 'popular this week' END
    WHEN 'popular_month' THEN CASE p_language WHEN 'ru' THEN 'популярно в этом месяце' ELSE 'popular this month' END
    WHEN 'popular_quarter' THEN CASE p_language WHEN 'ru' THEN 'популярно в последние 90 дней' ELSE 'popular in the last 90 days' END
    WHEN 'popular_year' THEN CASE p_language WHEN 'ru' THEN 'популярно в последние 365 дней' ELSE 'popular in the last 365 days' END
  END
$$;

ALTER FUNCTION app_schema.reason_text(p_code text, p_language text) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.reason_text(p_code text, p_language text) IS 'The words of a reason in English or (ru) Russian; %s is the name of the product that it is about, of buy_again the days between two purchases';

CREATE FUNCTION app_schema.rebuild_user_days() RETURNS bigint
    LANGUAGE plpgsql
    SET enable_indexscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET work_mem TO '128MB'
    SET parallel_setup_cost TO '0'
    SET parallel_tuple_cost TO '0'
    AS $$
DECLARE
  v_written bigint;
BEGIN
  -- First what is noted, then what is folded: what commits between the two is folded here and, harmlessly, once more next time.
  DELETE FROM app_schema.user_day_changes;
  DELETE FROM app_schema.user_days;
  CREATE TEMP TABLE folded_days AS SELECT * FROM app_schema.fold_all_days() f ORDER BY f.user_id, f.day;
  INSERT INTO app_schema.user_days SELECT * FROM pg_temp.folded_days;
  GET DIAGNOSTICS v_written = ROW_COUNT;
  DROP TABLE pg_temp.folded_days;
  INSERT INTO app_schema.user_score_changes (user_id) VALUES (0);
  RETURN v_written;
END
$$;

ALTER FUNCTION app_schema.rebuild_user_days() OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.rebuild_user_days() IS 'Folds all days anew and returns how many there are; refresh_user_days calls it';

CREATE FUNCTION app_schema.record_recommendations(p_kind text, p_user_id integer, p_model_run_id bigint, p_product_ids integer[], p_reason_codes text[]) RETURNS uuid
    LANGUAGE sql
    AS $$
  INSERT INTO app_schema.recommendation_lists (kind, user_id, model_run_id, product_ids, reason_codes)
  VALUES (p_kind, p_user_id, p_model_run_id, p_product_ids, p_reason_codes) RETURNING recommendation_id
$$;

ALTER FUNCTION app_schema.record_recommendations(p_kind text, p_user_id integer, p_model_run_id bigint, p_product_ids integer[], p_reason_codes text[]) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.record_recommendations(p_kind text, p_user_id integer, p_model_run_id bigint, p_product_ids integer[], p_reason_codes text[]) IS 'Writes down a list that is about to be shown and returns the recommendation_id that events are to bring back';

CREATE FUNCTION app_schema.refresh_user_days(p_rebuild boolean DEFAULT false) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
DECLARE
  v_changed bigint;
  -- By size, at about 80 bytes a row: the planner's own count comes with the next ANALYZE, and a true one would read them all.
  v_days bigint := pg_relation_size('app_schema.user_days') / 80;
  v_written bigint;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtext('customer-analyzer user_days'));
  SELECT count(*) INTO v_changed FROM app_schema.user_day_changes;
  -- A day folded alone costs as much as eight in a fold of everything.
  IF p_rebuild OR v_changed > v_days / 8 THEN
    RETURN app_schema.rebuild_user_days();
  END IF;
  WITH noted AS (
    DELETE FROM app_schema.user_day_changes RETURNING user_id, day
  ), changed AS (
    -- In the order of the keys the days that follow each other lie on the same pages, and each is written once.
    SELECT DISTINCT n.user_id, n.day FROM noted n ORDER BY n.user_id, n.day
  ), touched AS (
    -- Also where the day as a whole stays as it was: the part of it before a moment may not.
    INSERT INTO app_schema.user_score_changes (user_id) SELECT DISTINCT c.user_id FROM changed c
  ), folded AS MATERIALIZED (
    -- A day whose events are all gone stays, empty: to look for what is missing would compare each day with all others.
    SELECT c.user_id AS of_user_id, c.day AS of_day, f.*
    FROM changed c LEFT JOIN LATERAL app_schema.fold_day(c.user_id, c.day, '-infinity', 'infinity') f ON true
  ), emptied AS (
    DELETE FROM app_schema.user_days d USING folded f
    WHERE f.events IS NULL AND d.user_id = f.of_user_id AND d.day = f.of_day
  )
  INSERT INTO app_schema.user_days AS d
  SELECT f.user_id, f.day, f.events, f.purchases, f.orders, f.spend, f.refund_events, f.refunds, f.views, f.carts, f.bot_events
  FROM folded f
  WHERE f.events IS NOT NULL
  ON CONFLICT (user_id, day) DO UPDATE SET events = excluded.events, purchases = excluded.purchases, orders = excluded.orders,
    spend = excluded.spend, refund_events = excluded.refund_events, refunds = excluded.refunds, views = excluded.views,
    carts = excluded.carts, bot_events = excluded.bot_events
    WHERE (d.*) IS DISTINCT FROM (excluded.*);
  GET DIAGNOSTICS v_written = ROW_COUNT;
  RETURN v_written;
END
$$;

ALTER FUNCTION app_schema.refresh_user_days(p_rebuild boolean) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.refresh_user_days(p_rebuild boolean) IS 'Brings user_days up to date with the events and returns the rows written; p_rebuild folds everything anew. Nothing depends on when it runs but speed';

CREATE FUNCTION app_schema.refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  RAISE EXCEPTION 'rows of % are not changed once they are written', TG_TABLE_NAME USING ERRCODE = 'CA002', HINT = 'Insert another, or delete it.';
END
$$;

ALTER FUNCTION app_schema.refuse_change() OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.refuse_change() IS 'Trigger: a table is only inserted into and deleted from';

CREATE FUNCTION app_schema.start_recommendation_experiment(p_name text, p_control_run bigint, p_treatment_run bigint, p_share real DEFAULT 0.5) RETURNS integer
    LANGUAGE plpgsql
    AS $$
DECLARE
  v_id integer;
  v_missing bigint;
BEGIN
  SELECT m.id INTO v_missing FROM unnest(ARRAY[p_control_run, p_treatment_run]) m (id)
  WHERE NOT EXISTS (SELECT FROM app_schema.recommenders c WHERE c.model_run_id = m.id) LIMIT 1;
  IF FOUND THEN
    RAISE EXCEPTION 'run % has no published recommendations', coalesce(v_missing::text, 'NULL')
      USING ERRCODE = 'CA002', HINT = 'SELECT * FROM app_schema.recommenders shows the runs that have.';
  ELSIF p_control_run = p_treatment_run THEN
    RAISE EXCEPTION 'control and treatment are the same run' USING ERRCODE = 'CA002', HINT = 'An experiment compares two runs.';
  ELSIF (p_share BETWEEN 0 AND 1) IS NOT TRUE THEN
    RAISE EXCEPTION 'the share must be from 0 to 1, not %', coalesce(p_share::text, 'NULL') USING ERRCODE = 'CA002', HINT = '0.5 gives half of the customers the treatment.';
  END IF;
  PERFORM pg_advisory_xact_lock(hashtext('customer-analyzer recommendation experiments'));
  IF EXISTS (SELECT FROM app_schema.recommendation_experiments x WHERE x.stopped_at IS NULL) THEN
    RAISE EXCEPTION 'another experiment is running' USING ERRCODE = 'CA002', HINT = 'Stop it first: SELECT app_schema.stop_recommendation_experiment();';
  ELSIF coalesce(p_name, '') = '' OR EXISTS (SELECT FROM app_schema.recommendation_experiments x WHERE x.name = p_name) THEN
    RAISE EXCEPTION 'an experiment needs a name that none had before, not "%"', p_name USING ERRCODE = 'CA002', HINT = 'The name decides who gets what.';
  END IF;
  INSERT INTO app_schema.recommendation_experiments (name, control_run, treatment_run, share)
  VALUES (p_name, p_control_run, p_treatment_run, p_share) RETURNING experiment_id INTO v_id;
  RETURN v_id;
END
$$;

ALTER FUNCTION app_schema.start_recommendation_experiment(p_name text, p_control_run bigint, p_treatment_run bigint, p_share real) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.start_recommendation_experiment(p_name text, p_control_run bigint, p_treatment_run bigint, p_share real) IS 'Gives p_share of the customers the treatment run and the others the control run, from the commit on; returns experiment_id';

CREATE FUNCTION app_schema.stop_recommendation_experiment() RETURNS text
    LANGUAGE sql
    AS $$
  UPDATE app_schema.recommendation_experiments x SET stopped_at = now() WHERE x.stopped_at IS NULL RETURNING x.name
$$;

ALTER FUNCTION app_schema.stop_recommendation_experiment() OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.stop_recommendation_experiment() IS 'Ends the running experiment, all get the champion again; returns its name, NULL where none ran';

CREATE FUNCTION app_schema.within_days(p_days numeric, p_language text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $$
  SELECT CASE p_language WHEN 'ru' THEN 'в течение ' ELSE 'within ' END || app_schema.count_words(p_days, 'day|days|дня|дней|дней', p_language)
$$;

ALTER FUNCTION app_schema.within_days(p_days numeric, p_language text) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION app_schema.within_days(p_days numeric, p_language text) IS 'within 30 days';

CREATE FUNCTION jobs.clean_up(p_keep_days integer DEFAULT 90) RETURNS TABLE(what text, removed bigint)
    LANGUAGE sql
    AS $$
  WITH runs AS (
    DELETE FROM jobs.runs r WHERE r.started_at < now() - make_interval(days => p_keep_days) AND r.state <> 'running' RETURNING 1
  ), workers AS (
    DELETE FROM jobs.workers w WHERE w.seen_at < now() - interval '1 day' RETURNING 1
  ), messages AS (
    -- Their events are still counted once: those have a key of their own.
    DELETE FROM app_schema.ingested_messages m WHERE m.received_at < now() - make_interval(days => p_keep_days) RETURNING 1
  ), rejects AS (
    DELETE FROM app_schema.ingest_rejects r WHERE r.received_at < now() - make_interval(days => p_keep_days) RETURNING 1
  )
  SELECT 'runs', (SELECT count(*) FROM runs) UNION ALL SELECT 'workers', (SELECT count(*) FROM workers)
  UNION ALL SELECT 'messages', (SELECT count(*) FROM messages) UNION ALL SELECT 'rejects', (SELECT count(*) FROM rejects)
$$;

ALTER FUNCTION jobs.clean_up(p_keep_days integer) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION jobs.clean_up(p_keep_days integer) IS 'Removes what is older than so many days: history of jobs, the ledger of messages over HTTP, their dead letters; and workers that have not been seen for a day';

CREATE FUNCTION jobs.get_maintenance_state() RETURNS TABLE(migrations text[], last_backup_at timestamp with time zone, last_drill_at timestamp with time zone, last_drill_succeeded boolean)
    LANGUAGE sql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT (SELECT array_agg(m.name ORDER BY m.name) FROM maintenance.migrations m),
    (SELECT max(b.finished_at) FROM maintenance.backup_runs b WHERE b.kind = 'backup' AND b.succeeded),
    (SELECT max(b.finished_at) FROM maintenance.backup_runs b WHERE b.kind = 'drill'),
    (SELECT b.succeeded FROM maintenance.backup_runs b WHERE b.kind = 'drill' ORDER BY b.backup_run_id DESC LIMIT 1)
$$;

ALTER FUNCTION jobs.get_maintenance_state() OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION jobs.get_maintenance_state() IS 'What readiness and metrics tell of the closed schema maintenance: migrations applied, last backup that succeeded, last drill. Runs with rights of the owner role';

CREATE FUNCTION maintenance.apply_database_settings() RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
    DECLARE
      v_database text := current_database();
      v_other text;
      v_function regprocedure;
      v_extension record;
    BEGIN
      EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', v_database);
      EXECUTE format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO app_user', v_database);
      EXECUTE format('GRANT CONNECT ON DATABASE %I TO ml_user', v_database);
      EXECUTE format('GRANT ALL ON DATABASE %I TO admin_user', v_database);
      EXECUTE format('ALTER DATABASE %I SET search_path TO app_schema, compatibility, extensions, public', v_database);

      -- PUBLIC may connect to the maintenance databases by default, and ml_user is part of PUBLIC.
      FOR v_other IN
        SELECT datname FROM pg_database
        WHERE datname IN ('postgres', 'template1') AND datname <> v_database AND has_database_privilege('public', oid, 'CONNECT')
      LOOP
        BEGIN
          EXECUTE format('REVOKE CONNECT, TEMPORARY ON DATABASE %I FROM PUBLIC', v_other);
        EXCEPTION
          WHEN insufficient_privilege THEN RAISE WARNING 'PUBLIC can still connect to database %', v_other;
          WHEN SQLSTATE 'XX000' THEN NULL; -- "tuple concurrently updated": another database is doing it
        END;
      END LOOP;
      SELECT string_agg(quote_ident(datname), ', ') INTO v_other
      FROM pg_database
      WHERE datallowconn AND datname NOT IN ('postgres', 'template1', v_database) AND has_database_privilege('public', oid, 'CONNECT');
      IF v_other IS NOT NULL THEN
        RAISE WARNING 'ml_user and app_user can connect to other databases of this server: %', v_other
          USING HINT = 'They are not ours to close. If nobody needs it: REVOKE CONNECT ON DATABASE … FROM PUBLIC;';
      END IF;

      -- Creating a large object is a write that no table grant forbids.
      FOR v_function IN
        SELECT p.oid::regprocedure FROM pg_proc p
        WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname IN ('lo_creat', 'lo_create', 'lo_from_bytea')
          AND has_function_privilege('public', p.oid, 'EXECUTE')
      LOOP
        BEGIN
          EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', v_function);
          EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO admin_user', v_function);
        EXCEPTION WHEN insufficient_privilege THEN
          RAISE WARNING 'PUBLIC can still create large objects by %', v_function;
        END;
      END LOOP;

      SELECT e.oid, e.extnamespace::regnamespace AS schema INTO v_extension
      FROM pg_extension e WHERE e.extname = 'pg_stat_statements' AND pg_has_role(e.extowner, 'USAGE');
      IF NOT FOUND THEN
        RETURN; -- not installed, or a managed server's own
      END IF;

      -- Leaving the extension and coming back makes the grant a part of it: pg_dump would write it down otherwise, and the function
      -- has other parameters in other majors.
      FOR v_function IN
        SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.classid = 'pg_proc'::regclass
        WHERE d.refobjid = v_extension.oid AND d.deptype = 'e' AND p.proname = 'pg_stat_statements_reset'
          AND NOT has_function_privilege('admin_user', p.oid, 'EXECUTE')
      LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO admin_user', v_function);
        EXECUTE format('ALTER EXTENSION pg_stat_statements DROP FUNCTION %s', v_function);
        EXECUTE format('ALTER EXTENSION pg_stat_statements ADD FUNCTION %s', v_function);
      END LOOP;

      -- PostgreSQL 13 renamed mean_time and its kin. The view stands before the extension's own on the search path and has the old
      -- names beside the new. As a member of the extension it is in no dump: its columns differ between majors.
      IF to_regclass('compatibility.pg_stat_statements') IS NOT NULL THEN
        IF EXISTS (SELECT FROM pg_depend WHERE objid = 'compatibility.pg_stat_statements'::regclass AND deptype = 'e') THEN
          ALTER EXTENSION pg_stat_statements DROP VIEW compatibility.pg_stat_statements;
        END IF;
        DROP VIEW compatibility.pg_stat_statements;
      END IF;
      EXECUTE format(
        'CREATE VIEW compatibility.pg_stat_statements AS
          SELECT s.*, s.total_exec_time AS total_time, s.min_exec_time AS min_time, s.max_exec_time AS max_time,
            s.mean_exec_time AS mean_time, s.stddev_exec_time AS stddev_time
          FROM %s.pg_stat_statements s', v_extension.schema);
      COMMENT ON VIEW compatibility.pg_stat_statements IS 'pg_stat_statements with the column names of before PostgreSQL 13 added';
      GRANT SELECT ON compatibility.pg_stat_statements TO admin_user;
      ALTER EXTENSION pg_stat_statements ADD VIEW compatibility.pg_stat_statements;
    END
    $$;

ALTER FUNCTION maintenance.apply_database_settings() OWNER TO postgres;

COMMENT ON FUNCTION maintenance.apply_database_settings() IS 'Applies what belongs to the database itself and is lost by dumps and templates: grants, search path, compatibility view. Repeatable.';

CREATE FUNCTION monitoring.format_age(p_age interval) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT CASE
    WHEN s >= 172800 THEN floor(s / 86400) || ' days' WHEN s >= 7200 THEN floor(s / 3600) || ' hours'
    WHEN s >= 120 THEN floor(s / 60) || ' minutes' ELSE floor(s) || ' seconds'
  END
  FROM extract(epoch FROM greatest(p_age, interval '0')) AS s
$$;

ALTER FUNCTION monitoring.format_age(p_age interval) OWNER TO postgres;

COMMENT ON FUNCTION monitoring.format_age(p_age interval) IS '45 seconds, 3 hours, 12 days';

CREATE FUNCTION monitoring.list_slow_queries() RETURNS TABLE(query_id bigint, role_name text, query text, calls bigint, mean_ms double precision, max_ms double precision, total_ms double precision, share_of_time double precision, rows_per_call double precision, cache_hit_share double precision)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
  v_schema regnamespace := (SELECT e.extnamespace::regnamespace FROM pg_extension e WHERE e.extname = 'pg_stat_statements');
BEGIN
  IF v_schema IS NULL OR current_setting('shared_preload_libraries') !~ 'pg_stat_statements' THEN
    RETURN;
  END IF;
  RETURN QUERY EXECUTE format(
    'SELECT s.queryid, pg_get_userbyid(s.userid)::text, s.query, s.calls, s.mean_exec_time, s.max_exec_time, s.total_exec_time,
       s.total_exec_time / nullif(sum(s.total_exec_time) OVER (), 0), s.rows::double precision / nullif(s.calls, 0),
       s.shared_blks_hit::double precision / nullif(s.shared_blks_hit + s.shared_blks_read, 0)
     FROM %s.pg_stat_statements s
     WHERE s.dbid = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())', v_schema);
END
$$;

ALTER FUNCTION monitoring.list_slow_queries() OWNER TO postgres;

COMMENT ON FUNCTION monitoring.list_slow_queries() IS 'Slow statements of this database by the statistics that the server keeps, since they were last reset; none where the extension is missing';

CREATE FUNCTION pgboss.create_queue(queue_name text, options json) RETURNS void
    LANGUAGE plpgsql
    AS $_$
    DECLARE
      table_name varchar := 'j' || encode(sha224(queue_name::bytea), 'hex');
      queue_created_on timestamptz;
    BEGIN

      WITH q as (
      INSERT INTO pgboss.queue (
        name,
        policy,
        retry_limit,
        retry_delay,
        retry_backoff,
        expire_seconds,
        retention_minutes,
        dead_letter,
        partition_name
      )
      VALUES (
        queue_name,
        options->>'policy',
        (options->>'retryLimit')::int,
        (options->>'retryDelay')::int,
        (options->>'retryBackoff')::bool,
        (options->>'expireInSeconds')::int,
        (options->>'retentionMinutes')::int,
        options->>'deadLetter',
        table_name
      )
      ON CONFLICT DO NOTHING
      RETURNING created_on
      )
      SELECT created_on into queue_created_on from q;

      IF queue_created_on IS NULL THEN
        RETURN;
      END IF;

      EXECUTE format('CREATE TABLE pgboss.%I (LIKE pgboss.job INCLUDING DEFAULTS)', table_name);

      EXECUTE format('ALTER TABLE pgboss.%1$I ADD PRIMARY KEY (name, id)', table_name);
      EXECUTE format('ALTER TABLE pgboss.%1$I ADD CONSTRAINT q_fkey FOREIGN KEY (name) REFERENCES pgboss.queue (name) ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED', table_name);
      EXECUTE format('ALTER TABLE pgboss.%1$I ADD CONSTRAINT dlq_fkey FOREIGN KEY (dead_letter) REFERENCES pgboss.queue (name) ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED', table_name);
      EXECUTE format('CREATE UNIQUE INDEX %1$s_i1 ON pgboss.%1$I (name, COALESCE(singleton_key, '''')) WHERE state = ''created'' AND policy = ''short''', table_name);
      EXECUTE format('CREATE UNIQUE INDEX %1$s_i2 ON pgboss.%1$I (name, COALESCE(singleton_key, '''')) WHERE state = ''active'' AND policy = ''singleton''', table_name);
      EXECUTE format('CREATE UNIQUE INDEX %1$s_i3 ON pgboss.%1$I (name, state, COALESCE(singleton_key, '''')) WHERE state <= ''active'' AND policy = ''stately''', table_name);
      EXECUTE format('CREATE UNIQUE INDEX %1$s_i4 ON pgboss.%1$I (name, singleton_on, COALESCE(singleton_key, '''')) WHERE state <> ''cancelled'' AND singleton_on IS NOT NULL', table_name);
      EXECUTE format('CREATE INDEX %1$s_i5 ON pgboss.%1$I (name, start_after) INCLUDE (priority, created_on, id) WHERE state < ''active''', table_name);

      EXECUTE format('ALTER TABLE pgboss.%I ADD CONSTRAINT cjc CHECK (name=%L)', table_name, queue_name);
      EXECUTE format('ALTER TABLE pgboss.job ATTACH PARTITION pgboss.%I FOR VALUES IN (%L)', table_name, queue_name);
    END;
    $_$;

ALTER FUNCTION pgboss.create_queue(queue_name text, options json) OWNER TO customer_analyzer_owner;

CREATE FUNCTION pgboss.delete_queue(queue_name text) RETURNS void
    LANGUAGE plpgsql
    AS $$
    DECLARE
      table_name varchar;
    BEGIN
      WITH deleted as (
        DELETE FROM pgboss.queue
        WHERE name = queue_name
        RETURNING partition_name
      )
      SELECT partition_name from deleted INTO table_name;

      EXECUTE format('DROP TABLE IF EXISTS pgboss.%I', table_name);
    END;
    $$;

ALTER FUNCTION pgboss.delete_queue(queue_name text) OWNER TO customer_analyzer_owner;

CREATE FUNCTION privacy.anonymise_event() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  NEW.user_id := NULL;
  NEW.properties := privacy.anonymous_properties(NEW.properties);
  -- As erase_user left those that were there: the same event again is still the same event.
  IF NEW.source_id IS NOT NULL THEN
    NEW.external_id := privacy.keyed_hash('event', NEW.source_id::text, NEW.external_id);
  END IF;
  RETURN NEW;
END
$$;

ALTER FUNCTION privacy.anonymise_event() OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION privacy.anonymise_event() IS 'Trigger: an event that comes with user_id -1 is that of an erased person, and is stored as nobody''s';

CREATE FUNCTION privacy.anonymous_properties(p_properties jsonb) RETURNS jsonb
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT coalesce(jsonb_object_agg(p.key, CASE p.key WHEN 'order_id' THEN to_jsonb(privacy.keyed_hash('order', '', p.value #>> '{}')) ELSE p.value END), '{}')
  FROM jsonb_each(CASE jsonb_typeof(p_properties) WHEN 'object' THEN p_properties ELSE '{}' END) p
  WHERE (p.key IN ('amount', 'quantity', 'unit_price') AND jsonb_typeof(p.value) = 'number')
    OR (p.key = 'order_id' AND jsonb_typeof(p.value) IN ('string', 'number'))
$$;

ALTER FUNCTION privacy.anonymous_properties(p_properties jsonb) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION privacy.anonymous_properties(p_properties jsonb) IS 'Of an event''s properties what revenue and the count of orders need; the order under another name';

CREATE FUNCTION privacy.count_traces(p_user_id integer) RETURNS TABLE(column_name text, rows bigint)
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
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
$_$;

ALTER FUNCTION privacy.count_traces(p_user_id integer) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION privacy.count_traces(p_user_id integer) IS 'Rows of a customer in each table that has a column user_id, by the catalogue and not by privacy.rules';

CREATE FUNCTION privacy.erase_user(p_user_id integer) RETURNS TABLE(table_name text, rows bigint)
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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
$$;

ALTER FUNCTION privacy.erase_user(p_user_id integer) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION privacy.erase_user(p_user_id integer) IS 'Erases a person everywhere, in one transaction: personal rows go, events stay as nobody''s with their money, and hashes keep the ids from coming back. CA004 for an unknown customer; fails where a table still has a row';

CREATE FUNCTION privacy.export_user(p_user_id integer) RETURNS jsonb
    LANGUAGE plpgsql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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
$$;

ALTER FUNCTION privacy.export_user(p_user_id integer) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION privacy.export_user(p_user_id integer) IS 'All that is held of a person, by table. CA004 for an unknown customer';

CREATE FUNCTION privacy.find_erased(p_kind text, p_source text, p_ids text[]) RETURNS SETOF text
    LANGUAGE plpgsql STABLE SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
  IF EXISTS (SELECT FROM privacy.erasures) THEN
    RETURN QUERY
      SELECT w.id FROM privacy.keys k CROSS JOIN unnest(p_ids) w (id)
      JOIN privacy.erasures e ON e.identity_hash = privacy.hash_with(k.inner_pad, k.outer_pad, p_kind, p_source, w.id);
  END IF;
END
$$;

ALTER FUNCTION privacy.find_erased(p_kind text, p_source text, p_ids text[]) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION privacy.find_erased(p_kind text, p_source text, p_ids text[]) IS 'Those of the ids that belong to somebody who was erased; kind is identity (with the source) or telegram (source empty). Events of such a person are written with user_id -1';

CREATE FUNCTION privacy.hash_with(p_inner_pad bytea, p_outer_pad bytea, p_kind text, p_context text, p_id text) RETURNS text
    LANGUAGE sql STABLE
    AS $$
  -- Each part with its length: ('a', 'bc') is not ('ab', 'c').
  SELECT 'erased:' || encode(substr(sha256(p_outer_pad || sha256(p_inner_pad || convert_to(
    octet_length(p_kind) || ':' || p_kind || octet_length(p_context) || ':' || p_context || octet_length(p_id) || ':' || p_id, 'UTF8'))), 1, 16), 'hex')
$$;

ALTER FUNCTION privacy.hash_with(p_inner_pad bytea, p_outer_pad bytea, p_kind text, p_context text, p_id text) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION privacy.hash_with(p_inner_pad bytea, p_outer_pad bytea, p_kind text, p_context text, p_id text) IS 'erased: and 128 bits of HMAC-SHA-256 over the three parts, in hex; for queries over many ids, which join privacy.keys once';

CREATE FUNCTION privacy.keyed_hash(p_kind text, p_context text, p_id text) RETURNS text
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT privacy.hash_with(k.inner_pad, k.outer_pad, p_kind, p_context, p_id) FROM privacy.keys k
$$;

ALTER FUNCTION privacy.keyed_hash(p_kind text, p_context text, p_id text) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION privacy.keyed_hash(p_kind text, p_context text, p_id text) IS 'hash_with the key of this database';

CREATE FUNCTION privacy.mentions(p_text text, p_strings text[]) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
  SELECT EXISTS (SELECT FROM unnest(p_strings) s WHERE strpos(lower(p_text), lower(s)) > 0)
$$;

ALTER FUNCTION privacy.mentions(p_text text, p_strings text[]) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION privacy.mentions(p_text text, p_strings text[]) IS 'Whether a text, as a rejected row, has one of the strings; for rules of tables without a user_id';

CREATE FUNCTION privacy.reapply_erasures() RETURNS integer
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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
$$;

ALTER FUNCTION privacy.reapply_erasures() OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION privacy.reapply_erasures() IS 'Erases again whom an older backup brought back; scripts/restore-db.sh calls it. Returns how many they were';

CREATE FUNCTION privacy.refuse_erased() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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
$$;

ALTER FUNCTION privacy.refuse_erased() OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION privacy.refuse_erased() IS 'Trigger: no door makes a customer again of somebody who was erased';

CREATE FUNCTION privacy.strings_of(p_user_id integer) RETURNS text[]
    LANGUAGE sql STABLE
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $_$
  -- Not the names: others bear them, too.
  SELECT array_agg(DISTINCT s.text)
  FROM (
    SELECT u.telegram_id::text FROM app_schema.users u WHERE u.user_id = p_user_id AND u.telegram_id > 0
    UNION ALL SELECT u.username FROM app_schema.users u WHERE u.user_id = p_user_id
    UNION ALL SELECT i.external_id FROM app_schema.user_identities i WHERE i.user_id = p_user_id
    UNION ALL SELECT v #>> '{}' FROM app_schema.users u, jsonb_path_query(u.profile_data, 'strict $.**') v
      WHERE u.user_id = p_user_id AND jsonb_typeof(v) = 'string' AND length(v #>> '{}') >= 6
  ) s (text) WHERE s.text <> ''
$_$;

ALTER FUNCTION privacy.strings_of(p_user_id integer) OWNER TO customer_analyzer_owner;

COMMENT ON FUNCTION privacy.strings_of(p_user_id integer) IS 'What names a person outside of their own rows: Telegram id, username, outside ids, longer texts of the profile';

CREATE TABLE access_control.actions (
    action_id bigint NOT NULL,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    administrator_id bigint,
    key_id bigint,
    action text NOT NULL,
    target text,
    outcome text
);

ALTER TABLE access_control.actions OWNER TO customer_analyzer_owner;

COMMENT ON TABLE access_control.actions IS 'Audit log: what administrators and admin keys did, and who logged in. Both ids NULL: done in a terminal, or by nobody known. No foreign keys: it outlives whom it names';

COMMENT ON COLUMN access_control.actions.outcome IS 'HTTP status or word; NULL while it goes on or where the process died';

ALTER TABLE access_control.actions ALTER COLUMN action_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME access_control.actions_action_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE access_control.administrators (
    administrator_id bigint NOT NULL,
    login text NOT NULL,
    role text NOT NULL,
    password_hash text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    disabled_at timestamp with time zone,
    last_login_at timestamp with time zone,
    CONSTRAINT administrators_login_check CHECK ((login = lower(login))),
    CONSTRAINT administrators_role_check CHECK ((role = ANY (ARRAY['viewer'::text, 'analyst'::text, 'admin'::text])))
);

ALTER TABLE access_control.administrators OWNER TO customer_analyzer_owner;

COMMENT ON TABLE access_control.administrators IS 'People who log in';

COMMENT ON COLUMN access_control.administrators.password_hash IS '$scrypt$ln=…,r=…,p=…$salt$hash: the parameters stand beside what they made';

ALTER TABLE access_control.administrators ALTER COLUMN administrator_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME access_control.administrators_administrator_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE access_control.api_keys (
    key_id bigint NOT NULL,
    key_hash bytea NOT NULL,
    prefix text NOT NULL,
    scope text NOT NULL,
    name text NOT NULL,
    source text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone,
    revoked_at timestamp with time zone,
    last_used_at timestamp with time zone,
    CONSTRAINT api_keys_key_hash_check CHECK ((octet_length(key_hash) = 32)),
    CONSTRAINT api_keys_scope_check CHECK ((scope = ANY (ARRAY['public'::text, 'write'::text, 'read'::text, 'admin'::text])))
);

ALTER TABLE access_control.api_keys OWNER TO customer_analyzer_owner;

COMMENT ON TABLE access_control.api_keys IS 'Keys of programs that call the API; the key itself is nowhere, only its SHA-256';

COMMENT ON COLUMN access_control.api_keys.prefix IS 'Beginning of the key, to recognise it by';

COMMENT ON COLUMN access_control.api_keys.source IS 'Name of the system whose events come with this key; NULL where the sender says';

COMMENT ON COLUMN access_control.api_keys.last_used_at IS 'Written at most once a minute';

ALTER TABLE access_control.api_keys ALTER COLUMN key_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME access_control.api_keys_key_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE access_control.login_throttles (
    subject bytea NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    last_attempt_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    blocked_until timestamp with time zone
);

ALTER TABLE access_control.login_throttles OWNER TO customer_analyzer_owner;

COMMENT ON TABLE access_control.login_throttles IS 'Failed logins by hash of login, of address, and of both; in the database, so that a restart forgives nothing';

CREATE TABLE access_control.sessions (
    session_hash bytea NOT NULL,
    administrator_id bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT sessions_session_hash_check CHECK ((octet_length(session_hash) = 32))
);

ALTER TABLE access_control.sessions OWNER TO customer_analyzer_owner;

COMMENT ON TABLE access_control.sessions IS 'Logins that last; the cookie itself is nowhere, only its SHA-256';

CREATE TABLE access_control.set_up_tokens (
    token_id boolean DEFAULT true NOT NULL,
    token_hash bytea NOT NULL,
    expires_at timestamp with time zone NOT NULL,
    CONSTRAINT set_up_tokens_token_hash_check CHECK ((octet_length(token_hash) = 32)),
    CONSTRAINT set_up_tokens_token_id_check CHECK (token_id)
);

ALTER TABLE access_control.set_up_tokens OWNER TO customer_analyzer_owner;

COMMENT ON TABLE access_control.set_up_tokens IS 'The one link by which the first administrator is made';

CREATE TABLE app_schema.events (
    event_id bigint NOT NULL,
    user_id integer,
    product_id integer,
    event_type character varying NOT NULL,
    event_timestamp timestamp with time zone DEFAULT now() NOT NULL,
    properties jsonb DEFAULT '{}'::jsonb NOT NULL,
    source_id smallint,
    external_id text COLLATE pg_catalog."C",
    CONSTRAINT events_source_needs_external_id CHECK (((source_id IS NULL) = (external_id IS NULL)))
);

ALTER TABLE app_schema.events OWNER TO customer_analyzer_owner;

COMMENT ON TABLE app_schema.events IS 'What happened: view, add_to_cart, purchase, refund, adjustment, bot_command, and types of the shop''s own';

COMMENT ON COLUMN app_schema.events.user_id IS 'NULL where nobody knows who it was';

COMMENT ON COLUMN app_schema.events.properties IS 'amount, or quantity and unit_price (positive, also of refunds); order_id joins the line items of an order';

COMMENT ON COLUMN app_schema.events.source_id IS 'sources.source_id, NULL for events written by hand';

COMMENT ON COLUMN app_schema.events.external_id IS 'Natural key of the event within its source: the same event sent again has the same key';

CREATE TABLE app_schema.settings (
    setting_id boolean DEFAULT true NOT NULL,
    time_zone text DEFAULT 'UTC'::text NOT NULL,
    currency text DEFAULT 'USD'::text NOT NULL,
    recommendation_diversity real DEFAULT 0 NOT NULL,
    recommendation_max_per_category integer,
    recommendation_buy_again_share real,
    recommendation_in_stock boolean DEFAULT true NOT NULL,
    CONSTRAINT settings_currency_check CHECK ((currency ~ '^[A-Z]{3}$'::text)),
    CONSTRAINT settings_recommendation_buy_again_share_check CHECK (((recommendation_buy_again_share >= (0)::double precision) AND (recommendation_buy_again_share <= (1)::double precision))),
    CONSTRAINT settings_recommendation_diversity_check CHECK (((recommendation_diversity >= (0)::double precision) AND (recommendation_diversity <= (1)::double precision))),
    CONSTRAINT settings_recommendation_max_per_category_check CHECK ((recommendation_max_per_category >= 1)),
    CONSTRAINT settings_setting_id_check CHECK (setting_id),
    CONSTRAINT settings_time_zone_check CHECK ((('2000-01-01 00:00:00+00'::timestamp with time zone AT TIME ZONE time_zone) IS NOT NULL))
);

ALTER TABLE app_schema.settings OWNER TO customer_analyzer_owner;

COMMENT ON TABLE app_schema.settings IS 'One row: time zone and currency of the shop, and how it wants its recommendations';

COMMENT ON COLUMN app_schema.settings.recommendation_diversity IS '0: by score alone; towards 1 what resembles products that stand higher comes later (maximal marginal relevance)';

COMMENT ON COLUMN app_schema.settings.recommendation_max_per_category IS 'At most so many products of one category in a list; NULL: any number';

COMMENT ON COLUMN app_schema.settings.recommendation_buy_again_share IS 'What one buys anyway stands first in this part of a list at most: the rest is there to be discovered; NULL: as the model was tuned';

COMMENT ON COLUMN app_schema.settings.recommendation_in_stock IS 'Whether only what is in stock is recommended, or what is not counted';

CREATE VIEW app_schema.event_facts WITH (security_invoker='true') AS
 SELECT e.user_id,
    ((e.event_timestamp AT TIME ZONE ( SELECT s.time_zone
           FROM app_schema.settings s)))::date AS day,
    e.event_timestamp,
    e.event_type,
        CASE
            WHEN ((e.event_type)::text = 'purchase'::text) THEN app_schema.order_key(e.properties, e.event_id)
            ELSE NULL::text
        END AS order_key,
        CASE
            WHEN ((e.event_type)::text = ANY ((ARRAY['purchase'::character varying, 'refund'::character varying])::text[])) THEN app_schema.event_revenue((e.event_type)::text, e.properties)
            ELSE NULL::numeric
        END AS revenue
   FROM app_schema.events e
  WHERE ((e.user_id IS NOT NULL) AND ((e.event_type)::text <> 'adjustment'::text) AND (EXISTS ( SELECT
           FROM app_schema.settings)));

ALTER TABLE app_schema.event_facts OWNER TO customer_analyzer_owner;

COMMENT ON VIEW app_schema.event_facts IS 'What counts of each event of a customer, with the day of the shop on which it counts';

CREATE SEQUENCE app_schema.events_event_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER TABLE app_schema.events_event_id_seq OWNER TO customer_analyzer_owner;

ALTER SEQUENCE app_schema.events_event_id_seq OWNED BY app_schema.events.event_id;

CREATE TABLE app_schema.identity_traits (
    source text NOT NULL,
    external_id text NOT NULL COLLATE pg_catalog."C",
    key text NOT NULL COLLATE pg_catalog."C",
    value jsonb NOT NULL,
    set_at timestamp with time zone NOT NULL,
    set_by text NOT NULL COLLATE pg_catalog."C"
);

ALTER TABLE app_schema.identity_traits OWNER TO customer_analyzer_owner;

COMMENT ON TABLE app_schema.identity_traits IS 'Traits of identify messages, for each outside id and key the latest by moment, then message id; users.profile_data and names are folded from them';

COMMENT ON COLUMN app_schema.identity_traits.value IS 'JSON null takes the trait away';

CREATE TABLE app_schema.import_runs (
    import_run_id bigint NOT NULL,
    source text NOT NULL,
    format text NOT NULL,
    file_name text NOT NULL,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    finished_at timestamp with time zone,
    read bigint,
    accepted bigint,
    duplicates bigint,
    rejected bigint,
    status text DEFAULT 'running'::text NOT NULL
);

ALTER TABLE app_schema.import_runs OWNER TO customer_analyzer_owner;

COMMENT ON TABLE app_schema.import_runs IS 'Each import of a file and its count; read = accepted + duplicates + rejected';

ALTER TABLE app_schema.import_runs ALTER COLUMN import_run_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME app_schema.import_runs_import_run_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE app_schema.ingest_rejects (
    reject_id bigint NOT NULL,
    source text NOT NULL,
    kind text NOT NULL,
    code text NOT NULL,
    reason text NOT NULL,
    body_hash uuid NOT NULL,
    body text NOT NULL,
    is_whole boolean NOT NULL,
    received_at timestamp with time zone NOT NULL,
    attempts integer DEFAULT 1 NOT NULL
);

ALTER TABLE app_schema.ingest_rejects OWNER TO customer_analyzer_owner;

COMMENT ON TABLE app_schema.ingest_rejects IS 'Dead letters: messages over HTTP that were refused, to be looked at and replayed. A replay that succeeds removes the row';

COMMENT ON COLUMN app_schema.ingest_rejects.kind IS 'event for our plain form, else the type of Segment''s message';

COMMENT ON COLUMN app_schema.ingest_rejects.body IS 'The message as JSON, cut where it is not whole';

COMMENT ON COLUMN app_schema.ingest_rejects.received_at IS 'When it came first: a replay corrects clocks by this moment';

COMMENT ON COLUMN app_schema.ingest_rejects.attempts IS 'How often it was refused';

ALTER TABLE app_schema.ingest_rejects ALTER COLUMN reject_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME app_schema.ingest_rejects_reject_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE app_schema.ingested_messages (
    source_id smallint NOT NULL,
    body_hash uuid NOT NULL,
    received_at timestamp with time zone DEFAULT now() NOT NULL,
    message_id text NOT NULL COLLATE pg_catalog."C"
);

ALTER TABLE app_schema.ingested_messages OWNER TO customer_analyzer_owner;

COMMENT ON TABLE app_schema.ingested_messages IS 'Messages received over HTTP: the same id with another body is a conflict, with the same a duplicate';

COMMENT ON COLUMN app_schema.ingested_messages.body_hash IS 'First 128 bits of SHA-256 over the canonical JSON of the body, without sentAt and what else only its transport sets';

ALTER TABLE app_schema.model_runs ALTER COLUMN model_run_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME app_schema.model_runs_model_run_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE SEQUENCE app_schema.placeholder_telegram_id_seq
    START WITH -1
    INCREMENT BY -1
    MINVALUE -9223372036854775807
    NO MAXVALUE
    CACHE 1;

ALTER TABLE app_schema.placeholder_telegram_id_seq OWNER TO customer_analyzer_owner;

COMMENT ON SEQUENCE app_schema.placeholder_telegram_id_seq IS 'Negative telegram_id of customers without a Telegram account';

CREATE TABLE app_schema.popular_products (
    model_run_id bigint NOT NULL,
    period text NOT NULL,
    category character varying DEFAULT ''::character varying NOT NULL,
    product_ids integer[] NOT NULL,
    scores real[] NOT NULL,
    popularities real[] NOT NULL,
    CONSTRAINT popular_products_check CHECK ((cardinality(product_ids) = cardinality(scores))),
    CONSTRAINT popular_products_period_check CHECK ((period = ANY (ARRAY['recent'::text, 'week'::text, 'month'::text, 'quarter'::text, 'year'::text]))),
    CONSTRAINT popular_products_popularities CHECK ((cardinality(popularities) = cardinality(product_ids)))
)
WITH (toast_tuple_target='8160');

ALTER TABLE app_schema.popular_products OWNER TO customer_analyzer_owner;

COMMENT ON TABLE app_schema.popular_products IS 'The most wanted products of each period before the training and category, most wanted first; the category '''' is the whole shop';

COMMENT ON COLUMN app_schema.popular_products.period IS 'recent: all time, halved every 30 days; the others count the customers of 7, 30, 90 and 365 days';

COMMENT ON COLUMN app_schema.popular_products.scores IS 'Demand in the period, 1 for the most wanted of the shop or of the category';

COMMENT ON COLUMN app_schema.popular_products.popularities IS 'Of each product its popularity in product_popularity';

CREATE TABLE app_schema.product_identities (
    source text NOT NULL,
    external_id text NOT NULL COLLATE pg_catalog."C",
    product_id integer NOT NULL
);

ALTER TABLE app_schema.product_identities OWNER TO customer_analyzer_owner;

COMMENT ON TABLE app_schema.product_identities IS 'Ids that other systems give to our products';

CREATE TABLE app_schema.product_neighbours (
    model_run_id bigint NOT NULL,
    product_id integer NOT NULL,
    neighbour_ids integer[] DEFAULT '{}'::integer[] NOT NULL,
    weights real[] DEFAULT '{}'::real[] NOT NULL,
    collaborative integer DEFAULT 0 NOT NULL,
    similar_ids integer[] DEFAULT '{}'::integer[] NOT NULL,
    similarities real[] DEFAULT '{}'::real[] NOT NULL,
    neighbour_popularities real[] NOT NULL,
    similar_popularities real[] NOT NULL,
    CONSTRAINT product_neighbours_check CHECK (((cardinality(neighbour_ids) = cardinality(weights)) AND (cardinality(similar_ids) = cardinality(similarities)))),
    CONSTRAINT product_neighbours_check1 CHECK (((collaborative >= 0) AND (collaborative <= cardinality(neighbour_ids)))),
    CONSTRAINT product_neighbours_popularities CHECK (((cardinality(neighbour_popularities) = cardinality(neighbour_ids)) AND (cardinality(similar_popularities) = cardinality(similar_ids))))
)
WITH (toast_tuple_target='8160');

ALTER TABLE app_schema.product_neighbours OWNER TO customer_analyzer_owner;

COMMENT ON TABLE app_schema.product_neighbours IS 'For each product what it says for and against others, and which are like it';

COMMENT ON COLUMN app_schema.product_neighbours.weights IS 'score(j) = sum of h(i) w(i, j) over a history; may be below 0, and product_id may stand among its own neighbours';

COMMENT ON COLUMN app_schema.product_neighbours.collaborative IS 'The first so many neighbours were taken by the same customers; the others are like the product by text and attributes alone, with a weight that falls as the products gather history';

COMMENT ON COLUMN app_schema.product_neighbours.similar_ids IS 'Most similar first, by text and attributes, with similarity 0-1';

COMMENT ON COLUMN app_schema.product_neighbours.neighbour_popularities IS 'Of each neighbour its popularity in product_popularity, 0 where it has none: a list needs those of all its candidates';

COMMENT ON COLUMN app_schema.product_neighbours.similar_popularities IS 'Likewise of what is similar';

CREATE TABLE app_schema.product_popularity (
    model_run_id bigint NOT NULL,
    product_id integer NOT NULL,
    popularity real NOT NULL,
    buyers integer NOT NULL,
    repeat_share real NOT NULL,
    is_bought_repeatedly boolean NOT NULL,
    repeat_interval_days real,
    trending text,
    CONSTRAINT product_popularity_trending_check CHECK ((trending = ANY (ARRAY['week'::text, 'month'::text])))
);

ALTER TABLE app_schema.product_popularity OWNER TO customer_analyzer_owner;

COMMENT ON TABLE app_schema.product_popularity IS 'Recent demand (0-1, the most wanted product has 1) and whether customers buy the product again';

COMMENT ON COLUMN app_schema.product_popularity.repeat_share IS 'Share of its buyers who bought it on more than one day, drawn to that of its category where buyers are few';

COMMENT ON COLUMN app_schema.product_popularity.repeat_interval_days IS 'Median days between two purchases by the same customer; of the category where too few repeated this product';

COMMENT ON COLUMN app_schema.product_popularity.trending IS 'The shorter of the periods before the training in which it was among the 100 most wanted; NULL where in neither';

CREATE TABLE app_schema.products (
    product_id integer NOT NULL,
    name character varying NOT NULL,
    category character varying,
    price numeric,
    description text,
    attributes jsonb DEFAULT '{}'::jsonb,
    stock integer,
    is_merchandise boolean DEFAULT true NOT NULL,
    is_hidden boolean DEFAULT false NOT NULL
);

ALTER TABLE app_schema.products OWNER TO customer_analyzer_owner;

COMMENT ON TABLE app_schema.products IS 'Catalogue';

COMMENT ON COLUMN app_schema.products.stock IS 'Pieces on hand; NULL where nobody counts';

COMMENT ON COLUMN app_schema.products.is_merchandise IS 'False for postage, fees, samples and manual lines: never recommended, never a top product';

COMMENT ON COLUMN app_schema.products.is_hidden IS 'True where the shop does not want it recommended';

CREATE SEQUENCE app_schema.products_product_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER TABLE app_schema.products_product_id_seq OWNER TO customer_analyzer_owner;

ALTER SEQUENCE app_schema.products_product_id_seq OWNED BY app_schema.products.product_id;

CREATE TABLE app_schema.recommendation_experiments (
    experiment_id integer NOT NULL,
    name text NOT NULL,
    control_run bigint NOT NULL,
    treatment_run bigint NOT NULL,
    share real NOT NULL,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    stopped_at timestamp with time zone,
    CONSTRAINT recommendation_experiments_check CHECK ((control_run <> treatment_run)),
    CONSTRAINT recommendation_experiments_name_check CHECK ((name <> ''::text)),
    CONSTRAINT recommendation_experiments_share_check CHECK (((share >= (0)::double precision) AND (share <= (1)::double precision)))
);

ALTER TABLE app_schema.recommendation_experiments OWNER TO customer_analyzer_owner;

COMMENT ON TABLE app_schema.recommendation_experiments IS 'Two published versions side by side: share of the customers, by a stable hash of user_id, get the treatment';

ALTER TABLE app_schema.recommendation_experiments ALTER COLUMN experiment_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME app_schema.recommendation_experiments_experiment_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE app_schema.recommendation_lists (
    recommendation_id uuid DEFAULT gen_random_uuid() NOT NULL,
    served_at timestamp with time zone DEFAULT now() NOT NULL,
    kind text NOT NULL,
    user_id integer,
    model_run_id bigint NOT NULL,
    product_ids integer[] NOT NULL,
    reason_codes text[] NOT NULL,
    CONSTRAINT recommendation_lists_check CHECK ((cardinality(product_ids) = cardinality(reason_codes))),
    CONSTRAINT recommendation_lists_kind_check CHECK ((kind = ANY (ARRAY['user'::text, 'session'::text, 'similar'::text, 'bought_together'::text, 'popular'::text])))
);

ALTER TABLE app_schema.recommendation_lists OWNER TO customer_analyzer_owner;

COMMENT ON TABLE app_schema.recommendation_lists IS 'Lists that were served with a recommendation_id: events that carry it in their properties came of them. Only inserted and, when old, deleted';

COMMENT ON COLUMN app_schema.recommendation_lists.model_run_id IS 'The version that made it; its weights may be deleted since';

CREATE TABLE app_schema.recommendation_rules (
    rule_id integer NOT NULL,
    action text NOT NULL,
    product_id integer,
    category character varying,
    min_price numeric,
    max_price numeric,
    factor real,
    "position" integer,
    interval_days real,
    note text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT recommendation_rules_action_check CHECK ((action = ANY (ARRAY['exclude'::text, 'include'::text, 'boost'::text, 'pin'::text, 'buy_again'::text, 'buy_once'::text]))),
    CONSTRAINT recommendation_rules_factor CHECK ((((action = 'boost'::text) = (factor IS NOT NULL)) AND (factor > (0)::double precision) AND (factor < 'Infinity'::real))),
    CONSTRAINT recommendation_rules_interval CHECK ((((action = 'buy_again'::text) = (interval_days IS NOT NULL)) AND (interval_days > (0)::double precision))),
    CONSTRAINT recommendation_rules_pin CHECK (((action <> 'pin'::text) OR (product_id IS NOT NULL))),
    CONSTRAINT recommendation_rules_position CHECK ((((action = 'pin'::text) = ("position" IS NOT NULL)) AND (("position" >= 1) AND ("position" <= 100)))),
    CONSTRAINT recommendation_rules_repeat CHECK (((action <> ALL (ARRAY['buy_again'::text, 'buy_once'::text])) OR (((product_id IS NOT NULL) OR (category IS NOT NULL)) AND (min_price IS NULL) AND (max_price IS NULL)))),
    CONSTRAINT recommendation_rules_says_what CHECK ((COALESCE((product_id)::text, (category)::text, (min_price)::text, (max_price)::text) IS NOT NULL))
);

ALTER TABLE app_schema.recommendation_rules OWNER TO customer_analyzer_owner;

COMMENT ON TABLE app_schema.recommendation_rules IS 'What the shop decides about recommendations, from the commit on: a rule is about the products that all of its product_id, category, min_price and max_price fit';

COMMENT ON COLUMN app_schema.recommendation_rules.action IS 'exclude: never recommended; include: where there are such rules, only what fits one of them; boost: score times factor; pin: at position in the lists for customers and visitors; buy_again, buy_once: whether what was bought comes back, whatever the data say';

ALTER TABLE app_schema.recommendation_rules ALTER COLUMN rule_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME app_schema.recommendation_rules_rule_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE app_schema.recommenders (
    model_run_id bigint NOT NULL,
    view_weight double precision DEFAULT 0.2 NOT NULL,
    cart_weight double precision DEFAULT 0.5 NOT NULL,
    purchase_weight double precision DEFAULT 1 NOT NULL,
    half_life_days double precision DEFAULT 90 NOT NULL,
    history_events integer DEFAULT 200 NOT NULL,
    history_products integer DEFAULT 30 NOT NULL,
    repeat_weight double precision DEFAULT 1 NOT NULL,
    due_after double precision DEFAULT 0.5 NOT NULL,
    popularity_weight double precision DEFAULT 0.01 NOT NULL,
    repeat_power double precision DEFAULT 0 NOT NULL,
    repeat_share_power double precision DEFAULT 1 NOT NULL,
    repeat_half_life_days double precision DEFAULT 90 NOT NULL,
    habit_purchases integer,
    buy_again_share double precision DEFAULT 0.5 NOT NULL,
    refreshed_from bigint,
    CONSTRAINT recommenders_buy_again_share_check CHECK (((buy_again_share >= (0)::double precision) AND (buy_again_share <= (1)::double precision))),
    CONSTRAINT recommenders_cart_weight_check CHECK ((cart_weight >= (0)::double precision)),
    CONSTRAINT recommenders_check CHECK ((refreshed_from <> model_run_id)),
    CONSTRAINT recommenders_due_after_check CHECK ((due_after >= (0)::double precision)),
    CONSTRAINT recommenders_habit_purchases_check CHECK ((habit_purchases >= 2)),
    CONSTRAINT recommenders_half_life_days_check CHECK ((half_life_days > (0)::double precision)),
    CONSTRAINT recommenders_history_events_check CHECK (((history_events >= 1) AND (history_events <= 1000))),
    CONSTRAINT recommenders_history_products_check CHECK (((history_products >= 1) AND (history_products <= 1000))),
    CONSTRAINT recommenders_popularity_weight_check CHECK ((popularity_weight > (0)::double precision)),
    CONSTRAINT recommenders_purchase_weight_check CHECK ((purchase_weight > (0)::double precision)),
    CONSTRAINT recommenders_repeat_half_life_days_check CHECK ((repeat_half_life_days > (0)::double precision)),
    CONSTRAINT recommenders_repeat_power_check CHECK ((repeat_power >= (0)::double precision)),
    CONSTRAINT recommenders_repeat_share_power_check CHECK ((repeat_share_power >= (0)::double precision)),
    CONSTRAINT recommenders_repeat_weight_check CHECK ((repeat_weight >= (0)::double precision)),
    CONSTRAINT recommenders_view_weight_check CHECK ((view_weight >= (0)::double precision))
);

ALTER TABLE app_schema.recommenders OWNER TO customer_analyzer_owner;

COMMENT ON TABLE app_schema.recommenders IS 'Published versions of the recommendations, by run of the registry, and how each reads a history; older ones than the last few are deleted with all that refers to them';

COMMENT ON COLUMN app_schema.recommenders.view_weight IS 'What a look at a product says beside a purchase; halved each half_life_days before the customer''s own last event';

COMMENT ON COLUMN app_schema.recommenders.history_events IS 'The latest so many events of a customer are read: they say what somebody wants now';

COMMENT ON COLUMN app_schema.recommenders.history_products IS 'And of their products the weightiest so many: the cost of a list is theirs times the width of a row of weights';

COMMENT ON COLUMN app_schema.recommenders.repeat_weight IS 'Times the share of buyers who buy a product again ^ repeat_share_power, times the customer''s own purchases of it ^ repeat_power: the score of what is due again';

COMMENT ON COLUMN app_schema.recommenders.due_after IS 'A product is due again when this part of its usual interval has gone by since the last purchase';

COMMENT ON COLUMN app_schema.recommenders.popularity_weight IS 'Times popularity (0-1): decides between equals, and ranks where nothing else is known';

COMMENT ON COLUMN app_schema.recommenders.repeat_power IS '0: how often the customer bought the product counts for nothing; 1: as often as it was';

COMMENT ON COLUMN app_schema.recommenders.repeat_share_power IS '0: how many others buy the product again counts for nothing; 1: the share of its buyers as it is';

COMMENT ON COLUMN app_schema.recommenders.repeat_half_life_days IS 'The customer''s own purchases of a product count half this many days before their last purchase of anything';

COMMENT ON COLUMN app_schema.recommenders.habit_purchases IS 'Who bought a product so many times, over a day or more, buys it again by their own habit, whatever others do; NULL: habits of one customer do not count';

COMMENT ON COLUMN app_schema.recommenders.buy_again_share IS 'What is due again stands first in this part of a list at most, where the shop has not set a part in settings';

COMMENT ON COLUMN app_schema.recommenders.refreshed_from IS 'The training whose choices this version fitted again on later data; NULL: a training of its own';

CREATE TABLE app_schema.segments (
    segment_id integer NOT NULL,
    code text NOT NULL,
    name_en text NOT NULL,
    name_ru text NOT NULL,
    description_en text NOT NULL,
    description_ru text NOT NULL,
    is_promoted boolean DEFAULT true NOT NULL
);

ALTER TABLE app_schema.segments OWNER TO customer_analyzer_owner;

COMMENT ON TABLE app_schema.segments IS 'Names of the promoted segmentation; user_metrics.segment_id points here';

COMMENT ON COLUMN app_schema.segments.is_promoted IS 'Belongs to the segmentation that user_metrics.segment_id follows now';

CREATE TABLE app_schema.sources (
    source_id smallint NOT NULL,
    name text NOT NULL
);

ALTER TABLE app_schema.sources OWNER TO customer_analyzer_owner;

COMMENT ON TABLE app_schema.sources IS 'Systems that events come from';

ALTER TABLE app_schema.sources ALTER COLUMN source_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME app_schema.sources_source_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE app_schema.user_day_changes (
    user_id integer NOT NULL,
    day date NOT NULL
);

ALTER TABLE app_schema.user_day_changes OWNER TO customer_analyzer_owner;

COMMENT ON TABLE app_schema.user_day_changes IS 'Days that are to be folded again, written by triggers on events. Only ever added to and consumed: no key, so that writers never wait for each other';

CREATE TABLE app_schema.user_identities (
    source text NOT NULL,
    external_id text NOT NULL COLLATE pg_catalog."C",
    user_id integer NOT NULL,
    linked_at timestamp with time zone,
    linked_by text COLLATE pg_catalog."C"
);

ALTER TABLE app_schema.user_identities OWNER TO customer_analyzer_owner;

COMMENT ON TABLE app_schema.user_identities IS 'Ids that other systems give to our customers';

COMMENT ON COLUMN app_schema.user_identities.linked_at IS 'Of an anonymous visitor (source ending in #anonymous): the moment of the identify or alias that named the customer. The earliest wins, whatever the order of arrival';

COMMENT ON COLUMN app_schema.user_identities.linked_by IS 'Message id of that identify or alias, which decides between equal moments';

CREATE TABLE app_schema.user_metrics (
    user_id integer NOT NULL,
    segment_id integer,
    ltv numeric,
    churn_probability real,
    purchase_probability_30d real,
    last_updated timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT user_metrics_churn_probability_check CHECK (((churn_probability >= (0)::double precision) AND (churn_probability <= (1)::double precision))),
    CONSTRAINT user_metrics_purchase_probability_30d_check CHECK (((purchase_probability_30d >= (0)::double precision) AND (purchase_probability_30d <= (1)::double precision)))
);

ALTER TABLE app_schema.user_metrics OWNER TO customer_analyzer_owner;

COMMENT ON TABLE app_schema.user_metrics IS 'The scores of the latest run, one row for each customer who ever bought';

COMMENT ON COLUMN app_schema.user_metrics.ltv IS 'Revenue so far plus predicted revenue of the next 365 days, in the shop''s currency';

COMMENT ON COLUMN app_schema.user_metrics.churn_probability IS 'Probability of no purchase within the churn horizon (90 days), calibrated';

COMMENT ON COLUMN app_schema.user_metrics.purchase_probability_30d IS 'Probability of at least one purchase within 30 days, calibrated';

CREATE TABLE app_schema.user_score_changes (
    user_id integer NOT NULL,
    note_id bigint NOT NULL
);

ALTER TABLE app_schema.user_score_changes OWNER TO customer_analyzer_owner;

COMMENT ON TABLE app_schema.user_score_changes IS 'Customers whose published scores may not be what a full scoring would give: their days were folded again since, or somebody touched the rows. The scoring that saw a note consumes it';

COMMENT ON COLUMN app_schema.user_score_changes.user_id IS '0 stands for everybody';

COMMENT ON COLUMN app_schema.user_score_changes.note_id IS 'By which a scoring consumes what it saw, and no note that came since';

ALTER TABLE app_schema.user_score_changes ALTER COLUMN note_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME app_schema.user_score_changes_note_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE app_schema.user_score_details (
    user_id integer NOT NULL,
    model_run_id bigint NOT NULL,
    ltv_status text NOT NULL,
    churn_status text NOT NULL,
    purchase_status text NOT NULL,
    explanation jsonb NOT NULL
);

ALTER TABLE app_schema.user_score_details OWNER TO customer_analyzer_owner;

COMMENT ON TABLE app_schema.user_score_details IS 'Beside user_metrics: which run, ok or insufficient_data, and the numbers behind each score';

COMMENT ON COLUMN app_schema.user_score_details.user_id IS 'user_metrics.user_id: a trigger there deletes what belongs to no score any more';

COMMENT ON COLUMN app_schema.user_score_details.model_run_id IS 'model_runs.model_run_id of the scoring that last changed the row';

CREATE TABLE app_schema.users (
    user_id integer NOT NULL,
    telegram_id bigint DEFAULT nextval('app_schema.placeholder_telegram_id_seq'::regclass) NOT NULL,
    first_name character varying,
    last_name character varying,
    username character varying,
    registration_date timestamp with time zone DEFAULT now(),
    profile_data jsonb DEFAULT '{}'::jsonb
);

ALTER TABLE app_schema.users OWNER TO customer_analyzer_owner;

COMMENT ON TABLE app_schema.users IS 'Customers and visitors';

COMMENT ON COLUMN app_schema.users.telegram_id IS 'Telegram id; negative where the customer has no Telegram account (yet)';

COMMENT ON COLUMN app_schema.users.profile_data IS 'Free profile: country, language, consent, …';

CREATE SEQUENCE app_schema.users_user_id_seq
    AS integer
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

ALTER TABLE app_schema.users_user_id_seq OWNER TO customer_analyzer_owner;

ALTER SEQUENCE app_schema.users_user_id_seq OWNED BY app_schema.users.user_id;

CREATE TABLE jobs.runs (
    run_id bigint NOT NULL,
    job text NOT NULL,
    queue_id uuid,
    attempt integer DEFAULT 1 NOT NULL,
    cause text NOT NULL,
    due_at timestamp with time zone,
    state text NOT NULL,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    finished_at timestamp with time zone,
    worker text,
    progress jsonb,
    result jsonb,
    error_code text,
    message text,
    CONSTRAINT runs_cause_check CHECK ((cause = ANY (ARRAY['schedule'::text, 'catch_up'::text, 'request'::text]))),
    CONSTRAINT runs_state_check CHECK ((state = ANY (ARRAY['running'::text, 'succeeded'::text, 'failed'::text, 'skipped'::text, 'interrupted'::text, 'handed_back'::text])))
);

ALTER TABLE jobs.runs OWNER TO customer_analyzer_owner;

COMMENT ON TABLE jobs.runs IS 'History: one row for each attempt, and one for what was skipped';

COMMENT ON COLUMN jobs.runs.queue_id IS 'Id in pg-boss: the same for all attempts';

COMMENT ON COLUMN jobs.runs.cause IS 'schedule: it was time; catch_up: it was time while nobody worked; request: somebody asked';

COMMENT ON COLUMN jobs.runs.state IS 'interrupted: its worker ended in the middle; handed_back: its worker was told to stop, another goes on with it';

COMMENT ON COLUMN jobs.runs.progress IS 'While it runs: label, done, total';

COMMENT ON COLUMN jobs.runs.result IS 'What the command answered, as JSON';

ALTER TABLE jobs.runs ALTER COLUMN run_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME jobs.runs_run_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE jobs.schedules (
    job text NOT NULL,
    cron text NOT NULL,
    time_zone text,
    missed text DEFAULT 'run_once'::text NOT NULL,
    enabled boolean DEFAULT true NOT NULL,
    next_run_at timestamp with time zone,
    planned_by text,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT schedules_missed_check CHECK ((missed = ANY (ARRAY['run_once'::text, 'skip'::text])))
);

ALTER TABLE jobs.schedules OWNER TO customer_analyzer_owner;

COMMENT ON TABLE jobs.schedules IS 'When each job runs by itself';

COMMENT ON COLUMN jobs.schedules.cron IS 'Minute, hour, day of month, month, day of week';

COMMENT ON COLUMN jobs.schedules.time_zone IS 'Whose clock; NULL is the shop''s';

COMMENT ON COLUMN jobs.schedules.missed IS 'What becomes of runs that fell due while nobody worked: run_once makes up for them with one, skip records them';

COMMENT ON COLUMN jobs.schedules.next_run_at IS 'Written by the workers; NULL until one has seen the schedule';

COMMENT ON COLUMN jobs.schedules.planned_by IS 'Expression and zone that next_run_at comes from: where they changed since, it is worked out anew';

CREATE TABLE jobs.workers (
    worker text NOT NULL,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    seen_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE jobs.workers OWNER TO customer_analyzer_owner;

COMMENT ON TABLE jobs.workers IS 'Workers by host, process and start; one that is alive says so every few seconds';

CREATE TABLE maintenance.backup_runs (
    backup_run_id bigint NOT NULL,
    kind text NOT NULL,
    succeeded boolean NOT NULL,
    archive text NOT NULL,
    finished_at timestamp with time zone DEFAULT now() NOT NULL,
    duration_seconds integer NOT NULL,
    message text,
    CONSTRAINT backup_runs_kind_check CHECK ((kind = ANY (ARRAY['backup'::text, 'drill'::text, 'restore'::text])))
);

ALTER TABLE maintenance.backup_runs OWNER TO postgres;

COMMENT ON TABLE maintenance.backup_runs IS 'Backups, restores and drills (a restore to a scratch database, compared and dropped): written by scripts/backup-db.sh and scripts/restore-db.sh';

COMMENT ON COLUMN maintenance.backup_runs.archive IS 'Base name of the archive';

COMMENT ON COLUMN maintenance.backup_runs.message IS 'Why it failed';

CREATE VIEW maintenance.backup_ages WITH (security_invoker='true') AS
 SELECT (EXTRACT(epoch FROM (now() - max(backup_runs.finished_at) FILTER (WHERE (backup_runs.kind = 'backup'::text)))))::double precision AS customer_analyzer_backup_age_seconds,
    (EXTRACT(epoch FROM (now() - max(backup_runs.finished_at) FILTER (WHERE (backup_runs.kind = 'drill'::text)))))::double precision AS customer_analyzer_last_drill_age_seconds
   FROM maintenance.backup_runs
  WHERE backup_runs.succeeded;

ALTER TABLE maintenance.backup_ages OWNER TO postgres;

COMMENT ON VIEW maintenance.backup_ages IS 'One row: seconds since the newest verified backup and since the newest successful drill; NULL where there was none';

ALTER TABLE maintenance.backup_runs ALTER COLUMN backup_run_id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME maintenance.backup_runs_backup_run_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE maintenance.migrations (
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE maintenance.migrations OWNER TO postgres;

COMMENT ON TABLE maintenance.migrations IS 'Migrations applied to this database, with the SHA-256 of each file';

CREATE VIEW monitoring.activity WITH (security_invoker='true') AS
 SELECT a.pid,
    (a.usename)::text AS role_name,
    a.application_name,
    COALESCE(host(a.client_addr), 'local'::text) AS client,
    a.state,
    concat_ws(' '::text, a.wait_event_type, a.wait_event) AS waits_for,
    pg_blocking_pids(a.pid) AS blocked_by,
    (EXTRACT(epoch FROM (clock_timestamp() - a.backend_start)))::double precision AS connected_seconds,
    (EXTRACT(epoch FROM (clock_timestamp() - a.xact_start)))::double precision AS transaction_seconds,
    (EXTRACT(epoch FROM (clock_timestamp() -
        CASE
            WHEN (a.state = 'active'::text) THEN a.query_start
            ELSE a.state_change
        END)))::double precision AS state_seconds,
    a.query
   FROM pg_stat_activity a
  WHERE ((a.datname = current_database()) AND (a.backend_type = 'client backend'::text) AND (a.pid <> pg_backend_pid()));

ALTER TABLE monitoring.activity OWNER TO postgres;

COMMENT ON VIEW monitoring.activity IS 'Sessions of this database but one''s own: what they do, what they wait for, the pids that block them; state_seconds is how long they have done so';

CREATE VIEW monitoring.database WITH (security_invoker='true') AS
 SELECT (current_database())::text AS database_name,
    current_setting('server_version'::text) AS server_version,
    pg_database_size(current_database()) AS bytes,
    ((d.blks_hit)::double precision / (NULLIF((d.blks_hit + d.blks_read), 0))::double precision) AS cache_hit_share,
    (d.blks_hit + d.blks_read) AS blocks_asked,
    d.deadlocks,
    d.temp_bytes,
    d.checksum_failures,
    d.stats_reset,
    ( SELECT count(*) AS count
           FROM pg_stat_activity a
          WHERE (a.backend_type = 'client backend'::text)) AS connections,
    ((current_setting('max_connections'::text))::integer - (current_setting('superuser_reserved_connections'::text))::integer) AS max_connections,
    ( SELECT max(age(o.datfrozenxid)) AS max
           FROM pg_database o
          WHERE o.datallowconn) AS transaction_age
   FROM pg_stat_database d
  WHERE (d.datname = current_database());

ALTER TABLE monitoring.database OWNER TO postgres;

COMMENT ON VIEW monitoring.database IS 'This database as a whole; connections, max_connections and transaction_age (the oldest of all databases) are of the server';

CREATE VIEW monitoring.indexes WITH (security_invoker='true') AS
 SELECT ((i.indexrelid)::regclass)::text AS index_name,
    ((i.indrelid)::regclass)::text AS table_name,
    pg_relation_size((i.indexrelid)::regclass) AS bytes,
    COALESCE(s.idx_scan, (0)::bigint) AS scans,
    i.indisunique AS is_unique,
    i.indisvalid AS is_valid,
        CASE
            WHEN ((a.amname = 'btree'::name) AND (w.width IS NOT NULL) AND (c.reltuples > (0)::double precision)) THEN GREATEST((0)::bigint, (pg_relation_size((i.indexrelid)::regclass) - ((((2)::double precision + ceil(((c.reltuples * ((12)::double precision + w.width)) / ((0.9 * (((current_setting('block_size'::text))::integer - 40))::numeric))::double precision))))::bigint * (current_setting('block_size'::text))::integer)))
            ELSE NULL::bigint
        END AS bloat_bytes,
    ( SELECT min(((o.indexrelid)::regclass)::text) AS min
           FROM pg_index o
          WHERE ((o.indrelid = i.indrelid) AND (o.indexrelid <> i.indexrelid) AND (o.indkey = i.indkey) AND (o.indclass = i.indclass) AND (o.indcollation = i.indcollation) AND (o.indoption = i.indoption) AND (NOT ((ROW(o.indexprs, o.indpred))::text IS DISTINCT FROM (ROW(i.indexprs, i.indpred))::text)) AND (o.indisunique OR (NOT i.indisunique)) AND (ROW((o.indisprimary)::integer, (o.indisunique)::integer, (- (o.indexrelid)::bigint)) > ROW((i.indisprimary)::integer, (i.indisunique)::integer, (- (i.indexrelid)::bigint))))) AS duplicate_of,
    ((COALESCE(s.idx_scan, (0)::bigint) = 0) AND (NOT i.indisunique) AND (NOT i.indisexclusion) AND ((t.seq_scan + COALESCE(t.idx_scan, (0)::bigint)) >= 1000)) AS is_unused
   FROM (((((pg_index i
     JOIN pg_class c ON ((c.oid = i.indexrelid)))
     JOIN pg_am a ON ((a.oid = c.relam)))
     JOIN pg_stat_user_tables t ON ((t.relid = i.indrelid)))
     LEFT JOIN pg_stat_user_indexes s ON ((s.indexrelid = i.indexrelid)))
     LEFT JOIN LATERAL ( SELECT sum((((1)::double precision - p.null_frac) * (p.avg_width)::double precision)) AS width
           FROM (pg_attribute k
             JOIN pg_stats p ON (((p.schemaname = t.schemaname) AND (p.tablename = t.relname) AND (p.attname = k.attname))))
          WHERE ((k.attrelid = i.indrelid) AND (k.attnum = ANY ((i.indkey)::smallint[])))) w ON (((i.indexprs IS NULL) AND (i.indpred IS NULL))))
  ORDER BY (pg_relation_size((i.indexrelid)::regclass)) DESC;

ALTER TABLE monitoring.indexes OWNER TO postgres;

COMMENT ON VIEW monitoring.indexes IS 'Indexes by size; is_unused: the table was read a thousand times since statistics began and this index never; duplicate_of: an index with the same key; bloat_bytes as in tables';

CREATE VIEW monitoring.tables WITH (security_invoker='true') AS
 SELECT ((s.relid)::regclass)::text AS table_name,
    (GREATEST(c.reltuples, (s.n_live_tup)::real))::bigint AS rows,
    pg_total_relation_size((s.relid)::regclass) AS total_bytes,
    pg_table_size((s.relid)::regclass) AS table_bytes,
    pg_indexes_size((s.relid)::regclass) AS index_bytes,
    s.n_dead_tup AS dead_rows,
    round(((s.n_dead_tup)::numeric / (NULLIF((s.n_live_tup + s.n_dead_tup), 0))::numeric), 4) AS dead_share,
        CASE
            WHEN ((w.width IS NOT NULL) AND (c.reltuples > (0)::double precision)) THEN GREATEST((0)::bigint, (pg_relation_size((s.relid)::regclass) - ((ceil(((c.reltuples * ((28)::double precision + w.width)) / (((current_setting('block_size'::text))::integer - 24))::double precision)))::bigint * (current_setting('block_size'::text))::integer)))
            ELSE NULL::bigint
        END AS bloat_bytes,
    s.seq_scan AS sequential_scans,
    COALESCE(s.idx_scan, (0)::bigint) AS index_scans,
    GREATEST(s.last_vacuum, s.last_autovacuum) AS last_vacuum,
    GREATEST(s.last_analyze, s.last_autoanalyze) AS last_analyze,
    age(c.relfrozenxid) AS transaction_age
   FROM ((pg_stat_user_tables s
     JOIN pg_class c ON ((c.oid = s.relid)))
     LEFT JOIN LATERAL ( SELECT sum((((1)::double precision - p.null_frac) * (p.avg_width)::double precision)) AS width
           FROM pg_stats p
          WHERE ((p.schemaname = s.schemaname) AND (p.tablename = s.relname))) w ON (true))
  ORDER BY (pg_total_relation_size((s.relid)::regclass)) DESC;

ALTER TABLE monitoring.tables OWNER TO postgres;

COMMENT ON VIEW monitoring.tables IS 'Tables by size, with dead rows, scans, vacuum; bloat_bytes is an estimate from column statistics, good to some 20 %, NULL before the first ANALYZE';

CREATE VIEW monitoring.health WITH (security_invoker='true') AS
 WITH set_up AS (
         SELECT min(m.applied_at) AS at
           FROM maintenance.migrations m
        ), runs AS (
         SELECT k.kind,
            max(r.finished_at) FILTER (WHERE r.succeeded) AS good_at,
            max(r.finished_at) FILTER (WHERE (NOT r.succeeded)) AS failed_at
           FROM (( VALUES ('backup'::text), ('drill'::text)) k(kind)
             LEFT JOIN maintenance.backup_runs r ON ((r.kind = k.kind)))
          GROUP BY k.kind
        ), checks(place, code, subject, value, level, advice) AS (
         SELECT 1 AS "?column?",
            'connections'::text AS "?column?",
            'connections'::text AS "?column?",
            format('%s of %s'::text, d.connections, d.max_connections) AS format,
                CASE
                    WHEN ((d.connections)::numeric >= (0.95 * (d.max_connections)::numeric)) THEN 2
                    WHEN ((d.connections)::numeric >= (0.8 * (d.max_connections)::numeric)) THEN 1
                    ELSE 0
                END AS "case",
            'See who holds them: customer-analyzer db activity. End idle ones, or raise max_connections.'::text AS "?column?"
           FROM monitoring.database d
        UNION ALL
         SELECT 2,
            'blocked'::text,
            'blocked sessions'::text,
                CASE
                    WHEN (count(*) = 0) THEN 'none'::text
                    ELSE format('%s, the longest for %s'::text, count(*), monitoring.format_age(make_interval(secs => max(a.state_seconds))))
                END AS format,
                CASE
                    WHEN (max(a.state_seconds) >= (300)::double precision) THEN 2
                    WHEN (max(a.state_seconds) >= (30)::double precision) THEN 1
                    ELSE 0
                END AS "case",
            'customer-analyzer db activity names who blocks; SELECT pg_cancel_backend(PID) ends its statement, pg_terminate_backend(PID) its session.'::text
           FROM monitoring.activity a
          WHERE (cardinality(a.blocked_by) > 0)
        UNION ALL
         SELECT 3,
            'long_transactions'::text,
            'longest transaction'::text,
            COALESCE(monitoring.format_age(make_interval(secs => max(a.transaction_seconds))), 'none'::text) AS "coalesce",
                CASE
                    WHEN (max(a.transaction_seconds) >= ((6 * 3600))::double precision) THEN 2
                    WHEN (max(a.transaction_seconds) >= (3600)::double precision) THEN 1
                    ELSE 0
                END AS "case",
            'Vacuum cannot remove what it may still see. End it (db activity names it), and set idle_in_transaction_session_timeout.'::text
           FROM monitoring.activity a
        UNION ALL
         SELECT 4,
            'cache'::text,
            'cache hit ratio'::text,
            COALESCE((round(((100)::numeric * (d.cache_hit_share)::numeric), 1) || ' %'::text), 'no reads yet'::text) AS "coalesce",
                CASE
                    WHEN ((d.blocks_asked > 1000000) AND (d.cache_hit_share < (0.9)::double precision)) THEN 1
                    ELSE 0
                END AS "case",
            'Raise shared_buffers to a quarter of the memory, or look for sequential scans in db slow-queries.'::text
           FROM monitoring.database d
        UNION ALL
         SELECT 5,
            'dead_rows'::text,
            'dead rows'::text,
                CASE
                    WHEN (count(*) = 0) THEN 'few'::text
                    ELSE string_agg(format('%s %s %%'::text, t.table_name, round(((100)::numeric * t.dead_share))), ', '::text ORDER BY t.table_name)
                END AS string_agg,
                CASE
                    WHEN (count(*) > 0) THEN 1
                    ELSE 0
                END AS "case",
            'VACUUM (ANALYZE) these tables. If it comes back, see longest transaction and autovacuum settings.'::text
           FROM monitoring.tables t
          WHERE ((t.dead_rows > 10000) AND (t.dead_share > 0.25))
        UNION ALL
         SELECT 6,
            'statistics'::text,
            'statistics'::text,
                CASE
                    WHEN (count(*) = 0) THEN 'present'::text
                    ELSE ('missing: '::text || string_agg(t.table_name, ', '::text ORDER BY t.table_name))
                END AS "case",
                CASE
                    WHEN (count(*) > 0) THEN 1
                    ELSE 0
                END AS "case",
            'ANALYZE; the planner guesses without them.'::text
           FROM monitoring.tables t
          WHERE ((t.rows > 1000) AND (t.last_analyze IS NULL))
        UNION ALL
         SELECT 7,
            'transaction_ids'::text,
            'transaction-id age'::text,
            format('%s million of 2,000'::text, round(((d.transaction_age)::numeric / 1000000.0))) AS format,
                CASE
                    WHEN (d.transaction_age > 1200000000) THEN 2
                    WHEN ((d.transaction_age)::numeric > (1.5 * ((current_setting('autovacuum_freeze_max_age'::text))::bigint)::numeric)) THEN 1
                    ELSE 0
                END AS "case",
            'VACUUM FREEZE the oldest tables (monitoring.tables.transaction_age); look for old transactions, prepared ones and replication slots that hold it back.'::text
           FROM monitoring.database d
        UNION ALL
         SELECT 8,
            'indexes'::text,
            'invalid indexes'::text,
            COALESCE(string_agg(i.index_name, ', '::text ORDER BY i.index_name), 'none'::text) AS "coalesce",
                CASE
                    WHEN (count(*) > 0) THEN 1
                    ELSE 0
                END AS "case",
            'A CREATE INDEX CONCURRENTLY failed: DROP INDEX, and make it again.'::text
           FROM monitoring.indexes i
          WHERE (NOT i.is_valid)
        UNION ALL
         SELECT 9,
            'sequences'::text,
            'fullest sequence'::text,
            COALESCE(max(format('%s %s %%'::text, s.sequencename, round(((100)::numeric * s.used)))) FILTER (WHERE (s.used = s.most)), 'none used'::text) AS "coalesce",
                CASE
                    WHEN (max(s.used) >= 0.9) THEN 2
                    WHEN (max(s.used) >= 0.75) THEN 1
                    ELSE 0
                END AS "case",
            'ALTER TABLE … ALTER COLUMN … TYPE bigint and ALTER SEQUENCE … AS bigint, in a quiet hour.'::text
           FROM ( SELECT p.sequencename,
                    ((p.last_value)::numeric / (
                        CASE
                            WHEN (p.increment_by > 0) THEN p.max_value
                            ELSE p.min_value
                        END)::numeric) AS used,
                    max(((p.last_value)::numeric / (
                        CASE
                            WHEN (p.increment_by > 0) THEN p.max_value
                            ELSE p.min_value
                        END)::numeric)) OVER () AS most
                   FROM pg_sequences p
                  WHERE ((p.last_value IS NOT NULL) AND (NOT p.cycle))) s
        UNION ALL
         SELECT 10,
            'durability'::text,
            'durability'::text,
            COALESCE(string_agg(((s.name || ' = '::text) || s.setting), ', '::text ORDER BY s.name), 'on'::text) AS "coalesce",
                CASE
                    WHEN (count(*) > 0) THEN 2
                    ELSE 0
                END AS "case",
            'A power cut can destroy the database: ALTER SYSTEM RESET these, SELECT pg_reload_conf().'::text
           FROM pg_settings s
          WHERE ((s.name = ANY (ARRAY['fsync'::text, 'full_page_writes'::text, 'autovacuum'::text])) AND (s.setting = 'off'::text))
        UNION ALL
         SELECT 11,
            'checksums'::text,
            'damaged pages'::text,
            (COALESCE(d.checksum_failures, (0)::bigint))::text AS "coalesce",
                CASE
                    WHEN (d.checksum_failures > 0) THEN 2
                    ELSE 0
                END AS "case",
            'Stop writing. The disk or the memory is failing: restore the newest good backup on another machine.'::text
           FROM monitoring.database d
        UNION ALL
         SELECT 12,
            'restart'::text,
            'settings that wait'::text,
            COALESCE(string_agg(s.name, ', '::text ORDER BY s.name), 'none'::text) AS "coalesce",
                CASE
                    WHEN (count(*) > 0) THEN 1
                    ELSE 0
                END AS "case",
            'They hold after a restart of PostgreSQL.'::text
           FROM pg_settings s
          WHERE s.pending_restart
        UNION ALL
         SELECT 13,
            'archiver'::text,
            'WAL archive'::text,
                CASE
                    WHEN (current_setting('archive_mode'::text) = 'off'::text) THEN 'not used'::text
                    WHEN (a.last_failed_time > COALESCE(a.last_archived_time, '-infinity'::timestamp with time zone)) THEN format('failing since %s'::text, (a.last_failed_time)::timestamp(0) with time zone)
                    ELSE 'works'::text
                END AS "case",
                CASE
                    WHEN ((current_setting('archive_mode'::text) <> 'off'::text) AND (a.last_failed_time > COALESCE(a.last_archived_time, '-infinity'::timestamp with time zone))) THEN 2
                    ELSE 0
                END AS "case",
            'WAL piles up until the disk is full: see the server log for what archive_command says.'::text
           FROM pg_stat_archiver a
        UNION ALL
         SELECT 14,
            'slots'::text,
            'replication slots'::text,
                CASE
                    WHEN (count(*) = 0) THEN 'none idle'::text
                    ELSE (string_agg((s.slot_name)::text, ', '::text ORDER BY s.slot_name) || ' idle'::text)
                END AS "case",
                CASE
                    WHEN (count(*) > 0) THEN 1
                    ELSE 0
                END AS "case",
            'An idle slot keeps all WAL: start its reader, or SELECT pg_drop_replication_slot(NAME).'::text
           FROM pg_replication_slots s
          WHERE (NOT s.active)
        UNION ALL
         SELECT 15,
            'backup'::text,
            'last backup'::text,
                CASE
                    WHEN (r.good_at IS NULL) THEN 'none yet'::text
                    ELSE (monitoring.format_age((now() - r.good_at)) || ' ago'::text)
                END AS "case",
                CASE
                    WHEN ((now() - COALESCE(r.good_at, s.at)) > '3 days'::interval) THEN 2
                    WHEN ((now() - COALESCE(r.good_at, s.at)) > '26:00:00'::interval) THEN 1
                    ELSE 0
                END AS "case",
            'Run scripts/backup-db.sh now, and see why cron did not (BACKUP_LOG, its mail).'::text
           FROM runs r,
            set_up s
          WHERE (r.kind = 'backup'::text)
        UNION ALL
         SELECT 16,
            'drill'::text,
            'last drill'::text,
                CASE
                    WHEN (r.failed_at > COALESCE(r.good_at, '-infinity'::timestamp with time zone)) THEN (('failed '::text || monitoring.format_age((now() - r.failed_at))) || ' ago'::text)
                    WHEN (r.good_at IS NULL) THEN 'none yet'::text
                    ELSE (monitoring.format_age((now() - r.good_at)) || ' ago'::text)
                END AS "case",
                CASE
                    WHEN (r.failed_at > COALESCE(r.good_at, '-infinity'::timestamp with time zone)) THEN 2
                    WHEN ((now() - COALESCE(r.good_at, s.at)) > '8 days'::interval) THEN 1
                    ELSE 0
                END AS "case",
            'customer-analyzer backup drill shows whether the newest backup restores. maintenance.backup_runs says why one failed.'::text
           FROM runs r,
            set_up s
          WHERE (r.kind = 'drill'::text)
        UNION ALL
         SELECT 17,
            'scores'::text,
            'last scoring'::text,
                CASE
                    WHEN (max(r.finished_at) IS NOT NULL) THEN (monitoring.format_age((now() - max(r.finished_at))) || ' ago'::text)
                    WHEN (EXISTS ( SELECT
                       FROM app_schema.events)) THEN 'never'::text
                    ELSE 'no events yet'::text
                END AS "case",
                CASE
                    WHEN (((now() - max(r.finished_at)) > '2 days'::interval) OR ((max(r.finished_at) IS NULL) AND (EXISTS ( SELECT
                       FROM app_schema.events)))) THEN 1
                    ELSE 0
                END AS "case",
            'customer-analyzer score'::text
           FROM app_schema.model_runs r
          WHERE (r.kind = 'scoring'::text)
        UNION ALL
         SELECT 18,
            'imports'::text,
            'last import'::text,
            COALESCE(max(r.status), 'none yet'::text) AS "coalesce",
                CASE
                    WHEN (max(r.status) = ANY (ARRAY['failed'::text, 'interrupted'::text])) THEN 1
                    ELSE 0
                END AS "case",
            'The same import again completes it: nothing is counted twice.'::text
           FROM ( SELECT i.status
                   FROM app_schema.import_runs i
                  ORDER BY i.import_run_id DESC
                 LIMIT 1) r
        )
 SELECT c.code,
    c.subject,
    (ARRAY['ok'::text, 'warning'::text, 'trouble'::text])[(1 + c.level)] AS verdict,
    c.value,
        CASE
            WHEN (c.level > 0) THEN c.advice
            ELSE NULL::text
        END AS advice
   FROM checks c
  ORDER BY c.place;

ALTER TABLE monitoring.health OWNER TO postgres;

COMMENT ON VIEW monitoring.health IS 'One line a question: verdict (ok, warning, trouble), what was found, what to do';

CREATE VIEW monitoring.locks WITH (security_invoker='true') AS
 SELECT w.pid AS waiting_pid,
    h.pid AS holding_pid,
    COALESCE(((w.relation)::regclass)::text, w.locktype) AS on_what,
    w.mode AS wanted,
    h.mode AS held,
    (EXTRACT(epoch FROM (clock_timestamp() - w.waitstart)))::double precision AS waiting_seconds
   FROM (pg_locks w
     JOIN pg_locks h ON ((h.granted AND (h.pid = ANY (pg_blocking_pids(w.pid))) AND (h.locktype = w.locktype) AND (NOT (((((((((h.database IS DISTINCT FROM w.database) OR (h.relation IS DISTINCT FROM w.relation)) OR (h.page IS DISTINCT FROM w.page)) OR (h.tuple IS DISTINCT FROM w.tuple)) OR (h.virtualxid IS DISTINCT FROM w.virtualxid)) OR (h.transactionid IS DISTINCT FROM w.transactionid)) OR (h.classid IS DISTINCT FROM w.classid)) OR (h.objid IS DISTINCT FROM w.objid)) OR (h.objsubid IS DISTINCT FROM w.objsubid))))))
  WHERE (NOT w.granted);

ALTER TABLE monitoring.locks OWNER TO postgres;

COMMENT ON VIEW monitoring.locks IS 'Who waits for whom, on what';

CREATE VIEW monitoring.slow_queries WITH (security_invoker='true') AS
 SELECT list_slow_queries.query_id,
    list_slow_queries.role_name,
    list_slow_queries.query,
    list_slow_queries.calls,
    list_slow_queries.mean_ms,
    list_slow_queries.max_ms,
    list_slow_queries.total_ms,
    list_slow_queries.share_of_time,
    list_slow_queries.rows_per_call,
    list_slow_queries.cache_hit_share
   FROM monitoring.list_slow_queries() list_slow_queries(query_id, role_name, query, calls, mean_ms, max_ms, total_ms, share_of_time, rows_per_call, cache_hit_share)
  ORDER BY list_slow_queries.mean_ms DESC;

ALTER TABLE monitoring.slow_queries OWNER TO postgres;

COMMENT ON VIEW monitoring.slow_queries IS 'Statements by mean time, slowest first; share_of_time is of all statements of this database';

CREATE TABLE pgboss.archive (
    id uuid NOT NULL,
    name text NOT NULL,
    priority integer NOT NULL,
    data jsonb,
    state pgboss.job_state NOT NULL,
    retry_limit integer NOT NULL,
    retry_count integer NOT NULL,
    retry_delay integer NOT NULL,
    retry_backoff boolean NOT NULL,
    start_after timestamp with time zone NOT NULL,
    started_on timestamp with time zone,
    singleton_key text,
    singleton_on timestamp without time zone,
    expire_in interval NOT NULL,
    created_on timestamp with time zone NOT NULL,
    completed_on timestamp with time zone,
    keep_until timestamp with time zone NOT NULL,
    output jsonb,
    dead_letter text,
    policy text,
    archived_on timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE pgboss.archive OWNER TO customer_analyzer_owner;

COMMENT ON TABLE pgboss.archive IS 'pg-boss: what ended before that, for a week';

CREATE TABLE pgboss.job (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    name text NOT NULL,
    priority integer DEFAULT 0 NOT NULL,
    data jsonb,
    state pgboss.job_state DEFAULT 'created'::pgboss.job_state NOT NULL,
    retry_limit integer DEFAULT 2 NOT NULL,
    retry_count integer DEFAULT 0 NOT NULL,
    retry_delay integer DEFAULT 0 NOT NULL,
    retry_backoff boolean DEFAULT false NOT NULL,
    start_after timestamp with time zone DEFAULT now() NOT NULL,
    started_on timestamp with time zone,
    singleton_key text,
    singleton_on timestamp without time zone,
    expire_in interval DEFAULT '00:15:00'::interval NOT NULL,
    created_on timestamp with time zone DEFAULT now() NOT NULL,
    completed_on timestamp with time zone,
    keep_until timestamp with time zone DEFAULT (now() + '14 days'::interval) NOT NULL,
    output jsonb,
    dead_letter text,
    policy text
)
PARTITION BY LIST (name);

ALTER TABLE pgboss.job OWNER TO customer_analyzer_owner;

COMMENT ON TABLE pgboss.job IS 'pg-boss: what waits, runs, or ended in the last hours; partitioned by queue';

CREATE TABLE pgboss.j16e6e7de77f9ec3a2b747f97a08c5dd2c504a29baf7e4f1a3ce36fac (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    name text NOT NULL,
    priority integer DEFAULT 0 NOT NULL,
    data jsonb,
    state pgboss.job_state DEFAULT 'created'::pgboss.job_state NOT NULL,
    retry_limit integer DEFAULT 2 NOT NULL,
    retry_count integer DEFAULT 0 NOT NULL,
    retry_delay integer DEFAULT 0 NOT NULL,
    retry_backoff boolean DEFAULT false NOT NULL,
    start_after timestamp with time zone DEFAULT now() NOT NULL,
    started_on timestamp with time zone,
    singleton_key text,
    singleton_on timestamp without time zone,
    expire_in interval DEFAULT '00:15:00'::interval NOT NULL,
    created_on timestamp with time zone DEFAULT now() NOT NULL,
    completed_on timestamp with time zone,
    keep_until timestamp with time zone DEFAULT (now() + '14 days'::interval) NOT NULL,
    output jsonb,
    dead_letter text,
    policy text,
    CONSTRAINT cjc CHECK ((name = 'backup'::text))
);

ALTER TABLE pgboss.j16e6e7de77f9ec3a2b747f97a08c5dd2c504a29baf7e4f1a3ce36fac OWNER TO customer_analyzer_owner;

CREATE TABLE pgboss.j298f10a8091f0e07d21c83cb6e262c98802f182855ded1fa17449502 (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    name text NOT NULL,
    priority integer DEFAULT 0 NOT NULL,
    data jsonb,
    state pgboss.job_state DEFAULT 'created'::pgboss.job_state NOT NULL,
    retry_limit integer DEFAULT 2 NOT NULL,
    retry_count integer DEFAULT 0 NOT NULL,
    retry_delay integer DEFAULT 0 NOT NULL,
    retry_backoff boolean DEFAULT false NOT NULL,
    start_after timestamp with time zone DEFAULT now() NOT NULL,
    started_on timestamp with time zone,
    singleton_key text,
    singleton_on timestamp without time zone,
    expire_in interval DEFAULT '00:15:00'::interval NOT NULL,
    created_on timestamp with time zone DEFAULT now() NOT NULL,
    completed_on timestamp with time zone,
    keep_until timestamp with time zone DEFAULT (now() + '14 days'::interval) NOT NULL,
    output jsonb,
    dead_letter text,
    policy text,
    CONSTRAINT cjc CHECK ((name = 'clean-up'::text))
);

ALTER TABLE pgboss.j298f10a8091f0e07d21c83cb6e262c98802f182855ded1fa17449502 OWNER TO customer_analyzer_owner;

CREATE TABLE pgboss.j2eab60d5e094326e2051571d7b0fc5657038ec4c069057e2e0832715 (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    name text NOT NULL,
    priority integer DEFAULT 0 NOT NULL,
    data jsonb,
    state pgboss.job_state DEFAULT 'created'::pgboss.job_state NOT NULL,
    retry_limit integer DEFAULT 2 NOT NULL,
    retry_count integer DEFAULT 0 NOT NULL,
    retry_delay integer DEFAULT 0 NOT NULL,
    retry_backoff boolean DEFAULT false NOT NULL,
    start_after timestamp with time zone DEFAULT now() NOT NULL,
    started_on timestamp with time zone,
    singleton_key text,
    singleton_on timestamp without time zone,
    expire_in interval DEFAULT '00:15:00'::interval NOT NULL,
    created_on timestamp with time zone DEFAULT now() NOT NULL,
    completed_on timestamp with time zone,
    keep_until timestamp with time zone DEFAULT (now() + '14 days'::interval) NOT NULL,
    output jsonb,
    dead_letter text,
    policy text,
    CONSTRAINT cjc CHECK ((name = 'refresh'::text))
);

ALTER TABLE pgboss.j2eab60d5e094326e2051571d7b0fc5657038ec4c069057e2e0832715 OWNER TO customer_analyzer_owner;

CREATE TABLE pgboss.j3f6dd5f7069020299fb17d76bcfdd923e58abb467adcabda7a4971ff (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    name text NOT NULL,
    priority integer DEFAULT 0 NOT NULL,
    data jsonb,
    state pgboss.job_state DEFAULT 'created'::pgboss.job_state NOT NULL,
    retry_limit integer DEFAULT 2 NOT NULL,
    retry_count integer DEFAULT 0 NOT NULL,
    retry_delay integer DEFAULT 0 NOT NULL,
    retry_backoff boolean DEFAULT false NOT NULL,
    start_after timestamp with time zone DEFAULT now() NOT NULL,
    started_on timestamp with time zone,
    singleton_key text,
    singleton_on timestamp without time zone,
    expire_in interval DEFAULT '00:15:00'::interval NOT NULL,
    created_on timestamp with time zone DEFAULT now() NOT NULL,
    completed_on timestamp with time zone,
    keep_until timestamp with time zone DEFAULT (now() + '14 days'::interval) NOT NULL,
    output jsonb,
    dead_letter text,
    policy text,
    CONSTRAINT cjc CHECK ((name = 'train'::text))
);

ALTER TABLE pgboss.j3f6dd5f7069020299fb17d76bcfdd923e58abb467adcabda7a4971ff OWNER TO customer_analyzer_owner;

CREATE TABLE pgboss.j3f7c9d640c160f03ceb18e65fa07257b821a6f9a9820da597a0c171e (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    name text NOT NULL,
    priority integer DEFAULT 0 NOT NULL,
    data jsonb,
    state pgboss.job_state DEFAULT 'created'::pgboss.job_state NOT NULL,
    retry_limit integer DEFAULT 2 NOT NULL,
    retry_count integer DEFAULT 0 NOT NULL,
    retry_delay integer DEFAULT 0 NOT NULL,
    retry_backoff boolean DEFAULT false NOT NULL,
    start_after timestamp with time zone DEFAULT now() NOT NULL,
    started_on timestamp with time zone,
    singleton_key text,
    singleton_on timestamp without time zone,
    expire_in interval DEFAULT '00:15:00'::interval NOT NULL,
    created_on timestamp with time zone DEFAULT now() NOT NULL,
    completed_on timestamp with time zone,
    keep_until timestamp with time zone DEFAULT (now() + '14 days'::interval) NOT NULL,
    output jsonb,
    dead_letter text,
    policy text,
    CONSTRAINT cjc CHECK ((name = 'backup-drill'::text))
);

ALTER TABLE pgboss.j3f7c9d640c160f03ceb18e65fa07257b821a6f9a9820da597a0c171e OWNER TO customer_analyzer_owner;

CREATE TABLE pgboss.j4f99ea80f7c5d78472f083d08a99c24d3909b3158de524c7042b902c (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    name text NOT NULL,
    priority integer DEFAULT 0 NOT NULL,
    data jsonb,
    state pgboss.job_state DEFAULT 'created'::pgboss.job_state NOT NULL,
    retry_limit integer DEFAULT 2 NOT NULL,
    retry_count integer DEFAULT 0 NOT NULL,
    retry_delay integer DEFAULT 0 NOT NULL,
    retry_backoff boolean DEFAULT false NOT NULL,
    start_after timestamp with time zone DEFAULT now() NOT NULL,
    started_on timestamp with time zone,
    singleton_key text,
    singleton_on timestamp without time zone,
    expire_in interval DEFAULT '00:15:00'::interval NOT NULL,
    created_on timestamp with time zone DEFAULT now() NOT NULL,
    completed_on timestamp with time zone,
    keep_until timestamp with time zone DEFAULT (now() + '14 days'::interval) NOT NULL,
    output jsonb,
    dead_letter text,
    policy text,
    CONSTRAINT cjc CHECK ((name = 'dead-letters'::text))
);

ALTER TABLE pgboss.j4f99ea80f7c5d78472f083d08a99c24d3909b3158de524c7042b902c OWNER TO customer_analyzer_owner;

CREATE TABLE pgboss.j62eb2a8818844b56ee3ac4319be2930e6d44a57a173796b7ad9e88c5 (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    name text NOT NULL,
    priority integer DEFAULT 0 NOT NULL,
    data jsonb,
    state pgboss.job_state DEFAULT 'created'::pgboss.job_state NOT NULL,
    retry_limit integer DEFAULT 2 NOT NULL,
    retry_count integer DEFAULT 0 NOT NULL,
    retry_delay integer DEFAULT 0 NOT NULL,
    retry_backoff boolean DEFAULT false NOT NULL,
    start_after timestamp with time zone DEFAULT now() NOT NULL,
    started_on timestamp with time zone,
    singleton_key text,
    singleton_on timestamp without time zone,
    expire_in interval DEFAULT '00:15:00'::interval NOT NULL,
    created_on timestamp with time zone DEFAULT now() NOT NULL,
    completed_on timestamp with time zone,
    keep_until timestamp with time zone DEFAULT (now() + '14 days'::interval) NOT NULL,
    output jsonb,
    dead_letter text,
    policy text,
    CONSTRAINT cjc CHECK ((name = 'score'::text))
);

ALTER TABLE pgboss.j62eb2a8818844b56ee3ac4319be2930e6d44a57a173796b7ad9e88c5 OWNER TO customer_analyzer_owner;

CREATE TABLE pgboss.j9afaf13559d0a65e3fb1113cae2e0a4784b0752a79a7e4f8df15ad99 (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    name text NOT NULL,
    priority integer DEFAULT 0 NOT NULL,
    data jsonb,
    state pgboss.job_state DEFAULT 'created'::pgboss.job_state NOT NULL,
    retry_limit integer DEFAULT 2 NOT NULL,
    retry_count integer DEFAULT 0 NOT NULL,
    retry_delay integer DEFAULT 0 NOT NULL,
    retry_backoff boolean DEFAULT false NOT NULL,
    start_after timestamp with time zone DEFAULT now() NOT NULL,
    started_on timestamp with time zone,
    singleton_key text,
    singleton_on timestamp without time zone,
    expire_in interval DEFAULT '00:15:00'::interval NOT NULL,
    created_on timestamp with time zone DEFAULT now() NOT NULL,
    completed_on timestamp with time zone,
    keep_until timestamp with time zone DEFAULT (now() + '14 days'::interval) NOT NULL,
    output jsonb,
    dead_letter text,
    policy text,
    CONSTRAINT cjc CHECK ((name = 'evaluate'::text))
);

ALTER TABLE pgboss.j9afaf13559d0a65e3fb1113cae2e0a4784b0752a79a7e4f8df15ad99 OWNER TO customer_analyzer_owner;

CREATE TABLE pgboss.j9b34c891349880fca6ee0922a2e8bb21e66b53915c0e0aef7d0f4555 (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    name text NOT NULL,
    priority integer DEFAULT 0 NOT NULL,
    data jsonb,
    state pgboss.job_state DEFAULT 'created'::pgboss.job_state NOT NULL,
    retry_limit integer DEFAULT 2 NOT NULL,
    retry_count integer DEFAULT 0 NOT NULL,
    retry_delay integer DEFAULT 0 NOT NULL,
    retry_backoff boolean DEFAULT false NOT NULL,
    start_after timestamp with time zone DEFAULT now() NOT NULL,
    started_on timestamp with time zone,
    singleton_key text,
    singleton_on timestamp without time zone,
    expire_in interval DEFAULT '00:15:00'::interval NOT NULL,
    created_on timestamp with time zone DEFAULT now() NOT NULL,
    completed_on timestamp with time zone,
    keep_until timestamp with time zone DEFAULT (now() + '14 days'::interval) NOT NULL,
    output jsonb,
    dead_letter text,
    policy text,
    CONSTRAINT cjc CHECK ((name = 'user-days'::text))
);

ALTER TABLE pgboss.j9b34c891349880fca6ee0922a2e8bb21e66b53915c0e0aef7d0f4555 OWNER TO customer_analyzer_owner;

CREATE TABLE pgboss.jb5d4e6b59ac39032473451f2a556495fbf6b2fd77ced084d937aa486 (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    name text NOT NULL,
    priority integer DEFAULT 0 NOT NULL,
    data jsonb,
    state pgboss.job_state DEFAULT 'created'::pgboss.job_state NOT NULL,
    retry_limit integer DEFAULT 2 NOT NULL,
    retry_count integer DEFAULT 0 NOT NULL,
    retry_delay integer DEFAULT 0 NOT NULL,
    retry_backoff boolean DEFAULT false NOT NULL,
    start_after timestamp with time zone DEFAULT now() NOT NULL,
    started_on timestamp with time zone,
    singleton_key text,
    singleton_on timestamp without time zone,
    expire_in interval DEFAULT '00:15:00'::interval NOT NULL,
    created_on timestamp with time zone DEFAULT now() NOT NULL,
    completed_on timestamp with time zone,
    keep_until timestamp with time zone DEFAULT (now() + '14 days'::interval) NOT NULL,
    output jsonb,
    dead_letter text,
    policy text,
    CONSTRAINT cjc CHECK ((name = 'recommendations'::text))
);

ALTER TABLE pgboss.jb5d4e6b59ac39032473451f2a556495fbf6b2fd77ced084d937aa486 OWNER TO customer_analyzer_owner;

CREATE TABLE pgboss.queue (
    name text NOT NULL,
    policy text,
    retry_limit integer,
    retry_delay integer,
    retry_backoff boolean,
    expire_seconds integer,
    retention_minutes integer,
    dead_letter text,
    partition_name text,
    created_on timestamp with time zone DEFAULT now() NOT NULL,
    updated_on timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE pgboss.queue OWNER TO customer_analyzer_owner;

COMMENT ON TABLE pgboss.queue IS 'pg-boss: one queue for each job, with its retries';

CREATE TABLE pgboss.schedule (
    name text NOT NULL,
    cron text NOT NULL,
    timezone text,
    data jsonb,
    options jsonb,
    created_on timestamp with time zone DEFAULT now() NOT NULL,
    updated_on timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE pgboss.schedule OWNER TO customer_analyzer_owner;

COMMENT ON TABLE pgboss.schedule IS 'pg-boss: not used, jobs.schedules is';

CREATE TABLE pgboss.subscription (
    event text NOT NULL,
    name text NOT NULL,
    created_on timestamp with time zone DEFAULT now() NOT NULL,
    updated_on timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE pgboss.subscription OWNER TO customer_analyzer_owner;

COMMENT ON TABLE pgboss.subscription IS 'pg-boss: not used';

CREATE TABLE pgboss.version (
    version integer NOT NULL,
    maintained_on timestamp with time zone,
    cron_on timestamp with time zone,
    monitored_on timestamp with time zone
);

ALTER TABLE pgboss.version OWNER TO customer_analyzer_owner;

COMMENT ON TABLE pgboss.version IS 'pg-boss: version of this schema, and when it was last tended';

CREATE TABLE privacy.erasures (
    identity_hash text NOT NULL,
    erased_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE privacy.erasures OWNER TO customer_analyzer_owner;

COMMENT ON TABLE privacy.erasures IS 'Keyed hashes of the ids of those who were erased: outside ids, Telegram ids, our own with the moment of registration';

CREATE TABLE privacy.keys (
    key_id boolean DEFAULT true NOT NULL,
    inner_pad bytea NOT NULL,
    outer_pad bytea NOT NULL,
    CONSTRAINT keys_key_id_check CHECK (key_id)
);

ALTER TABLE privacy.keys OWNER TO customer_analyzer_owner;

COMMENT ON TABLE privacy.keys IS 'One row: the key of HMAC-SHA-256, already combined with its two pads (RFC 2104). Who has it can test whether a known id was erased';

CREATE TABLE privacy.rules (
    table_name text NOT NULL,
    place integer NOT NULL,
    erase_sql text NOT NULL,
    export_sql text NOT NULL
);

ALTER TABLE privacy.rules OWNER TO customer_analyzer_owner;

COMMENT ON TABLE privacy.rules IS 'What erase_user and export_user do with each table, in the order of place';

COMMENT ON COLUMN privacy.rules.erase_sql IS 'One statement; $1 is the user_id, $2 text[] of what names the person elsewhere (see privacy.mentions)';

COMMENT ON COLUMN privacy.rules.export_sql IS 'One SELECT; $1 and $2 as in erase_sql';

ALTER TABLE ONLY pgboss.job ATTACH PARTITION pgboss.j16e6e7de77f9ec3a2b747f97a08c5dd2c504a29baf7e4f1a3ce36fac FOR VALUES IN ('backup');

ALTER TABLE ONLY pgboss.job ATTACH PARTITION pgboss.j298f10a8091f0e07d21c83cb6e262c98802f182855ded1fa17449502 FOR VALUES IN ('clean-up');

ALTER TABLE ONLY pgboss.job ATTACH PARTITION pgboss.j2eab60d5e094326e2051571d7b0fc5657038ec4c069057e2e0832715 FOR VALUES IN ('refresh');

ALTER TABLE ONLY pgboss.job ATTACH PARTITION pgboss.j3f6dd5f7069020299fb17d76bcfdd923e58abb467adcabda7a4971ff FOR VALUES IN ('train');

ALTER TABLE ONLY pgboss.job ATTACH PARTITION pgboss.j3f7c9d640c160f03ceb18e65fa07257b821a6f9a9820da597a0c171e FOR VALUES IN ('backup-drill');

ALTER TABLE ONLY pgboss.job ATTACH PARTITION pgboss.j4f99ea80f7c5d78472f083d08a99c24d3909b3158de524c7042b902c FOR VALUES IN ('dead-letters');

ALTER TABLE ONLY pgboss.job ATTACH PARTITION pgboss.j62eb2a8818844b56ee3ac4319be2930e6d44a57a173796b7ad9e88c5 FOR VALUES IN ('score');

ALTER TABLE ONLY pgboss.job ATTACH PARTITION pgboss.j9afaf13559d0a65e3fb1113cae2e0a4784b0752a79a7e4f8df15ad99 FOR VALUES IN ('evaluate');

ALTER TABLE ONLY pgboss.job ATTACH PARTITION pgboss.j9b34c891349880fca6ee0922a2e8bb21e66b53915c0e0aef7d0f4555 FOR VALUES IN ('user-days');

ALTER TABLE ONLY pgboss.job ATTACH PARTITION pgboss.jb5d4e6b59ac39032473451f2a556495fbf6b2fd77ced084d937aa486 FOR VALUES IN ('recommendations');

ALTER TABLE ONLY app_schema.events ALTER COLUMN event_id SET DEFAULT nextval('app_schema.events_event_id_seq'::regclass);

ALTER TABLE ONLY app_schema.products ALTER COLUMN product_id SET DEFAULT nextval('app_schema.products_product_id_seq'::regclass);

ALTER TABLE ONLY app_schema.users ALTER COLUMN user_id SET DEFAULT nextval('app_schema.users_user_id_seq'::regclass);

ALTER TABLE ONLY access_control.actions
    ADD CONSTRAINT actions_pkey PRIMARY KEY (action_id);

ALTER TABLE ONLY access_control.administrators
    ADD CONSTRAINT administrators_login_key UNIQUE (login);

ALTER TABLE ONLY access_control.administrators
    ADD CONSTRAINT administrators_pkey PRIMARY KEY (administrator_id);

ALTER TABLE ONLY access_control.api_keys
    ADD CONSTRAINT api_keys_key_hash_key UNIQUE (key_hash);

ALTER TABLE ONLY access_control.api_keys
    ADD CONSTRAINT api_keys_pkey PRIMARY KEY (key_id);

ALTER TABLE ONLY access_control.login_throttles
    ADD CONSTRAINT login_throttles_pkey PRIMARY KEY (subject);

ALTER TABLE ONLY access_control.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (session_hash);

ALTER TABLE ONLY access_control.set_up_tokens
    ADD CONSTRAINT set_up_tokens_pkey PRIMARY KEY (token_id);

ALTER TABLE ONLY app_schema.events
    ADD CONSTRAINT events_pkey PRIMARY KEY (event_id);

ALTER TABLE ONLY app_schema.identity_traits
    ADD CONSTRAINT identity_traits_pkey PRIMARY KEY (source, external_id, key);

ALTER TABLE ONLY app_schema.import_runs
    ADD CONSTRAINT import_runs_pkey PRIMARY KEY (import_run_id);

ALTER TABLE ONLY app_schema.ingest_rejects
    ADD CONSTRAINT ingest_rejects_pkey PRIMARY KEY (reject_id);

ALTER TABLE ONLY app_schema.ingest_rejects
    ADD CONSTRAINT ingest_rejects_source_kind_body_hash_key UNIQUE (source, kind, body_hash);

ALTER TABLE ONLY app_schema.ingested_messages
    ADD CONSTRAINT ingested_messages_pkey PRIMARY KEY (source_id, message_id);

ALTER TABLE ONLY app_schema.model_runs
    ADD CONSTRAINT model_runs_pkey PRIMARY KEY (model_run_id);

ALTER TABLE ONLY app_schema.popular_products
    ADD CONSTRAINT popular_products_pkey PRIMARY KEY (model_run_id, period, category);

ALTER TABLE ONLY app_schema.product_identities
    ADD CONSTRAINT product_identities_pkey PRIMARY KEY (source, external_id);

ALTER TABLE ONLY app_schema.product_neighbours
    ADD CONSTRAINT product_neighbours_pkey PRIMARY KEY (model_run_id, product_id);

ALTER TABLE ONLY app_schema.product_popularity
    ADD CONSTRAINT product_popularity_pkey PRIMARY KEY (model_run_id, product_id);

ALTER TABLE ONLY app_schema.products
    ADD CONSTRAINT products_pkey PRIMARY KEY (product_id);

ALTER TABLE ONLY app_schema.recommendation_experiments
    ADD CONSTRAINT recommendation_experiments_name_key UNIQUE (name);

ALTER TABLE ONLY app_schema.recommendation_experiments
    ADD CONSTRAINT recommendation_experiments_pkey PRIMARY KEY (experiment_id);

ALTER TABLE ONLY app_schema.recommendation_lists
    ADD CONSTRAINT recommendation_lists_pkey PRIMARY KEY (recommendation_id);

ALTER TABLE ONLY app_schema.recommendation_rules
    ADD CONSTRAINT recommendation_rules_pkey PRIMARY KEY (rule_id);

ALTER TABLE ONLY app_schema.recommenders
    ADD CONSTRAINT recommenders_pkey PRIMARY KEY (model_run_id);

ALTER TABLE ONLY app_schema.segments
    ADD CONSTRAINT segments_code_key UNIQUE (code);

ALTER TABLE ONLY app_schema.segments
    ADD CONSTRAINT segments_pkey PRIMARY KEY (segment_id);

ALTER TABLE ONLY app_schema.settings
    ADD CONSTRAINT settings_pkey PRIMARY KEY (setting_id);

ALTER TABLE ONLY app_schema.sources
    ADD CONSTRAINT sources_name_key UNIQUE (name);

ALTER TABLE ONLY app_schema.sources
    ADD CONSTRAINT sources_pkey PRIMARY KEY (source_id);

ALTER TABLE ONLY app_schema.user_days
    ADD CONSTRAINT user_days_pkey PRIMARY KEY (user_id, day);

ALTER TABLE ONLY app_schema.user_identities
    ADD CONSTRAINT user_identities_pkey PRIMARY KEY (source, external_id);

ALTER TABLE ONLY app_schema.user_metrics
    ADD CONSTRAINT user_metrics_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY app_schema.user_score_changes
    ADD CONSTRAINT user_score_changes_pkey PRIMARY KEY (user_id, note_id);

ALTER TABLE ONLY app_schema.user_score_details
    ADD CONSTRAINT user_score_details_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY app_schema.users
    ADD CONSTRAINT users_pkey PRIMARY KEY (user_id);

ALTER TABLE ONLY app_schema.users
    ADD CONSTRAINT users_telegram_id_key UNIQUE (telegram_id);

ALTER TABLE ONLY jobs.runs
    ADD CONSTRAINT runs_pkey PRIMARY KEY (run_id);

ALTER TABLE ONLY jobs.schedules
    ADD CONSTRAINT schedules_pkey PRIMARY KEY (job);

ALTER TABLE ONLY jobs.workers
    ADD CONSTRAINT workers_pkey PRIMARY KEY (worker);

ALTER TABLE ONLY maintenance.backup_runs
    ADD CONSTRAINT backup_runs_pkey PRIMARY KEY (backup_run_id);

ALTER TABLE ONLY maintenance.migrations
    ADD CONSTRAINT migrations_pkey PRIMARY KEY (name);

ALTER TABLE ONLY pgboss.archive
    ADD CONSTRAINT archive_pkey PRIMARY KEY (name, id);

ALTER TABLE ONLY pgboss.job
    ADD CONSTRAINT job_pkey PRIMARY KEY (name, id);

ALTER TABLE ONLY pgboss.j16e6e7de77f9ec3a2b747f97a08c5dd2c504a29baf7e4f1a3ce36fac
    ADD CONSTRAINT j16e6e7de77f9ec3a2b747f97a08c5dd2c504a29baf7e4f1a3ce36fac_pkey PRIMARY KEY (name, id);

ALTER TABLE ONLY pgboss.j298f10a8091f0e07d21c83cb6e262c98802f182855ded1fa17449502
    ADD CONSTRAINT j298f10a8091f0e07d21c83cb6e262c98802f182855ded1fa17449502_pkey PRIMARY KEY (name, id);

ALTER TABLE ONLY pgboss.j2eab60d5e094326e2051571d7b0fc5657038ec4c069057e2e0832715
    ADD CONSTRAINT j2eab60d5e094326e2051571d7b0fc5657038ec4c069057e2e0832715_pkey PRIMARY KEY (name, id);

ALTER TABLE ONLY pgboss.j3f6dd5f7069020299fb17d76bcfdd923e58abb467adcabda7a4971ff
    ADD CONSTRAINT j3f6dd5f7069020299fb17d76bcfdd923e58abb467adcabda7a4971ff_pkey PRIMARY KEY (name, id);

ALTER TABLE ONLY pgboss.j3f7c9d640c160f03ceb18e65fa07257b821a6f9a9820da597a0c171e
    ADD CONSTRAINT j3f7c9d640c160f03ceb18e65fa07257b821a6f9a9820da597a0c171e_pkey PRIMARY KEY (name, id);

ALTER TABLE ONLY pgboss.j4f99ea80f7c5d78472f083d08a99c24d3909b3158de524c7042b902c
    ADD CONSTRAINT j4f99ea80f7c5d78472f083d08a99c24d3909b3158de524c7042b902c_pkey PRIMARY KEY (name, id);

ALTER TABLE ONLY pgboss.j62eb2a8818844b56ee3ac4319be2930e6d44a57a173796b7ad9e88c5
    ADD CONSTRAINT j62eb2a8818844b56ee3ac4319be2930e6d44a57a173796b7ad9e88c5_pkey PRIMARY KEY (name, id);

ALTER TABLE ONLY pgboss.j9afaf13559d0a65e3fb1113cae2e0a4784b0752a79a7e4f8df15ad99
    ADD CONSTRAINT j9afaf13559d0a65e3fb1113cae2e0a4784b0752a79a7e4f8df15ad99_pkey PRIMARY KEY (name, id);

ALTER TABLE ONLY pgboss.j9b34c891349880fca6ee0922a2e8bb21e66b53915c0e0aef7d0f4555
    ADD CONSTRAINT j9b34c891349880fca6ee0922a2e8bb21e66b53915c0e0aef7d0f4555_pkey PRIMARY KEY (name, id);

ALTER TABLE ONLY pgboss.jb5d4e6b59ac39032473451f2a556495fbf6b2fd77ced084d937aa486
    ADD CONSTRAINT jb5d4e6b59ac39032473451f2a556495fbf6b2fd77ced084d937aa486_pkey PRIMARY KEY (name, id);

ALTER TABLE ONLY pgboss.queue
    ADD CONSTRAINT queue_pkey PRIMARY KEY (name);

ALTER TABLE ONLY pgboss.schedule
    ADD CONSTRAINT schedule_pkey PRIMARY KEY (name);

ALTER TABLE ONLY pgboss.subscription
    ADD CONSTRAINT subscription_pkey PRIMARY KEY (event, name);

ALTER TABLE ONLY pgboss.version
    ADD CONSTRAINT version_pkey PRIMARY KEY (version);

ALTER TABLE ONLY privacy.erasures
    ADD CONSTRAINT erasures_pkey PRIMARY KEY (identity_hash);

ALTER TABLE ONLY privacy.keys
    ADD CONSTRAINT keys_pkey PRIMARY KEY (key_id);

ALTER TABLE ONLY privacy.rules
    ADD CONSTRAINT rules_pkey PRIMARY KEY (table_name);

ALTER TABLE ONLY privacy.rules
    ADD CONSTRAINT rules_place_key UNIQUE (place);

CREATE INDEX idx_sessions_administrator_id ON access_control.sessions USING btree (administrator_id);

CREATE INDEX idx_events_product_id ON app_schema.events USING btree (product_id);

CREATE INDEX idx_events_purchases ON app_schema.events USING btree (user_id, product_id, event_timestamp) WHERE ((event_type)::text = 'purchase'::text);

CREATE INDEX idx_events_recommendation_id ON app_schema.events USING btree (((properties ->> 'recommendation_id'::text))) WHERE (properties ? 'recommendation_id'::text);

CREATE UNIQUE INDEX idx_events_source_external_id ON app_schema.events USING btree (source_id, external_id);

CREATE INDEX idx_events_type_timestamp ON app_schema.events USING btree (event_type, event_timestamp);

CREATE INDEX idx_events_user_timestamp ON app_schema.events USING btree (user_id, event_timestamp) INCLUDE (product_id, event_type);

CREATE INDEX idx_ingested_messages_received_at ON app_schema.ingested_messages USING brin (received_at);

CREATE INDEX idx_model_runs_kind ON app_schema.model_runs USING btree (kind, model_run_id);

CREATE INDEX idx_model_runs_promoted ON app_schema.model_runs USING btree (kind, as_of, model_run_id) WHERE (status = 'promoted'::text);

CREATE INDEX idx_product_identities_product_id ON app_schema.product_identities USING btree (product_id);

CREATE UNIQUE INDEX idx_recommendation_experiments_running ON app_schema.recommendation_experiments USING btree (((stopped_at IS NULL))) WHERE (stopped_at IS NULL);

CREATE INDEX idx_recommendation_lists_served_at ON app_schema.recommendation_lists USING btree (served_at);

CREATE INDEX idx_recommendation_lists_user_id ON app_schema.recommendation_lists USING btree (user_id);

CREATE INDEX idx_recommendation_rules_product_id ON app_schema.recommendation_rules USING btree (product_id);

CREATE INDEX idx_user_day_changes_user_id_day ON app_schema.user_day_changes USING btree (user_id, day);

CREATE INDEX idx_user_identities_external_id ON app_schema.user_identities USING btree (external_id);

CREATE INDEX idx_user_identities_user_id ON app_schema.user_identities USING btree (user_id);

CREATE INDEX idx_user_metrics_churn_probability ON app_schema.user_metrics USING btree (churn_probability, user_id);

CREATE INDEX idx_user_metrics_ltv ON app_schema.user_metrics USING btree (ltv, user_id);

CREATE INDEX idx_user_metrics_purchase_probability_30d ON app_schema.user_metrics USING btree (purchase_probability_30d, user_id);

CREATE INDEX idx_user_metrics_segment_id ON app_schema.user_metrics USING btree (segment_id);

CREATE INDEX idx_users_first_name ON app_schema.users USING btree (lower((first_name)::text) text_pattern_ops);

CREATE INDEX idx_users_last_name ON app_schema.users USING btree (lower((last_name)::text) text_pattern_ops);

CREATE INDEX idx_users_profile_data_gin ON app_schema.users USING gin (profile_data);

CREATE INDEX idx_users_registration_date ON app_schema.users USING btree (registration_date, user_id);

CREATE INDEX idx_users_username ON app_schema.users USING btree (lower((username)::text) text_pattern_ops);

CREATE INDEX idx_runs_job_run_id ON jobs.runs USING btree (job, run_id);

COMMENT ON INDEX jobs.idx_runs_job_run_id IS 'History of one job, newest first; the last run of each';

CREATE INDEX archive_i1 ON pgboss.archive USING btree (archived_on);

CREATE UNIQUE INDEX j16e6e7de77f9ec3a2b747f97a08c5dd2c504a29baf7e4f1a3ce36fac_i1 ON pgboss.j16e6e7de77f9ec3a2b747f97a08c5dd2c504a29baf7e4f1a3ce36fac USING btree (name, COALESCE(singleton_key, ''::text)) WHERE ((state = 'created'::pgboss.job_state) AND (policy = 'short'::text));

CREATE UNIQUE INDEX j16e6e7de77f9ec3a2b747f97a08c5dd2c504a29baf7e4f1a3ce36fac_i2 ON pgboss.j16e6e7de77f9ec3a2b747f97a08c5dd2c504a29baf7e4f1a3ce36fac USING btree (name, COALESCE(singleton_key, ''::text)) WHERE ((state = 'active'::pgboss.job_state) AND (policy = 'singleton'::text));

CREATE UNIQUE INDEX j16e6e7de77f9ec3a2b747f97a08c5dd2c504a29baf7e4f1a3ce36fac_i3 ON pgboss.j16e6e7de77f9ec3a2b747f97a08c5dd2c504a29baf7e4f1a3ce36fac USING btree (name, state, COALESCE(singleton_key, ''::text)) WHERE ((state <= 'active'::pgboss.job_state) AND (policy = 'stately'::text));

CREATE UNIQUE INDEX j16e6e7de77f9ec3a2b747f97a08c5dd2c504a29baf7e4f1a3ce36fac_i4 ON pgboss.j16e6e7de77f9ec3a2b747f97a08c5dd2c504a29baf7e4f1a3ce36fac USING btree (name, singleton_on, COALESCE(singleton_key, ''::text)) WHERE ((state <> 'cancelled'::pgboss.job_state) AND (singleton_on IS NOT NULL));

CREATE INDEX j16e6e7de77f9ec3a2b747f97a08c5dd2c504a29baf7e4f1a3ce36fac_i5 ON pgboss.j16e6e7de77f9ec3a2b747f97a08c5dd2c504a29baf7e4f1a3ce36fac USING btree (name, start_after) INCLUDE (priority, created_on, id) WHERE (state < 'active'::pgboss.job_state);

CREATE UNIQUE INDEX j298f10a8091f0e07d21c83cb6e262c98802f182855ded1fa17449502_i1 ON pgboss.j298f10a8091f0e07d21c83cb6e262c98802f182855ded1fa17449502 USING btree (name, COALESCE(singleton_key, ''::text)) WHERE ((state = 'created'::pgboss.job_state) AND (policy = 'short'::text));

CREATE UNIQUE INDEX j298f10a8091f0e07d21c83cb6e262c98802f182855ded1fa17449502_i2 ON pgboss.j298f10a8091f0e07d21c83cb6e262c98802f182855ded1fa17449502 USING btree (name, COALESCE(singleton_key, ''::text)) WHERE ((state = 'active'::pgboss.job_state) AND (policy = 'singleton'::text));

CREATE UNIQUE INDEX j298f10a8091f0e07d21c83cb6e262c98802f182855ded1fa17449502_i3 ON pgboss.j298f10a8091f0e07d21c83cb6e262c98802f182855ded1fa17449502 USING btree (name, state, COALESCE(singleton_key, ''::text)) WHERE ((state <= 'active'::pgboss.job_state) AND (policy = 'stately'::text));

CREATE UNIQUE INDEX j298f10a8091f0e07d21c83cb6e262c98802f182855ded1fa17449502_i4 ON pgboss.j298f10a8091f0e07d21c83cb6e262c98802f182855ded1fa17449502 USING btree (name, singleton_on, COALESCE(singleton_key, ''::text)) WHERE ((state <> 'cancelled'::pgboss.job_state) AND (singleton_on IS NOT NULL));

CREATE INDEX j298f10a8091f0e07d21c83cb6e262c98802f182855ded1fa17449502_i5 ON pgboss.j298f10a8091f0e07d21c83cb6e262c98802f182855ded1fa17449502 USING btree (name, start_after) INCLUDE (priority, created_on, id) WHERE (state < 'active'::pgboss.job_state);

CREATE UNIQUE INDEX j2eab60d5e094326e2051571d7b0fc5657038ec4c069057e2e0832715_i1 ON pgboss.j2eab60d5e094326e2051571d7b0fc5657038ec4c069057e2e0832715 USING btree (name, COALESCE(singleton_key, ''::text)) WHERE ((state = 'created'::pgboss.job_state) AND (policy = 'short'::text));

CREATE UNIQUE INDEX j2eab60d5e094326e2051571d7b0fc5657038ec4c069057e2e0832715_i2 ON pgboss.j2eab60d5e094326e2051571d7b0fc5657038ec4c069057e2e0832715 USING btree (name, COALESCE(singleton_key, ''::text)) WHERE ((state = 'active'::pgboss.job_state) AND (policy = 'singleton'::text));

CREATE UNIQUE INDEX j2eab60d5e094326e2051571d7b0fc5657038ec4c069057e2e0832715_i3 ON pgboss.j2eab60d5e094326e2051571d7b0fc5657038ec4c069057e2e0832715 USING btree (name, state, COALESCE(singleton_key, ''::text)) WHERE ((state <= 'active'::pgboss.job_state) AND (policy = 'stately'::text));

CREATE UNIQUE INDEX j2eab60d5e094326e2051571d7b0fc5657038ec4c069057e2e0832715_i4 ON pgboss.j2eab60d5e094326e2051571d7b0fc5657038ec4c069057e2e0832715 USING btree (name, singleton_on, COALESCE(singleton_key, ''::text)) WHERE ((state <> 'cancelled'::pgboss.job_state) AND (singleton_on IS NOT NULL));

CREATE INDEX j2eab60d5e094326e2051571d7b0fc5657038ec4c069057e2e0832715_i5 ON pgboss.j2eab60d5e094326e2051571d7b0fc5657038ec4c069057e2e0832715 USING btree (name, start_after) INCLUDE (priority, created_on, id) WHERE (state < 'active'::pgboss.job_state);

CREATE UNIQUE INDEX j3f6dd5f7069020299fb17d76bcfdd923e58abb467adcabda7a4971ff_i1 ON pgboss.j3f6dd5f7069020299fb17d76bcfdd923e58abb467adcabda7a4971ff USING btree (name, COALESCE(singleton_key, ''::text)) WHERE ((state = 'created'::pgboss.job_state) AND (policy = 'short'::text));

CREATE UNIQUE INDEX j3f6dd5f7069020299fb17d76bcfdd923e58abb467adcabda7a4971ff_i2 ON pgboss.j3f6dd5f7069020299fb17d76bcfdd923e58abb467adcabda7a4971ff USING btree (name, COALESCE(singleton_key, ''::text)) WHERE ((state = 'active'::pgboss.job_state) AND (policy = 'singleton'::text));

CREATE UNIQUE INDEX j3f6dd5f7069020299fb17d76bcfdd923e58abb467adcabda7a4971ff_i3 ON pgboss.j3f6dd5f7069020299fb17d76bcfdd923e58abb467adcabda7a4971ff USING btree (name, state, COALESCE(singleton_key, ''::text)) WHERE ((state <= 'active'::pgboss.job_state) AND (policy = 'stately'::text));

CREATE UNIQUE INDEX j3f6dd5f7069020299fb17d76bcfdd923e58abb467adcabda7a4971ff_i4 ON pgboss.j3f6dd5f7069020299fb17d76bcfdd923e58abb467adcabda7a4971ff USING btree (name, singleton_on, COALESCE(singleton_key, ''::text)) WHERE ((state <> 'cancelled'::pgboss.job_state) AND (singleton_on IS NOT NULL));

CREATE INDEX j3f6dd5f7069020299fb17d76bcfdd923e58abb467adcabda7a4971ff_i5 ON pgboss.j3f6dd5f7069020299fb17d76bcfdd923e58abb467adcabda7a4971ff USING btree (name, start_after) INCLUDE (priority, created_on, id) WHERE (state < 'active'::pgboss.job_state);

CREATE UNIQUE INDEX j3f7c9d640c160f03ceb18e65fa07257b821a6f9a9820da597a0c171e_i1 ON pgboss.j3f7c9d640c160f03ceb18e65fa07257b821a6f9a9820da597a0c171e USING btree (name, COALESCE(singleton_key, ''::text)) WHERE ((state = 'created'::pgboss.job_state) AND (policy = 'short'::text));

CREATE UNIQUE INDEX j3f7c9d640c160f03ceb18e65fa07257b821a6f9a9820da597a0c171e_i2 ON pgboss.j3f7c9d640c160f03ceb18e65fa07257b821a6f9a9820da597a0c171e USING btree (name, COALESCE(singleton_key, ''::text)) WHERE ((state = 'active'::pgboss.job_state) AND (policy = 'singleton'::text));

CREATE UNIQUE INDEX j3f7c9d640c160f03ceb18e65fa07257b821a6f9a9820da597a0c171e_i3 ON pgboss.j3f7c9d640c160f03ceb18e65fa07257b821a6f9a9820da597a0c171e USING btree (name, state, COALESCE(singleton_key, ''::text)) WHERE ((state <= 'active'::pgboss.job_state) AND (policy = 'stately'::text));

CREATE UNIQUE INDEX j3f7c9d640c160f03ceb18e65fa07257b821a6f9a9820da597a0c171e_i4 ON pgboss.j3f7c9d640c160f03ceb18e65fa07257b821a6f9a9820da597a0c171e USING btree (name, singleton_on, COALESCE(singleton_key, ''::text)) WHERE ((state <> 'cancelled'::pgboss.job_state) AND (singleton_on IS NOT NULL));

CREATE INDEX j3f7c9d640c160f03ceb18e65fa07257b821a6f9a9820da597a0c171e_i5 ON pgboss.j3f7c9d640c160f03ceb18e65fa07257b821a6f9a9820da597a0c171e USING btree (name, start_after) INCLUDE (priority, created_on, id) WHERE (state < 'active'::pgboss.job_state);

CREATE UNIQUE INDEX j4f99ea80f7c5d78472f083d08a99c24d3909b3158de524c7042b902c_i1 ON pgboss.j4f99ea80f7c5d78472f083d08a99c24d3909b3158de524c7042b902c USING btree (name, COALESCE(singleton_key, ''::text)) WHERE ((state = 'created'::pgboss.job_state) AND (policy = 'short'::text));

CREATE UNIQUE INDEX j4f99ea80f7c5d78472f083d08a99c24d3909b3158de524c7042b902c_i2 ON pgboss.j4f99ea80f7c5d78472f083d08a99c24d3909b3158de524c7042b902c USING btree (name, COALESCE(singleton_key, ''::text)) WHERE ((state = 'active'::pgboss.job_state) AND (policy = 'singleton'::text));

CREATE UNIQUE INDEX j4f99ea80f7c5d78472f083d08a99c24d3909b3158de524c7042b902c_i3 ON pgboss.j4f99ea80f7c5d78472f083d08a99c24d3909b3158de524c7042b902c USING btree (name, state, COALESCE(singleton_key, ''::text)) WHERE ((state <= 'active'::pgboss.job_state) AND (policy = 'stately'::text));

CREATE UNIQUE INDEX j4f99ea80f7c5d78472f083d08a99c24d3909b3158de524c7042b902c_i4 ON pgboss.j4f99ea80f7c5d78472f083d08a99c24d3909b3158de524c7042b902c USING btree (name, singleton_on, COALESCE(singleton_key, ''::text)) WHERE ((state <> 'cancelled'::pgboss.job_state) AND (singleton_on IS NOT NULL));

CREATE INDEX j4f99ea80f7c5d78472f083d08a99c24d3909b3158de524c7042b902c_i5 ON pgboss.j4f99ea80f7c5d78472f083d08a99c24d3909b3158de524c7042b902c USING btree (name, start_after) INCLUDE (priority, created_on, id) WHERE (state < 'active'::pgboss.job_state);

CREATE UNIQUE INDEX j62eb2a8818844b56ee3ac4319be2930e6d44a57a173796b7ad9e88c5_i1 ON pgboss.j62eb2a8818844b56ee3ac4319be2930e6d44a57a173796b7ad9e88c5 USING btree (name, COALESCE(singleton_key, ''::text)) WHERE ((state = 'created'::pgboss.job_state) AND (policy = 'short'::text));

CREATE UNIQUE INDEX j62eb2a8818844b56ee3ac4319be2930e6d44a57a173796b7ad9e88c5_i2 ON pgboss.j62eb2a8818844b56ee3ac4319be2930e6d44a57a173796b7ad9e88c5 USING btree (name, COALESCE(singleton_key, ''::text)) WHERE ((state = 'active'::pgboss.job_state) AND (policy = 'singleton'::text));

CREATE UNIQUE INDEX j62eb2a8818844b56ee3ac4319be2930e6d44a57a173796b7ad9e88c5_i3 ON pgboss.j62eb2a8818844b56ee3ac4319be2930e6d44a57a173796b7ad9e88c5 USING btree (name, state, COALESCE(singleton_key, ''::text)) WHERE ((state <= 'active'::pgboss.job_state) AND (policy = 'stately'::text));

CREATE UNIQUE INDEX j62eb2a8818844b56ee3ac4319be2930e6d44a57a173796b7ad9e88c5_i4 ON pgboss.j62eb2a8818844b56ee3ac4319be2930e6d44a57a173796b7ad9e88c5 USING btree (name, singleton_on, COALESCE(singleton_key, ''::text)) WHERE ((state <> 'cancelled'::pgboss.job_state) AND (singleton_on IS NOT NULL));

CREATE INDEX j62eb2a8818844b56ee3ac4319be2930e6d44a57a173796b7ad9e88c5_i5 ON pgboss.j62eb2a8818844b56ee3ac4319be2930e6d44a57a173796b7ad9e88c5 USING btree (name, start_after) INCLUDE (priority, created_on, id) WHERE (state < 'active'::pgboss.job_state);

CREATE UNIQUE INDEX j9afaf13559d0a65e3fb1113cae2e0a4784b0752a79a7e4f8df15ad99_i1 ON pgboss.j9afaf13559d0a65e3fb1113cae2e0a4784b0752a79a7e4f8df15ad99 USING btree (name, COALESCE(singleton_key, ''::text)) WHERE ((state = 'created'::pgboss.job_state) AND (policy = 'short'::text));

CREATE UNIQUE INDEX j9afaf13559d0a65e3fb1113cae2e0a4784b0752a79a7e4f8df15ad99_i2 ON pgboss.j9afaf13559d0a65e3fb1113cae2e0a4784b0752a79a7e4f8df15ad99 USING btree (name, COALESCE(singleton_key, ''::text)) WHERE ((state = 'active'::pgboss.job_state) AND (policy = 'singleton'::text));

CREATE UNIQUE INDEX j9afaf13559d0a65e3fb1113cae2e0a4784b0752a79a7e4f8df15ad99_i3 ON pgboss.j9afaf13559d0a65e3fb1113cae2e0a4784b0752a79a7e4f8df15ad99 USING btree (name, state, COALESCE(singleton_key, ''::text)) WHERE ((state <= 'active'::pgboss.job_state) AND (policy = 'stately'::text));

CREATE UNIQUE INDEX j9afaf13559d0a65e3fb1113cae2e0a4784b0752a79a7e4f8df15ad99_i4 ON pgboss.j9afaf13559d0a65e3fb1113cae2e0a4784b0752a79a7e4f8df15ad99 USING btree (name, singleton_on, COALESCE(singleton_key, ''::text)) WHERE ((state <> 'cancelled'::pgboss.job_state) AND (singleton_on IS NOT NULL));

CREATE INDEX j9afaf13559d0a65e3fb1113cae2e0a4784b0752a79a7e4f8df15ad99_i5 ON pgboss.j9afaf13559d0a65e3fb1113cae2e0a4784b0752a79a7e4f8df15ad99 USING btree (name, start_after) INCLUDE (priority, created_on, id) WHERE (state < 'active'::pgboss.job_state);

CREATE UNIQUE INDEX j9b34c891349880fca6ee0922a2e8bb21e66b53915c0e0aef7d0f4555_i1 ON pgboss.j9b34c891349880fca6ee0922a2e8bb21e66b53915c0e0aef7d0f4555 USING btree (name, COALESCE(singleton_key, ''::text)) WHERE ((state = 'created'::pgboss.job_state) AND (policy = 'short'::text));

CREATE UNIQUE INDEX j9b34c891349880fca6ee0922a2e8bb21e66b53915c0e0aef7d0f4555_i2 ON pgboss.j9b34c891349880fca6ee0922a2e8bb21e66b53915c0e0aef7d0f4555 USING btree (name, COALESCE(singleton_key, ''::text)) WHERE ((state = 'active'::pgboss.job_state) AND (policy = 'singleton'::text));

CREATE UNIQUE INDEX j9b34c891349880fca6ee0922a2e8bb21e66b53915c0e0aef7d0f4555_i3 ON pgboss.j9b34c891349880fca6ee0922a2e8bb21e66b53915c0e0aef7d0f4555 USING btree (name, state, COALESCE(singleton_key, ''::text)) WHERE ((state <= 'active'::pgboss.job_state) AND (policy = 'stately'::text));

CREATE UNIQUE INDEX j9b34c891349880fca6ee0922a2e8bb21e66b53915c0e0aef7d0f4555_i4 ON pgboss.j9b34c891349880fca6ee0922a2e8bb21e66b53915c0e0aef7d0f4555 USING btree (name, singleton_on, COALESCE(singleton_key, ''::text)) WHERE ((state <> 'cancelled'::pgboss.job_state) AND (singleton_on IS NOT NULL));

CREATE INDEX j9b34c891349880fca6ee0922a2e8bb21e66b53915c0e0aef7d0f4555_i5 ON pgboss.j9b34c891349880fca6ee0922a2e8bb21e66b53915c0e0aef7d0f4555 USING btree (name, start_after) INCLUDE (priority, created_on, id) WHERE (state < 'active'::pgboss.job_state);

CREATE UNIQUE INDEX jb5d4e6b59ac39032473451f2a556495fbf6b2fd77ced084d937aa486_i1 ON pgboss.jb5d4e6b59ac39032473451f2a556495fbf6b2fd77ced084d937aa486 USING btree (name, COALESCE(singleton_key, ''::text)) WHERE ((state = 'created'::pgboss.job_state) AND (policy = 'short'::text));

CREATE UNIQUE INDEX jb5d4e6b59ac39032473451f2a556495fbf6b2fd77ced084d937aa486_i2 ON pgboss.jb5d4e6b59ac39032473451f2a556495fbf6b2fd77ced084d937aa486 USING btree (name, COALESCE(singleton_key, ''::text)) WHERE ((state = 'active'::pgboss.job_state) AND (policy = 'singleton'::text));

CREATE UNIQUE INDEX jb5d4e6b59ac39032473451f2a556495fbf6b2fd77ced084d937aa486_i3 ON pgboss.jb5d4e6b59ac39032473451f2a556495fbf6b2fd77ced084d937aa486 USING btree (name, state, COALESCE(singleton_key, ''::text)) WHERE ((state <= 'active'::pgboss.job_state) AND (policy = 'stately'::text));

CREATE UNIQUE INDEX jb5d4e6b59ac39032473451f2a556495fbf6b2fd77ced084d937aa486_i4 ON pgboss.jb5d4e6b59ac39032473451f2a556495fbf6b2fd77ced084d937aa486 USING btree (name, singleton_on, COALESCE(singleton_key, ''::text)) WHERE ((state <> 'cancelled'::pgboss.job_state) AND (singleton_on IS NOT NULL));

CREATE INDEX jb5d4e6b59ac39032473451f2a556495fbf6b2fd77ced084d937aa486_i5 ON pgboss.jb5d4e6b59ac39032473451f2a556495fbf6b2fd77ced084d937aa486 USING btree (name, start_after) INCLUDE (priority, created_on, id) WHERE (state < 'active'::pgboss.job_state);

ALTER INDEX pgboss.job_pkey ATTACH PARTITION pgboss.j16e6e7de77f9ec3a2b747f97a08c5dd2c504a29baf7e4f1a3ce36fac_pkey;

ALTER INDEX pgboss.job_pkey ATTACH PARTITION pgboss.j298f10a8091f0e07d21c83cb6e262c98802f182855ded1fa17449502_pkey;

ALTER INDEX pgboss.job_pkey ATTACH PARTITION pgboss.j2eab60d5e094326e2051571d7b0fc5657038ec4c069057e2e0832715_pkey;

ALTER INDEX pgboss.job_pkey ATTACH PARTITION pgboss.j3f6dd5f7069020299fb17d76bcfdd923e58abb467adcabda7a4971ff_pkey;

ALTER INDEX pgboss.job_pkey ATTACH PARTITION pgboss.j3f7c9d640c160f03ceb18e65fa07257b821a6f9a9820da597a0c171e_pkey;

ALTER INDEX pgboss.job_pkey ATTACH PARTITION pgboss.j4f99ea80f7c5d78472f083d08a99c24d3909b3158de524c7042b902c_pkey;

ALTER INDEX pgboss.job_pkey ATTACH PARTITION pgboss.j62eb2a8818844b56ee3ac4319be2930e6d44a57a173796b7ad9e88c5_pkey;

ALTER INDEX pgboss.job_pkey ATTACH PARTITION pgboss.j9afaf13559d0a65e3fb1113cae2e0a4784b0752a79a7e4f8df15ad99_pkey;

ALTER INDEX pgboss.job_pkey ATTACH PARTITION pgboss.j9b34c891349880fca6ee0922a2e8bb21e66b53915c0e0aef7d0f4555_pkey;

ALTER INDEX pgboss.job_pkey ATTACH PARTITION pgboss.jb5d4e6b59ac39032473451f2a556495fbf6b2fd77ced084d937aa486_pkey;

CREATE TRIGGER events_deleted AFTER DELETE ON app_schema.events REFERENCING OLD TABLE AS changed_events FOR EACH STATEMENT EXECUTE FUNCTION app_schema.note_changed_days();

CREATE TRIGGER events_inserted AFTER INSERT ON app_schema.events REFERENCING NEW TABLE AS changed_events FOR EACH STATEMENT EXECUTE FUNCTION app_schema.note_changed_days();

CREATE TRIGGER events_of_erased BEFORE INSERT ON app_schema.events FOR EACH ROW WHEN ((new.user_id = '-1'::integer)) EXECUTE FUNCTION privacy.anonymise_event();

CREATE TRIGGER events_truncated AFTER TRUNCATE ON app_schema.events FOR EACH STATEMENT EXECUTE FUNCTION app_schema.fold_days_anew();

CREATE TRIGGER events_updated AFTER UPDATE ON app_schema.events REFERENCING OLD TABLE AS changed_events NEW TABLE AS events_as_changed FOR EACH STATEMENT EXECUTE FUNCTION app_schema.note_changed_days();

CREATE TRIGGER identities_of_erased AFTER INSERT ON app_schema.user_identities REFERENCING NEW TABLE AS new_identities FOR EACH STATEMENT EXECUTE FUNCTION privacy.refuse_erased();

CREATE TRIGGER model_runs_deleted AFTER DELETE ON app_schema.model_runs FOR EACH STATEMENT EXECUTE FUNCTION app_schema.note_all_scores();

CREATE TRIGGER model_runs_truncated AFTER TRUNCATE ON app_schema.model_runs FOR EACH STATEMENT EXECUTE FUNCTION app_schema.note_all_scores();

CREATE TRIGGER recommendation_lists_kept BEFORE UPDATE ON app_schema.recommendation_lists FOR EACH STATEMENT EXECUTE FUNCTION app_schema.refuse_change();

CREATE TRIGGER score_details_deleted_by_hand AFTER DELETE ON app_schema.user_score_details REFERENCING OLD TABLE AS changed_scores FOR EACH STATEMENT WHEN ((current_setting('customer_analyzer.publishing'::text, true) IS DISTINCT FROM 'on'::text)) EXECUTE FUNCTION app_schema.note_changed_scores();

CREATE TRIGGER score_details_inserted_by_hand AFTER INSERT ON app_schema.user_score_details REFERENCING NEW TABLE AS changed_scores FOR EACH STATEMENT WHEN ((current_setting('customer_analyzer.publishing'::text, true) IS DISTINCT FROM 'on'::text)) EXECUTE FUNCTION app_schema.note_changed_scores();

CREATE TRIGGER score_details_truncated AFTER TRUNCATE ON app_schema.user_score_details FOR EACH STATEMENT EXECUTE FUNCTION app_schema.note_all_scores();

CREATE TRIGGER score_details_updated_by_hand AFTER UPDATE ON app_schema.user_score_details REFERENCING OLD TABLE AS changed_scores NEW TABLE AS scores_as_changed FOR EACH STATEMENT WHEN ((current_setting('customer_analyzer.publishing'::text, true) IS DISTINCT FROM 'on'::text)) EXECUTE FUNCTION app_schema.note_changed_scores();

CREATE TRIGGER settings_zone_changed AFTER UPDATE ON app_schema.settings FOR EACH ROW WHEN ((old.time_zone IS DISTINCT FROM new.time_zone)) EXECUTE FUNCTION app_schema.fold_days_anew();

CREATE TRIGGER settings_zone_set AFTER INSERT OR DELETE ON app_schema.settings FOR EACH ROW EXECUTE FUNCTION app_schema.fold_days_anew();

CREATE TRIGGER user_metrics_deleted AFTER DELETE ON app_schema.user_metrics REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION app_schema.delete_score_details();

CREATE TRIGGER user_metrics_deleted_by_hand AFTER DELETE ON app_schema.user_metrics REFERENCING OLD TABLE AS changed_scores FOR EACH STATEMENT WHEN ((current_setting('customer_analyzer.publishing'::text, true) IS DISTINCT FROM 'on'::text)) EXECUTE FUNCTION app_schema.note_changed_scores();

CREATE TRIGGER user_metrics_inserted_by_hand AFTER INSERT ON app_schema.user_metrics REFERENCING NEW TABLE AS changed_scores FOR EACH STATEMENT WHEN ((current_setting('customer_analyzer.publishing'::text, true) IS DISTINCT FROM 'on'::text)) EXECUTE FUNCTION app_schema.note_changed_scores();

CREATE TRIGGER user_metrics_truncated AFTER TRUNCATE ON app_schema.user_metrics FOR EACH STATEMENT EXECUTE FUNCTION app_schema.note_all_scores();

CREATE TRIGGER user_metrics_updated_by_hand AFTER UPDATE ON app_schema.user_metrics REFERENCING OLD TABLE AS changed_scores NEW TABLE AS scores_as_changed FOR EACH STATEMENT WHEN ((current_setting('customer_analyzer.publishing'::text, true) IS DISTINCT FROM 'on'::text)) EXECUTE FUNCTION app_schema.note_changed_scores();

ALTER TABLE ONLY access_control.sessions
    ADD CONSTRAINT sessions_administrator_id_fkey FOREIGN KEY (administrator_id) REFERENCES access_control.administrators(administrator_id) ON DELETE CASCADE;

ALTER TABLE ONLY app_schema.events
    ADD CONSTRAINT events_product_id_fkey FOREIGN KEY (product_id) REFERENCES app_schema.products(product_id);

ALTER TABLE ONLY app_schema.events
    ADD CONSTRAINT events_user_id_fkey FOREIGN KEY (user_id) REFERENCES app_schema.users(user_id);

ALTER TABLE ONLY app_schema.identity_traits
    ADD CONSTRAINT identity_traits_source_external_id_fkey FOREIGN KEY (source, external_id) REFERENCES app_schema.user_identities(source, external_id) ON DELETE CASCADE;

ALTER TABLE ONLY app_schema.popular_products
    ADD CONSTRAINT popular_products_model_run_id_fkey FOREIGN KEY (model_run_id) REFERENCES app_schema.recommenders(model_run_id) ON DELETE CASCADE;

ALTER TABLE ONLY app_schema.product_identities
    ADD CONSTRAINT product_identities_product_id_fkey FOREIGN KEY (product_id) REFERENCES app_schema.products(product_id) ON DELETE CASCADE;

ALTER TABLE ONLY app_schema.product_neighbours
    ADD CONSTRAINT product_neighbours_model_run_id_fkey FOREIGN KEY (model_run_id) REFERENCES app_schema.recommenders(model_run_id) ON DELETE CASCADE;

ALTER TABLE ONLY app_schema.product_popularity
    ADD CONSTRAINT product_popularity_model_run_id_fkey FOREIGN KEY (model_run_id) REFERENCES app_schema.recommenders(model_run_id) ON DELETE CASCADE;

ALTER TABLE ONLY app_schema.recommendation_lists
    ADD CONSTRAINT recommendation_lists_user_id_fkey FOREIGN KEY (user_id) REFERENCES app_schema.users(user_id) ON DELETE CASCADE;

ALTER TABLE ONLY app_schema.recommendation_rules
    ADD CONSTRAINT recommendation_rules_product_id_fkey FOREIGN KEY (product_id) REFERENCES app_schema.products(product_id) ON DELETE CASCADE;

ALTER TABLE ONLY app_schema.recommenders
    ADD CONSTRAINT recommenders_model_run_id_fkey FOREIGN KEY (model_run_id) REFERENCES app_schema.model_runs(model_run_id);

ALTER TABLE ONLY app_schema.user_identities
    ADD CONSTRAINT user_identities_user_id_fkey FOREIGN KEY (user_id) REFERENCES app_schema.users(user_id) ON DELETE CASCADE;

ALTER TABLE ONLY app_schema.user_metrics
    ADD CONSTRAINT user_metrics_segment_id_fkey FOREIGN KEY (segment_id) REFERENCES app_schema.segments(segment_id);

ALTER TABLE ONLY app_schema.user_metrics
    ADD CONSTRAINT user_metrics_user_id_fkey FOREIGN KEY (user_id) REFERENCES app_schema.users(user_id) ON DELETE CASCADE;

ALTER TABLE ONLY pgboss.j16e6e7de77f9ec3a2b747f97a08c5dd2c504a29baf7e4f1a3ce36fac
    ADD CONSTRAINT dlq_fkey FOREIGN KEY (dead_letter) REFERENCES pgboss.queue(name) ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY pgboss.j298f10a8091f0e07d21c83cb6e262c98802f182855ded1fa17449502
    ADD CONSTRAINT dlq_fkey FOREIGN KEY (dead_letter) REFERENCES pgboss.queue(name) ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY pgboss.j2eab60d5e094326e2051571d7b0fc5657038ec4c069057e2e0832715
    ADD CONSTRAINT dlq_fkey FOREIGN KEY (dead_letter) REFERENCES pgboss.queue(name) ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY pgboss.j3f6dd5f7069020299fb17d76bcfdd923e58abb467adcabda7a4971ff
    ADD CONSTRAINT dlq_fkey FOREIGN KEY (dead_letter) REFERENCES pgboss.queue(name) ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY pgboss.j3f7c9d640c160f03ceb18e65fa07257b821a6f9a9820da597a0c171e
    ADD CONSTRAINT dlq_fkey FOREIGN KEY (dead_letter) REFERENCES pgboss.queue(name) ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY pgboss.j4f99ea80f7c5d78472f083d08a99c24d3909b3158de524c7042b902c
    ADD CONSTRAINT dlq_fkey FOREIGN KEY (dead_letter) REFERENCES pgboss.queue(name) ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY pgboss.j62eb2a8818844b56ee3ac4319be2930e6d44a57a173796b7ad9e88c5
    ADD CONSTRAINT dlq_fkey FOREIGN KEY (dead_letter) REFERENCES pgboss.queue(name) ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY pgboss.j9afaf13559d0a65e3fb1113cae2e0a4784b0752a79a7e4f8df15ad99
    ADD CONSTRAINT dlq_fkey FOREIGN KEY (dead_letter) REFERENCES pgboss.queue(name) ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY pgboss.j9b34c891349880fca6ee0922a2e8bb21e66b53915c0e0aef7d0f4555
    ADD CONSTRAINT dlq_fkey FOREIGN KEY (dead_letter) REFERENCES pgboss.queue(name) ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY pgboss.jb5d4e6b59ac39032473451f2a556495fbf6b2fd77ced084d937aa486
    ADD CONSTRAINT dlq_fkey FOREIGN KEY (dead_letter) REFERENCES pgboss.queue(name) ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY pgboss.j16e6e7de77f9ec3a2b747f97a08c5dd2c504a29baf7e4f1a3ce36fac
    ADD CONSTRAINT q_fkey FOREIGN KEY (name) REFERENCES pgboss.queue(name) ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY pgboss.j298f10a8091f0e07d21c83cb6e262c98802f182855ded1fa17449502
    ADD CONSTRAINT q_fkey FOREIGN KEY (name) REFERENCES pgboss.queue(name) ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY pgboss.j2eab60d5e094326e2051571d7b0fc5657038ec4c069057e2e0832715
    ADD CONSTRAINT q_fkey FOREIGN KEY (name) REFERENCES pgboss.queue(name) ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY pgboss.j3f6dd5f7069020299fb17d76bcfdd923e58abb467adcabda7a4971ff
    ADD CONSTRAINT q_fkey FOREIGN KEY (name) REFERENCES pgboss.queue(name) ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY pgboss.j3f7c9d640c160f03ceb18e65fa07257b821a6f9a9820da597a0c171e
    ADD CONSTRAINT q_fkey FOREIGN KEY (name) REFERENCES pgboss.queue(name) ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY pgboss.j4f99ea80f7c5d78472f083d08a99c24d3909b3158de524c7042b902c
    ADD CONSTRAINT q_fkey FOREIGN KEY (name) REFERENCES pgboss.queue(name) ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY pgboss.j62eb2a8818844b56ee3ac4319be2930e6d44a57a173796b7ad9e88c5
    ADD CONSTRAINT q_fkey FOREIGN KEY (name) REFERENCES pgboss.queue(name) ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY pgboss.j9afaf13559d0a65e3fb1113cae2e0a4784b0752a79a7e4f8df15ad99
    ADD CONSTRAINT q_fkey FOREIGN KEY (name) REFERENCES pgboss.queue(name) ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY pgboss.j9b34c891349880fca6ee0922a2e8bb21e66b53915c0e0aef7d0f4555
    ADD CONSTRAINT q_fkey FOREIGN KEY (name) REFERENCES pgboss.queue(name) ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY pgboss.jb5d4e6b59ac39032473451f2a556495fbf6b2fd77ced084d937aa486
    ADD CONSTRAINT q_fkey FOREIGN KEY (name) REFERENCES pgboss.queue(name) ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE ONLY pgboss.queue
    ADD CONSTRAINT queue_dead_letter_fkey FOREIGN KEY (dead_letter) REFERENCES pgboss.queue(name);

ALTER TABLE ONLY pgboss.schedule
    ADD CONSTRAINT schedule_name_fkey FOREIGN KEY (name) REFERENCES pgboss.queue(name) ON DELETE CASCADE;

ALTER TABLE ONLY pgboss.subscription
    ADD CONSTRAINT subscription_name_fkey FOREIGN KEY (name) REFERENCES pgboss.queue(name) ON DELETE CASCADE;

GRANT USAGE ON SCHEMA access_control TO app_user;

GRANT USAGE ON SCHEMA app_schema TO app_user;
GRANT USAGE ON SCHEMA app_schema TO ml_user;

GRANT USAGE ON SCHEMA compatibility TO app_user;
GRANT USAGE ON SCHEMA compatibility TO ml_user;
GRANT USAGE ON SCHEMA compatibility TO admin_user;

GRANT USAGE ON SCHEMA extensions TO app_user;
GRANT USAGE ON SCHEMA extensions TO ml_user;
GRANT USAGE ON SCHEMA extensions TO admin_user;

GRANT USAGE ON SCHEMA jobs TO app_user;

GRANT USAGE ON SCHEMA maintenance TO admin_user;
GRANT USAGE ON SCHEMA maintenance TO customer_analyzer_owner;

GRANT USAGE ON SCHEMA monitoring TO admin_user;

GRANT USAGE ON SCHEMA pgboss TO app_user;

GRANT USAGE ON SCHEMA privacy TO app_user;

REVOKE USAGE ON SCHEMA public FROM PUBLIC;
GRANT ALL ON SCHEMA public TO admin_user;

REVOKE ALL ON TYPE app_schema.recommendation_options FROM PUBLIC;
GRANT ALL ON TYPE app_schema.recommendation_options TO app_user;
GRANT ALL ON TYPE app_schema.recommendation_options TO ml_user;
GRANT ALL ON TYPE app_schema.recommendation_options TO admin_user;

REVOKE ALL ON TYPE pgboss.job_state FROM PUBLIC;
GRANT ALL ON TYPE pgboss.job_state TO app_user;
GRANT ALL ON TYPE pgboss.job_state TO ml_user;
GRANT ALL ON TYPE pgboss.job_state TO admin_user;

REVOKE ALL ON FUNCTION access_control.begin_login(p_login text, p_subjects bytea[], p_free_attempts integer[]) FROM PUBLIC;
GRANT ALL ON FUNCTION access_control.begin_login(p_login text, p_subjects bytea[], p_free_attempts integer[]) TO app_user;

REVOKE ALL ON FUNCTION access_control.change_password(p_administrator_id bigint, p_password_hash text, p_kept_session bytea, p_subjects bytea[]) FROM PUBLIC;
GRANT ALL ON FUNCTION access_control.change_password(p_administrator_id bigint, p_password_hash text, p_kept_session bytea, p_subjects bytea[]) TO app_user;

REVOKE ALL ON FUNCTION access_control.complete_set_up(p_token_hash bytea, p_login text, p_password_hash text) FROM PUBLIC;
GRANT ALL ON FUNCTION access_control.complete_set_up(p_token_hash bytea, p_login text, p_password_hash text) TO app_user;

REVOKE ALL ON FUNCTION access_control.create_administrator(p_login text, p_role text, p_password_hash text) FROM PUBLIC;
GRANT ALL ON FUNCTION access_control.create_administrator(p_login text, p_role text, p_password_hash text) TO app_user;

REVOKE ALL ON FUNCTION access_control.create_api_key(p_key_hash bytea, p_prefix text, p_scope text, p_name text, p_source text, p_expires_at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION access_control.create_api_key(p_key_hash bytea, p_prefix text, p_scope text, p_name text, p_source text, p_expires_at timestamp with time zone) TO app_user;

REVOKE ALL ON FUNCTION access_control.disable_administrator(p_administrator_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION access_control.disable_administrator(p_administrator_id bigint) TO app_user;

REVOKE ALL ON FUNCTION access_control.enable_administrator(p_administrator_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION access_control.enable_administrator(p_administrator_id bigint) TO app_user;

REVOKE ALL ON FUNCTION access_control.end_session(p_session_hash bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION access_control.end_session(p_session_hash bytea) TO app_user;

REVOKE ALL ON FUNCTION access_control.find_api_key(p_key_hash bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION access_control.find_api_key(p_key_hash bytea) TO app_user;

REVOKE ALL ON FUNCTION access_control.find_session(p_session_hash bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION access_control.find_session(p_session_hash bytea) TO app_user;

REVOKE ALL ON FUNCTION access_control.finish_action(p_action_id bigint, p_outcome text) FROM PUBLIC;
GRANT ALL ON FUNCTION access_control.finish_action(p_action_id bigint, p_outcome text) TO app_user;

REVOKE ALL ON FUNCTION access_control.finish_login(p_administrator_id bigint, p_subjects bytea[], p_session_hash bytea, p_expires_at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION access_control.finish_login(p_administrator_id bigint, p_subjects bytea[], p_session_hash bytea, p_expires_at timestamp with time zone) TO app_user;

REVOKE ALL ON FUNCTION access_control.is_set_up_token(p_token_hash bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION access_control.is_set_up_token(p_token_hash bytea) TO app_user;

REVOKE ALL ON FUNCTION access_control.issue_set_up_token(p_token_hash bytea, p_expires_at timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION access_control.issue_set_up_token(p_token_hash bytea, p_expires_at timestamp with time zone) TO app_user;

REVOKE ALL ON FUNCTION access_control.list_actions(p_limit integer, p_before bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION access_control.list_actions(p_limit integer, p_before bigint) TO app_user;

REVOKE ALL ON FUNCTION access_control.list_administrators() FROM PUBLIC;
GRANT ALL ON FUNCTION access_control.list_administrators() TO app_user;

REVOKE ALL ON FUNCTION access_control.list_api_keys() FROM PUBLIC;
GRANT ALL ON FUNCTION access_control.list_api_keys() TO app_user;

REVOKE ALL ON FUNCTION access_control.record_action(p_administrator_id bigint, p_key_id bigint, p_action text, p_target text, p_outcome text) FROM PUBLIC;
GRANT ALL ON FUNCTION access_control.record_action(p_administrator_id bigint, p_key_id bigint, p_action text, p_target text, p_outcome text) TO app_user;

REVOKE ALL ON FUNCTION access_control.revoke_api_key(p_key_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION access_control.revoke_api_key(p_key_id bigint) TO app_user;

REVOKE ALL ON FUNCTION app_schema.arrange_products(p_model_run_id bigint, p_limit integer, p_ids integer[], p_scores double precision[], p_days real[], p_positions integer[], p_categories text[], p_due_places integer, p_cap integer, p_diversity double precision) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.arrange_products(p_model_run_id bigint, p_limit integer, p_ids integer[], p_scores double precision[], p_days real[], p_positions integer[], p_categories text[], p_due_places integer, p_cap integer, p_diversity double precision) TO app_user;
GRANT ALL ON FUNCTION app_schema.arrange_products(p_model_run_id bigint, p_limit integer, p_ids integer[], p_scores double precision[], p_days real[], p_positions integer[], p_categories text[], p_due_places integer, p_cap integer, p_diversity double precision) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.check_limit(p_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.check_limit(p_limit integer) TO app_user;
GRANT ALL ON FUNCTION app_schema.check_limit(p_limit integer) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.check_period(p_start_date date, p_end_date date) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.check_period(p_start_date date, p_end_date date) TO app_user;
GRANT ALL ON FUNCTION app_schema.check_period(p_start_date date, p_end_date date) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.check_recommendation_option(p_name text, p_value jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.check_recommendation_option(p_name text, p_value jsonb) TO app_user;
GRANT ALL ON FUNCTION app_schema.check_recommendation_option(p_name text, p_value jsonb) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.count_words(p_number numeric, p_forms text, p_language text) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.count_words(p_number numeric, p_forms text, p_language text) TO app_user;
GRANT ALL ON FUNCTION app_schema.count_words(p_number numeric, p_forms text, p_language text) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.day_of(p_moment timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.day_of(p_moment timestamp with time zone) TO app_user;
GRANT ALL ON FUNCTION app_schema.day_of(p_moment timestamp with time zone) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.day_start(p_day date) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.day_start(p_day date) TO app_user;
GRANT ALL ON FUNCTION app_schema.day_start(p_day date) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.days_ago(p_days numeric, p_language text) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.days_ago(p_days numeric, p_language text) TO app_user;
GRANT ALL ON FUNCTION app_schema.days_ago(p_days numeric, p_language text) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.delete_score_details() FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.delete_score_details() TO app_user;
GRANT ALL ON FUNCTION app_schema.delete_score_details() TO ml_user;

REVOKE ALL ON FUNCTION app_schema.describe_absence(p_user_id integer, p_language text) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.describe_absence(p_user_id integer, p_language text) TO app_user;
GRANT ALL ON FUNCTION app_schema.describe_absence(p_user_id integer, p_language text) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.describe_basis(p_explanation jsonb, p_chosen text, p_language text) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.describe_basis(p_explanation jsonb, p_chosen text, p_language text) TO app_user;
GRANT ALL ON FUNCTION app_schema.describe_basis(p_explanation jsonb, p_chosen text, p_language text) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.describe_feature(p_reason jsonb, p_currency text, p_language text) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.describe_feature(p_reason jsonb, p_currency text, p_language text) TO app_user;
GRANT ALL ON FUNCTION app_schema.describe_feature(p_reason jsonb, p_currency text, p_language text) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.describe_forecast(p_explanation jsonb, p_parameters jsonb, p_currency text, p_language text) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.describe_forecast(p_explanation jsonb, p_parameters jsonb, p_currency text, p_language text) TO app_user;
GRANT ALL ON FUNCTION app_schema.describe_forecast(p_explanation jsonb, p_parameters jsonb, p_currency text, p_language text) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.describe_missing(p_missing jsonb, p_language text) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.describe_missing(p_missing jsonb, p_language text) TO app_user;
GRANT ALL ON FUNCTION app_schema.describe_missing(p_missing jsonb, p_language text) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.describe_purchases(p_explanation jsonb, p_as_of date, p_currency text, p_language text) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.describe_purchases(p_explanation jsonb, p_as_of date, p_currency text, p_language text) TO app_user;
GRANT ALL ON FUNCTION app_schema.describe_purchases(p_explanation jsonb, p_as_of date, p_currency text, p_language text) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.describe_reasons(p_because jsonb, p_is_churn boolean, p_currency text, p_language text) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.describe_reasons(p_because jsonb, p_is_churn boolean, p_currency text, p_language text) TO app_user;
GRANT ALL ON FUNCTION app_schema.describe_reasons(p_because jsonb, p_is_churn boolean, p_currency text, p_language text) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.describe_score(p_score text, p_status text, p_value text, p_within text, p_language text) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.describe_score(p_score text, p_status text, p_value text, p_within text, p_language text) TO app_user;
GRANT ALL ON FUNCTION app_schema.describe_score(p_score text, p_status text, p_value text, p_within text, p_language text) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.diversify(p_model_run_id bigint, p_ids integer[], p_scores double precision[], p_categories text[], p_limit integer, p_diversity double precision) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.diversify(p_model_run_id bigint, p_ids integer[], p_scores double precision[], p_categories text[], p_limit integer, p_diversity double precision) TO app_user;
GRANT ALL ON FUNCTION app_schema.diversify(p_model_run_id bigint, p_ids integer[], p_scores double precision[], p_categories text[], p_limit integer, p_diversity double precision) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.end_of_as_of(p_as_of text) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.end_of_as_of(p_as_of text) TO app_user;
GRANT ALL ON FUNCTION app_schema.end_of_as_of(p_as_of text) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.event_revenue(p_event_type text, p_properties jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.event_revenue(p_event_type text, p_properties jsonb) TO app_user;
GRANT ALL ON FUNCTION app_schema.event_revenue(p_event_type text, p_properties jsonb) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.explain_user(p_user_id integer, p_language text) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.explain_user(p_user_id integer, p_language text) TO app_user;
GRANT ALL ON FUNCTION app_schema.explain_user(p_user_id integer, p_language text) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.feature_words() FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.feature_words() TO app_user;
GRANT ALL ON FUNCTION app_schema.feature_words() TO ml_user;

REVOKE ALL ON FUNCTION app_schema.find_recommendable(p_product_id integer, p_category character varying, p_min_price numeric, p_max_price numeric, p_in_stock boolean, p_has_includes boolean, p_has_excludes boolean, p_language text) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.find_recommendable(p_product_id integer, p_category character varying, p_min_price numeric, p_max_price numeric, p_in_stock boolean, p_has_includes boolean, p_has_excludes boolean, p_language text) TO app_user;
GRANT ALL ON FUNCTION app_schema.find_recommendable(p_product_id integer, p_category character varying, p_min_price numeric, p_max_price numeric, p_in_stock boolean, p_has_includes boolean, p_has_excludes boolean, p_language text) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.find_users(p_filters jsonb, p_sort text, p_descending boolean, p_limit integer, p_after jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.find_users(p_filters jsonb, p_sort text, p_descending boolean, p_limit integer, p_after jsonb) TO app_user;
GRANT ALL ON FUNCTION app_schema.find_users(p_filters jsonb, p_sort text, p_descending boolean, p_limit integer, p_after jsonb) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.first_whole_day(p_from timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.first_whole_day(p_from timestamp with time zone) TO app_user;
GRANT ALL ON FUNCTION app_schema.first_whole_day(p_from timestamp with time zone) TO ml_user;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app_schema.user_days TO app_user;
GRANT SELECT ON TABLE app_schema.user_days TO ml_user;

REVOKE ALL ON FUNCTION app_schema.fold_all_days() FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.fold_all_days() TO app_user;
GRANT ALL ON FUNCTION app_schema.fold_all_days() TO ml_user;

REVOKE ALL ON FUNCTION app_schema.fold_day(p_user_id integer, p_day date, p_from timestamp with time zone, p_until timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.fold_day(p_user_id integer, p_day date, p_from timestamp with time zone, p_until timestamp with time zone) TO app_user;
GRANT ALL ON FUNCTION app_schema.fold_day(p_user_id integer, p_day date, p_from timestamp with time zone, p_until timestamp with time zone) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.fold_days_anew() FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.fold_days_anew() TO app_user;
GRANT ALL ON FUNCTION app_schema.fold_days_anew() TO ml_user;

REVOKE ALL ON FUNCTION app_schema.format_money(p_amount numeric, p_currency text, p_language text) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.format_money(p_amount numeric, p_currency text, p_language text) TO app_user;
GRANT ALL ON FUNCTION app_schema.format_money(p_amount numeric, p_currency text, p_language text) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.format_number(p_number numeric, p_decimals integer, p_language text) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.format_number(p_number numeric, p_decimals integer, p_language text) TO app_user;
GRANT ALL ON FUNCTION app_schema.format_number(p_number numeric, p_decimals integer, p_language text) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.format_probability(p_probability numeric, p_language text) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.format_probability(p_probability numeric, p_language text) TO app_user;
GRANT ALL ON FUNCTION app_schema.format_probability(p_probability numeric, p_language text) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.get_active_users(p_start_date date, p_end_date date) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.get_active_users(p_start_date date, p_end_date date) TO app_user;
GRANT ALL ON FUNCTION app_schema.get_active_users(p_start_date date, p_end_date date) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.get_bought_together(p_product_ids integer[], p_limit integer, p_options jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.get_bought_together(p_product_ids integer[], p_limit integer, p_options jsonb) TO app_user;
GRANT ALL ON FUNCTION app_schema.get_bought_together(p_product_ids integer[], p_limit integer, p_options jsonb) TO ml_user;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app_schema.model_runs TO app_user;
GRANT SELECT ON TABLE app_schema.model_runs TO ml_user;

REVOKE ALL ON FUNCTION app_schema.get_champion(p_kind text, p_as_of timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.get_champion(p_kind text, p_as_of timestamp with time zone) TO app_user;
GRANT ALL ON FUNCTION app_schema.get_champion(p_kind text, p_as_of timestamp with time zone) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.get_customer_features(p_as_of timestamp with time zone, p_user_ids integer[]) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.get_customer_features(p_as_of timestamp with time zone, p_user_ids integer[]) TO app_user;
GRANT ALL ON FUNCTION app_schema.get_customer_features(p_as_of timestamp with time zone, p_user_ids integer[]) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.get_customer_outcomes(p_from timestamp with time zone, p_until timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.get_customer_outcomes(p_from timestamp with time zone, p_until timestamp with time zone) TO app_user;
GRANT ALL ON FUNCTION app_schema.get_customer_outcomes(p_from timestamp with time zone, p_until timestamp with time zone) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.get_customer_snapshot(p_as_of timestamp with time zone, p_user_ids integer[]) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.get_customer_snapshot(p_as_of timestamp with time zone, p_user_ids integer[]) TO app_user;
GRANT ALL ON FUNCTION app_schema.get_customer_snapshot(p_as_of timestamp with time zone, p_user_ids integer[]) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.get_experiment_arm(p_user_id integer, p_name text, p_share real) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.get_experiment_arm(p_user_id integer, p_name text, p_share real) TO app_user;
GRANT ALL ON FUNCTION app_schema.get_experiment_arm(p_user_id integer, p_name text, p_share real) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.get_latest_run(p_kind text) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.get_latest_run(p_kind text) TO app_user;
GRANT ALL ON FUNCTION app_schema.get_latest_run(p_kind text) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.get_overview(p_start_date date, p_end_date date) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.get_overview(p_start_date date, p_end_date date) TO app_user;
GRANT ALL ON FUNCTION app_schema.get_overview(p_start_date date, p_end_date date) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.get_popular_products(p_category character varying, p_window text, p_limit integer, p_options jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.get_popular_products(p_category character varying, p_window text, p_limit integer, p_options jsonb) TO app_user;
GRANT ALL ON FUNCTION app_schema.get_popular_products(p_category character varying, p_window text, p_limit integer, p_options jsonb) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.get_realised_outcomes(p_until timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.get_realised_outcomes(p_until timestamp with time zone) TO app_user;
GRANT ALL ON FUNCTION app_schema.get_realised_outcomes(p_until timestamp with time zone) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.get_recommendation_rates(p_start_date date, p_end_date date, p_by text) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.get_recommendation_rates(p_start_date date, p_end_date date, p_by text) TO app_user;
GRANT ALL ON FUNCTION app_schema.get_recommendation_rates(p_start_date date, p_end_date date, p_by text) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.get_recommendations(p_user_id integer, p_limit integer, p_options jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.get_recommendations(p_user_id integer, p_limit integer, p_options jsonb) TO app_user;
GRANT ALL ON FUNCTION app_schema.get_recommendations(p_user_id integer, p_limit integer, p_options jsonb) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.get_recommender_of(p_user_id integer) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.get_recommender_of(p_user_id integer) TO app_user;
GRANT ALL ON FUNCTION app_schema.get_recommender_of(p_user_id integer) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.get_revenue_series(p_start_date date, p_end_date date, p_unit text) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.get_revenue_series(p_start_date date, p_end_date date, p_unit text) TO app_user;
GRANT ALL ON FUNCTION app_schema.get_revenue_series(p_start_date date, p_end_date date, p_unit text) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.get_session_recommendations(p_product_ids integer[], p_limit integer, p_options jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.get_session_recommendations(p_product_ids integer[], p_limit integer, p_options jsonb) TO app_user;
GRANT ALL ON FUNCTION app_schema.get_session_recommendations(p_product_ids integer[], p_limit integer, p_options jsonb) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.get_similar_products(p_product_id integer, p_limit integer, p_options jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.get_similar_products(p_product_id integer, p_limit integer, p_options jsonb) TO app_user;
GRANT ALL ON FUNCTION app_schema.get_similar_products(p_product_id integer, p_limit integer, p_options jsonb) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.get_top_products(p_start_date date, p_end_date date, p_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.get_top_products(p_start_date date, p_end_date date, p_limit integer) TO app_user;
GRANT ALL ON FUNCTION app_schema.get_top_products(p_start_date date, p_end_date date, p_limit integer) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.get_user(p_user_id integer) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.get_user(p_user_id integer) TO app_user;
GRANT ALL ON FUNCTION app_schema.get_user(p_user_id integer) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.get_user_days(p_from timestamp with time zone, p_until timestamp with time zone, p_user_ids integer[]) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.get_user_days(p_from timestamp with time zone, p_until timestamp with time zone, p_user_ids integer[]) TO app_user;
GRANT ALL ON FUNCTION app_schema.get_user_days(p_from timestamp with time zone, p_until timestamp with time zone, p_user_ids integer[]) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.get_user_stats(p_user_id integer, p_now timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.get_user_stats(p_user_id integer, p_now timestamp with time zone) TO app_user;
GRANT ALL ON FUNCTION app_schema.get_user_stats(p_user_id integer, p_now timestamp with time zone) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.get_user_timeline(p_user_id integer, p_limit integer, p_before_event_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.get_user_timeline(p_user_id integer, p_limit integer, p_before_event_id bigint) TO app_user;
GRANT ALL ON FUNCTION app_schema.get_user_timeline(p_user_id integer, p_limit integer, p_before_event_id bigint) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.list_models(p_kind text, p_limit integer) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.list_models(p_kind text, p_limit integer) TO app_user;
GRANT ALL ON FUNCTION app_schema.list_models(p_kind text, p_limit integer) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.list_products(p_limit integer, p_after_product_id integer, p_search text, p_category text) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.list_products(p_limit integer, p_after_product_id integer, p_search text, p_category text) TO app_user;
GRANT ALL ON FUNCTION app_schema.list_products(p_limit integer, p_after_product_id integer, p_search text, p_category text) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.list_segments() FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.list_segments() TO app_user;
GRANT ALL ON FUNCTION app_schema.list_segments() TO ml_user;

REVOKE ALL ON FUNCTION app_schema.list_users(p_limit integer, p_after_user_id integer, p_segment text) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.list_users(p_limit integer, p_after_user_id integer, p_segment text) TO app_user;
GRANT ALL ON FUNCTION app_schema.list_users(p_limit integer, p_after_user_id integer, p_segment text) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.note_all_scores() FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.note_all_scores() TO app_user;
GRANT ALL ON FUNCTION app_schema.note_all_scores() TO ml_user;

REVOKE ALL ON FUNCTION app_schema.note_changed_days() FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.note_changed_days() TO app_user;
GRANT ALL ON FUNCTION app_schema.note_changed_days() TO ml_user;

REVOKE ALL ON FUNCTION app_schema.note_changed_scores() FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.note_changed_scores() TO app_user;
GRANT ALL ON FUNCTION app_schema.note_changed_scores() TO ml_user;

REVOKE ALL ON FUNCTION app_schema.order_key(p_properties jsonb, p_event_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.order_key(p_properties jsonb, p_event_id bigint) TO app_user;
GRANT ALL ON FUNCTION app_schema.order_key(p_properties jsonb, p_event_id bigint) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.plural_form(p_number numeric, p_forms text, p_language text) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.plural_form(p_number numeric, p_forms text, p_language text) TO app_user;
GRANT ALL ON FUNCTION app_schema.plural_form(p_number numeric, p_forms text, p_language text) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.promote_model(p_model_run_id bigint) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.promote_model(p_model_run_id bigint) TO app_user;
GRANT ALL ON FUNCTION app_schema.promote_model(p_model_run_id bigint) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.prune_recommendation_lists(p_before timestamp with time zone) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.prune_recommendation_lists(p_before timestamp with time zone) TO app_user;
GRANT ALL ON FUNCTION app_schema.prune_recommendation_lists(p_before timestamp with time zone) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.prune_recommenders(p_keep integer) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.prune_recommenders(p_keep integer) TO app_user;
GRANT ALL ON FUNCTION app_schema.prune_recommenders(p_keep integer) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.rank_products(p_kind text, p_model_run_id bigint, p_limit integer, p_options app_schema.recommendation_options, p_source_ids integer[], p_source_weights double precision[], p_total double precision, p_bought_ids integer[], p_banned_ids integer[], p_popular_in character varying, p_due_ids integer[], p_due_scores double precision[], p_due_days real[], p_due_popularities real[]) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.rank_products(p_kind text, p_model_run_id bigint, p_limit integer, p_options app_schema.recommendation_options, p_source_ids integer[], p_source_weights double precision[], p_total double precision, p_bought_ids integer[], p_banned_ids integer[], p_popular_in character varying, p_due_ids integer[], p_due_scores double precision[], p_due_days real[], p_due_popularities real[]) TO app_user;
GRANT ALL ON FUNCTION app_schema.rank_products(p_kind text, p_model_run_id bigint, p_limit integer, p_options app_schema.recommendation_options, p_source_ids integer[], p_source_weights double precision[], p_total double precision, p_bought_ids integer[], p_banned_ids integer[], p_popular_in character varying, p_due_ids integer[], p_due_scores double precision[], p_due_days real[], p_due_popularities real[]) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.read_recommendation_options(p_options jsonb) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.read_recommendation_options(p_options jsonb) TO app_user;
GRANT ALL ON FUNCTION app_schema.read_recommendation_options(p_options jsonb) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.read_weights(p_kind text, p_model_run_id bigint, p_source_ids integer[], p_source_weights double precision[], p_total double precision) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.read_weights(p_kind text, p_model_run_id bigint, p_source_ids integer[], p_source_weights double precision[], p_total double precision) TO app_user;
GRANT ALL ON FUNCTION app_schema.read_weights(p_kind text, p_model_run_id bigint, p_source_ids integer[], p_source_weights double precision[], p_total double precision) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.reason_text(p_code text, p_language text) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.reason_text(p_code text, p_language text) TO app_user;
GRANT ALL ON FUNCTION app_schema.reason_text(p_code text, p_language text) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.rebuild_user_days() FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.rebuild_user_days() TO app_user;
GRANT ALL ON FUNCTION app_schema.rebuild_user_days() TO ml_user;

REVOKE ALL ON FUNCTION app_schema.record_recommendations(p_kind text, p_user_id integer, p_model_run_id bigint, p_product_ids integer[], p_reason_codes text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.record_recommendations(p_kind text, p_user_id integer, p_model_run_id bigint, p_product_ids integer[], p_reason_codes text[]) TO app_user;
GRANT ALL ON FUNCTION app_schema.record_recommendations(p_kind text, p_user_id integer, p_model_run_id bigint, p_product_ids integer[], p_reason_codes text[]) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.refresh_user_days(p_rebuild boolean) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.refresh_user_days(p_rebuild boolean) TO app_user;
GRANT ALL ON FUNCTION app_schema.refresh_user_days(p_rebuild boolean) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.refuse_change() FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.refuse_change() TO app_user;
GRANT ALL ON FUNCTION app_schema.refuse_change() TO ml_user;

REVOKE ALL ON FUNCTION app_schema.start_recommendation_experiment(p_name text, p_control_run bigint, p_treatment_run bigint, p_share real) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.start_recommendation_experiment(p_name text, p_control_run bigint, p_treatment_run bigint, p_share real) TO app_user;
GRANT ALL ON FUNCTION app_schema.start_recommendation_experiment(p_name text, p_control_run bigint, p_treatment_run bigint, p_share real) TO ml_user;

REVOKE ALL ON FUNCTION app_schema.stop_recommendation_experiment() FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.stop_recommendation_experiment() TO app_user;
GRANT ALL ON FUNCTION app_schema.stop_recommendation_experiment() TO ml_user;

REVOKE ALL ON FUNCTION app_schema.within_days(p_days numeric, p_language text) FROM PUBLIC;
GRANT ALL ON FUNCTION app_schema.within_days(p_days numeric, p_language text) TO app_user;
GRANT ALL ON FUNCTION app_schema.within_days(p_days numeric, p_language text) TO ml_user;

REVOKE ALL ON FUNCTION jobs.clean_up(p_keep_days integer) FROM PUBLIC;
GRANT ALL ON FUNCTION jobs.clean_up(p_keep_days integer) TO app_user;

REVOKE ALL ON FUNCTION jobs.get_maintenance_state() FROM PUBLIC;
GRANT ALL ON FUNCTION jobs.get_maintenance_state() TO app_user;

REVOKE ALL ON FUNCTION maintenance.apply_database_settings() FROM PUBLIC;

REVOKE ALL ON FUNCTION monitoring.format_age(p_age interval) FROM PUBLIC;
GRANT ALL ON FUNCTION monitoring.format_age(p_age interval) TO admin_user;

REVOKE ALL ON FUNCTION monitoring.list_slow_queries() FROM PUBLIC;
GRANT ALL ON FUNCTION monitoring.list_slow_queries() TO admin_user;

REVOKE ALL ON FUNCTION pg_catalog.lo_creat(integer) FROM PUBLIC;
GRANT ALL ON FUNCTION pg_catalog.lo_creat(integer) TO admin_user;

REVOKE ALL ON FUNCTION pg_catalog.lo_create(oid) FROM PUBLIC;
GRANT ALL ON FUNCTION pg_catalog.lo_create(oid) TO admin_user;

REVOKE ALL ON FUNCTION pg_catalog.lo_from_bytea(oid, bytea) FROM PUBLIC;
GRANT ALL ON FUNCTION pg_catalog.lo_from_bytea(oid, bytea) TO admin_user;

REVOKE ALL ON FUNCTION pgboss.create_queue(queue_name text, options json) FROM PUBLIC;

REVOKE ALL ON FUNCTION pgboss.delete_queue(queue_name text) FROM PUBLIC;

REVOKE ALL ON FUNCTION privacy.anonymise_event() FROM PUBLIC;

REVOKE ALL ON FUNCTION privacy.anonymous_properties(p_properties jsonb) FROM PUBLIC;

REVOKE ALL ON FUNCTION privacy.count_traces(p_user_id integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION privacy.erase_user(p_user_id integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION privacy.export_user(p_user_id integer) FROM PUBLIC;

REVOKE ALL ON FUNCTION privacy.find_erased(p_kind text, p_source text, p_ids text[]) FROM PUBLIC;
GRANT ALL ON FUNCTION privacy.find_erased(p_kind text, p_source text, p_ids text[]) TO app_user;

REVOKE ALL ON FUNCTION privacy.hash_with(p_inner_pad bytea, p_outer_pad bytea, p_kind text, p_context text, p_id text) FROM PUBLIC;

REVOKE ALL ON FUNCTION privacy.keyed_hash(p_kind text, p_context text, p_id text) FROM PUBLIC;

REVOKE ALL ON FUNCTION privacy.mentions(p_text text, p_strings text[]) FROM PUBLIC;

REVOKE ALL ON FUNCTION privacy.reapply_erasures() FROM PUBLIC;

REVOKE ALL ON FUNCTION privacy.refuse_erased() FROM PUBLIC;

REVOKE ALL ON FUNCTION privacy.strings_of(p_user_id integer) FROM PUBLIC;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app_schema.events TO app_user;
GRANT SELECT ON TABLE app_schema.events TO ml_user;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app_schema.settings TO app_user;
GRANT SELECT ON TABLE app_schema.settings TO ml_user;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app_schema.event_facts TO app_user;
GRANT SELECT ON TABLE app_schema.event_facts TO ml_user;

GRANT SELECT,USAGE ON SEQUENCE app_schema.events_event_id_seq TO app_user;
GRANT SELECT ON SEQUENCE app_schema.events_event_id_seq TO ml_user;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app_schema.identity_traits TO app_user;
GRANT SELECT ON TABLE app_schema.identity_traits TO ml_user;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app_schema.import_runs TO app_user;
GRANT SELECT ON TABLE app_schema.import_runs TO ml_user;

GRANT SELECT,USAGE ON SEQUENCE app_schema.import_runs_import_run_id_seq TO app_user;
GRANT SELECT ON SEQUENCE app_schema.import_runs_import_run_id_seq TO ml_user;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app_schema.ingest_rejects TO app_user;
GRANT SELECT ON TABLE app_schema.ingest_rejects TO ml_user;

GRANT SELECT,USAGE ON SEQUENCE app_schema.ingest_rejects_reject_id_seq TO app_user;
GRANT SELECT ON SEQUENCE app_schema.ingest_rejects_reject_id_seq TO ml_user;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app_schema.ingested_messages TO app_user;
GRANT SELECT ON TABLE app_schema.ingested_messages TO ml_user;

GRANT SELECT,USAGE ON SEQUENCE app_schema.model_runs_model_run_id_seq TO app_user;
GRANT SELECT ON SEQUENCE app_schema.model_runs_model_run_id_seq TO ml_user;

GRANT SELECT,USAGE ON SEQUENCE app_schema.placeholder_telegram_id_seq TO app_user;
GRANT SELECT ON SEQUENCE app_schema.placeholder_telegram_id_seq TO ml_user;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app_schema.popular_products TO app_user;
GRANT SELECT ON TABLE app_schema.popular_products TO ml_user;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app_schema.product_identities TO app_user;
GRANT SELECT ON TABLE app_schema.product_identities TO ml_user;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app_schema.product_neighbours TO app_user;
GRANT SELECT ON TABLE app_schema.product_neighbours TO ml_user;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app_schema.product_popularity TO app_user;
GRANT SELECT ON TABLE app_schema.product_popularity TO ml_user;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app_schema.products TO app_user;
GRANT SELECT ON TABLE app_schema.products TO ml_user;

GRANT SELECT,USAGE ON SEQUENCE app_schema.products_product_id_seq TO app_user;
GRANT SELECT ON SEQUENCE app_schema.products_product_id_seq TO ml_user;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app_schema.recommendation_experiments TO app_user;
GRANT SELECT ON TABLE app_schema.recommendation_experiments TO ml_user;

GRANT SELECT,USAGE ON SEQUENCE app_schema.recommendation_experiments_experiment_id_seq TO app_user;
GRANT SELECT ON SEQUENCE app_schema.recommendation_experiments_experiment_id_seq TO ml_user;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app_schema.recommendation_lists TO app_user;
GRANT SELECT ON TABLE app_schema.recommendation_lists TO ml_user;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app_schema.recommendation_rules TO app_user;
GRANT SELECT ON TABLE app_schema.recommendation_rules TO ml_user;

GRANT SELECT,USAGE ON SEQUENCE app_schema.recommendation_rules_rule_id_seq TO app_user;
GRANT SELECT ON SEQUENCE app_schema.recommendation_rules_rule_id_seq TO ml_user;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app_schema.recommenders TO app_user;
GRANT SELECT ON TABLE app_schema.recommenders TO ml_user;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app_schema.segments TO app_user;
GRANT SELECT ON TABLE app_schema.segments TO ml_user;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app_schema.sources TO app_user;
GRANT SELECT ON TABLE app_schema.sources TO ml_user;

GRANT SELECT,USAGE ON SEQUENCE app_schema.sources_source_id_seq TO app_user;
GRANT SELECT ON SEQUENCE app_schema.sources_source_id_seq TO ml_user;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app_schema.user_day_changes TO app_user;
GRANT SELECT ON TABLE app_schema.user_day_changes TO ml_user;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app_schema.user_identities TO app_user;
GRANT SELECT ON TABLE app_schema.user_identities TO ml_user;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app_schema.user_metrics TO app_user;
GRANT SELECT ON TABLE app_schema.user_metrics TO ml_user;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app_schema.user_score_changes TO app_user;
GRANT SELECT ON TABLE app_schema.user_score_changes TO ml_user;

GRANT SELECT,USAGE ON SEQUENCE app_schema.user_score_changes_note_id_seq TO app_user;
GRANT SELECT ON SEQUENCE app_schema.user_score_changes_note_id_seq TO ml_user;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app_schema.user_score_details TO app_user;
GRANT SELECT ON TABLE app_schema.user_score_details TO ml_user;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE app_schema.users TO app_user;
GRANT SELECT ON TABLE app_schema.users TO ml_user;

GRANT SELECT,USAGE ON SEQUENCE app_schema.users_user_id_seq TO app_user;
GRANT SELECT ON SEQUENCE app_schema.users_user_id_seq TO ml_user;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE jobs.runs TO app_user;

GRANT SELECT,UPDATE ON TABLE jobs.schedules TO app_user;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE jobs.workers TO app_user;

GRANT SELECT,INSERT ON TABLE maintenance.backup_runs TO admin_user;
GRANT SELECT ON TABLE maintenance.backup_runs TO customer_analyzer_owner;

GRANT SELECT ON TABLE maintenance.backup_ages TO admin_user;

GRANT SELECT ON SEQUENCE maintenance.backup_runs_backup_run_id_seq TO admin_user;

GRANT SELECT ON TABLE maintenance.migrations TO admin_user;
GRANT SELECT ON TABLE maintenance.migrations TO customer_analyzer_owner;

GRANT SELECT ON TABLE monitoring.activity TO admin_user;

GRANT SELECT ON TABLE monitoring.database TO admin_user;

GRANT SELECT ON TABLE monitoring.indexes TO admin_user;

GRANT SELECT ON TABLE monitoring.tables TO admin_user;

GRANT SELECT ON TABLE monitoring.health TO admin_user;

GRANT SELECT ON TABLE monitoring.locks TO admin_user;

GRANT SELECT ON TABLE monitoring.slow_queries TO admin_user;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE pgboss.archive TO app_user;

GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE pgboss.job TO app_user;

GRANT SELECT ON TABLE pgboss.queue TO app_user;

GRANT SELECT,UPDATE ON TABLE pgboss.version TO app_user;

ALTER DEFAULT PRIVILEGES FOR ROLE admin_user IN SCHEMA app_schema GRANT SELECT,USAGE ON SEQUENCES TO app_user;
ALTER DEFAULT PRIVILEGES FOR ROLE admin_user IN SCHEMA app_schema GRANT SELECT ON SEQUENCES TO ml_user;
ALTER DEFAULT PRIVILEGES FOR ROLE admin_user IN SCHEMA app_schema GRANT ALL ON SEQUENCES TO customer_analyzer_owner;

ALTER DEFAULT PRIVILEGES FOR ROLE customer_analyzer_owner IN SCHEMA app_schema GRANT SELECT,USAGE ON SEQUENCES TO app_user;
ALTER DEFAULT PRIVILEGES FOR ROLE customer_analyzer_owner IN SCHEMA app_schema GRANT SELECT ON SEQUENCES TO ml_user;

ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA app_schema GRANT SELECT,USAGE ON SEQUENCES TO app_user;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA app_schema GRANT SELECT ON SEQUENCES TO ml_user;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA app_schema GRANT ALL ON SEQUENCES TO customer_analyzer_owner;

ALTER DEFAULT PRIVILEGES FOR ROLE admin_user IN SCHEMA app_schema GRANT ALL ON FUNCTIONS TO app_user;
ALTER DEFAULT PRIVILEGES FOR ROLE admin_user IN SCHEMA app_schema GRANT ALL ON FUNCTIONS TO ml_user;
ALTER DEFAULT PRIVILEGES FOR ROLE admin_user IN SCHEMA app_schema GRANT ALL ON FUNCTIONS TO customer_analyzer_owner;

ALTER DEFAULT PRIVILEGES FOR ROLE customer_analyzer_owner IN SCHEMA app_schema GRANT ALL ON FUNCTIONS TO app_user;
ALTER DEFAULT PRIVILEGES FOR ROLE customer_analyzer_owner IN SCHEMA app_schema GRANT ALL ON FUNCTIONS TO ml_user;

ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA app_schema GRANT ALL ON FUNCTIONS TO app_user;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA app_schema GRANT ALL ON FUNCTIONS TO ml_user;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA app_schema GRANT ALL ON FUNCTIONS TO customer_analyzer_owner;

ALTER DEFAULT PRIVILEGES FOR ROLE admin_user IN SCHEMA app_schema GRANT SELECT,INSERT,DELETE,UPDATE ON TABLES TO app_user;
ALTER DEFAULT PRIVILEGES FOR ROLE admin_user IN SCHEMA app_schema GRANT SELECT ON TABLES TO ml_user;
ALTER DEFAULT PRIVILEGES FOR ROLE admin_user IN SCHEMA app_schema GRANT ALL ON TABLES TO customer_analyzer_owner;

ALTER DEFAULT PRIVILEGES FOR ROLE customer_analyzer_owner IN SCHEMA app_schema GRANT SELECT,INSERT,DELETE,UPDATE ON TABLES TO app_user;
ALTER DEFAULT PRIVILEGES FOR ROLE customer_analyzer_owner IN SCHEMA app_schema GRANT SELECT ON TABLES TO ml_user;

ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA app_schema GRANT SELECT,INSERT,DELETE,UPDATE ON TABLES TO app_user;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA app_schema GRANT SELECT ON TABLES TO ml_user;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA app_schema GRANT ALL ON TABLES TO customer_analyzer_owner;

ALTER DEFAULT PRIVILEGES FOR ROLE admin_user IN SCHEMA extensions GRANT ALL ON FUNCTIONS TO admin_user;
ALTER DEFAULT PRIVILEGES FOR ROLE admin_user IN SCHEMA extensions GRANT ALL ON FUNCTIONS TO app_user;
ALTER DEFAULT PRIVILEGES FOR ROLE admin_user IN SCHEMA extensions GRANT ALL ON FUNCTIONS TO ml_user;

ALTER DEFAULT PRIVILEGES FOR ROLE customer_analyzer_owner IN SCHEMA extensions GRANT ALL ON FUNCTIONS TO app_user;
ALTER DEFAULT PRIVILEGES FOR ROLE customer_analyzer_owner IN SCHEMA extensions GRANT ALL ON FUNCTIONS TO ml_user;
ALTER DEFAULT PRIVILEGES FOR ROLE customer_analyzer_owner IN SCHEMA extensions GRANT ALL ON FUNCTIONS TO admin_user;

ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA extensions GRANT ALL ON FUNCTIONS TO app_user;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA extensions GRANT ALL ON FUNCTIONS TO ml_user;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres IN SCHEMA extensions GRANT ALL ON FUNCTIONS TO admin_user;

ALTER DEFAULT PRIVILEGES FOR ROLE admin_user REVOKE ALL ON TYPES FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE admin_user GRANT ALL ON TYPES TO app_user;
ALTER DEFAULT PRIVILEGES FOR ROLE admin_user GRANT ALL ON TYPES TO ml_user;

ALTER DEFAULT PRIVILEGES FOR ROLE customer_analyzer_owner REVOKE ALL ON TYPES FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE customer_analyzer_owner GRANT ALL ON TYPES TO app_user;
ALTER DEFAULT PRIVILEGES FOR ROLE customer_analyzer_owner GRANT ALL ON TYPES TO ml_user;
ALTER DEFAULT PRIVILEGES FOR ROLE customer_analyzer_owner GRANT ALL ON TYPES TO admin_user;

ALTER DEFAULT PRIVILEGES FOR ROLE postgres REVOKE ALL ON TYPES FROM PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres GRANT ALL ON TYPES TO app_user;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres GRANT ALL ON TYPES TO ml_user;
ALTER DEFAULT PRIVILEGES FOR ROLE postgres GRANT ALL ON TYPES TO admin_user;

ALTER DEFAULT PRIVILEGES FOR ROLE admin_user REVOKE ALL ON FUNCTIONS FROM PUBLIC;

ALTER DEFAULT PRIVILEGES FOR ROLE customer_analyzer_owner REVOKE ALL ON FUNCTIONS FROM PUBLIC;

ALTER DEFAULT PRIVILEGES FOR ROLE postgres REVOKE ALL ON FUNCTIONS FROM PUBLIC;
