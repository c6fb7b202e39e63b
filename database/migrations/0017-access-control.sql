-- Who may call the HTTP API: keys of programs, administrators with their sessions, and what administrators did.
-- A schema of its own, since app_schema is what ml_user may read. app_user has no right on these tables: it calls the narrow functions
-- below, which run as the owner, and none of them gives the hash of a key away.

-- Only who may make schemas at all makes this one: the owner of the database, as that of app_schema.
RESET ROLE;
CREATE SCHEMA access_control AUTHORIZATION customer_analyzer_owner;
SET LOCAL ROLE customer_analyzer_owner;
COMMENT ON SCHEMA access_control IS 'Keys, administrators, sessions, audit log; closed to ml_user, open to app_user through functions only';
GRANT USAGE ON SCHEMA access_control TO app_user;

CREATE TABLE access_control.api_keys (
  key_id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  -- SHA-256 is enough: a key is 256 random bits, so that there is no dictionary to try. Slow hashes are for what people choose.
  key_hash     bytea NOT NULL UNIQUE CHECK (octet_length(key_hash) = 32),
  prefix       text NOT NULL,
  scope        text NOT NULL CHECK (scope IN ('public', 'write', 'read', 'admin')),
  name         text NOT NULL,
  source       text,
  created_at   timestamptz NOT NULL DEFAULT now(),
  expires_at   timestamptz,
  revoked_at   timestamptz,
  last_used_at timestamptz
);
COMMENT ON TABLE access_control.api_keys IS 'Keys of programs that call the API; the key itself is nowhere, only its SHA-256';
COMMENT ON COLUMN access_control.api_keys.prefix IS 'Beginning of the key, to recognise it by';
COMMENT ON COLUMN access_control.api_keys.source IS 'Name of the system whose events come with this key; NULL where the sender says';
COMMENT ON COLUMN access_control.api_keys.last_used_at IS 'Written at most once a minute';

CREATE TABLE access_control.administrators (
  administrator_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  login            text NOT NULL UNIQUE CHECK (login = lower(login)),
  role             text NOT NULL CHECK (role IN ('viewer', 'analyst', 'admin')),
  password_hash    text NOT NULL,
  created_at       timestamptz NOT NULL DEFAULT now(),
  disabled_at      timestamptz,
  last_login_at    timestamptz
);
COMMENT ON TABLE access_control.administrators IS 'People who log in';
COMMENT ON COLUMN access_control.administrators.password_hash IS '$scrypt$ln=…,r=…,p=…$salt$hash: the parameters stand beside what they made';

CREATE TABLE access_control.sessions (
  session_hash     bytea PRIMARY KEY CHECK (octet_length(session_hash) = 32),
  administrator_id bigint NOT NULL REFERENCES access_control.administrators (administrator_id) ON DELETE CASCADE,
  created_at       timestamptz NOT NULL DEFAULT now(),
  expires_at       timestamptz NOT NULL
);
COMMENT ON TABLE access_control.sessions IS 'Logins that last; the cookie itself is nowhere, only its SHA-256';
-- The foreign key, and ending all sessions of one person.
CREATE INDEX idx_sessions_administrator_id ON access_control.sessions (administrator_id);

CREATE TABLE access_control.login_throttles (
  subject         bytea PRIMARY KEY,
  attempts        integer NOT NULL DEFAULT 0,
  last_attempt_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  blocked_until   timestamptz
);
COMMENT ON TABLE access_control.login_throttles IS
  'Failed logins by hash of login, of address, and of both; in the database, so that a restart forgives nothing';

CREATE TABLE access_control.set_up_tokens (
  token_id   boolean PRIMARY KEY DEFAULT true CHECK (token_id),
  token_hash bytea NOT NULL CHECK (octet_length(token_hash) = 32),
  expires_at timestamptz NOT NULL
);
COMMENT ON TABLE access_control.set_up_tokens IS 'The one link by which the first administrator is made';

CREATE TABLE access_control.actions (
  action_id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  started_at       timestamptz NOT NULL DEFAULT now(),
  administrator_id bigint,
  key_id           bigint,
  action           text NOT NULL,
  target           text,
  outcome          text
);
COMMENT ON TABLE access_control.actions IS
  'Audit log: what administrators and admin keys did, and who logged in. Both ids NULL: done in a terminal, or by nobody known. No foreign keys: it outlives whom it names';
COMMENT ON COLUMN access_control.actions.outcome IS 'HTTP status or word; NULL while it goes on or where the process died';

CREATE FUNCTION access_control.find_api_key(p_key_hash bytea)
RETURNS TABLE (key_id bigint, scope text, name text, source text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  -- At most once a minute, and never waiting for another request that does the same.
  UPDATE access_control.api_keys k SET last_used_at = clock_timestamp()
  WHERE k.key_id = (
    SELECT f.key_id FROM access_control.api_keys f
    WHERE f.key_hash = p_key_hash AND f.revoked_at IS NULL AND (f.expires_at IS NULL OR f.expires_at > clock_timestamp())
      AND (f.last_used_at IS NULL OR f.last_used_at < clock_timestamp() - interval '1 minute')
    FOR NO KEY UPDATE SKIP LOCKED
  );
  RETURN QUERY
    SELECT k.key_id, k.scope, k.name, k.source FROM access_control.api_keys k
    WHERE k.key_hash = p_key_hash AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > clock_timestamp());
END
$function$;
COMMENT ON FUNCTION access_control.find_api_key(bytea) IS 'The key with this SHA-256, if it is valid now; notes that it was used';

CREATE FUNCTION access_control.create_api_key(p_key_hash bytea, p_prefix text, p_scope text, p_name text, p_source text, p_expires_at timestamptz)
RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $function$
  INSERT INTO access_control.api_keys (key_hash, prefix, scope, name, source, expires_at)
  VALUES (p_key_hash, p_prefix, p_scope, p_name, p_source, p_expires_at) RETURNING key_id
$function$;
COMMENT ON FUNCTION access_control.create_api_key(bytea, text, text, text, text, timestamptz) IS 'Stores a new key by its SHA-256; the id';

CREATE FUNCTION access_control.list_api_keys()
RETURNS TABLE (key_id bigint, prefix text, scope text, name text, source text, created_at timestamptz, expires_at timestamptz,
  revoked_at timestamptz, last_used_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $function$
  SELECT k.key_id, k.prefix, k.scope, k.name, k.source, k.created_at, k.expires_at, k.revoked_at, k.last_used_at
  FROM access_control.api_keys k ORDER BY k.key_id
$function$;
COMMENT ON FUNCTION access_control.list_api_keys() IS 'All keys, also revoked ones, without their hashes';

CREATE FUNCTION access_control.revoke_api_key(p_key_id bigint) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $function$
  WITH revoked AS (
    UPDATE access_control.api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE key_id = p_key_id RETURNING 1
  )
  SELECT EXISTS (SELECT FROM revoked)
$function$;
COMMENT ON FUNCTION access_control.revoke_api_key(bigint) IS 'No request that begins after the commit gets in with this key; false where there is none. A second call changes nothing';

CREATE FUNCTION access_control.create_administrator(p_login text, p_role text, p_password_hash text) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $function$
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
$function$;
COMMENT ON FUNCTION access_control.create_administrator(text, text, text) IS 'A new administrator; the id. Raises CA002 for a login that is taken';

CREATE FUNCTION access_control.list_administrators()
RETURNS TABLE (administrator_id bigint, login text, role text, created_at timestamptz, disabled_at timestamptz, last_login_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $function$
  SELECT a.administrator_id, a.login, a.role, a.created_at, a.disabled_at, a.last_login_at
  FROM access_control.administrators a ORDER BY a.administrator_id
$function$;
COMMENT ON FUNCTION access_control.list_administrators() IS 'All administrators, also disabled ones, without their passwords';

CREATE FUNCTION access_control.disable_administrator(p_administrator_id bigint) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $function$
  WITH ended AS (
    DELETE FROM access_control.sessions WHERE administrator_id = p_administrator_id
  ), disabled AS (
    UPDATE access_control.administrators SET disabled_at = coalesce(disabled_at, now()) WHERE administrator_id = p_administrator_id RETURNING 1
  )
  SELECT EXISTS (SELECT FROM disabled)
$function$;
COMMENT ON FUNCTION access_control.disable_administrator(bigint) IS 'Ends all sessions and allows no other; false where there is no such administrator';

CREATE FUNCTION access_control.begin_login(p_login text, p_subjects bytea[], p_free_attempts integer[])
RETURNS TABLE (wait_seconds integer, administrator_id bigint, password_hash text)
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $function$
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
$function$;
COMMENT ON FUNCTION access_control.begin_login(text, bytea[], integer[]) IS
  'Counts an attempt for each subject, and gives what the password is compared with; or wait_seconds, where one of them has used up its free attempts (then 30 s, doubled each time, at most 15 min)';

CREATE FUNCTION access_control.finish_login(p_administrator_id bigint, p_subjects bytea[], p_session_hash bytea, p_expires_at timestamptz) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $function$
  DELETE FROM access_control.login_throttles WHERE subject = ANY (p_subjects);
  UPDATE access_control.administrators SET last_login_at = now() WHERE administrator_id = p_administrator_id;
  INSERT INTO access_control.sessions (session_hash, administrator_id, expires_at)
  SELECT p_session_hash, a.administrator_id, p_expires_at FROM access_control.administrators a
  WHERE a.administrator_id = p_administrator_id AND a.disabled_at IS NULL
$function$;
COMMENT ON FUNCTION access_control.finish_login(bigint, bytea[], bytea, timestamptz) IS 'The password was right: forgets the failures, begins a session';

CREATE FUNCTION access_control.find_session(p_session_hash bytea)
RETURNS TABLE (administrator_id bigint, login text, role text, expires_at timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $function$
  SELECT a.administrator_id, a.login, a.role, s.expires_at
  FROM access_control.sessions s JOIN access_control.administrators a ON a.administrator_id = s.administrator_id
  WHERE s.session_hash = p_session_hash AND s.expires_at > clock_timestamp() AND a.disabled_at IS NULL
$function$;
COMMENT ON FUNCTION access_control.find_session(bytea) IS 'Who is logged in by the cookie with this SHA-256';

CREATE FUNCTION access_control.end_session(p_session_hash bytea) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $function$
  DELETE FROM access_control.sessions WHERE session_hash = p_session_hash
$function$;
COMMENT ON FUNCTION access_control.end_session(bytea) IS 'Logs out';

CREATE FUNCTION access_control.issue_set_up_token(p_token_hash bytea, p_expires_at timestamptz) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $function$
  WITH issued AS (
    INSERT INTO access_control.set_up_tokens (token_hash, expires_at)
    SELECT p_token_hash, p_expires_at
    WHERE NOT EXISTS (SELECT FROM access_control.administrators) AND NOT EXISTS (SELECT FROM access_control.api_keys)
    ON CONFLICT (token_id) DO UPDATE SET token_hash = excluded.token_hash, expires_at = excluded.expires_at
    RETURNING 1
  )
  SELECT EXISTS (SELECT FROM issued)
$function$;
COMMENT ON FUNCTION access_control.issue_set_up_token(bytea, timestamptz) IS
  'Replaces the set-up link; false, and no link, where there ever was an administrator or a key';

CREATE FUNCTION access_control.is_set_up_token(p_token_hash bytea) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $function$
  SELECT EXISTS (SELECT FROM access_control.set_up_tokens t WHERE t.token_hash = p_token_hash AND t.expires_at > clock_timestamp())
$function$;
COMMENT ON FUNCTION access_control.is_set_up_token(bytea) IS 'Whether the link is good, before a password is hashed at the expense of a tenth of a second';

CREATE FUNCTION access_control.complete_set_up(p_token_hash bytea, p_login text, p_password_hash text) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $function$
BEGIN
  -- Deleting locks the row: of two who open the link at once, the second finds nothing.
  DELETE FROM access_control.set_up_tokens t WHERE t.token_hash = p_token_hash AND t.expires_at > clock_timestamp();
  IF NOT FOUND OR EXISTS (SELECT FROM access_control.administrators) THEN
    RETURN NULL;
  END IF;
  RETURN access_control.create_administrator(p_login, 'admin', p_password_hash);
END
$function$;
COMMENT ON FUNCTION access_control.complete_set_up(bytea, text, text) IS 'Makes the first administrator; NULL where the link is used, too old or wrong';

CREATE FUNCTION access_control.record_action(p_administrator_id bigint, p_key_id bigint, p_action text, p_target text, p_outcome text) RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $function$
  INSERT INTO access_control.actions (administrator_id, key_id, action, target, outcome)
  VALUES (p_administrator_id, p_key_id, p_action, p_target, p_outcome) RETURNING action_id
$function$;
COMMENT ON FUNCTION access_control.record_action(bigint, bigint, text, text, text) IS 'Adds to the audit log; the id';

CREATE FUNCTION access_control.finish_action(p_action_id bigint, p_outcome text) RETURNS void
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $function$
  UPDATE access_control.actions SET outcome = p_outcome WHERE action_id = p_action_id AND outcome IS NULL
$function$;
COMMENT ON FUNCTION access_control.finish_action(bigint, text) IS 'Says how an action ended, once';

CREATE FUNCTION access_control.list_actions(p_limit integer, p_before bigint DEFAULT NULL)
RETURNS TABLE (action_id bigint, started_at timestamptz, administrator_id bigint, login text, key_id bigint, action text, target text, outcome text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $function$
  SELECT a.action_id, a.started_at, a.administrator_id, d.login, a.key_id, a.action, a.target, a.outcome
  FROM access_control.actions a LEFT JOIN access_control.administrators d ON d.administrator_id = a.administrator_id
  WHERE a.action_id < coalesce(p_before, 9223372036854775807)
  ORDER BY a.action_id DESC LIMIT p_limit
$function$;
COMMENT ON FUNCTION access_control.list_actions(integer, bigint) IS 'The audit log, newest first; p_before is the last action_id of the page before';

GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA access_control TO app_user;
