-- severity: severe
-- problem: the password is kept as MD5, which can be guessed fast and be used as it is
-- fix: set password_encryption to scram-sha-256, then set the password anew with \password
-- needs: superuser
SELECT a.rolname AS object, 'MD5' AS detail FROM pg_authid a WHERE a.rolpassword LIKE 'md5%'
UNION ALL
SELECT 'password_encryption', current_setting('password_encryption') WHERE current_setting('password_encryption') <> 'scram-sha-256'
