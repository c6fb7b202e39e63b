-- severity: severe
-- problem: a view reads with its owner's rights for a role that may not read the tables below it
-- fix: ALTER VIEW … SET (security_invoker = true)
SELECT c.oid::regclass::text AS object, 'reads as ' || pg_get_userbyid(c.relowner) || ' for ' ||
  string_agg(DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee) END, ', ') AS detail
FROM pg_class c, aclexplode(c.relacl) a
WHERE c.relkind = 'v' AND c.relnamespace::regnamespace::text !~ '^(pg_|information_schema)' AND a.privilege_type = 'SELECT'
  AND (a.grantee = 0 OR pg_get_userbyid(a.grantee) IN ('app_user', 'ml_user'))
  AND NOT coalesce(c.reloptions @> '{security_invoker=true}' OR c.reloptions @> '{security_invoker=on}', false)
  AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
GROUP BY c.oid
