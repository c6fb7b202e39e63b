-- What the shop decides about recommendations: read with each list, so that a change counts from its commit on.

CREATE TABLE app_schema.recommendation_rules (
  rule_id       integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  action        text NOT NULL CHECK (action IN ('exclude', 'include', 'boost', 'pin', 'buy_again', 'buy_once')),
  product_id    integer REFERENCES app_schema.products (product_id) ON DELETE CASCADE,
  category      varchar,
  min_price     numeric,
  max_price     numeric,
  factor        real,
  position      integer,
  interval_days real,
  note          text,
  created_at    timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT recommendation_rules_says_what CHECK (coalesce(product_id::text, category, min_price::text, max_price::text) IS NOT NULL),
  CONSTRAINT recommendation_rules_factor CHECK ((action = 'boost') = (factor IS NOT NULL) AND factor > 0 AND factor < 'infinity'),
  CONSTRAINT recommendation_rules_position CHECK ((action = 'pin') = (position IS NOT NULL) AND position BETWEEN 1 AND 100),
  CONSTRAINT recommendation_rules_pin CHECK (action <> 'pin' OR product_id IS NOT NULL),
  CONSTRAINT recommendation_rules_interval CHECK ((action = 'buy_again') = (interval_days IS NOT NULL) AND interval_days > 0),
  CONSTRAINT recommendation_rules_repeat
    CHECK (action NOT IN ('buy_again', 'buy_once') OR (product_id IS NOT NULL OR category IS NOT NULL) AND min_price IS NULL AND max_price IS NULL)
);
COMMENT ON TABLE app_schema.recommendation_rules IS 'What the shop decides about recommendations, from the commit on: a rule is about the products that all of its product_id, category, min_price and max_price fit';
COMMENT ON COLUMN app_schema.recommendation_rules.action IS
  'exclude: never recommended; include: where there are such rules, only what fits one of them; boost: score times factor; pin: at position in the lists for customers and visitors; buy_again, buy_once: whether what was bought comes back, whatever the data say';
-- The foreign key.
CREATE INDEX idx_recommendation_rules_product_id ON app_schema.recommendation_rules (product_id);

ALTER TABLE app_schema.settings
  ADD COLUMN recommendation_diversity real NOT NULL DEFAULT 0 CHECK (recommendation_diversity BETWEEN 0 AND 1),
  ADD COLUMN recommendation_max_per_category integer CHECK (recommendation_max_per_category >= 1),
  ADD COLUMN recommendation_buy_again_share real CHECK (recommendation_buy_again_share BETWEEN 0 AND 1),
  ADD COLUMN recommendation_in_stock boolean NOT NULL DEFAULT true;
COMMENT ON TABLE app_schema.settings IS 'One row: time zone and currency of the shop, and how it wants its recommendations';
COMMENT ON COLUMN app_schema.settings.recommendation_diversity IS '0: by score alone; towards 1 what resembles products that stand higher comes later (maximal marginal relevance)';
COMMENT ON COLUMN app_schema.settings.recommendation_max_per_category IS 'At most so many products of one category in a list; NULL: any number';
COMMENT ON COLUMN app_schema.settings.recommendation_buy_again_share IS 'What one buys anyway stands first in this part of a list at most: the rest is there to be discovered; NULL: as the model was tuned';
COMMENT ON COLUMN app_schema.settings.recommendation_in_stock IS 'Whether only what is in stock is recommended, or what is not counted';

-- OFFSET 0 keeps it a look-up by key for each candidate in the order of their scores: merged into the query around it, the planner may
-- read all of the catalogue instead.
CREATE FUNCTION app_schema.find_recommendable(
  p_product_id integer, p_category varchar, p_min_price numeric, p_max_price numeric, p_in_stock boolean, p_has_includes boolean, p_has_excludes boolean
) RETURNS TABLE (category varchar, price numeric)
LANGUAGE sql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
  SELECT p.category, p.price
  FROM app_schema.products p
  WHERE p.product_id = p_product_id AND p.is_merchandise AND NOT p.is_hidden AND (NOT p_in_stock OR coalesce(p.stock, 1) > 0)
    AND (p_category IS NULL OR p.category = p_category)
    AND (p_min_price IS NULL OR p.price >= p_min_price) AND (p_max_price IS NULL OR p.price <= p_max_price)
    AND (NOT p_has_excludes OR NOT EXISTS (
      SELECT FROM app_schema.recommendation_rules r
      WHERE r.action = 'exclude' AND (r.product_id IS NULL OR r.product_id = p.product_id) AND (r.category IS NULL OR r.category = p.category)
        AND (r.min_price IS NULL OR p.price >= r.min_price) AND (r.max_price IS NULL OR p.price <= r.max_price)
    ))
    AND (NOT p_has_includes OR EXISTS (
      SELECT FROM app_schema.recommendation_rules r
      WHERE r.action = 'include' AND (r.product_id IS NULL OR r.product_id = p.product_id) AND (r.category IS NULL OR r.category = p.category)
        AND (r.min_price IS NULL OR p.price >= r.min_price) AND (r.max_price IS NULL OR p.price <= r.max_price)
    ))
  OFFSET 0
$function$;
COMMENT ON FUNCTION app_schema.find_recommendable(integer, varchar, numeric, numeric, boolean, boolean, boolean) IS
  'The product where it may be recommended now: merchandise, not hidden, in stock, within the asked category and prices and the rules of the shop; else no row';

CREATE TYPE app_schema.recommendation_options AS (
  language text, category varchar, as_of timestamptz, excluded_ids integer[], model_run_id bigint, diversity double precision,
  max_per_category integer, min_price numeric, max_price numeric, in_stock boolean, buy_again boolean, buy_again_share double precision
);
COMMENT ON TYPE app_schema.recommendation_options IS 'The options of a list of recommendations, checked, with the settings of the shop where nothing is said';

CREATE FUNCTION app_schema.check_recommendation_option(p_name text, p_value jsonb) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
  SELECT CASE
    WHEN p_name NOT IN ('language', 'category', 'as_of', 'exclude_product_ids', 'model_run_id', 'diversity', 'max_per_category', 'min_price',
      'max_price', 'in_stock', 'buy_again') THEN NULL
    WHEN p_value = 'null' THEN ''
    WHEN p_name = 'language' AND p_value NOT IN ('"en"', '"ru"') THEN 'en or ru'
    WHEN p_name IN ('category', 'as_of') AND jsonb_typeof(p_value) <> 'string' THEN 'a text'
    WHEN p_name IN ('in_stock', 'buy_again') AND jsonb_typeof(p_value) <> 'boolean' THEN 'true or false'
    WHEN p_name = 'exclude_product_ids'
      AND (jsonb_typeof(p_value) <> 'array' OR jsonb_path_exists(p_value, 'strict $[*] ? (@.type() != "number")')) THEN 'an array of numbers'
    WHEN p_name IN ('model_run_id', 'max_per_category') AND NOT jsonb_path_exists(p_value, 'strict $ ? (@.type() == "number" && @ >= 1 && @ <= 2147483647 && @ == @.floor())')
      THEN 'a whole number from 1'
    WHEN p_name = 'diversity' AND NOT jsonb_path_exists(p_value, 'strict $ ? (@.type() == "number" && @ >= 0 && @ <= 1)') THEN 'a number from 0 to 1'
    WHEN p_name IN ('min_price', 'max_price') AND NOT jsonb_path_exists(p_value, 'strict $ ? (@.type() == "number" && @ >= 0)') THEN 'a number from 0'
    ELSE ''
  END
$function$;
COMMENT ON FUNCTION app_schema.check_recommendation_option(text, jsonb) IS
  'What an option of recommendations must be where its value is not that; empty where it is, NULL where there is no such option';

CREATE FUNCTION app_schema.read_recommendation_options(p_options jsonb) RETURNS app_schema.recommendation_options
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
DECLARE
  v_given jsonb := coalesce(p_options, '{}');
  v_bad record;
  v_read app_schema.recommendation_options;
BEGIN
  IF jsonb_typeof(v_given) <> 'object' THEN
    RAISE EXCEPTION 'the options must be a JSON object' USING ERRCODE = 'CA002', HINT = '{} is none; the database guide lists them.';
  END IF;
  IF v_given <> '{}' THEN
    SELECT string_agg(o.key, ', ' ORDER BY o.key) FILTER (WHERE o.must_be IS NULL) AS unknown,
      min(format('%s must be %s, not %s', o.key, o.must_be, o.value)) FILTER (WHERE o.must_be <> '') AS wrong
    INTO v_bad
    FROM (SELECT g.key, g.value, app_schema.check_recommendation_option(g.key, g.value) AS must_be FROM jsonb_each(v_given) g) o;
    IF v_bad.unknown IS NOT NULL THEN
      RAISE EXCEPTION 'unknown option: %', v_bad.unknown USING ERRCODE = 'CA002',
        HINT = 'Options are language, category, as_of, exclude_product_ids, model_run_id, diversity, max_per_category, min_price, max_price, in_stock, buy_again.';
    ELSIF v_bad.wrong IS NOT NULL THEN
      RAISE EXCEPTION '%', v_bad.wrong USING ERRCODE = 'CA002', HINT = 'The database guide lists the options with examples.';
    END IF;
  END IF;
  SELECT coalesce(v_given ->> 'language', 'en'), v_given ->> 'category', app_schema.end_of_as_of(v_given ->> 'as_of'),
    ARRAY(
      SELECT x::numeric::integer FROM jsonb_array_elements_text(coalesce(nullif(v_given -> 'exclude_product_ids', 'null'), '[]')) x
      WHERE x::numeric BETWEEN 1 AND 2147483647 AND x::numeric % 1 = 0
    ),
    (v_given ->> 'model_run_id')::bigint, coalesce((v_given ->> 'diversity')::double precision, s.recommendation_diversity, 0),
    coalesce((v_given ->> 'max_per_category')::integer, s.recommendation_max_per_category),
    (v_given ->> 'min_price')::numeric, (v_given ->> 'max_price')::numeric,
    coalesce((v_given ->> 'in_stock')::boolean, s.recommendation_in_stock, true), coalesce((v_given ->> 'buy_again')::boolean, true),
    s.recommendation_buy_again_share
  INTO v_read
  FROM (VALUES (true)) one (setting_id) LEFT JOIN app_schema.settings s USING (setting_id);
  IF v_read.model_run_id IS NOT NULL AND NOT EXISTS (SELECT FROM app_schema.recommenders c WHERE c.model_run_id = v_read.model_run_id) THEN
    RAISE EXCEPTION 'run % has no published recommendations', v_read.model_run_id
      USING ERRCODE = 'CA002', HINT = 'SELECT * FROM app_schema.recommenders shows the runs that have.';
  END IF;
  RETURN v_read;
END
$function$;
COMMENT ON FUNCTION app_schema.read_recommendation_options(jsonb) IS
  'Checks the options of a list (CA002 for what is unknown or not of its kind) and fills in the settings of the shop';
