-- A segmentation that was fitted to the data may take the place of the RFM rules; old ids stay taken, so that a name never changes hands.

ALTER TABLE app_schema.segments ADD COLUMN is_promoted boolean NOT NULL DEFAULT true;
COMMENT ON COLUMN app_schema.segments.is_promoted IS 'Belongs to the segmentation that user_metrics.segment_id follows now';

CREATE OR REPLACE FUNCTION app_schema.list_segments()
RETURNS TABLE (
  segment_id integer, code text, name_en text, name_ru text, description_en text, description_ru text, customers bigint, share numeric,
  mean_ltv numeric, mean_churn_probability numeric, mean_purchase_probability_30d numeric
)
LANGUAGE sql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
  SELECT s.segment_id, s.code, s.name_en, s.name_ru, s.description_en, s.description_ru, count(m.user_id),
    round(count(m.user_id) / nullif(sum(count(m.user_id)) OVER (), 0), 4), round(avg(m.ltv), 2),
    round(avg(m.churn_probability::numeric), 4), round(avg(m.purchase_probability_30d::numeric), 4)
  FROM app_schema.segments s
  LEFT JOIN app_schema.user_metrics m ON m.segment_id = s.segment_id
  WHERE s.is_promoted
  GROUP BY s.segment_id
  ORDER BY s.segment_id
$function$;
COMMENT ON FUNCTION app_schema.list_segments() IS 'Segments of the promoted segmentation with their size, share and mean scores';
