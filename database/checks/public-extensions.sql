-- severity: warning
-- problem: an extension stands in the schema public, beside what anybody may put there
-- fix: ALTER EXTENSION … SET SCHEMA extensions
SELECT e.extname AS object, e.extversion AS detail FROM pg_extension e WHERE e.extnamespace = to_regnamespace('public')
