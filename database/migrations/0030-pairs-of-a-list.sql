-- Lists for less: a list reads so many pairs of weights, whatever the history; and what the weightiest source adds is read from its mark.

DROP FUNCTION app_schema.read_weights(text, bigint, integer[], double precision[], double precision);

CREATE FUNCTION app_schema.read_weights(
  p_kind text, p_model_run_id bigint, p_source_ids integer[], p_source_weights double precision[], p_total double precision
) RETURNS TABLE (
  weight double precision, mark double precision, ids integer[], shares real[], popularities real[], front integer, skipped integer, most integer
)
LANGUAGE sql STABLE PARALLEL SAFE SECURITY INVOKER
AS $function$
  SELECT s.weight / p_total * 1073741824, (1024 - s.place)::double precision / 1024,
    CASE WHEN x.is_similar THEN n.similar_ids ELSE n.neighbour_ids END,
    CASE WHEN x.is_similar THEN n.similarities ELSE n.weights END,
    CASE WHEN x.is_similar THEN n.similar_popularities ELSE n.neighbour_popularities END,
    x.front, CASE WHEN x.is_similar THEN 0 ELSE n.collaborative - x.front END,
    x.front + CASE
      WHEN x.is_similar THEN cardinality(n.similar_ids)
      WHEN p_kind = 'bought_together' THEN 0
      ELSE least(cardinality(n.neighbour_ids) - n.collaborative, floor(10 * x.share))
    END::integer
  FROM unnest(p_source_ids, p_source_weights) WITH ORDINALITY s (product_id, weight, place)
  JOIN app_schema.product_neighbours n ON n.model_run_id = p_model_run_id AND n.product_id = s.product_id
  CROSS JOIN LATERAL (
    SELECT k.is_similar, k.share, CASE WHEN k.is_similar THEN 0 ELSE least(n.collaborative, ceil(200 * k.share))::integer END AS front
    FROM (
      SELECT p_kind = 'similar' AND n.similar_ids <> '{}' AS is_similar,
        CASE WHEN p_kind IN ('user', 'session') THEN s.weight / p_total ELSE 1 END AS share
    ) k
    OFFSET 0
  ) x
  OFFSET 0
$function$;
COMMENT ON FUNCTION app_schema.read_weights(text, bigint, integer[], double precision[], double precision) IS
  'The rows of weights that a list is made of: weight of the source in steps of 2^-30 after p_total divided it; mark, below 1, falls with its place by 2^-10; of the row the first `front` pairs and then, `skipped` ones further, what is known by content, `most` pairs in all. Of a history 200 pairs and at most 10 by content, shared among the sources by their weights; of a basket what was taken together, of a product what is like it (where nothing is known of that, what was taken together)';

CREATE OR REPLACE FUNCTION app_schema.rank_products(
  p_kind text, p_model_run_id bigint, p_limit integer, p_options app_schema.recommendation_options, p_source_ids integer[],
  p_source_weights double precision[], p_total double precision, p_bought_ids integer[], p_banned_ids integer[], p_popular_in varchar DEFAULT '',
  p_due_ids integer[] DEFAULT '{}', p_due_scores double precision[] DEFAULT '{}', p_due_days real[] DEFAULT '{}', p_due_popularities real[] DEFAULT '{}'
) RETURNS TABLE (
  rank integer, product_id integer, name varchar, category varchar, price numeric, score double precision, reason_code text, reason text,
  reason_product_id integer, reason_weight double precision, model_run_id bigint
)
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY INVOKER
SET plan_cache_mode = force_generic_plan
AS $function$
DECLARE
  v_category varchar := p_options.category;
  v_min_price numeric := p_options.min_price;
  v_max_price numeric := p_options.max_price;
  v_in_stock boolean := p_options.in_stock;
  v_language text := p_options.language;
  v_cap integer := p_options.max_per_category;
  v_for_person boolean := p_kind IN ('user', 'session');
  v_has_includes boolean := false;
  v_has_excludes boolean := false;
  v_has_boosts boolean := false;
  v_pin_ids integer[] := '{}';
  v_pin_popularities real[];
  -- So many best ones are ranked by all that counts; where the ranking is rearranged, it needs more to choose from.
  v_pool integer;
  v_popular integer;
  -- So many of the head of the order are sorted and looked up; more where too many of them may not be recommended. NULL: all.
  v_head integer;
  -- Candidates whatever their sum: what is due again or pinned; and with minus infinity what never is one.
  v_extra_ids integer[] := p_due_ids || p_banned_ids || p_options.excluded_ids;
  v_extra_scores double precision[];
  v_extra_popularities real[] := p_due_popularities;
  -- So many that may be recommended are looked for in the head. NULL: as many as there are.
  v_most integer;
  v_order integer[];
  v_due_places integer;
  v_is_arranged boolean;
  v_is_too_much_due boolean;
  v_popularity_weight double precision;
  v_ids integer[];
  v_scores double precision[];
  v_marks double precision[];
  v_names varchar[];
  v_categories varchar[];
  v_prices numeric[];
  v_days real[];
  v_pins integer[];
  -- On top of the sum of what is a candidate whatever its sum, a power of two far above all sums, and here in steps of 2^-30 as they are.
  c_extra CONSTANT double precision := 65536 * 1073741824.0;
  -- As many as are published of the whole shop.
  c_all_popular CONSTANT integer := 500;
  -- Below a place in the history by half of the step to the next: alike by content.
  c_half_place CONSTANT double precision := 1.0 / 2048;
  -- What of it the order does not see: nothing of it where what is rearranged must find all of those.
  v_extra double precision := c_extra;
BEGIN
  IF EXISTS (SELECT FROM app_schema.recommendation_rules) THEN
    SELECT coalesce(bool_or(r.action = 'include'), false), coalesce(bool_or(r.action = 'exclude'), false), coalesce(bool_or(r.action = 'boost'), false),
      coalesce(array_agg(r.product_id) FILTER (WHERE r.action = 'pin' AND v_for_person), '{}'),
      array_agg(coalesce(q.popularity, 0)) FILTER (WHERE r.action = 'pin' AND v_for_person)
    INTO v_has_includes, v_has_excludes, v_has_boosts, v_pin_ids, v_pin_popularities
    FROM app_schema.recommendation_rules r
    LEFT JOIN app_schema.product_popularity q ON r.action = 'pin' AND q.model_run_id = p_model_run_id AND q.product_id = r.product_id;
  END IF;
  SELECT 1073741824 * c.popularity_weight, ceil(p_limit * coalesce(p_options.buy_again_share, c.buy_again_share))
  INTO v_popularity_weight, v_due_places
  FROM app_schema.recommenders c WHERE c.model_run_id = p_model_run_id;
  v_pool := CASE
    WHEN v_cap IS NOT NULL THEN greatest(100, 6 * least(p_limit, 1000))
    WHEN v_has_boosts OR p_options.diversity > 0 THEN greatest(100, 2 * least(p_limit, 1000))
    ELSE 10 + 2 * least(p_limit, 1000)
  END;
  v_is_arranged := v_pin_ids <> '{}' OR v_cap IS NOT NULL OR p_options.diversity > 0;
  v_is_too_much_due := cardinality(p_due_ids) > v_due_places;
  IF v_is_arranged OR v_has_boosts THEN
    v_extra := 0;
    v_popular := greatest(100, least(p_limit, 1000)) + cardinality(v_extra_ids);
    v_head := v_pool + 10 + v_popular + cardinality(v_pin_ids);
  ELSE
    -- No history has a million candidates.
    v_most := least(p_limit, 1000000) + greatest(0, cardinality(p_due_ids) - v_due_places);
    v_head := v_most + 10;
    v_popular := v_most + cardinality(v_extra_ids) + 10;
  END IF;
  IF v_category IS NOT NULL OR v_min_price IS NOT NULL OR v_max_price IS NOT NULL OR v_has_includes THEN
    v_head := NULL;
    v_popular := c_all_popular;
  END IF;

  v_extra_scores := p_due_scores || array_fill('-infinity'::double precision, ARRAY[cardinality(v_extra_ids) - cardinality(p_due_ids)]);
  IF v_pin_ids <> '{}' THEN
    v_extra_ids := v_pin_ids || v_extra_ids;
    v_extra_scores := array_fill(0::double precision, ARRAY[cardinality(v_pin_ids)]) || v_extra_scores;
    v_extra_popularities := v_pin_popularities || v_extra_popularities;
  END IF;

  LOOP
    SELECT array_agg(f.id), array_agg((f.score - (c_extra - v_extra) * round(f.score / c_extra)) / 1073741824), array_agg(f.mark),
      array_agg(f.name), array_agg(f.category), array_agg(f.price)
    INTO v_ids, v_scores, v_marks, v_names, v_categories, v_prices
    FROM (
      SELECT h.*, p.*
      FROM (
        SELECT c.id, sum(c.part) + v_popularity_weight * max(c.popularity) - v_extra * round(sum(c.part) / c_extra) AS score,
          -- The largest mark says which source adds most: the part in whole steps, and below 1 its place in the history, and how it knows.
          max(floor(c.part) + c.mark) AS mark
        FROM (
          -- By subscript: half of what unnesting three slices takes.
          SELECT w.ids[w.at] AS id, w.weight * w.shares[w.at] AS part, CASE WHEN w.n > w.front THEN w.mark - c_half_place ELSE w.mark END AS mark,
            w.popularities[w.at] AS popularity
          FROM (
            SELECT w.*, CASE WHEN w.n > w.front THEN w.n + w.skipped ELSE w.n END AS at
            FROM (
              SELECT w.*, generate_series(1, w.most) AS n
              FROM app_schema.read_weights(p_kind, p_model_run_id, p_source_ids, p_source_weights, p_total) w
            ) w
          ) w
          UNION ALL SELECT unnest(v_extra_ids), c_extra + 1073741824 * unnest(v_extra_scores), '-infinity', unnest(v_extra_popularities)
          UNION ALL
          SELECT unnest(l.product_ids[:v_popular]), c_extra, '-infinity', unnest(l.popularities[:v_popular])
          FROM app_schema.popular_products l
          WHERE l.model_run_id = p_model_run_id AND l.period = 'recent' AND l.category = CASE WHEN p_popular_in IS NOT NULL THEN coalesce(v_category, p_popular_in) END
        ) c
        GROUP BY c.id
        HAVING sum(c.part) > 0
        ORDER BY score DESC, c.id
        LIMIT v_head
      ) h
      CROSS JOIN LATERAL app_schema.find_recommendable(
        h.id, v_category, v_min_price, v_max_price, v_in_stock, v_has_includes, v_has_excludes, v_language
      ) p
      ORDER BY h.score DESC, h.id
      LIMIT v_most
    ) f;
    IF v_head IS NULL OR cardinality(v_ids) >= coalesce(v_most, v_pool) THEN
      -- Few shops have boosts: in the query above, they would be made ready for each list.
      IF v_has_boosts THEN
        SELECT array_agg(b.id), array_agg(b.score), array_agg(b.mark), array_agg(b.name), array_agg(b.category), array_agg(b.price)
        INTO v_ids, v_scores, v_marks, v_names, v_categories, v_prices
        FROM (
          SELECT o.id, o.mark, o.name, o.category, o.price, o.score * (
              SELECT coalesce(exp(sum(ln(r.factor))), 1) FROM app_schema.recommendation_rules r
              WHERE r.action = 'boost' AND (r.product_id IS NULL OR r.product_id = o.id) AND (r.category IS NULL OR r.category = o.category)
                AND (r.min_price IS NULL OR o.price >= r.min_price) AND (r.max_price IS NULL OR o.price <= r.max_price)
            ) AS score
          FROM unnest(v_ids, v_scores, v_marks, v_names, v_categories, v_prices) o (id, score, mark, name, category, price)
          ORDER BY score DESC, o.id
        ) b;
      END IF;
      IF v_is_arranged THEN
        SELECT array_agg(d.days ORDER BY o.place), array_agg(i.position ORDER BY o.place) INTO v_days, v_pins
        FROM unnest(v_ids) WITH ORDINALITY o (id, place)
        LEFT JOIN unnest(p_due_ids, p_due_days) d (id, days) ON d.id = o.id
        LEFT JOIN (
          SELECT r.product_id, min(r.position) AS position FROM app_schema.recommendation_rules r WHERE v_pin_ids <> '{}' AND r.action = 'pin' GROUP BY 1
        ) i ON i.product_id = o.id;
        v_order := app_schema.arrange_products(
          p_model_run_id, p_limit, v_ids, v_scores, v_days, v_pins, v_categories, v_due_places, v_cap, p_options.diversity
        );
      ELSIF v_is_too_much_due THEN
        -- As arrange_products does, which for this alone would cost five times as much.
        v_order := ARRAY(
          SELECT t.place
          FROM unnest(v_ids) WITH ORDINALITY t (id, place)
          ORDER BY (t.id = ANY (p_due_ids) AND t.place >= (
            SELECT x.place FROM unnest(v_ids) WITH ORDINALITY x (id, place) WHERE x.id = ANY (p_due_ids) ORDER BY x.place OFFSET v_due_places LIMIT 1
          )) IS TRUE, t.place
          LIMIT p_limit
        );
      END IF;
      -- A cap may leave fewer than were asked for of a pool with few categories.
      EXIT WHEN v_head IS NULL OR v_cap IS NULL OR cardinality(v_order) >= p_limit;
    END IF;
    v_head := NULL;
    v_popular := c_all_popular;
  END LOOP;
  IF v_ids IS NULL THEN
    RETURN;
  END IF;
  RETURN QUERY
    SELECT o.rank::integer, v_ids[d.place], v_names[d.place], v_categories[d.place], v_prices[d.place], v_scores[d.place],
      CASE WHEN r.code LIKE 'popular%' THEN 'popular' ELSE r.code END,
      replace(app_schema.reason_text(r.code, v_language), '%s', coalesce(
        CASE WHEN r.code = 'buy_again' THEN round(d.days)::text WHEN v_language = 'ru' THEN coalesce(s.attributes ->> 'name_ru', s.name) ELSE s.name END, '')),
      s.product_id, CASE WHEN s.product_id IS NOT NULL THEN floor(v_marks[d.place]) / 1073741824 END, p_model_run_id
    FROM unnest((coalesce(v_order, v_ids))[:p_limit]) WITH ORDINALITY o (place, rank)
    CROSS JOIN LATERAL (SELECT CASE WHEN v_order IS NULL THEN o.rank ELSE o.place END AS place) l
    CROSS JOIN LATERAL (
      SELECT l.place, p_due_days[array_position(p_due_ids, v_ids[l.place])] AS days,
        CASE WHEN v_marks[l.place] >= 1 THEN (2048 * (v_marks[l.place] - floor(v_marks[l.place])))::integer END AS mark
      OFFSET 0
    ) d
    LEFT JOIN app_schema.products s ON v_pins[d.place] IS NULL AND d.days IS NULL AND s.product_id = p_source_ids[1024 - (d.mark + 1) / 2]
    CROSS JOIN LATERAL (
      SELECT CASE
        WHEN v_pins[d.place] IS NOT NULL THEN 'pinned'
        WHEN d.days IS NOT NULL THEN 'buy_again'
        WHEN s.product_id IS NULL THEN 'popular_' || coalesce(
          (SELECT q.trending FROM app_schema.product_popularity q WHERE q.model_run_id = p_model_run_id AND q.product_id = v_ids[d.place]), 'recent')
        WHEN s.product_id = v_ids[d.place] THEN 'viewed_again'
        WHEN d.mark % 2 = 1 THEN 'similar'
        WHEN NOT v_for_person THEN 'taken_together'
        WHEN s.product_id = ANY (p_bought_ids) THEN 'bought_together'
        ELSE 'viewed_together' END AS code
      OFFSET 0
    ) r
    ORDER BY o.rank;
END
$function$;
