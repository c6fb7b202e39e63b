-- The indexes of the baseline, each with the query that it serves. A second run changes nothing.

SET ROLE customer_analyzer_owner;

-- get_user_stats, get_recommendations: one customer's history, newest first.
CREATE INDEX IF NOT EXISTS idx_events_user_timestamp ON app_schema.events (user_id, event_timestamp);

-- get_top_products, scoring: the events of one type within a period or before a moment. get_active_users reads it whole.
CREATE INDEX IF NOT EXISTS idx_events_type_timestamp ON app_schema.events (event_type, event_timestamp);

-- get_recommendations: has this customer bought this product, and when last? Answered from the index alone.
CREATE INDEX IF NOT EXISTS idx_events_purchases ON app_schema.events (user_id, product_id, event_timestamp) WHERE event_type = 'purchase';

-- Search by containment: SELECT … FROM users WHERE profile_data @> '{"country": "Germany"}'. jsonb_path_ops is smaller and
-- faster for @>; the default operator class is kept because it also answers the key-exists operators that analysts type.
CREATE INDEX IF NOT EXISTS idx_users_profile_data_gin ON app_schema.users USING gin (profile_data);

RESET ROLE;
