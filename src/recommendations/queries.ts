export const GET_RECOMMENDATIONS = 'SELECT * FROM app_schema.get_recommendations($1, $2, $3)';

const DECAY_HALF_LIFE_DAYS = 180;
const POPULARITY_HALF_LIFE_DAYS = 30;
/** Halved so often, a weight is nothing; halved on, it would leave the range of the type, which PostgreSQL reports as an error. */
const MAX_HALVINGS = 100;

/**
 * What trains the neighbours: for each customer the products, each once, with a weight (purchase 1, cart 0.5, view 0.2, halved every
 * 180 days before the moment $1) and the newest `$2` of them, by customer. A wholesaler with thousands of products would otherwise cost
 * the square of that and say little. Parameters are literals formatted on the server, since COPY takes none.
 */
export const FORMAT_INTERACTIONS = `
  SELECT format($sql$
    COPY (
      SELECT user_id, product_id, weight
      FROM (
        SELECT e.user_id, e.product_id,
          max(CASE e.event_type WHEN 'purchase' THEN 1.0 WHEN 'add_to_cart' THEN 0.5 ELSE 0.2 END
            * power(0.5, least(${MAX_HALVINGS}, extract(epoch FROM %1$L::timestamptz - e.event_timestamp)::double precision / 86400 / ${DECAY_HALF_LIFE_DAYS}))) AS weight,
          row_number() OVER (PARTITION BY e.user_id ORDER BY max(e.event_timestamp) DESC, e.product_id) AS recent
        FROM app_schema.events e
        JOIN app_schema.products p ON p.product_id = e.product_id AND p.is_merchandise
        WHERE e.user_id IS NOT NULL AND e.event_type IN ('purchase', 'add_to_cart', 'view') AND e.event_timestamp < %1$L::timestamptz
        GROUP BY e.user_id, e.product_id
      ) t
      WHERE recent <= %2$s AND weight > 0
      ORDER BY user_id, product_id
    ) TO STDOUT
  $sql$, $1::timestamptz, $2::integer) AS sql`;

/**
 * Demand and repetition of each merchandise product before the moment $1. Demand is of distinct customers (purchase 1, cart 0.5, view
 * 0.1), halved every 30 days and scaled to 1 for the most wanted. A product counts as bought repeatedly where at least $2 of its buyers
 * (share) bought it on two days or more, and at least $3 customers did. Summed in numeric: floating-point sums would depend on the plan.
 */
export const PRODUCT_DEMAND = `
  WITH shop AS (
    SELECT time_zone FROM app_schema.settings
  ), touches AS (
    SELECT e.product_id, e.user_id,
      max(CASE e.event_type WHEN 'purchase' THEN 1.0 WHEN 'add_to_cart' THEN 0.5 ELSE 0.1 END
        * power(0.5, least(${MAX_HALVINGS}, extract(epoch FROM $1::timestamptz - e.event_timestamp)::double precision / 86400 / ${POPULARITY_HALF_LIFE_DAYS}))) AS weight
    FROM app_schema.events e
    WHERE e.product_id IS NOT NULL AND e.event_type IN ('purchase', 'add_to_cart', 'view') AND e.event_timestamp < $1
    GROUP BY e.product_id, e.user_id
  ), demand AS (
    SELECT product_id, sum(weight::numeric) AS demand FROM touches GROUP BY product_id
  ), days AS (
    SELECT DISTINCT e.product_id, e.user_id, (e.event_timestamp AT TIME ZONE shop.time_zone)::date AS day
    FROM app_schema.events e CROSS JOIN shop
    WHERE e.event_type = 'purchase' AND e.user_id IS NOT NULL AND e.product_id IS NOT NULL AND e.event_timestamp < $1
  ), gaps AS (
    SELECT product_id, user_id, day - lag(day) OVER (PARTITION BY product_id, user_id ORDER BY day) AS gap FROM days
  ), repeats AS (
    SELECT product_id, count(DISTINCT user_id) AS buyers, count(DISTINCT user_id) FILTER (WHERE gap IS NOT NULL) AS repeaters,
      percentile_cont(0.5) WITHIN GROUP (ORDER BY gap) AS interval_days
    FROM gaps GROUP BY product_id
  )
  SELECT p.product_id, round(d.demand / max(d.demand) OVER (), 9)::real AS popularity, coalesce(r.buyers, 0)::integer AS buyers,
    coalesce(r.repeaters::real / r.buyers, 0)::real AS repeat_share,
    coalesce(r.repeaters::real / r.buyers >= $2 AND r.repeaters >= $3, false) AS is_bought_repeatedly,
    r.interval_days::real AS repeat_interval_days
  FROM demand d
  JOIN app_schema.products p ON p.product_id = d.product_id AND p.is_merchandise
  LEFT JOIN repeats r ON r.product_id = d.product_id
  ORDER BY p.product_id`;

// Publishing: the new set stands in temporary tables first, and only rows that changed are written. Readers see the old set or the new
// one, since all of it is one transaction.
export const CREATE_STAGING = `
  CREATE TEMP TABLE staged_neighbours (product_id integer, neighbour_ids integer[], weights real[]) ON COMMIT DROP;
  CREATE TEMP TABLE staged_popularity (
    product_id integer, popularity real, buyers integer, repeat_share real, is_bought_repeatedly boolean, repeat_interval_days real
  ) ON COMMIT DROP`;
export const COPY_NEIGHBOURS = 'COPY staged_neighbours FROM STDIN';
export const COPY_POPULARITY = 'COPY staged_popularity FROM STDIN';
export const PUBLISH = `
  DELETE FROM app_schema.product_neighbours t WHERE NOT EXISTS (SELECT FROM staged_neighbours s WHERE s.product_id = t.product_id);
  INSERT INTO app_schema.product_neighbours AS t SELECT * FROM staged_neighbours
  ON CONFLICT (product_id) DO UPDATE SET neighbour_ids = excluded.neighbour_ids, weights = excluded.weights
    WHERE (t.neighbour_ids, t.weights) IS DISTINCT FROM (excluded.neighbour_ids, excluded.weights);
  DELETE FROM app_schema.product_popularity t WHERE NOT EXISTS (SELECT FROM staged_popularity s WHERE s.product_id = t.product_id);
  INSERT INTO app_schema.product_popularity AS t SELECT * FROM staged_popularity
  ON CONFLICT (product_id) DO UPDATE SET popularity = excluded.popularity, buyers = excluded.buyers, repeat_share = excluded.repeat_share,
    is_bought_repeatedly = excluded.is_bought_repeatedly, repeat_interval_days = excluded.repeat_interval_days
    WHERE (t.*) IS DISTINCT FROM (excluded.*)`;
export const RECORD_RUN = `
  INSERT INTO app_schema.model_runs (kind, as_of, code_version, parameters, evaluation)
  VALUES ('recommendations', $1, $2, $3, $4) RETURNING model_run_id`;
