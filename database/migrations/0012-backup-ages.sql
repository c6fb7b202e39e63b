-- How old are the newest good backup and the newest good drill? For /metrics and alerts, under the names that they have there.

RESET ROLE;

CREATE VIEW maintenance.backup_ages WITH (security_invoker = true) AS
SELECT extract(epoch FROM now() - max(finished_at) FILTER (WHERE kind = 'backup'))::double precision AS customer_analyzer_backup_age_seconds,
  extract(epoch FROM now() - max(finished_at) FILTER (WHERE kind = 'drill'))::double precision AS customer_analyzer_last_drill_age_seconds
FROM maintenance.backup_runs WHERE succeeded;
COMMENT ON VIEW maintenance.backup_ages IS
  'One row: seconds since the newest verified backup and since the newest successful drill; NULL where there was none';
GRANT SELECT ON maintenance.backup_ages TO admin_user;

SET LOCAL ROLE customer_analyzer_owner;
