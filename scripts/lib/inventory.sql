-- What a backup has to bring back, one line each: read when it is taken (in the snapshot of the dump) and again after a restore;
-- the two must be the same. Runs in psql with -At. No line depends on the version of the server or on the order of the grants.
SET search_path = pg_catalog;

-- pg_dump leaves out what belongs to an extension, and writes the rows of a table without those of its heirs.
SELECT format('SELECT %L || count(*) FROM ONLY %s;', 'rows ' || name || ' ', name)
FROM (
  SELECT format('"%s"."%s"', replace(nspname, '"', '""'), replace(relname, '"', '""')) AS name
  FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
  WHERE relkind = 'r' AND nspname !~ '^pg_' AND nspname <> 'information_schema'
    AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e')
) AS t
\gexec

SELECT format('SELECT %L || last_value || '' '' || is_called::text FROM %s;', 'sequence ' || name || ' ', name)
FROM (
  SELECT format('"%s"."%s"', replace(nspname, '"', '""'), replace(relname, '"', '""')) AS name
  FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
  WHERE relkind = 'S' AND nspname !~ '^pg_' AND nspname <> 'information_schema'
    AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e')
) AS t
\gexec

WITH ours AS (
  SELECT oid, quote_ident(nspname) AS name, nspowner, nspacl FROM pg_namespace
  WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
    AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_namespace'::regclass AND objid = pg_namespace.oid AND deptype = 'e')
), relations AS (
  SELECT c.* FROM pg_class c JOIN ours ON ours.oid = relnamespace
  WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
    AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e')
), functions AS (
  SELECT p.* FROM pg_proc p JOIN ours ON ours.oid = pronamespace
  WHERE NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = p.oid AND deptype = 'e')
), granted (object, owner, acl) AS (
  SELECT 'schema ' || name, nspowner, coalesce(nspacl, acldefault('n', nspowner)) FROM ours
  UNION ALL
  SELECT 'relation ' || oid::regclass, relowner, coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner)) FROM relations
  UNION ALL
  SELECT 'column ' || attrelid::regclass || '.' || quote_ident(attname), relowner, attacl
  FROM pg_attribute JOIN relations ON relations.oid = attrelid WHERE attacl IS NOT NULL
  UNION ALL
  SELECT 'function ' || oid::regprocedure, proowner, coalesce(proacl, acldefault('f', proowner)) FROM functions
  UNION ALL
  SELECT 'database', datdba, coalesce(datacl, acldefault('d', datdba)) FROM pg_database WHERE datname = current_database()
  UNION ALL
  SELECT concat_ws(' ', 'default', pg_get_userbyid(defaclrole), defaclobjtype, defaclnamespace::regnamespace), 0, defaclacl FROM pg_default_acl
), lines (line) AS (
  SELECT concat_ws(' ', 'relation', oid::regclass, relkind, pg_get_userbyid(relowner), relrowsecurity, relforcerowsecurity) FROM relations
  UNION ALL
  SELECT concat_ws(' ', 'function', oid::regprocedure, pg_get_userbyid(proowner), prosecdef, provolatile, md5(prosrc || coalesce(proconfig::text, ''))) FROM functions
  UNION ALL
  -- No expressions: a condition on a varchar is written in other words once it has been through a dump, and means the same.
  SELECT concat_ws(' ', 'constraint', conrelid::regclass, quote_ident(conname), contype, convalidated,
    CASE WHEN contype IN ('f', 'p', 'u') THEN pg_get_constraintdef(pg_constraint.oid) END)
  FROM pg_constraint JOIN relations ON relations.oid = conrelid WHERE contype IN ('c', 'f', 'p', 'u', 'x')
  UNION ALL
  SELECT concat_ws(' ', 'index', indexrelid::regclass, 'on', indrelid::regclass, indnatts, CASE WHEN indisunique THEN 'unique' END,
    CASE WHEN indpred IS NOT NULL THEN 'partial' END, CASE WHEN NOT indisvalid THEN 'invalid' END)
  FROM pg_index JOIN relations ON relations.oid = indrelid
  UNION ALL
  SELECT concat_ws(' ', 'trigger', quote_ident(tgname), 'on', tgrelid::regclass, tgfoid::regprocedure, tgtype, tgenabled) FROM pg_trigger t JOIN relations ON relations.oid = tgrelid WHERE NOT tgisinternal
  UNION ALL
  SELECT concat_ws(' ', 'schema', name, pg_get_userbyid(nspowner)) FROM ours
  UNION ALL
  SELECT concat_ws(' ', 'extension', extname, extnamespace::regnamespace) FROM pg_extension
  UNION ALL
  SELECT 'large objects ' || count(*) FROM pg_largeobject_metadata
  UNION ALL
  SELECT 'database ' || pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()
  UNION ALL
  SELECT concat_ws(' ', 'setting', CASE setrole WHEN 0 THEN 'everybody' ELSE pg_get_userbyid(setrole) END, setting)
  FROM pg_db_role_setting, unnest(setconfig) AS setting
  WHERE setdatabase = (SELECT oid FROM pg_database WHERE datname = current_database())
  UNION ALL
  -- What an owner may do to its own is not granted but inherent; MAINTAIN is new in PostgreSQL 17.
  SELECT concat_ws(' ', 'grant', object, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee) END, privilege_type, CASE WHEN is_grantable THEN 'grantable' END)
  FROM granted, aclexplode(acl) WHERE grantee <> owner AND privilege_type <> 'MAINTAIN'
)
SELECT replace(replace(line, E'\r', ' '), E'\n', ' ') FROM lines;
