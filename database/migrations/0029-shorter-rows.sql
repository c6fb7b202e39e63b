-- Rows of weights are read as far as their product's share says, no more as far as its root: fewer pairs to add up, and lists as good.

CREATE OR REPLACE FUNCTION app_schema.read_weights(
  p_kind text, p_model_run_id bigint, p_source_ids integer[], p_source_weights double precision[], p_total double precision
) RETURNS TABLE (source_id integer, weight double precision, mark double precision, ids integer[], weights real[], collaborative integer)
LANGUAGE sql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
  SELECT s.product_id, s.weight / p_total, (1024 - s.place)::double precision,
    CASE WHEN p_kind = 'similar' AND n.similar_ids <> '{}' THEN n.similar_ids
      WHEN p_kind = 'bought_together' THEN n.neighbour_ids[:n.collaborative] ELSE n.neighbour_ids[:x.most] END,
    CASE WHEN p_kind = 'similar' AND n.similar_ids <> '{}' THEN n.similarities
      WHEN p_kind = 'bought_together' THEN n.weights[:n.collaborative] ELSE n.weights[:x.most] END,
    CASE WHEN p_kind = 'similar' AND n.similar_ids <> '{}' THEN 0 ELSE n.collaborative END
  FROM unnest(p_source_ids, p_source_weights) WITH ORDINALITY s (product_id, weight, place)
  JOIN app_schema.product_neighbours n ON n.model_run_id = p_model_run_id AND n.product_id = s.product_id
  CROSS JOIN LATERAL (SELECT greatest(10, ceil(cardinality(n.neighbour_ids) * s.weight / p_source_weights[1]))::integer AS most OFFSET 0) x
$function$;
COMMENT ON FUNCTION app_schema.read_weights(text, bigint, integer[], double precision[], double precision) IS
  'The rows of weights that a list is made of, of sources whose first is the weightiest; p_total is what their weights are divided by, mark their number counted down from 1023. Of a history the row of each as far as its share of the weightiest, 10 at least; of a basket what was taken together, of a product what is like it (where nothing is known of that, what was taken together)';
