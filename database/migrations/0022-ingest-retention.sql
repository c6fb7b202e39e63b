-- What is remembered of messages over HTTP goes after a while, by the same command as the history of jobs.

-- Rows lie in the order of arrival: a few pages of index find the old ones among millions.
CREATE INDEX idx_ingested_messages_received_at ON app_schema.ingested_messages USING brin (received_at);

CREATE OR REPLACE FUNCTION jobs.clean_up(p_keep_days integer DEFAULT 90)
RETURNS TABLE (what text, removed bigint)
LANGUAGE sql VOLATILE SECURITY INVOKER
AS $function$
  WITH runs AS (
    DELETE FROM jobs.runs r WHERE r.started_at < now() - make_interval(days => p_keep_days) AND r.state <> 'running' RETURNING 1
  ), workers AS (
    DELETE FROM jobs.workers w WHERE w.seen_at < now() - interval '1 day' RETURNING 1
  ), messages AS (
    -- Their events are still counted once: those have a key of their own.
    DELETE FROM app_schema.ingested_messages m WHERE m.received_at < now() - make_interval(days => p_keep_days) RETURNING 1
  ), rejects AS (
    DELETE FROM app_schema.ingest_rejects r WHERE r.received_at < now() - make_interval(days => p_keep_days) RETURNING 1
  )
  SELECT 'runs', (SELECT count(*) FROM runs) UNION ALL SELECT 'workers', (SELECT count(*) FROM workers)
  UNION ALL SELECT 'messages', (SELECT count(*) FROM messages) UNION ALL SELECT 'rejects', (SELECT count(*) FROM rejects)
$function$;
COMMENT ON FUNCTION jobs.clean_up(integer) IS
  'Removes what is older than so many days: history of jobs, the ledger of messages over HTTP, their dead letters; and workers that have not been seen for a day';
