-- severity: notice
-- problem: nobody could tell afterwards who logged in, or tried to
-- fix: ALTER SYSTEM SET …, then SELECT pg_reload_conf(): log_connections = on, log_disconnections = on, log_min_messages = warning
SELECT s.name AS object, s.name || ' = ' || s.setting AS detail,
  -- A failed login is a FATAL message: with this it is in no log.
  CASE s.name WHEN 'log_min_messages' THEN 'severe' END AS severity
FROM pg_settings s
WHERE (s.name IN ('log_connections', 'log_disconnections') AND s.setting IN ('off', '')) OR (s.name = 'log_min_messages' AND s.setting = 'panic')
