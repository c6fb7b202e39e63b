/** What metrics and readiness tell of the database: each is one small query, asked when somebody scrapes. */

export const QUEUE_DEPTH = `
  SELECT q.name AS job, s.state, count(j.id)::integer AS jobs
  FROM pgboss.queue q
  CROSS JOIN (VALUES ('waiting'), ('active')) s (state)
  LEFT JOIN pgboss.job j ON j.name = q.name AND j.state <= 'active' AND (j.state = 'active') = (s.state = 'active')
  GROUP BY q.name, s.state`;
export const JOB_RUNS = `
  SELECT job, state, count(*)::integer AS runs, extract(epoch FROM max(started_at))::float8 AS newest,
    (array_agg(extract(epoch FROM finished_at - started_at)::float8 ORDER BY run_id DESC))[1] AS seconds
  FROM jobs.runs GROUP BY job, state`;
export const SCORE_AGE = `
  SELECT r.kind, extract(epoch FROM now() - max(r.finished_at))::float8 AS age_seconds, extract(epoch FROM max(r.as_of))::float8 AS as_of
  FROM app_schema.model_runs r WHERE r.kind IN ('scoring', 'recommendations') GROUP BY r.kind`;
/** Of each champion what its evaluation says of the model that was chosen. */
export const MODEL_QUALITY = `
  SELECT c.kind, m.key AS metric, m.value::float8 AS value
  FROM (VALUES ('purchase'), ('churn'), ('first_purchase'), ('ltv')) k (kind)
  CROSS JOIN LATERAL app_schema.get_champion(k.kind) c
  CROSS JOIN LATERAL jsonb_each(coalesce(c.evaluation -> 'models' -> (c.evaluation ->> 'chosen'), '{}')) m
  WHERE jsonb_typeof(m.value) = 'number'`;
export const MAINTENANCE = `
  SELECT s.migrations, extract(epoch FROM now() - s.last_backup_at)::float8 AS backup_age_seconds,
    extract(epoch FROM now() - s.last_drill_at)::float8 AS drill_age_seconds, s.last_drill_succeeded
  FROM jobs.get_maintenance_state() s`;
export const WORKER_AGE =
  'SELECT extract(epoch FROM now() - max(seen_at))::float8 AS age_seconds FROM jobs.workers';
