-- severity: warning
-- problem: pages that a disk damages are not noticed
-- fix: pg_checksums --enable while the server is stopped
SELECT 'data_checksums' AS object, 'off' AS detail WHERE current_setting('data_checksums') = 'off'
