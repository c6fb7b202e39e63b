-- Changing a password, and letting somebody in again who was disabled.

CREATE FUNCTION access_control.enable_administrator(p_administrator_id bigint) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $function$
  WITH enabled AS (
    UPDATE access_control.administrators SET disabled_at = NULL WHERE administrator_id = p_administrator_id RETURNING 1
  )
  SELECT EXISTS (SELECT FROM enabled)
$function$;
COMMENT ON FUNCTION access_control.enable_administrator(bigint) IS
  'Lets a disabled administrator log in again, with the password of before; false where there is none. A second call changes nothing';

CREATE FUNCTION access_control.change_password(p_administrator_id bigint, p_password_hash text, p_kept_session bytea, p_subjects bytea[]) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $function$
  DELETE FROM access_control.login_throttles WHERE subject = ANY (p_subjects);
  -- Whoever knew the old password may be logged in with it.
  DELETE FROM access_control.sessions WHERE administrator_id = p_administrator_id AND session_hash IS DISTINCT FROM p_kept_session;
  WITH changed AS (
    UPDATE access_control.administrators SET password_hash = p_password_hash WHERE administrator_id = p_administrator_id RETURNING 1
  )
  SELECT EXISTS (SELECT FROM changed)
$function$;
COMMENT ON FUNCTION access_control.change_password(bigint, text, bytea, bytea[]) IS
  'Sets a password, ends all sessions but the one that is kept (NULL: all), forgets failed attempts; false where there is no such administrator';

GRANT EXECUTE ON FUNCTION access_control.enable_administrator(bigint), access_control.change_password(bigint, text, bytea, bytea[]) TO app_user;
