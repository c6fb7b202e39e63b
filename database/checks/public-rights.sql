-- severity: severe
-- problem: PUBLIC, that is every role of the server, has rights
-- fix: REVOKE them from PUBLIC; SELECT maintenance.apply_database_settings() does it for the database itself
SELECT o.name AS object, string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type) AS detail
FROM (
  SELECT 'database ' || datname AS name, coalesce(datacl, acldefault('d', datdba)) AS acl FROM pg_database WHERE datname = current_database()
  UNION ALL SELECT 'schema ' || nspname, coalesce(nspacl, acldefault('n', nspowner)) FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
  UNION ALL SELECT oid::regclass::text, coalesce(relacl, acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner)) FROM pg_class
    WHERE relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND relnamespace::regnamespace::text !~ '^(pg_|information_schema|extensions)'
  UNION ALL SELECT oid::regprocedure::text, coalesce(proacl, acldefault('f', proowner)) FROM pg_proc
    WHERE pronamespace::regnamespace::text !~ '^(pg_|information_schema|extensions)'
      AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = pg_proc.oid AND d.deptype = 'e')
) o, aclexplode(o.acl) a
WHERE a.grantee = 0 GROUP BY o.name
