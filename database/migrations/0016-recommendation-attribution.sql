-- What was shown, and what came of it. A list is written down only when the caller asks: reading stays reading.

CREATE TABLE app_schema.recommendation_lists (
  recommendation_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
  served_at         timestamptz NOT NULL DEFAULT now(),
  kind              text NOT NULL CHECK (kind IN ('user', 'session', 'similar', 'bought_together', 'popular')),
  user_id           integer REFERENCES app_schema.users (user_id) ON DELETE CASCADE,
  model_run_id      bigint NOT NULL,
  product_ids       integer[] NOT NULL,
  reason_codes      text[] NOT NULL,
  CHECK (cardinality(product_ids) = cardinality(reason_codes))
);
COMMENT ON TABLE app_schema.recommendation_lists IS
  'Lists that were served with a recommendation_id: events that carry it in their properties came of them. Only inserted and, when old, deleted';
COMMENT ON COLUMN app_schema.recommendation_lists.model_run_id IS 'The version that made it; its weights may be deleted since';
-- The foreign key. Also what one customer was shown.
CREATE INDEX idx_recommendation_lists_user_id ON app_schema.recommendation_lists (user_id);
-- get_recommendation_rates, prune_recommendation_lists: the lists of a period. They come in the order of time.
CREATE INDEX idx_recommendation_lists_served_at ON app_schema.recommendation_lists (served_at);
-- get_recommendation_rates: what came of a list. Most events are not in it.
CREATE INDEX idx_events_recommendation_id ON app_schema.events ((properties ->> 'recommendation_id')) WHERE properties ? 'recommendation_id';

-- A grant on all tables, as guides to PostgreSQL advise, would give a revoked UPDATE back.
CREATE FUNCTION app_schema.refuse_change() RETURNS trigger
LANGUAGE plpgsql SECURITY INVOKER
AS $function$
BEGIN
  RAISE EXCEPTION 'rows of % are not changed once they are written', TG_TABLE_NAME USING ERRCODE = 'CA002', HINT = 'Insert another, or delete it.';
END
$function$;
COMMENT ON FUNCTION app_schema.refuse_change() IS 'Trigger: a table is only inserted into and deleted from';
CREATE TRIGGER recommendation_lists_kept BEFORE UPDATE ON app_schema.recommendation_lists
  FOR EACH STATEMENT EXECUTE FUNCTION app_schema.refuse_change();

CREATE FUNCTION app_schema.record_recommendations(
  p_kind text, p_user_id integer, p_model_run_id bigint, p_product_ids integer[], p_reason_codes text[]
) RETURNS uuid
LANGUAGE sql VOLATILE SECURITY INVOKER
AS $function$
  INSERT INTO app_schema.recommendation_lists (kind, user_id, model_run_id, product_ids, reason_codes)
  VALUES (p_kind, p_user_id, p_model_run_id, p_product_ids, p_reason_codes) RETURNING recommendation_id
$function$;
COMMENT ON FUNCTION app_schema.record_recommendations(text, integer, bigint, integer[], text[]) IS
  'Writes down a list that is about to be shown and returns the recommendation_id that events are to bring back';

CREATE FUNCTION app_schema.prune_recommendation_lists(p_before timestamptz) RETURNS bigint
LANGUAGE plpgsql VOLATILE SECURITY INVOKER
AS $function$
DECLARE
  v_deleted bigint;
BEGIN
  DELETE FROM app_schema.recommendation_lists l WHERE l.served_at < p_before;
  GET DIAGNOSTICS v_deleted = ROW_COUNT;
  RETURN v_deleted;
END
$function$;
COMMENT ON FUNCTION app_schema.prune_recommendation_lists(timestamptz) IS 'Deletes the lists served before a moment and returns how many; their events stay';

CREATE FUNCTION app_schema.get_recommendation_rates(p_start_date date, p_end_date date, p_by text DEFAULT 'reason')
RETURNS TABLE (
  model_run_id bigint, kind text, reason_code text, lists bigint, shown bigint, clicks bigint, click_rate double precision, purchases bigint,
  purchase_rate double precision
)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
BEGIN
  PERFORM app_schema.check_period(p_start_date, p_end_date);
  IF (p_by IN ('reason', 'model', 'kind')) IS NOT TRUE THEN
    RAISE EXCEPTION 'rates are by reason, model or kind, not by "%"', coalesce(p_by, 'NULL') USING ERRCODE = 'CA002', HINT = 'model compares versions, as in an experiment.';
  END IF;
  RETURN QUERY
    SELECT CASE WHEN p_by = 'model' THEN s.model_run_id END, CASE WHEN p_by = 'kind' THEN s.kind END, CASE WHEN p_by = 'reason' THEN s.reason_code END,
      count(DISTINCT s.recommendation_id), count(*), count(*) FILTER (WHERE s.clicked), count(*) FILTER (WHERE s.clicked)::double precision / count(*),
      count(*) FILTER (WHERE s.bought), count(*) FILTER (WHERE s.bought)::double precision / count(*)
    FROM (
      SELECT l.recommendation_id, l.model_run_id, l.kind, t.reason_code, e.clicked, e.bought
      FROM app_schema.recommendation_lists l
      CROSS JOIN LATERAL (
        -- An event counts for the product that was in the list, once, and not where another customer sends the id back.
        SELECT array_agg(e.product_id) AS clicked_ids, array_agg(e.product_id) FILTER (WHERE e.event_type = 'purchase') AS bought_ids
        FROM app_schema.events e
        WHERE e.properties ? 'recommendation_id' AND e.properties ->> 'recommendation_id' = l.recommendation_id::text
          AND e.event_type IN ('view', 'add_to_cart', 'purchase') AND (l.user_id IS NULL OR e.user_id = l.user_id)
      ) c
      CROSS JOIN LATERAL unnest(l.product_ids, l.reason_codes) t (product_id, reason_code)
      CROSS JOIN LATERAL (
        SELECT coalesce(t.product_id = ANY (c.clicked_ids), false) AS clicked, coalesce(t.product_id = ANY (c.bought_ids), false) AS bought
      ) e
      WHERE l.served_at >= app_schema.day_start(p_start_date) AND l.served_at < app_schema.day_start(p_end_date + 1)
    ) s
    GROUP BY 1, 2, 3
    ORDER BY 1, 2, 3;
END
$function$;
COMMENT ON FUNCTION app_schema.get_recommendation_rates(date, date, text) IS
  'Of the lists served on the days p_start_date to p_end_date, by reason, model or kind: products shown, how many of them were clicked (viewed, put into the cart or bought with the list''s recommendation_id), how many bought';
