-- severity: severe
-- problem: the server listens on a network, and passwords and data go over it in clear
-- fix: set ssl = on with a certificate and write hostssl in pg_hba.conf; scripts/make-trial-certificate.sh makes one for trials
SELECT 'listen_addresses' AS object, current_setting('listen_addresses') || ', ssl = ' || current_setting('ssl') AS detail
WHERE current_setting('ssl') = 'off' AND current_setting('listen_addresses') !~ '^(\s*(localhost|127\.[0-9.]+|::1)\s*,?)*$'
