/** SQL of background work: of our own schema `jobs`, and what pg-boss has no function for. */

const WAITING = "state IN ('created', 'retry')";

/** Locked, so that of several workers one plans. $1 is now. */
export const TO_PLAN = `
  SELECT s.job, s.cron, z.time_zone, s.missed, s.next_run_at, s.planned_by = s.cron || ' ' || z.time_zone AS planned
  FROM jobs.schedules s
  CROSS JOIN LATERAL (SELECT coalesce(s.time_zone, (SELECT a.time_zone FROM app_schema.settings a), 'UTC') AS time_zone) z
  WHERE s.enabled AND (s.next_run_at IS NULL OR s.next_run_at <= $1 OR s.planned_by IS DISTINCT FROM s.cron || ' ' || z.time_zone)
  ORDER BY s.next_run_at, s.job
  FOR UPDATE OF s SKIP LOCKED`;
export const SET_NEXT_RUN = 'UPDATE jobs.schedules SET next_run_at = $2, planned_by = $3 WHERE job = $1';
export const DISABLE_SCHEDULE =
  'UPDATE jobs.schedules SET enabled = false, next_run_at = NULL, planned_by = NULL WHERE job = $1';
export const SET_SCHEDULE = `
  UPDATE jobs.schedules SET cron = coalesce($2, cron), time_zone = CASE WHEN $3::text = '' THEN NULL ELSE coalesce($3, time_zone) END,
    missed = coalesce($4, missed), enabled = coalesce($5, enabled), next_run_at = NULL, planned_by = NULL, updated_at = now()
  WHERE job = $1`;
export const GET_SCHEDULE = `
  SELECT s.cron, coalesce(nullif(coalesce($2, s.time_zone), ''), (SELECT a.time_zone FROM app_schema.settings a), 'UTC') AS time_zone
  FROM jobs.schedules s WHERE s.job = $1`;

/** Also what runs: where its worker has ended, the next one finds it here. */
export const TO_WORK_ON = `
  SELECT name FROM pgboss.job
  WHERE name = ANY ($1) AND (state = 'active' OR (${WAITING} AND start_after <= now()))
  GROUP BY name ORDER BY max(priority) DESC, min(created_on)`;
export const TRY_LOCK =
  "SELECT pg_try_advisory_lock(hashtext('customer-analyzer job'), hashtext($1)) AS locked";
export const UNLOCK = "SELECT pg_advisory_unlock(hashtext('customer-analyzer job'), hashtext($1))";
export const ACTIVE = "SELECT id FROM pgboss.job WHERE name = $1 AND state = 'active'";

export const BEAT = `
  INSERT INTO jobs.workers (worker) VALUES ($1)
  ON CONFLICT (worker) DO UPDATE SET seen_at = now()`;
export const LEAVE = 'DELETE FROM jobs.workers WHERE worker = $1';
export const NEWEST_BEAT =
  'SELECT extract(epoch FROM now() - max(seen_at))::float8 AS age_seconds FROM jobs.workers';

export const BEGIN_RUN = `
  INSERT INTO jobs.runs (job, queue_id, attempt, cause, due_at, worker, state) VALUES ($1, $2, $3, $4, $5, $6, 'running')
  RETURNING run_id`;
export const SET_PROGRESS = 'UPDATE jobs.runs SET progress = $2 WHERE run_id = $1';
export const END_RUN = `
  UPDATE jobs.runs SET state = $2, finished_at = clock_timestamp(), result = $3, error_code = $4, message = $5 WHERE run_id = $1`;
export const END_INTERRUPTED = `
  UPDATE jobs.runs SET state = 'interrupted', finished_at = now(), message = $2 WHERE queue_id = $1 AND state = 'running'`;
export const RECORD_WITHOUT_RUN = `
  INSERT INTO jobs.runs (job, cause, due_at, state, finished_at, error_code, message) VALUES ($1, $2, $3, $4, now(), $5, $6)`;

const RUN_COLUMNS = `r.run_id, r.job, r.attempt, r.cause, r.due_at, r.state, r.started_at, r.finished_at,
  extract(epoch FROM coalesce(r.finished_at, now()) - r.started_at)::float8 AS duration_seconds, r.worker, r.progress, r.error_code, r.message`;
export const LIST_JOBS = `
  SELECT s.job, s.cron, s.time_zone, s.missed, s.enabled, s.next_run_at, coalesce(q.waiting, 0)::integer AS waiting,
    coalesce(q.active, 0)::integer AS active, to_jsonb(l) AS last_run
  FROM jobs.schedules s
  LEFT JOIN (
    SELECT name, count(*) FILTER (WHERE ${WAITING}) AS waiting, count(*) FILTER (WHERE state = 'active') AS active FROM pgboss.job GROUP BY name
  ) q ON q.name = s.job
  LEFT JOIN LATERAL (SELECT ${RUN_COLUMNS} FROM jobs.runs r WHERE r.job = s.job ORDER BY r.run_id DESC LIMIT 1) l ON true
  ORDER BY s.job`;
export const LIST_RUNS = `
  SELECT ${RUN_COLUMNS}, r.result FROM jobs.runs r
  WHERE ($1::text IS NULL OR r.job = $1) AND ($3::bigint IS NULL OR r.run_id < $3) ORDER BY r.run_id DESC LIMIT $2`;
export const RUN_OF_REQUEST = `
  SELECT ${RUN_COLUMNS}, r.result FROM jobs.runs r WHERE r.queue_id = $1 ORDER BY r.run_id DESC LIMIT 1`;
export const LIST_DEAD_LETTERS = `
  SELECT id, data ->> 'job' AS job, output ->> 'code' AS error_code, output ->> 'message' AS message, created_on AS died_at
  FROM pgboss.job WHERE name = 'dead-letters' AND state < 'active' ORDER BY created_on DESC`;
export const GET_DEAD_LETTER =
  "SELECT data ->> 'job' AS job FROM pgboss.job WHERE name = 'dead-letters' AND id = $1 AND state < 'active'";

export const CLEAN_UP = 'SELECT what, removed FROM jobs.clean_up($1)';
export const REFRESH_USER_DAYS = 'SELECT app_schema.refresh_user_days($1) AS written';
