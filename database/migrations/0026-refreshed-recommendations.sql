-- Between two trainings what they chose is fitted again on what came since: a version of its own, which knows the training it follows.

ALTER TABLE app_schema.recommenders
  -- No foreign key, as of the runs of an experiment: prune_recommenders keeps a training as long as what was refreshed from it.
  ADD COLUMN refreshed_from bigint CHECK (refreshed_from <> model_run_id);
COMMENT ON COLUMN app_schema.recommenders.refreshed_from IS
  'The training whose choices this version fitted again on later data; NULL: a training of its own';

CREATE OR REPLACE FUNCTION app_schema.prune_recommenders(p_keep integer DEFAULT 3) RETURNS integer
LANGUAGE plpgsql VOLATILE SECURITY INVOKER
AS $function$
DECLARE
  v_kept bigint[];
  v_deleted integer;
BEGIN
  IF p_keep IS NULL OR p_keep < 1 THEN
    RAISE EXCEPTION 'at least one version is kept, not %', coalesce(p_keep::text, 'NULL') USING ERRCODE = 'CA002';
  END IF;
  -- Refreshes come by the hour: counted among the newest they would push out the trainings that one goes back to.
  v_kept := ARRAY(
    SELECT c.model_run_id FROM app_schema.recommenders c WHERE c.refreshed_from IS NULL ORDER BY c.model_run_id DESC LIMIT p_keep
  ) || ARRAY(
    -- Champions, and the one before: what is taken back to.
    SELECT r.model_run_id FROM app_schema.model_runs r JOIN app_schema.recommenders c ON c.model_run_id = r.model_run_id
    WHERE r.status = 'promoted' AND c.refreshed_from IS NULL ORDER BY r.as_of DESC, r.model_run_id DESC LIMIT 2
  ) || ARRAY(
    SELECT r.model_run_id FROM app_schema.model_runs r JOIN app_schema.recommenders c ON c.model_run_id = r.model_run_id
    WHERE r.status = 'promoted' ORDER BY r.as_of DESC, r.model_run_id DESC LIMIT 2
  ) || ARRAY(
    SELECT unnest(ARRAY[x.control_run, x.treatment_run]) FROM app_schema.recommendation_experiments x WHERE x.stopped_at IS NULL
  );
  DELETE FROM app_schema.recommenders c
  WHERE c.model_run_id <> ALL (v_kept)
    AND NOT EXISTS (SELECT FROM app_schema.recommenders k WHERE k.refreshed_from = c.model_run_id AND k.model_run_id = ANY (v_kept));
  GET DIAGNOSTICS v_deleted = ROW_COUNT;
  RETURN v_deleted;
END
$function$;
COMMENT ON FUNCTION app_schema.prune_recommenders(integer) IS
  'Deletes the weights of all versions but the newest p_keep trainings, the champion and the one promoted before it (of trainings, and of all), those of a running experiment, and the trainings that these were refreshed from; returns how many. The runs stay in the registry';

SELECT pgboss.create_queue('refresh', '{"policy": "stately", "retryLimit": 3, "retryDelay": 30, "retryBackoff": true, "expireInSeconds": 82800,
  "retentionMinutes": 20160, "deadLetter": "dead-letters"}');
INSERT INTO jobs.schedules (job, cron, missed, enabled) VALUES ('refresh', '40 * * * *', 'skip', true);
