-- What a DBA asks of a running database, as views that psql, pgAdmin and `customer-analyzer db …` read alike. Each runs with the rights of
-- who asks: admin_user sees all of it as a member of pg_monitor.

-- As maintenance, not the owner's: a superuser reads these views, so nobody below may replace what they call.
RESET ROLE;

CREATE SCHEMA monitoring;
COMMENT ON SCHEMA monitoring IS 'Customer Analyzer: views for whoever runs the database; closed to app_user and ml_user';
GRANT USAGE ON SCHEMA monitoring TO admin_user;

CREATE FUNCTION monitoring.format_age(p_age interval) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
  SELECT CASE
    WHEN s >= 172800 THEN floor(s / 86400) || ' days' WHEN s >= 7200 THEN floor(s / 3600) || ' hours'
    WHEN s >= 120 THEN floor(s / 60) || ' minutes' ELSE floor(s) || ' seconds'
  END
  FROM extract(epoch FROM greatest(p_age, interval '0')) AS s
$function$;
COMMENT ON FUNCTION monitoring.format_age(interval) IS '45 seconds, 3 hours, 12 days';

-- By name and late: a view on pg_stat_statements would stand in the way of ALTER EXTENSION … UPDATE, and without the extension there is no table.
CREATE FUNCTION monitoring.list_slow_queries()
RETURNS TABLE (
  query_id bigint, role_name text, query text, calls bigint, mean_ms double precision, max_ms double precision, total_ms double precision,
  share_of_time double precision, rows_per_call double precision, cache_hit_share double precision
)
LANGUAGE plpgsql STABLE SECURITY INVOKER
SET search_path = pg_catalog, pg_temp
AS $function$
DECLARE
  v_schema regnamespace := (SELECT e.extnamespace::regnamespace FROM pg_extension e WHERE e.extname = 'pg_stat_statements');
BEGIN
  IF v_schema IS NULL OR current_setting('shared_preload_libraries') !~ 'pg_stat_statements' THEN
    RETURN;
  END IF;
  RETURN QUERY EXECUTE format(
    'SELECT s.queryid, pg_get_userbyid(s.userid)::text, s.query, s.calls, s.mean_exec_time, s.max_exec_time, s.total_exec_time,
       s.total_exec_time / nullif(sum(s.total_exec_time) OVER (), 0), s.rows::double precision / nullif(s.calls, 0),
       s.shared_blks_hit::double precision / nullif(s.shared_blks_hit + s.shared_blks_read, 0)
     FROM %s.pg_stat_statements s
     WHERE s.dbid = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())', v_schema);
END
$function$;
COMMENT ON FUNCTION monitoring.list_slow_queries() IS
  'Slow statements of this database by the statistics that the server keeps, since they were last reset; none where the extension is missing';

CREATE VIEW monitoring.slow_queries WITH (security_invoker = true) AS
  SELECT * FROM monitoring.list_slow_queries() ORDER BY mean_ms DESC;
COMMENT ON VIEW monitoring.slow_queries IS 'Statements by mean time, slowest first; share_of_time is of all statements of this database';

CREATE VIEW monitoring.activity WITH (security_invoker = true) AS
  SELECT a.pid, a.usename::text AS role_name, a.application_name, coalesce(host(a.client_addr), 'local') AS client, a.state,
    concat_ws(' ', a.wait_event_type, a.wait_event) AS waits_for, pg_blocking_pids(a.pid) AS blocked_by,
    extract(epoch FROM clock_timestamp() - a.backend_start)::double precision AS connected_seconds,
    extract(epoch FROM clock_timestamp() - a.xact_start)::double precision AS transaction_seconds,
    extract(epoch FROM clock_timestamp() - CASE WHEN a.state = 'active' THEN a.query_start ELSE a.state_change END)::double precision AS state_seconds,
    a.query
  FROM pg_stat_activity a
  WHERE a.datname = current_database() AND a.backend_type = 'client backend' AND a.pid <> pg_backend_pid();
COMMENT ON VIEW monitoring.activity IS
  'Sessions of this database but one''s own: what they do, what they wait for, the pids that block them; state_seconds is how long they have done so';

CREATE VIEW monitoring.locks WITH (security_invoker = true) AS
  SELECT w.pid AS waiting_pid, h.pid AS holding_pid, coalesce(w.relation::regclass::text, w.locktype) AS on_what, w.mode AS wanted, h.mode AS held,
    extract(epoch FROM clock_timestamp() - w.waitstart)::double precision AS waiting_seconds
  FROM pg_locks w
  JOIN pg_locks h ON h.granted AND h.pid = ANY (pg_blocking_pids(w.pid)) AND h.locktype = w.locktype
    AND (h.database, h.relation, h.page, h.tuple, h.virtualxid, h.transactionid, h.classid, h.objid, h.objsubid) IS NOT DISTINCT FROM
      (w.database, w.relation, w.page, w.tuple, w.virtualxid, w.transactionid, w.classid, w.objid, w.objsubid)
  WHERE NOT w.granted;
COMMENT ON VIEW monitoring.locks IS 'Who waits for whom, on what';

-- Expected size: a row is 24 bytes of header, 4 of pointer and its columns' mean widths (pg_stats), in pages with 24 bytes of their own.
CREATE VIEW monitoring.tables WITH (security_invoker = true) AS
  SELECT s.relid::regclass::text AS table_name, greatest(c.reltuples, s.n_live_tup)::bigint AS rows,
    pg_total_relation_size(s.relid) AS total_bytes, pg_table_size(s.relid) AS table_bytes, pg_indexes_size(s.relid) AS index_bytes,
    s.n_dead_tup AS dead_rows, round(s.n_dead_tup::numeric / nullif(s.n_live_tup + s.n_dead_tup, 0), 4) AS dead_share,
    CASE WHEN w.width IS NOT NULL AND c.reltuples > 0 THEN greatest(0, pg_relation_size(s.relid)
      - ceil(c.reltuples * (28 + w.width) / (current_setting('block_size')::integer - 24))::bigint * current_setting('block_size')::integer) END AS bloat_bytes,
    s.seq_scan AS sequential_scans, coalesce(s.idx_scan, 0) AS index_scans,
    greatest(s.last_vacuum, s.last_autovacuum) AS last_vacuum, greatest(s.last_analyze, s.last_autoanalyze) AS last_analyze,
    age(c.relfrozenxid) AS transaction_age
  FROM pg_stat_user_tables s
  JOIN pg_class c ON c.oid = s.relid
  LEFT JOIN LATERAL (
    SELECT sum((1 - p.null_frac) * p.avg_width) AS width FROM pg_stats p WHERE p.schemaname = s.schemaname AND p.tablename = s.relname
  ) w ON true
  ORDER BY pg_total_relation_size(s.relid) DESC;
COMMENT ON VIEW monitoring.tables IS
  'Tables by size, with dead rows, scans, vacuum; bloat_bytes is an estimate from column statistics, good to some 20 %, NULL before the first ANALYZE';

CREATE VIEW monitoring.indexes WITH (security_invoker = true) AS
  SELECT i.indexrelid::regclass::text AS index_name, i.indrelid::regclass::text AS table_name, pg_relation_size(i.indexrelid) AS bytes,
    coalesce(s.idx_scan, 0) AS scans, i.indisunique AS is_unique, i.indisvalid AS is_valid,
    -- A leaf is 90 % full when it is built; an entry has 8 bytes of header and 4 of pointer.
    CASE WHEN a.amname = 'btree' AND w.width IS NOT NULL AND c.reltuples > 0 THEN greatest(0, pg_relation_size(i.indexrelid)
      - (2 + ceil(c.reltuples * (12 + w.width) / (0.9 * (current_setting('block_size')::integer - 40))))::bigint * current_setting('block_size')::integer) END AS bloat_bytes,
    (SELECT min(o.indexrelid::regclass::text) FROM pg_index o
     WHERE o.indrelid = i.indrelid AND o.indexrelid <> i.indexrelid AND o.indkey = i.indkey AND o.indclass = i.indclass AND o.indcollation = i.indcollation
       AND o.indoption = i.indoption AND (o.indexprs, o.indpred)::text IS NOT DISTINCT FROM (i.indexprs, i.indpred)::text
       AND (o.indisunique OR NOT i.indisunique) AND (o.indisprimary::integer, o.indisunique::integer, -o.indexrelid::bigint) >
         (i.indisprimary::integer, i.indisunique::integer, -i.indexrelid::bigint)) AS duplicate_of,
    -- An index that guards a constraint is needed though nobody reads it.
    coalesce(s.idx_scan, 0) = 0 AND NOT i.indisunique AND NOT i.indisexclusion AND t.seq_scan + coalesce(t.idx_scan, 0) >= 1000 AS is_unused
  FROM pg_index i
  JOIN pg_class c ON c.oid = i.indexrelid
  JOIN pg_am a ON a.oid = c.relam
  JOIN pg_stat_user_tables t ON t.relid = i.indrelid
  LEFT JOIN pg_stat_user_indexes s ON s.indexrelid = i.indexrelid
  LEFT JOIN LATERAL (
    SELECT sum((1 - p.null_frac) * p.avg_width) AS width
    FROM pg_attribute k JOIN pg_stats p ON p.schemaname = t.schemaname AND p.tablename = t.relname AND p.attname = k.attname
    WHERE k.attrelid = i.indrelid AND k.attnum = ANY (i.indkey)
  ) w ON i.indexprs IS NULL AND i.indpred IS NULL
  ORDER BY pg_relation_size(i.indexrelid) DESC;
COMMENT ON VIEW monitoring.indexes IS
  'Indexes by size; is_unused: the table was read a thousand times since statistics began and this index never; duplicate_of: an index with the same key; bloat_bytes as in tables';

CREATE VIEW monitoring.database WITH (security_invoker = true) AS
  SELECT current_database()::text AS database_name, current_setting('server_version') AS server_version, pg_database_size(current_database()) AS bytes,
    d.blks_hit::double precision / nullif(d.blks_hit + d.blks_read, 0) AS cache_hit_share, d.blks_hit + d.blks_read AS blocks_asked,
    d.deadlocks, d.temp_bytes, d.checksum_failures, d.stats_reset,
    (SELECT count(*) FROM pg_stat_activity a WHERE a.backend_type = 'client backend') AS connections,
    current_setting('max_connections')::integer - current_setting('superuser_reserved_connections')::integer AS max_connections,
    (SELECT max(age(o.datfrozenxid)) FROM pg_database o WHERE o.datallowconn) AS transaction_age
  FROM pg_stat_database d
  WHERE d.datname = current_database();
COMMENT ON VIEW monitoring.database IS 'This database as a whole; connections, max_connections and transaction_age (the oldest of all databases) are of the server';

CREATE VIEW monitoring.health WITH (security_invoker = true) AS
  WITH set_up AS (
    SELECT min(m.applied_at) AS at FROM maintenance.migrations m
  ), runs AS (
    SELECT k.kind, max(r.finished_at) FILTER (WHERE r.succeeded) AS good_at, max(r.finished_at) FILTER (WHERE NOT r.succeeded) AS failed_at
    FROM (VALUES ('backup'), ('drill')) k (kind) LEFT JOIN maintenance.backup_runs r ON r.kind = k.kind
    GROUP BY k.kind
  ), checks (place, code, subject, value, level, advice) AS (
    SELECT 1, 'connections', 'connections', format('%s of %s', d.connections, d.max_connections),
      CASE WHEN d.connections >= 0.95 * d.max_connections THEN 2 WHEN d.connections >= 0.8 * d.max_connections THEN 1 ELSE 0 END,
      'See who holds them: customer-analyzer db activity. End idle ones, or raise max_connections.'
    FROM monitoring.database d
    UNION ALL
    SELECT 2, 'blocked', 'blocked sessions', CASE WHEN count(*) = 0 THEN 'none' ELSE format('%s, the longest for %s', count(*), monitoring.format_age(make_interval(secs => max(a.state_seconds)))) END,
      CASE WHEN max(a.state_seconds) >= 300 THEN 2 WHEN max(a.state_seconds) >= 30 THEN 1 ELSE 0 END,
      'customer-analyzer db activity names who blocks; SELECT pg_cancel_backend(PID) ends its statement, pg_terminate_backend(PID) its session.'
    FROM monitoring.activity a WHERE cardinality(a.blocked_by) > 0
    UNION ALL
    SELECT 3, 'long_transactions', 'longest transaction', coalesce(monitoring.format_age(make_interval(secs => max(a.transaction_seconds))), 'none'),
      CASE WHEN max(a.transaction_seconds) >= 6 * 3600 THEN 2 WHEN max(a.transaction_seconds) >= 3600 THEN 1 ELSE 0 END,
      'Vacuum cannot remove what it may still see. End it (db activity names it), and set idle_in_transaction_session_timeout.'
    FROM monitoring.activity a
    UNION ALL
    SELECT 4, 'cache', 'cache hit ratio', coalesce(round(100 * d.cache_hit_share::numeric, 1) || ' %', 'no reads yet'),
      -- A big import reads each page once; a verdict needs a million reads.
      CASE WHEN d.blocks_asked > 1000000 AND d.cache_hit_share < 0.9 THEN 1 ELSE 0 END,
      'Raise shared_buffers to a quarter of the memory, or look for sequential scans in db slow-queries.'
    FROM monitoring.database d
    UNION ALL
    SELECT 5, 'dead_rows', 'dead rows', CASE WHEN count(*) = 0 THEN 'few' ELSE string_agg(format('%s %s %%', t.table_name, round(100 * t.dead_share)), ', ' ORDER BY t.table_name) END,
      CASE WHEN count(*) > 0 THEN 1 ELSE 0 END, 'VACUUM (ANALYZE) these tables. If it comes back, see longest transaction and autovacuum settings.'
    FROM monitoring.tables t WHERE t.dead_rows > 10000 AND t.dead_share > 0.25
    UNION ALL
    SELECT 6, 'statistics', 'statistics', CASE WHEN count(*) = 0 THEN 'present' ELSE 'missing: ' || string_agg(t.table_name, ', ' ORDER BY t.table_name) END,
      CASE WHEN count(*) > 0 THEN 1 ELSE 0 END, 'ANALYZE; the planner guesses without them.'
    FROM monitoring.tables t WHERE t.rows > 1000 AND t.last_analyze IS NULL
    UNION ALL
    SELECT 7, 'transaction_ids', 'transaction-id age', format('%s million of 2,000', round(d.transaction_age / 1000000.0)),
      CASE WHEN d.transaction_age > 1200000000 THEN 2
        WHEN d.transaction_age > 1.5 * current_setting('autovacuum_freeze_max_age')::bigint THEN 1 ELSE 0 END,
      'VACUUM FREEZE the oldest tables (monitoring.tables.transaction_age); look for old transactions, prepared ones and replication slots that hold it back.'
    FROM monitoring.database d
    UNION ALL
    SELECT 8, 'indexes', 'invalid indexes', coalesce(string_agg(i.index_name, ', ' ORDER BY i.index_name), 'none'), CASE WHEN count(*) > 0 THEN 1 ELSE 0 END,
      'A CREATE INDEX CONCURRENTLY failed: DROP INDEX, and make it again.'
    FROM monitoring.indexes i WHERE NOT i.is_valid
    UNION ALL
    SELECT 9, 'sequences', 'fullest sequence', coalesce(max(format('%s %s %%', s.sequencename, round(100 * s.used))) FILTER (WHERE s.used = s.most), 'none used'),
      CASE WHEN max(s.used) >= 0.9 THEN 2 WHEN max(s.used) >= 0.75 THEN 1 ELSE 0 END,
      'ALTER TABLE … ALTER COLUMN … TYPE bigint and ALTER SEQUENCE … AS bigint, in a quiet hour.'
    FROM (
      SELECT p.sequencename, p.last_value::numeric / CASE WHEN p.increment_by > 0 THEN p.max_value ELSE p.min_value END AS used,
        max(p.last_value::numeric / CASE WHEN p.increment_by > 0 THEN p.max_value ELSE p.min_value END) OVER () AS most
      FROM pg_sequences p WHERE p.last_value IS NOT NULL AND NOT p.cycle
    ) s
    UNION ALL
    SELECT 10, 'durability', 'durability', coalesce(string_agg(s.name || ' = ' || s.setting, ', ' ORDER BY s.name), 'on'), CASE WHEN count(*) > 0 THEN 2 ELSE 0 END,
      'A power cut can destroy the database: ALTER SYSTEM RESET these, SELECT pg_reload_conf().'
    FROM pg_settings s WHERE s.name IN ('fsync', 'full_page_writes', 'autovacuum') AND s.setting = 'off'
    UNION ALL
    SELECT 11, 'checksums', 'damaged pages', coalesce(d.checksum_failures, 0)::text, CASE WHEN d.checksum_failures > 0 THEN 2 ELSE 0 END,
      'Stop writing. The disk or the memory is failing: restore the newest good backup on another machine.'
    FROM monitoring.database d
    UNION ALL
    SELECT 12, 'restart', 'settings that wait', coalesce(string_agg(s.name, ', ' ORDER BY s.name), 'none'), CASE WHEN count(*) > 0 THEN 1 ELSE 0 END,
      'They hold after a restart of PostgreSQL.'
    FROM pg_settings s WHERE s.pending_restart
    UNION ALL
    SELECT 13, 'archiver', 'WAL archive', CASE WHEN current_setting('archive_mode') = 'off' THEN 'not used'
        WHEN a.last_failed_time > coalesce(a.last_archived_time, '-infinity') THEN format('failing since %s', a.last_failed_time::timestamptz(0)) ELSE 'works' END,
      CASE WHEN current_setting('archive_mode') <> 'off' AND a.last_failed_time > coalesce(a.last_archived_time, '-infinity') THEN 2 ELSE 0 END,
      'WAL piles up until the disk is full: see the server log for what archive_command says.'
    FROM pg_stat_archiver a
    UNION ALL
    SELECT 14, 'slots', 'replication slots', CASE WHEN count(*) = 0 THEN 'none idle' ELSE string_agg(s.slot_name::text, ', ' ORDER BY s.slot_name) || ' idle' END,
      CASE WHEN count(*) > 0 THEN 1 ELSE 0 END, 'An idle slot keeps all WAL: start its reader, or SELECT pg_drop_replication_slot(NAME).'
    FROM pg_replication_slots s WHERE NOT s.active
    UNION ALL
    SELECT 15, 'backup', 'last backup', CASE WHEN r.good_at IS NULL THEN 'none yet' ELSE monitoring.format_age(now() - r.good_at) || ' ago' END,
      CASE WHEN now() - coalesce(r.good_at, s.at) > interval '3 days' THEN 2 WHEN now() - coalesce(r.good_at, s.at) > interval '26 hours' THEN 1 ELSE 0 END,
      'Run scripts/backup-db.sh now, and see why cron did not (BACKUP_LOG, its mail).'
    FROM runs r, set_up s WHERE r.kind = 'backup'
    UNION ALL
    SELECT 16, 'drill', 'last drill', CASE WHEN r.failed_at > coalesce(r.good_at, '-infinity') THEN 'failed ' || monitoring.format_age(now() - r.failed_at) || ' ago'
        WHEN r.good_at IS NULL THEN 'none yet' ELSE monitoring.format_age(now() - r.good_at) || ' ago' END,
      CASE WHEN r.failed_at > coalesce(r.good_at, '-infinity') THEN 2 WHEN now() - coalesce(r.good_at, s.at) > interval '8 days' THEN 1 ELSE 0 END,
      'customer-analyzer backup drill shows whether the newest backup restores. maintenance.backup_runs says why one failed.'
    FROM runs r, set_up s WHERE r.kind = 'drill'
    UNION ALL
    SELECT 17, 'scores', 'last scoring', CASE WHEN max(r.finished_at) IS NOT NULL THEN monitoring.format_age(now() - max(r.finished_at)) || ' ago'
        WHEN EXISTS (SELECT FROM app_schema.events) THEN 'never' ELSE 'no events yet' END,
      CASE WHEN now() - max(r.finished_at) > interval '2 days' OR (max(r.finished_at) IS NULL AND EXISTS (SELECT FROM app_schema.events)) THEN 1 ELSE 0 END,
      'customer-analyzer score'
    FROM app_schema.model_runs r WHERE r.kind = 'scoring'
    UNION ALL
    SELECT 18, 'imports', 'last import', coalesce(max(r.status), 'none yet'), CASE WHEN max(r.status) IN ('failed', 'interrupted') THEN 1 ELSE 0 END,
      'The same import again completes it: nothing is counted twice.'
    FROM (SELECT i.status FROM app_schema.import_runs i ORDER BY i.import_run_id DESC LIMIT 1) r
  )
  SELECT c.code, c.subject, (ARRAY['ok', 'warning', 'trouble'])[1 + c.level] AS verdict, c.value, CASE WHEN c.level > 0 THEN c.advice END AS advice
  FROM checks c ORDER BY c.place;
COMMENT ON VIEW monitoring.health IS 'One line a question: verdict (ok, warning, trouble), what was found, what to do';

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA monitoring FROM PUBLIC;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA monitoring TO admin_user;
GRANT SELECT ON ALL TABLES IN SCHEMA monitoring TO admin_user;

SET LOCAL ROLE customer_analyzer_owner;
