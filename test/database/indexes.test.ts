import type pg from 'pg';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/test-database.ts';

let database: TestDatabase;
let client: pg.PoolClient;

/** Enough rows, spread over enough days, that the planner chooses an index for its own reasons. */
beforeAll(async () => {
  database = await createTestDatabase();
  client = await database.adminPool.connect();
  await client.query(`
    INSERT INTO app_schema.users (first_name, last_name, username, profile_data)
      SELECT 'User' || i, 'Last' || i, 'u' || i, jsonb_build_object('country', 'c' || i % 500) FROM generate_series(1, 5000) i;
    INSERT INTO app_schema.products (name) SELECT 'Product ' || i FROM generate_series(1, 2000) i;
    INSERT INTO app_schema.sources (name) VALUES ('shop');
    INSERT INTO app_schema.events (user_id, product_id, event_type, event_timestamp, properties, source_id, external_id)
      SELECT 1 + i * 7919 % 5000, 1 + i * 1049 % 1990, (ARRAY['view', 'view', 'add_to_cart', 'purchase'])[1 + i % 4],
        '2024-01-01Z'::timestamptz + i * interval '20 minutes', '{"amount": 1}', 1, 'e' || i
      FROM generate_series(1, 40000) i;
    INSERT INTO app_schema.user_days SELECT * FROM app_schema.fold_all_days();
    INSERT INTO app_schema.user_identities SELECT 'shop', 'u' || user_id, user_id FROM app_schema.users;
    INSERT INTO app_schema.product_identities SELECT 'shop', 'p' || product_id, product_id FROM app_schema.products;
    INSERT INTO app_schema.segments SELECT i, 's' || i, '', '', '', '' FROM generate_series(1, 100) i;
    INSERT INTO app_schema.user_metrics (user_id, segment_id, ltv, churn_probability, purchase_probability_30d)
    SELECT user_id, 1 + user_id % 99, user_id * 7 % 10007, (user_id % 997) / 2000.0, (user_id % 991) / 2000.0 FROM app_schema.users;
    INSERT INTO app_schema.model_runs (kind, as_of, code_version, parameters, evaluation)
      SELECT 'scoring', now(), '1', '{}', '{}' FROM generate_series(1, 1000);
    INSERT INTO app_schema.user_score_details SELECT user_id, 1 + user_id % 999, '', '', '', '{}' FROM app_schema.users;
    INSERT INTO app_schema.model_runs (kind, as_of, code_version, parameters, evaluation, status)
      SELECT 'recommendations', now(), '1', '{}', '{}', 'promoted' FROM generate_series(1, 500);
    INSERT INTO app_schema.recommenders (model_run_id) VALUES (1500);
    INSERT INTO app_schema.product_popularity SELECT 1500, product_id, product_id / 2000.0, 1, 0, false, NULL FROM app_schema.products;
    INSERT INTO app_schema.product_neighbours SELECT 1500, product_id, ARRAY[1 + product_id % 2000], ARRAY[0.5], 0, '{}', '{}', '{0.1}', '{}' FROM app_schema.products;
    INSERT INTO app_schema.recommendation_experiments (name, control_run, treatment_run, share, stopped_at)
      SELECT 'x' || i, 1, 2, 0.5, CASE WHEN i > 1 THEN now() END FROM generate_series(1, 2000) i;
    INSERT INTO app_schema.recommendation_lists (served_at, kind, user_id, model_run_id, product_ids, reason_codes)
      SELECT '2024-01-01Z'::timestamptz + i * interval '1 hour', 'user', 1 + i % 5000, 1500, '{7}', '{popular}' FROM generate_series(1, 10000) i;
    INSERT INTO app_schema.ingested_messages SELECT 1, md5(i::text)::uuid, '2024-01-01Z'::timestamptz + i * interval '1 minute', 'm' || i FROM generate_series(1, 60000) i;
    INSERT INTO app_schema.recommendation_rules (action, product_id) SELECT 'exclude', 1 + i % 1900 FROM generate_series(1, 20000) i;
    UPDATE app_schema.events SET properties = '{"recommendation_id": "x"}' WHERE event_id % 100 = 0;
  `);
  await client.query('VACUUM ANALYZE');
});
afterAll(async () => {
  client.release();
  await database.drop();
});

interface Case {
  index: string;
  definition: string;
  /** The queries that the index is there for. */
  queries: string[];
}

const cases: Case[] = [
  {
    index: 'idx_events_user_timestamp',
    definition:
      'ON app_schema.events USING btree (user_id, event_timestamp) INCLUDE (product_id, event_type)',
    queries: [
      'SELECT * FROM app_schema.get_user_stats(7)',
      'SELECT * FROM app_schema.get_recommendations(7)',
    ],
  },
  {
    index: 'idx_events_type_timestamp',
    definition: 'ON app_schema.events USING btree (event_type, event_timestamp)',
    queries: [
      "SELECT * FROM app_schema.get_top_products('2024-03-01', '2024-03-07')",
      "SELECT * FROM app_schema.get_active_users('2024-03-01', '2024-03-02')",
      "SELECT max(event_timestamp) FROM app_schema.events WHERE event_type = 'purchase'",
    ],
  },
  {
    index: 'idx_events_purchases',
    definition:
      "ON app_schema.events USING btree (user_id, product_id, event_timestamp) WHERE ((event_type)::text = 'purchase'::text)",
    queries: ['SELECT * FROM app_schema.get_recommendations(7)'],
  },
  {
    index: 'idx_users_profile_data_gin',
    definition: 'ON app_schema.users USING gin (profile_data)',
    queries: [`SELECT * FROM app_schema.users WHERE profile_data @> '{"country": "c7"}'`],
  },
  ...['first_name', 'last_name', 'username'].map((column) => ({
    index: `idx_users_${column}`,
    definition: `ON app_schema.users USING btree (lower((${column})::text) text_pattern_ops)`,
    queries: [`SELECT * FROM app_schema.find_users('{"search": "user 77"}')`],
  })),
  ...['ltv', 'churn_probability', 'purchase_probability_30d'].map((column) => ({
    index: `idx_user_metrics_${column}`,
    definition: `ON app_schema.user_metrics USING btree (${column}, user_id)`,
    queries: [
      `SELECT * FROM app_schema.find_users('{}', '${column}', true, 20)`,
      `SELECT * FROM app_schema.find_users('{}', '${column}', false, 20)`,
    ],
  })),
  {
    index: 'idx_users_registration_date',
    definition: 'ON app_schema.users USING btree (registration_date, user_id)',
    queries: [`SELECT * FROM app_schema.find_users('{}', 'registration_date', true, 20)`],
  },
  {
    index: 'idx_user_identities_external_id',
    definition: 'ON app_schema.user_identities USING btree (external_id)',
    queries: [`SELECT * FROM app_schema.find_users('{"search": "u77"}')`],
  },
  {
    index: 'idx_events_source_external_id',
    definition: 'ON app_schema.events USING btree (source_id, external_id)',
    queries: [
      "INSERT INTO app_schema.events (event_type, source_id, external_id) VALUES ('view', 1, 'e7') ON CONFLICT (source_id, external_id) DO NOTHING",
    ],
  },
  {
    index: 'idx_events_product_id',
    definition: 'ON app_schema.events USING btree (product_id)',
    queries: ['DELETE FROM app_schema.products WHERE product_id = 1999'],
  },
  {
    index: 'idx_ingested_messages_received_at',
    definition: 'ON app_schema.ingested_messages USING brin (received_at)',
    queries: ["DELETE FROM app_schema.ingested_messages WHERE received_at < '2024-01-02Z'"],
  },
  {
    index: 'idx_user_identities_user_id',
    definition: 'ON app_schema.user_identities USING btree (user_id)',
    queries: ['SELECT * FROM app_schema.user_identities WHERE user_id = 7'],
  },
  {
    index: 'idx_product_identities_product_id',
    definition: 'ON app_schema.product_identities USING btree (product_id)',
    queries: [
      'SELECT * FROM app_schema.product_identities WHERE product_id = 7',
      'DELETE FROM app_schema.products WHERE product_id = 1999',
    ],
  },
  {
    index: 'idx_user_metrics_segment_id',
    definition: 'ON app_schema.user_metrics USING btree (segment_id)',
    queries: ['DELETE FROM app_schema.segments WHERE segment_id = 100'],
  },
  {
    index: 'idx_model_runs_kind',
    definition: 'ON app_schema.model_runs USING btree (kind, model_run_id)',
    queries: ["SELECT * FROM app_schema.get_latest_run('recommendations')"],
  },
  {
    index: 'idx_user_day_changes_user_id_day',
    definition: 'ON app_schema.user_day_changes USING btree (user_id, day)',
    queries: [
      "SET LOCAL work_mem = '64kB'; SELECT count(*) FROM app_schema.get_user_days('-infinity', 'infinity')",
    ],
  },
  {
    index: 'idx_model_runs_promoted',
    definition:
      "ON app_schema.model_runs USING btree (kind, as_of, model_run_id) WHERE (status = 'promoted'::text)",
    queries: [
      "SELECT * FROM app_schema.get_champion('recommendations')",
      'SELECT * FROM app_schema.get_recommendations(7)',
    ],
  },
  {
    index: 'idx_recommendation_experiments_running',
    definition:
      'ON app_schema.recommendation_experiments USING btree (((stopped_at IS NULL))) WHERE (stopped_at IS NULL)',
    queries: ['SELECT * FROM app_schema.get_recommendations(7)'],
  },
  {
    index: 'idx_recommendation_rules_product_id',
    definition: 'ON app_schema.recommendation_rules USING btree (product_id)',
    queries: ['DELETE FROM app_schema.recommendation_rules WHERE product_id = 1950'],
  },
  {
    index: 'idx_recommendation_lists_user_id',
    definition: 'ON app_schema.recommendation_lists USING btree (user_id)',
    queries: ['SELECT * FROM app_schema.recommendation_lists WHERE user_id = 7'],
  },
  {
    index: 'idx_recommendation_lists_served_at',
    definition: 'ON app_schema.recommendation_lists USING btree (served_at)',
    queries: [
      "SELECT * FROM app_schema.get_recommendation_rates('2024-01-01', '2024-01-02')",
      "SELECT app_schema.prune_recommendation_lists('2024-01-02')",
    ],
  },
  {
    index: 'idx_events_recommendation_id',
    definition:
      "ON app_schema.events USING btree (((properties ->> 'recommendation_id'::text))) WHERE (properties ? 'recommendation_id'::text)",
    queries: ["SELECT * FROM app_schema.get_recommendation_rates('2024-01-01', '2024-01-02')"],
  },
];

it('there is no index besides those of the keys and those that a query is known to need', async () => {
  const { rows } = await client.query<{ name: string; definition: string }>(
    `SELECT c.relname AS name, regexp_replace(pg_get_indexdef(i.indexrelid), '^CREATE (UNIQUE )?INDEX \\S+ ', '') AS definition
     FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
     WHERE c.relnamespace = 'app_schema'::regnamespace AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u'))`,
  );
  expect(Object.fromEntries(rows.map((row) => [row.name, row.definition]))).toEqual(
    Object.fromEntries(cases.map((each) => [each.index, each.definition])),
  );
});

it.each(cases.flatMap(({ index, queries }) => queries.map((sql) => ({ index, sql }))))(
  '$index serves: $sql',
  async ({ index, sql }) => {
    await client.query('BEGIN');
    try {
      await client.query(sql);
      const { rows } = await client.query(
        'SELECT pg_stat_get_xact_numscans($1::regclass)::integer AS scans',
        [`app_schema.${index}`],
      );
      expect(rows[0].scans).toBeGreaterThan(0);
    } finally {
      await client.query('ROLLBACK');
    }
  },
);
