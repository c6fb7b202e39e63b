-- Background work: the queue of pg-boss, and beside it what pg-boss does not keep: schedules, history, workers.
-- Why so: docs/adr, "Background work".

-- A schema needs a right on the database, which who migrates has and the owner role has not.
RESET ROLE;
CREATE SCHEMA pgboss AUTHORIZATION customer_analyzer_owner;
CREATE SCHEMA jobs AUTHORIZATION customer_analyzer_owner;
COMMENT ON SCHEMA pgboss IS 'The queue: tables of pg-boss as its version of package.json makes them; app_user sends and works, ml_user sees nothing';
COMMENT ON SCHEMA jobs IS 'Background work: schedules, history, workers; app_user writes, ml_user sees nothing';
-- What the worker''s metrics tell of the ledger and of backups goes through one function of the owner role, below.
GRANT USAGE ON SCHEMA maintenance TO customer_analyzer_owner;
GRANT SELECT ON maintenance.backup_runs, maintenance.migrations TO customer_analyzer_owner;
SET LOCAL ROLE customer_analyzer_owner;

-- From here to the mark: PgBoss.getConstructionPlans('pgboss') of pg-boss 10.4.2, as it is (a test compares). app_user must not run DDL, so the
-- program starts it with `migrate: false`, and a new version of the package comes with a migration from PgBoss.getMigrationPlans().
    CREATE TYPE pgboss.job_state AS ENUM (
      'created',
      'retry',
      'active',
      'completed',
      'cancelled',
      'failed'
    )
  ;

    CREATE TABLE pgboss.version (
      version int primary key,
      maintained_on timestamp with time zone,
      cron_on timestamp with time zone,
      monitored_on timestamp with time zone
    )
  ;

    CREATE TABLE pgboss.queue (
      name text,
      policy text,
      retry_limit int,
      retry_delay int,
      retry_backoff bool,
      expire_seconds int,
      retention_minutes int,
      dead_letter text REFERENCES pgboss.queue (name),
      partition_name text,
      created_on timestamp with time zone not null default now(),
      updated_on timestamp with time zone not null default now(),
      PRIMARY KEY (name)
    )
  ;

    CREATE TABLE pgboss.schedule (
      name text REFERENCES pgboss.queue ON DELETE CASCADE,
      cron text not null,
      timezone text,
      data jsonb,
      options jsonb,
      created_on timestamp with time zone not null default now(),
      updated_on timestamp with time zone not null default now(),
      PRIMARY KEY (name)
    )
  ;

    CREATE TABLE pgboss.subscription (
      event text not null,
      name text not null REFERENCES pgboss.queue ON DELETE CASCADE,
      created_on timestamp with time zone not null default now(),
      updated_on timestamp with time zone not null default now(),
      PRIMARY KEY(event, name)
    )
  ;

    CREATE TABLE pgboss.job (
      id uuid not null default gen_random_uuid(),
      name text not null,
      priority integer not null default(0),
      data jsonb,
      state pgboss.job_state not null default('created'),
      retry_limit integer not null default(2),
      retry_count integer not null default(0),
      retry_delay integer not null default(0),
      retry_backoff boolean not null default false,
      start_after timestamp with time zone not null default now(),
      started_on timestamp with time zone,
      singleton_key text,
      singleton_on timestamp without time zone,
      expire_in interval not null default interval '15 minutes',
      created_on timestamp with time zone not null default now(),
      completed_on timestamp with time zone,
      keep_until timestamp with time zone NOT NULL default now() + interval '14 days',
      output jsonb,
      dead_letter text,
      policy text
    ) PARTITION BY LIST (name)
  ;
ALTER TABLE pgboss.job ADD PRIMARY KEY (name, id);
CREATE TABLE pgboss.archive (LIKE pgboss.job);
ALTER TABLE pgboss.archive ADD PRIMARY KEY (name, id);
ALTER TABLE pgboss.archive ADD archived_on timestamptz NOT NULL DEFAULT now();
CREATE INDEX archive_i1 ON pgboss.archive(archived_on);

    CREATE FUNCTION pgboss.create_queue(queue_name text, options json)
    RETURNS VOID AS
    $$
    DECLARE
      table_name varchar := 'j' || encode(sha224(queue_name::bytea), 'hex');
      queue_created_on timestamptz;
    BEGIN

      WITH q as (
      INSERT INTO pgboss.queue (
        name,
        policy,
        retry_limit,
        retry_delay,
        retry_backoff,
        expire_seconds,
        retention_minutes,
        dead_letter,
        partition_name
      )
      VALUES (
        queue_name,
        options->>'policy',
        (options->>'retryLimit')::int,
        (options->>'retryDelay')::int,
        (options->>'retryBackoff')::bool,
        (options->>'expireInSeconds')::int,
        (options->>'retentionMinutes')::int,
        options->>'deadLetter',
        table_name
      )
      ON CONFLICT DO NOTHING
      RETURNING created_on
      )
      SELECT created_on into queue_created_on from q;

      IF queue_created_on IS NULL THEN
        RETURN;
      END IF;

      EXECUTE format('CREATE TABLE pgboss.%I (LIKE pgboss.job INCLUDING DEFAULTS)', table_name);

      EXECUTE format('ALTER TABLE pgboss.%1$I ADD PRIMARY KEY (name, id)', table_name);
      EXECUTE format('ALTER TABLE pgboss.%1$I ADD CONSTRAINT q_fkey FOREIGN KEY (name) REFERENCES pgboss.queue (name) ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED', table_name);
      EXECUTE format('ALTER TABLE pgboss.%1$I ADD CONSTRAINT dlq_fkey FOREIGN KEY (dead_letter) REFERENCES pgboss.queue (name) ON DELETE RESTRICT DEFERRABLE INITIALLY DEFERRED', table_name);
      EXECUTE format('CREATE UNIQUE INDEX %1$s_i1 ON pgboss.%1$I (name, COALESCE(singleton_key, '''')) WHERE state = ''created'' AND policy = ''short''', table_name);
      EXECUTE format('CREATE UNIQUE INDEX %1$s_i2 ON pgboss.%1$I (name, COALESCE(singleton_key, '''')) WHERE state = ''active'' AND policy = ''singleton''', table_name);
      EXECUTE format('CREATE UNIQUE INDEX %1$s_i3 ON pgboss.%1$I (name, state, COALESCE(singleton_key, '''')) WHERE state <= ''active'' AND policy = ''stately''', table_name);
      EXECUTE format('CREATE UNIQUE INDEX %1$s_i4 ON pgboss.%1$I (name, singleton_on, COALESCE(singleton_key, '''')) WHERE state <> ''cancelled'' AND singleton_on IS NOT NULL', table_name);
      EXECUTE format('CREATE INDEX %1$s_i5 ON pgboss.%1$I (name, start_after) INCLUDE (priority, created_on, id) WHERE state < ''active''', table_name);

      EXECUTE format('ALTER TABLE pgboss.%I ADD CONSTRAINT cjc CHECK (name=%L)', table_name, queue_name);
      EXECUTE format('ALTER TABLE pgboss.job ATTACH PARTITION pgboss.%I FOR VALUES IN (%L)', table_name, queue_name);
    END;
    $$
    LANGUAGE plpgsql;
  ;

    CREATE FUNCTION pgboss.delete_queue(queue_name text)
    RETURNS VOID AS
    $$
    DECLARE
      table_name varchar;
    BEGIN
      WITH deleted as (
        DELETE FROM pgboss.queue
        WHERE name = queue_name
        RETURNING partition_name
      )
      SELECT partition_name from deleted INTO table_name;

      EXECUTE format('DROP TABLE IF EXISTS pgboss.%I', table_name);
    END;
    $$
    LANGUAGE plpgsql;
  ;
INSERT INTO pgboss.version(version) VALUES ('24');
-- Mark: the end of what pg-boss made.

COMMENT ON TABLE pgboss.version IS 'pg-boss: version of this schema, and when it was last tended';
COMMENT ON TABLE pgboss.queue IS 'pg-boss: one queue for each job, with its retries';
COMMENT ON TABLE pgboss.schedule IS 'pg-boss: not used, jobs.schedules is';
COMMENT ON TABLE pgboss.subscription IS 'pg-boss: not used';
COMMENT ON TABLE pgboss.job IS 'pg-boss: what waits, runs, or ended in the last hours; partitioned by queue';
COMMENT ON TABLE pgboss.archive IS 'pg-boss: what ended before that, for a week';
GRANT USAGE ON SCHEMA pgboss TO app_user;
-- The parent is enough: rights are asked of the table that a statement names, and pg-boss names no partition.
GRANT SELECT, INSERT, UPDATE, DELETE ON pgboss.job, pgboss.archive TO app_user;
GRANT SELECT, UPDATE ON pgboss.version TO app_user;
GRANT SELECT ON pgboss.queue TO app_user;

-- stately: at most one of a job waits and one runs. 23 hours: pg-boss allows less than 24; who really ended is told by a lock, not by time.
SELECT pgboss.create_queue('dead-letters', '{"policy": "standard", "retentionMinutes": 129600}');
SELECT pgboss.create_queue(name, '{"policy": "stately", "retryLimit": 3, "retryDelay": 30, "retryBackoff": true, "expireInSeconds": 82800,
  "retentionMinutes": 20160, "deadLetter": "dead-letters"}')
FROM unnest(ARRAY['score', 'train', 'recommendations', 'evaluate', 'user-days', 'backup', 'backup-drill', 'clean-up']) name;

CREATE TABLE jobs.schedules (
  job         text PRIMARY KEY,
  cron        text NOT NULL,
  time_zone   text,
  missed      text NOT NULL DEFAULT 'run_once' CHECK (missed IN ('run_once', 'skip')),
  enabled     boolean NOT NULL DEFAULT true,
  next_run_at timestamptz,
  planned_by  text,
  updated_at  timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE jobs.schedules IS 'When each job runs by itself';
COMMENT ON COLUMN jobs.schedules.cron IS 'Minute, hour, day of month, month, day of week';
COMMENT ON COLUMN jobs.schedules.time_zone IS 'Whose clock; NULL is the shop''s';
COMMENT ON COLUMN jobs.schedules.missed IS 'What becomes of runs that fell due while nobody worked: run_once makes up for them with one, skip records them';
COMMENT ON COLUMN jobs.schedules.next_run_at IS 'Written by the workers; NULL until one has seen the schedule';
COMMENT ON COLUMN jobs.schedules.planned_by IS 'Expression and zone that next_run_at comes from: where they changed since, it is worked out anew';
INSERT INTO jobs.schedules (job, cron, missed, enabled) VALUES
  ('score', '0 3 * * *', 'run_once', true),
  ('train', '0 2 * * 0', 'run_once', true),
  ('recommendations', '0 13 * * *', 'skip', true),
  ('evaluate', '0 5 * * 0', 'skip', true),
  ('user-days', '*/15 * * * *', 'skip', true),
  ('clean-up', '30 1 * * *', 'run_once', true),
  -- Off until somebody says where backups go and who may make them.
  ('backup', '0 1 * * *', 'run_once', false),
  ('backup-drill', '0 4 * * 6', 'run_once', false);

CREATE TABLE jobs.runs (
  run_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  job         text NOT NULL,
  queue_id    uuid,
  attempt     integer NOT NULL DEFAULT 1,
  cause       text NOT NULL CHECK (cause IN ('schedule', 'catch_up', 'request')),
  due_at      timestamptz,
  state       text NOT NULL CHECK (state IN ('running', 'succeeded', 'failed', 'skipped', 'interrupted', 'handed_back')),
  started_at  timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  worker      text,
  progress    jsonb,
  result      jsonb,
  error_code  text,
  message     text
);
COMMENT ON TABLE jobs.runs IS 'History: one row for each attempt, and one for what was skipped';
COMMENT ON COLUMN jobs.runs.queue_id IS 'Id in pg-boss: the same for all attempts';
COMMENT ON COLUMN jobs.runs.cause IS 'schedule: it was time; catch_up: it was time while nobody worked; request: somebody asked';
COMMENT ON COLUMN jobs.runs.state IS 'interrupted: its worker ended in the middle; handed_back: its worker was told to stop, another goes on with it';
COMMENT ON COLUMN jobs.runs.progress IS 'While it runs: label, done, total';
COMMENT ON COLUMN jobs.runs.result IS 'What the command answered, as JSON';
CREATE INDEX idx_runs_job_run_id ON jobs.runs (job, run_id);
COMMENT ON INDEX jobs.idx_runs_job_run_id IS 'History of one job, newest first; the last run of each';

CREATE TABLE jobs.workers (
  worker     text PRIMARY KEY,
  started_at timestamptz NOT NULL DEFAULT now(),
  seen_at    timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE jobs.workers IS 'Workers by host, process and start; one that is alive says so every few seconds';

GRANT USAGE ON SCHEMA jobs TO app_user;
GRANT SELECT, INSERT, UPDATE, DELETE ON jobs.runs, jobs.workers TO app_user;
-- Which jobs there are is for migrations to say.
GRANT SELECT, UPDATE ON jobs.schedules TO app_user;

CREATE FUNCTION jobs.clean_up(p_keep_days integer DEFAULT 90)
RETURNS TABLE (what text, removed bigint)
LANGUAGE sql VOLATILE SECURITY INVOKER
AS $function$
  WITH runs AS (
    DELETE FROM jobs.runs r WHERE r.started_at < now() - make_interval(days => p_keep_days) AND r.state <> 'running' RETURNING 1
  ), workers AS (
    DELETE FROM jobs.workers w WHERE w.seen_at < now() - interval '1 day' RETURNING 1
  )
  SELECT 'runs', (SELECT count(*) FROM runs) UNION ALL SELECT 'workers', (SELECT count(*) FROM workers)
$function$;
COMMENT ON FUNCTION jobs.clean_up(integer) IS 'Removes history older than so many days, and workers that have not been seen for a day';
GRANT EXECUTE ON FUNCTION jobs.clean_up(integer) TO app_user;

CREATE FUNCTION jobs.get_maintenance_state()
RETURNS TABLE (
  migrations text[], last_backup_at timestamptz, last_drill_at timestamptz, last_drill_succeeded boolean
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $function$
  SELECT (SELECT array_agg(m.name ORDER BY m.name) FROM maintenance.migrations m),
    (SELECT max(b.finished_at) FROM maintenance.backup_runs b WHERE b.kind = 'backup' AND b.succeeded),
    (SELECT max(b.finished_at) FROM maintenance.backup_runs b WHERE b.kind = 'drill'),
    (SELECT b.succeeded FROM maintenance.backup_runs b WHERE b.kind = 'drill' ORDER BY b.backup_run_id DESC LIMIT 1)
$function$;
COMMENT ON FUNCTION jobs.get_maintenance_state() IS
  'What readiness and metrics tell of the closed schema maintenance: migrations applied, last backup that succeeded, last drill. Runs with rights of the owner role';
GRANT EXECUTE ON FUNCTION jobs.get_maintenance_state() TO app_user;
