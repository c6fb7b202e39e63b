-- severity: severe
-- problem: the password of a role is a development default, or its own name
-- fix: customer-analyzer db psql -- -c '\password ROLE'
-- needs: superuser
-- The program compares what is stored with the passwords that everybody can look up (src/operations/security/known-passwords.ts).
-- On a server that only this machine can reach they are what development wants.
SELECT a.rolname AS object, '' AS detail, a.rolpassword AS stored_password,
  CASE WHEN current_setting('listen_addresses') ~ '^(\s*(localhost|127\.[0-9.]+|::1)\s*,?)*$' THEN 'notice' END AS severity
FROM pg_authid a WHERE a.rolcanlogin AND a.rolpassword IS NOT NULL
