-- severity: severe
-- problem: a role may do more than the table of roles in database/README.md says
-- fix: REVOKE the verb, or make the object in a schema where it belongs
WITH held AS (
  SELECT c.oid::regclass::text AS object, c.relnamespace::regnamespace::text AS schema, c.relkind AS kind, pg_get_userbyid(a.grantee) AS role, a.privilege_type AS verb
  FROM pg_class c, aclexplode(c.relacl) a
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
  UNION ALL
  SELECT t.attrelid::regclass || '.' || t.attname, c.relnamespace::regnamespace::text, c.relkind, pg_get_userbyid(a.grantee), a.privilege_type
  FROM pg_attribute t JOIN pg_class c ON c.oid = t.attrelid, aclexplode(t.attacl) a
)
SELECT h.object, format('%s has %s', h.role, string_agg(h.verb, ', ' ORDER BY h.verb)) AS detail
FROM held h
WHERE (h.role = 'app_user' AND NOT (h.schema IN ('app_schema', 'jobs', 'pgboss') AND h.verb = ANY (CASE h.kind WHEN 'S' THEN ARRAY['SELECT', 'USAGE'] ELSE ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE'] END)))
  OR (h.role = 'ml_user' AND NOT (h.schema = 'app_schema' AND h.verb = 'SELECT'))
GROUP BY h.object, h.role
UNION ALL
SELECT n.nspname, format('%s has %s', pg_get_userbyid(a.grantee), a.privilege_type)
FROM pg_namespace n, aclexplode(n.nspacl) a
WHERE pg_get_userbyid(a.grantee) IN ('app_user', 'ml_user') AND NOT (a.privilege_type = 'USAGE' AND (n.nspname IN ('app_schema', 'extensions', 'compatibility')
  OR (n.nspname IN ('privacy', 'access_control', 'jobs', 'pgboss') AND pg_get_userbyid(a.grantee) = 'app_user')))
UNION ALL
-- A function that reads files, a setting that names a program: the whole server.
SELECT 'pg_catalog.' || p.oid::regprocedure, format('%s has %s', pg_get_userbyid(a.grantee), a.privilege_type)
FROM pg_proc p, aclexplode(p.proacl) a
WHERE p.pronamespace = 'pg_catalog'::regnamespace AND pg_get_userbyid(a.grantee) IN ('app_user', 'ml_user')
UNION ALL
SELECT 'parameter ' || p.parname, format('%s has %s', pg_get_userbyid(a.grantee), a.privilege_type)
FROM pg_parameter_acl p, aclexplode(p.paracl) a WHERE pg_get_userbyid(a.grantee) IN ('app_user', 'ml_user')
UNION ALL
SELECT r.rolname, 'default_transaction_read_only is not on: ALTER ROLE ml_user SET default_transaction_read_only = on' FROM pg_roles r
WHERE r.rolname = 'ml_user' AND NOT coalesce('default_transaction_read_only=on' = ANY (r.rolconfig), false)
