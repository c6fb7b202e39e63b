import type pg from 'pg';

/*
 * A published version of realistic width, made by the server: for each product as many neighbours as asked, half of them near in number
 * (a niche) and half drawn by popularity, with falling weights of which the last are below 0; ten alike by content; and demand counted
 * from the events. To train on 20 million events is another benchmark's matter.
 */

const RUN = `
  WITH run AS (
    INSERT INTO app_schema.model_runs (kind, as_of, code_version, parameters, evaluation, algorithm, status)
    VALUES ('recommendations', now(), 'bench', '{}', '{}', 'synthetic', 'promoted') RETURNING model_run_id
  ) INSERT INTO app_schema.recommenders (model_run_id) SELECT model_run_id FROM run RETURNING model_run_id`;

const POPULARITY = `
  INSERT INTO app_schema.product_popularity (model_run_id, product_id, popularity, buyers, repeat_share, is_bought_repeatedly, repeat_interval_days)
  SELECT $1, e.product_id, count(*)::real / max(count(*)) OVER (), count(*), 0.3, e.product_id % 5 = 0, 30
  FROM app_schema.events e WHERE e.product_id IS NOT NULL GROUP BY e.product_id`;

const NEIGHBOURS = `
  INSERT INTO app_schema.product_neighbours (model_run_id, product_id, neighbour_ids, weights, collaborative, similar_ids, similarities,
    neighbour_popularities, similar_popularities)
  SELECT $1, p.product_id, array_agg(n.id ORDER BY n.k), array_agg(n.weight ORDER BY n.k), $2,
    (array_agg(n.id ORDER BY n.k) FILTER (WHERE n.k > $2)), (array_agg(n.weight ORDER BY n.k) FILTER (WHERE n.k > $2)),
    array_agg(coalesce(q.popularity, 0) ORDER BY n.k), (array_agg(coalesce(q.popularity, 0) ORDER BY n.k) FILTER (WHERE n.k > $2))
  FROM app_schema.products p
  CROSS JOIN LATERAL (
    SELECT k, CASE WHEN k % 2 = 0 THEN 1 + (p.product_id + (k + 1) / 2 * 7) % $3
        ELSE 1 + floor($3 * ((hashint8extended(p.product_id, k) & 1073741823) / 1073741824.0) ^ 3)::integer END AS id,
      (0.3 / (1 + 0.2 * k) - CASE WHEN k BETWEEN $2 - 5 AND $2 THEN 0.05 ELSE 0 END)::real AS weight
    FROM generate_series(1, $2::integer + 10) k
  ) n
  LEFT JOIN app_schema.product_popularity q ON q.model_run_id = $1 AND q.product_id = n.id
  GROUP BY p.product_id`;

const POPULAR = `
  INSERT INTO app_schema.popular_products (model_run_id, period, category, product_ids, scores, popularities)
  SELECT $1, 'recent', t.category, (array_agg(t.product_id ORDER BY t.popularity DESC))[:500], (array_agg(t.popularity ORDER BY t.popularity DESC))[:500],
    (array_agg(t.popularity ORDER BY t.popularity DESC))[:500]
  FROM (
    SELECT q.product_id, q.popularity, c.category FROM app_schema.product_popularity q
    JOIN app_schema.products p USING (product_id) CROSS JOIN LATERAL (VALUES (''), (p.category)) c (category)
    WHERE q.model_run_id = $1
  ) t GROUP BY t.category`;

export async function publishSynthetic(
  client: pg.ClientBase,
  products: number,
  width: number,
): Promise<void> {
  const run = (await client.query(RUN)).rows[0].model_run_id;
  await client.query(POPULARITY, [run]);
  await client.query(NEIGHBOURS, [run, width, products]);
  await client.query(POPULAR, [run]);
  await client.query(
    'VACUUM ANALYZE app_schema.product_neighbours, app_schema.product_popularity, app_schema.popular_products, app_schema.recommenders, app_schema.model_runs',
  );
}
