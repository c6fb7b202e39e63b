-- severity: severe
-- problem: pg_hba.conf lets somebody in without a password, or with one sent in clear
-- fix: write scram-sha-256 in place of it, then SELECT pg_reload_conf()
-- needs: superuser
-- From the machine itself only: that is how the postgres image begins.
SELECT format('%s line %s', 'pg_hba.conf', h.line_number) AS object, concat_ws(' ', h.type, array_to_string(h.database, ','), array_to_string(h.user_name, ','), h.address, h.auth_method) AS detail,
  CASE WHEN h.auth_method = 'trust' AND (h.type = 'local' OR h.address IN ('127.0.0.1', '::1', 'localhost')) THEN 'warning' END AS severity
FROM pg_hba_file_rules h
WHERE h.auth_method IN ('trust', 'password', 'md5', 'ident') AND h.error IS NULL
