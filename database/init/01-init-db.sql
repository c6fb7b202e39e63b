-- Roles, schemas, extension and the settings of the database itself.
--
-- Plain SQL, no psql meta-commands: the postgres image, `psql -v ON_ERROR_STOP=1 -f` and our own runner all run it as it is, as a
-- superuser (or, without statistics of queries, as a role with CREATEROLE that owns the database), connected to the database that is to be set up. A second run changes nothing.
--
-- Passwords come in as settings of the session, so that they stand in no file and no log:
--   PGOPTIONS="-c customer_analyzer.app_password=… -c customer_analyzer.ml_password=… -c customer_analyzer.admin_password=…" psql -f …
-- Without them the development defaults are used. A role that exists keeps its password.

DO $roles$
DECLARE
  v_role record;
BEGIN
  -- CREATE ROLE … PASSWORD is a statement too: with pg_stat_statements.track = all it would be kept with its text.
  -- Only a superuser can switch that off.
  IF (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
    PERFORM set_config('pg_stat_statements.track', 'none', true);
  ELSIF current_setting('pg_stat_statements.track', true) = 'all'
    AND (SELECT count(*) FROM pg_roles WHERE rolname IN ('app_user', 'ml_user', 'admin_user')) < 3 THEN
    RAISE EXCEPTION 'pg_stat_statements.track = all would keep the passwords of the new roles'
      USING HINT = 'Run this as a superuser, create app_user, ml_user and admin_user beforehand, or set pg_stat_statements.track to top for the time.';
  END IF;

  FOR v_role IN
    SELECT r.name, coalesce(nullif(current_setting('customer_analyzer.' || r.setting, true), ''), r.setting) AS password, r.comment
    FROM (VALUES
      ('app_user', 'app_password', 'Backend API: reads and writes the data of app_schema, alters nothing'),
      ('ml_user', 'ml_password', 'ML services: reads app_schema, writes nothing'),
      ('admin_user', 'admin_password', 'Administration: full rights on the database')
    ) AS r (name, setting, comment)
    WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = r.name)
  LOOP
    BEGIN
      EXECUTE format('CREATE ROLE %I LOGIN PASSWORD %L', v_role.name, v_role.password);
      EXECUTE format('COMMENT ON ROLE %I IS %L', v_role.name, v_role.comment);
    EXCEPTION
      WHEN duplicate_object OR unique_violation THEN NULL; -- another database of this cluster is being set up at this moment
      WHEN OTHERS THEN -- the original message would carry the statement, and with it the password, into the log
        RAISE EXCEPTION 'role % could not be created (SQLSTATE %)', v_role.name, SQLSTATE;
    END;
  END LOOP;

  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'customer_analyzer_owner') THEN
    BEGIN
      CREATE ROLE customer_analyzer_owner NOLOGIN;
      COMMENT ON ROLE customer_analyzer_owner IS 'Owns the objects of Customer Analyzer; nobody logs in as it';
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
    END;
  END IF;
END
$roles$;

-- Full rights on the database means on the objects too. Who runs this script needs the owner role to create its objects, and both
-- roles to set their default privileges; a superuser has them anyway. From PostgreSQL 16 on, who creates a role may grant it but is
-- not yet a member who can SET ROLE.
DO $members$
DECLARE
  v_grant record;
BEGIN
  FOR v_grant IN
    SELECT g.role, g.member FROM (VALUES
      ('customer_analyzer_owner', 'admin_user'), ('pg_monitor', 'admin_user'),
      ('customer_analyzer_owner', current_user::text), ('admin_user', current_user::text)
    ) AS g (role, member)
    WHERE NOT pg_has_role(g.member, g.role, CASE WHEN current_setting('server_version_num')::integer >= 160000 THEN 'SET' ELSE 'MEMBER' END)
  LOOP
    BEGIN
      EXECUTE format('GRANT %I TO %I', v_grant.role, v_grant.member);
    EXCEPTION
      WHEN insufficient_privilege THEN RAISE WARNING '% does not become a member of %: %', v_grant.member, v_grant.role, SQLERRM;
      WHEN unique_violation OR SQLSTATE 'XX000' THEN NULL; -- "tuple concurrently updated": another database is being set up
    END;
  END LOOP;
END
$members$;

CREATE SCHEMA IF NOT EXISTS app_schema AUTHORIZATION customer_analyzer_owner;
COMMENT ON SCHEMA app_schema IS 'Customer Analyzer: what app_user may write and ml_user may read';
-- Not the owner role's: a superuser calls the function in it, so nobody below may replace that.
CREATE SCHEMA IF NOT EXISTS maintenance;
COMMENT ON SCHEMA maintenance IS 'Customer Analyzer: ledger of migrations, settings of the database; closed to app_user and ml_user';
CREATE SCHEMA IF NOT EXISTS compatibility;
COMMENT ON SCHEMA compatibility IS 'Views that keep old queries running; made for the running PostgreSQL version, not part of dumps';
CREATE SCHEMA IF NOT EXISTS extensions;
COMMENT ON SCHEMA extensions IS 'Extensions, apart from the data';

GRANT USAGE ON SCHEMA app_schema TO app_user, ml_user;
GRANT USAGE ON SCHEMA extensions, compatibility TO app_user, ml_user, admin_user;
GRANT USAGE ON SCHEMA maintenance TO admin_user;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
GRANT ALL ON SCHEMA public TO admin_user;

DO $extension$
BEGIN
  CREATE EXTENSION IF NOT EXISTS pg_stat_statements SCHEMA extensions;
EXCEPTION WHEN insufficient_privilege THEN
  RAISE WARNING 'statistics of queries are missing: only a superuser can create the extension pg_stat_statements';
END
$extension$;

-- Default privileges hold per creator: each role that may create tables here needs its own. PUBLIC's EXECUTE is a built-in
-- default, which only a global entry (without IN SCHEMA) takes away.
DO $defaults$
DECLARE
  v_creator text;
BEGIN
  FOR v_creator IN
    SELECT DISTINCT name FROM (VALUES
      ('customer_analyzer_owner'), ('admin_user'), (current_user::text),
      ((SELECT pg_get_userbyid(datdba)::text FROM pg_database WHERE datname = current_database()))
    ) AS c (name)
    WHERE pg_has_role(current_user, name, 'USAGE')
    ORDER BY name
  LOOP
    EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC', v_creator);
    EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I REVOKE USAGE ON TYPES FROM PUBLIC', v_creator);
    EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I GRANT USAGE ON TYPES TO app_user, ml_user, admin_user', v_creator);
    EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA app_schema GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO app_user', v_creator);
    EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA app_schema GRANT SELECT ON TABLES TO ml_user', v_creator);
    EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA app_schema GRANT USAGE, SELECT ON SEQUENCES TO app_user', v_creator);
    EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA app_schema GRANT SELECT ON SEQUENCES TO ml_user', v_creator);
    EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA app_schema GRANT EXECUTE ON FUNCTIONS TO app_user, ml_user', v_creator);
    EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA extensions GRANT EXECUTE ON FUNCTIONS TO app_user, ml_user, admin_user', v_creator);
    IF v_creator <> 'customer_analyzer_owner' THEN
      EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA app_schema GRANT ALL ON TABLES TO customer_analyzer_owner', v_creator);
      EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA app_schema GRANT ALL ON SEQUENCES TO customer_analyzer_owner', v_creator);
      EXECUTE format('ALTER DEFAULT PRIVILEGES FOR ROLE %I IN SCHEMA app_schema GRANT EXECUTE ON FUNCTIONS TO customer_analyzer_owner', v_creator);
    END IF;
  END LOOP;
END
$defaults$;

-- Settings and grants of the database itself are in no plain dump, and CREATE DATABASE … TEMPLATE does not copy them. Whatever makes
-- a database (these scripts, migrate, restore, drills, test clones) calls this function, as superuser or owner of the database.
DO $create$
BEGIN
  IF to_regprocedure('maintenance.apply_database_settings()') IS NOT NULL THEN
    RETURN;
  END IF;
  EXECUTE $ddl$
    CREATE FUNCTION maintenance.apply_database_settings() RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY INVOKER
    SET search_path = pg_catalog, pg_temp
    AS $function$
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
    $function$
  $ddl$;
  COMMENT ON FUNCTION maintenance.apply_database_settings() IS
    'Applies what belongs to the database itself and is lost by dumps and templates: grants, search path, compatibility view. Repeatable.';
END
$create$;

SELECT maintenance.apply_database_settings();

-- Belt and braces: ml_user has no right to write, and a session that forgets so is read-only from its start.
DO $readonly$
BEGIN
  IF NOT EXISTS (
    SELECT FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole WHERE r.rolname = 'ml_user' AND s.setdatabase = 0
  ) THEN
    ALTER ROLE ml_user SET default_transaction_read_only = on;
  END IF;
EXCEPTION WHEN unique_violation OR SQLSTATE 'XX000' THEN NULL; -- another database is being set up
END
$readonly$;
