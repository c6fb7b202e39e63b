-- Writes the head of an archive: one DO block with what a dump of a database leaves out, that is the roles which the database
-- refers to (no passwords; those that exist are left alone), and owner, grants and settings of the database itself, whatever its
-- name will be. Runs in psql with -At.
SET search_path = pg_catalog;

WITH RECURSIVE this AS (
  SELECT * FROM pg_database WHERE datname = current_database()
), needed (oid) AS (
  -- The first superuser owns things without an entry in pg_shdepend.
  SELECT 10::oid
  UNION SELECT datdba FROM this
  UNION SELECT setrole FROM pg_db_role_setting JOIN this ON this.oid = setdatabase WHERE setrole <> 0
  UNION SELECT refobjid FROM pg_shdepend JOIN this ON this.oid IN (dbid, objid)
  WHERE refclassid = 'pg_authid'::regclass AND (dbid = this.oid OR classid = 'pg_database'::regclass)
), related (oid) AS (
  SELECT oid FROM needed
  UNION
  -- Who is a member of them, and whose members they are; PostgreSQL's own roles (below 16384) lead nowhere.
  SELECT CASE roleid WHEN related.oid THEN member ELSE roleid END
  FROM related JOIN pg_auth_members ON related.oid IN (roleid, member)
  WHERE related.oid >= 16384 AND CASE roleid WHEN related.oid THEN member ELSE roleid END >= 16384
), roles AS (
  SELECT r.*, shobj_description(r.oid, 'pg_authid') AS comment FROM pg_roles r JOIN related USING (oid) WHERE rolname !~ '^pg_'
), list_settings (name) AS (
  -- Their values are lists of quoted names already; as one literal they would be one name.
  VALUES ('search_path'), ('temp_tablespaces'), ('session_preload_libraries'), ('local_preload_libraries')
), settings AS (
  SELECT s.*, split_part(config, '=', 1) AS name, substr(config, strpos(config, '=') + 1) AS value
  FROM pg_db_role_setting s, unnest(setconfig) AS config
), assignments AS (
  SELECT *, format('SET %I TO %s', name, CASE
    WHEN name IN (SELECT name FROM list_settings) AND value NOT IN ('', '""') THEN value
    WHEN value = '""' THEN quote_literal('') ELSE quote_literal(value) END) AS text
  FROM settings
), memberships AS (
  SELECT r.rolname AS role, m.rolname AS member, admin_option, to_jsonb(a) ->> 'inherit_option' AS inherit, to_jsonb(a) ->> 'set_option' AS set
  FROM pg_auth_members a JOIN pg_roles r ON r.oid = roleid JOIN roles m ON m.oid = member
  WHERE r.rolname IN (SELECT rolname FROM roles) OR roleid < 16384
), statements (part, line) AS (
  SELECT 10, format(E'  IF %L = ANY (missing) THEN\n    CREATE ROLE %I %s;', rolname, rolname, CASE
      -- A missing superuser becomes an owner who cannot log in: who has a superuser elsewhere does not get one here by a backup.
      WHEN rolsuper THEN 'NOLOGIN'
      ELSE concat_ws(' ', CASE WHEN rolcanlogin THEN 'LOGIN' ELSE 'NOLOGIN' END, CASE WHEN NOT rolinherit THEN 'NOINHERIT' END,
        CASE WHEN rolcreaterole THEN 'CREATEROLE' END, CASE WHEN rolcreatedb THEN 'CREATEDB' END,
        CASE WHEN rolconnlimit <> -1 THEN 'CONNECTION LIMIT ' || rolconnlimit END, 'VALID UNTIL ' || quote_literal(rolvaliduntil)) END)
    || coalesce((SELECT string_agg(format(E'\n    ALTER ROLE %I %s;', rolname, text), '') FROM assignments WHERE setrole = roles.oid AND setdatabase = 0), '')
    || CASE WHEN comment IS NULL THEN '' ELSE format(E'\n    COMMENT ON ROLE %I IS %L;', rolname, comment) END
    || format(E'\n    RAISE WARNING ''role %% was missing and has been created%%'', %L, %L;\n  END IF;', quote_ident(rolname), CASE
      WHEN rolsuper THEN ', without the rights of a superuser and without login'
      WHEN rolcanlogin THEN E'; it has no password yet: \\password ' || quote_ident(rolname) ELSE '' END)
  FROM roles
  UNION ALL
  -- Rights that were taken away since must not come back: only where one of the two is new.
  SELECT 20, format('  IF missing && ARRAY[%L, %L]::name[] THEN GRANT %I TO %I%s; END IF;', role, member, role, member, CASE
    WHEN inherit IS NOT NULL THEN format(' WITH ADMIN %s, INHERIT %s, SET %s', admin_option, inherit, set)
    WHEN admin_option THEN ' WITH ADMIN OPTION' ELSE '' END)
  FROM memberships
  UNION ALL
  SELECT 30 + rank, format('  EXECUTE format(%L, current_database());', statement)
  FROM (
    SELECT 1, 'ALTER DATABASE %I OWNER TO ' || replace(quote_ident(pg_get_userbyid(datdba)), '%', '%%') FROM this
    UNION ALL SELECT 2, 'REVOKE ALL ON DATABASE %I FROM PUBLIC' FROM this WHERE datacl IS NOT NULL
    UNION ALL SELECT 3, format('GRANT %s ON DATABASE %%I TO %s%s', privilege_type,
        CASE grantee WHEN 0 THEN 'PUBLIC' ELSE replace(quote_ident(pg_get_userbyid(grantee)), '%', '%%') END,
        CASE WHEN is_grantable THEN ' WITH GRANT OPTION' END)
      FROM this, aclexplode(datacl) WHERE grantee <> datdba
    UNION ALL SELECT 4, CASE setrole WHEN 0 THEN 'ALTER DATABASE %I ' ELSE
        format('ALTER ROLE %s IN DATABASE %%I ', replace(quote_ident(pg_get_userbyid(setrole)), '%', '%%')) END || replace(text, '%', '%%')
      FROM assignments JOIN this ON this.oid = setdatabase
  ) AS d (rank, statement)
)
-- The tag is drawn by lot: no name in the block can end it.
SELECT format(E'-- Customer Analyzer: the roles, without passwords, and what belongs to the database itself. Roles that exist are left alone.\nDO $%1$s$\nDECLARE\n  missing name[] := ARRAY(SELECT n FROM unnest(ARRAY[%2$s]::name[]) AS n WHERE n NOT IN (SELECT rolname FROM pg_catalog.pg_roles));\nBEGIN\n%3$s\nEND\n$%1$s$;\n',
  'r' || md5(random()::text || clock_timestamp()), (SELECT string_agg(quote_literal(rolname), ', ' ORDER BY rolname) FROM roles),
  (SELECT string_agg(line, E'\n' ORDER BY part, line) FROM statements));
