-- Models are trained apart from scoring: each training is a run, and the promoted ones are what score applies.

ALTER TABLE app_schema.model_runs
  -- What was there before trained and applied in one; nothing of it can be applied again, but segmentations are.
  ADD COLUMN status text NOT NULL DEFAULT 'applied' CHECK (status IN ('applied', 'promoted', 'challenger', 'retired')),
  ADD COLUMN algorithm text,
  ADD COLUMN model jsonb,
  ADD COLUMN data_from timestamptz,
  ADD COLUMN customers integer,
  ADD COLUMN duration_seconds real;
COMMENT ON TABLE app_schema.model_runs IS
  'The registry: each training (kinds purchase, churn, first_purchase, ltv, segmentation, recommendations) and each application (scoring)';
COMMENT ON COLUMN app_schema.model_runs.status IS
  'promoted: applied to moments from its as_of on, until one with a later as_of is promoted; challenger: judged worse, kept for comparison; retired: withdrawn; applied: a run that trained nothing that could be applied again';
COMMENT ON COLUMN app_schema.model_runs.algorithm IS 'What was chosen, such as logistic or bg-nbd';
COMMENT ON COLUMN app_schema.model_runs.model IS 'The fitted model in its stored form, of kinds that are applied from here';
COMMENT ON COLUMN app_schema.model_runs.parameters IS 'How the model came about: horizon, selection, contest; of scoring which runs were applied';
COMMENT ON COLUMN app_schema.model_runs.evaluation IS 'How it did at an earlier cut-off beside a naive baseline; of scoring also drift';
COMMENT ON COLUMN app_schema.model_runs.data_from IS 'The first day with an event that was used; as_of is the end';
COMMENT ON COLUMN app_schema.model_runs.customers IS 'Customers known then';
UPDATE app_schema.model_runs SET status = 'promoted', algorithm = parameters ->> 'algorithm', model = parameters, parameters = '{}'
WHERE kind = 'segmentation';
-- Until now the newest went first, whatever its as_of: those that it overtook step back, as promote_model has it from now on.
UPDATE app_schema.model_runs r SET status = 'challenger'
WHERE r.kind = 'segmentation' AND EXISTS (
  SELECT FROM app_schema.model_runs n WHERE n.kind = 'segmentation' AND n.model_run_id > r.model_run_id AND n.as_of < r.as_of
);

CREATE FUNCTION app_schema.get_champion(p_kind text, p_as_of timestamptz DEFAULT 'infinity') RETURNS SETOF app_schema.model_runs
LANGUAGE sql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
  SELECT r.*
  FROM app_schema.model_runs r
  WHERE r.kind = p_kind AND r.status = 'promoted' AND r.as_of <= p_as_of
  ORDER BY r.as_of DESC, r.model_run_id DESC
  LIMIT 1
$function$;
COMMENT ON FUNCTION app_schema.get_champion(text, timestamptz) IS
  'The model of a kind that is applied at a moment: the promoted one with the latest as_of that knew nothing of what came after the moment';

CREATE FUNCTION app_schema.promote_model(p_model_run_id bigint) RETURNS text
LANGUAGE plpgsql VOLATILE SECURITY INVOKER
AS $function$
DECLARE
  v_run app_schema.model_runs;
BEGIN
  SELECT * INTO v_run FROM app_schema.model_runs r WHERE r.model_run_id = p_model_run_id FOR UPDATE;
  IF v_run.model_run_id IS NULL THEN
    RAISE EXCEPTION 'there is no run %', p_model_run_id
      USING ERRCODE = 'CA002', HINT = 'SELECT * FROM app_schema.list_models() shows the runs.';
  ELSIF v_run.status = 'applied' THEN
    RAISE EXCEPTION 'run % (%) is no model that can be applied again', p_model_run_id, v_run.kind
      USING ERRCODE = 'CA002', HINT = 'Promote a run of a training: SELECT * FROM app_schema.list_models() shows them.';
  END IF;
  -- Of the same kind those that would go before it step back: that is how an older model is brought back.
  UPDATE app_schema.model_runs r SET status = 'challenger'
  WHERE r.kind = v_run.kind AND r.status = 'promoted' AND (r.as_of, r.model_run_id) > (v_run.as_of, v_run.model_run_id);
  UPDATE app_schema.model_runs r SET status = 'promoted' WHERE r.model_run_id = p_model_run_id;
  RETURN v_run.kind;
END
$function$;
COMMENT ON FUNCTION app_schema.promote_model(bigint) IS
  'Makes a run the champion of its kind, also an older one; the next score applies it. Returns the kind';

CREATE FUNCTION app_schema.list_models(p_kind text DEFAULT NULL, p_limit integer DEFAULT 50)
RETURNS TABLE (
  model_run_id bigint, kind text, algorithm text, status text, as_of timestamptz, finished_at timestamptz, data_from timestamptz,
  customers integer, duration_seconds real, code_version text
)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
BEGIN
  PERFORM app_schema.check_limit(p_limit);
  RETURN QUERY
    SELECT r.model_run_id, r.kind, r.algorithm,
      CASE WHEN r.status = 'promoted' AND r.model_run_id = (SELECT c.model_run_id FROM app_schema.get_champion(r.kind) c) THEN 'champion'
        ELSE r.status END,
      r.as_of, r.finished_at, r.data_from, r.customers, r.duration_seconds, r.code_version
    FROM app_schema.model_runs r
    WHERE p_kind IS NULL OR r.kind = p_kind
    ORDER BY r.model_run_id DESC
    LIMIT p_limit;
END
$function$;
COMMENT ON FUNCTION app_schema.list_models(text, integer) IS 'The registry, newest first; the champion of a kind is what score applies now';

CREATE FUNCTION app_schema.get_realised_outcomes(p_until timestamptz DEFAULT now())
RETURNS TABLE (
  model_run_id bigint, as_of timestamptz, question text, horizon_days integer, customers bigint, said double precision, came double precision,
  standard_error double precision
)
LANGUAGE sql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
  SELECT r.model_run_id, r.as_of, q.question, q.horizon_days, q.customers,
    CASE q.question WHEN 'churn' THEN 1 - q.said ELSE q.said END,
    CASE q.question WHEN 'churn' THEN 1 - o.share ELSE o.share END, q.standard_error
  FROM app_schema.model_runs r
  CROSS JOIN LATERAL (
    SELECT p.key AS question, (p.value ->> 'horizonDays')::integer AS horizon_days, (p.value ->> 'customers')::bigint AS customers,
      (p.value ->> 'said')::double precision AS said, (p.value ->> 'standardError')::double precision AS standard_error
    FROM jsonb_each(r.evaluation -> 'said') p
  ) q
  CROSS JOIN LATERAL (
    -- Whom the run spoke of: who had bought before, or for a first purchase who had only looked.
    SELECT count(*) / nullif(q.customers, 0)::double precision AS share
    FROM app_schema.get_customer_outcomes(r.as_of, r.as_of + make_interval(hours => 24 * q.horizon_days)) w
    WHERE w.bought AND (q.question = 'first_purchase') <> EXISTS (
      SELECT FROM app_schema.events e WHERE e.user_id = w.user_id AND e.event_type = 'purchase' AND e.event_timestamp < r.as_of
    ) AND EXISTS (SELECT FROM app_schema.events e WHERE e.user_id = w.user_id AND e.event_timestamp < r.as_of AND e.event_type <> 'adjustment')
  ) o
  WHERE r.kind = 'scoring' AND r.as_of + make_interval(hours => 24 * q.horizon_days) <= p_until
  ORDER BY r.model_run_id DESC, q.question
$function$;
COMMENT ON FUNCTION app_schema.get_realised_outcomes(timestamptz) IS
  'Of each scoring whose horizon has passed by p_until: the share of customers that was predicted to buy (of churn: not to buy), the share that did, and the standard error that chance alone gives it';
