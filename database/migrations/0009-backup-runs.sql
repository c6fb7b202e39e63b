-- When did a backup, a drill, a restore last work? The scripts write it, monitoring reads it.

-- The schema maintenance is not the owner's (see 01-init-db.sql): who migrates makes the table, as it makes the ledger.
RESET ROLE;

CREATE TABLE maintenance.backup_runs (
  backup_run_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind             text NOT NULL CHECK (kind IN ('backup', 'drill', 'restore')),
  succeeded        boolean NOT NULL,
  archive          text NOT NULL,
  finished_at      timestamptz NOT NULL DEFAULT now(),
  duration_seconds integer NOT NULL,
  message          text
);
COMMENT ON TABLE maintenance.backup_runs IS
  'Backups, restores and drills (a restore to a scratch database, compared and dropped): written by scripts/backup-db.sh and scripts/restore-db.sh';
COMMENT ON COLUMN maintenance.backup_runs.archive IS 'Base name of the archive';
COMMENT ON COLUMN maintenance.backup_runs.message IS 'Why it failed';
-- admin_user can make backups, which includes this table and its sequence.
GRANT SELECT, INSERT ON maintenance.backup_runs TO admin_user;
GRANT SELECT ON SEQUENCE maintenance.backup_runs_backup_run_id_seq TO admin_user;

SET LOCAL ROLE customer_analyzer_owner;
