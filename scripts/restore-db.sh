#!/usr/bin/env bash
# restore-db.sh: restores a backup that backup-db.sh made.
#
#   ./scripts/restore-db.sh FILE             restore; a FILE that is not there is looked up by its name in BACKUP_DIR
#   ./scripts/restore-db.sh --drill [FILE]   rehearse: into a scratch database, compared, dropped; the newest backup without FILE
#   ./scripts/restore-db.sh --drop-old       drop the databases that earlier restores replaced
#
#   --replace      the database may hold data: it is replaced
#   --yes          do not ask (needed where there is no terminal)
#   --force        end the sessions that are connected to the database
#   --drop-old     with FILE: drop the database that was replaced at once
#   --no-manifest  for an archive whose .manifest or .sha256 is lost, or one of pg_dump: then only its end is checked
#   --older-psql   use a psql that is older than the server
#   --jobs N       of a backup in the directory format: so many tables and indexes at once; 2 unless set
#   --quiet        say only what went wrong
#
# The archive is checked, restored into a new database beside the old one (a plain one in one transaction), compared with its manifest (rows,
# sequences, constraints, indexes, functions, owners, grants, settings) and analysed. Only then the two change names, in one
# transaction. The old one stays, as NAME_before_YYYYMMDD_HHMMSS, until --drop-old. Whatever fails before that changes nothing.
# Who was erased (customer-analyzer users erase) since the backup is erased again.
# Roles that are missing are created, without a password. Nothing is written outside of the server but temporary files.
#
# The server and the database are found as backup-db.sh finds them (its --help): DATABASE_URL, PGHOST …, the embedded server,
# localhost:5432. BACKUP_IDENTITY names the file with the key of an archive that age encrypted; gpg has its own. The login has to be a superuser, or to own the database and be allowed to create databases. BACKUP_LOG: as there.
# Needs psql, not older than the server, or the container customer-analyzer-postgres.
# Exit code: 0 done; 1 failed, the database is as it was; 2 wrong use.

set -euo pipefail
root=$(cd -P -- "$(dirname -- "$(readlink -f -- "$0")")/.." && pwd)
# shellcheck source=scripts/lib/postgres.sh
. "$root/scripts/lib/postgres.sh"
# shellcheck source=scripts/lib/archive.sh
. "$root/scripts/lib/archive.sh"

under_way='Customer Analyzer: a restore is under way'
replaced='Customer Analyzer: replaced by a restore of'
fresh=''
started=$SECONDS

remove_unfinished() {
  [ -z "$fresh" ] || drop_database "$fresh" >/dev/null 2>&1
}

drop_database() {
  sql -v name="$1" <<<'DROP DATABASE IF EXISTS :"name" WITH (FORCE);'
}

find_archive() {
  directory=$(absolute_path "${BACKUP_DIR:-$root/database/backups}")
  if [ -z "$file" ]; then
    file=$(archives_in "$directory" | tail -n 1)
    [ -n "$file" ] || die "there is no backup in $directory" 'Make one: scripts/backup-db.sh. BACKUP_DIR names another directory.'
    file=$directory/$file
  fi
  archive=$(absolute_path "${file%/}")
  if [ ! -e "$archive" ] && [ -e "$directory/${archive##*/}" ]; then
    archive=$directory/${archive##*/}
    say "$file is not there: taking $archive"
  fi
  [ -e "$archive" ] || die "there is no $file, and no ${file##*/} in $directory" 'scripts/backup-db.sh --list shows what there is.'
}

check_archive() {
  local problem
  problem=$(problem_of "$archive" "$check")
  [ -z "$problem" ] || die "$archive is not good: $problem" \
    'Take another backup (scripts/backup-db.sh --list). If only .manifest or .sha256 is lost: --no-manifest. The database is as it was.'
  manifest=''
  [ -n "$check" ] || manifest=$(beside "$archive" .manifest)
}

check_versions() {
  local from=$server_major
  if [ -n "$manifest" ]; then
    from=$(manifest_value "$manifest" server)
    from=${from%%.*}
  fi
  [ "$from" -le "$server_major" ] ||
    die "the backup is of PostgreSQL $from, newer than this server, which is $server_version" "Restore it into PostgreSQL $from or newer. The database is as it was."
}

exists_database() {
  [ "$(sql -v name="$database" <<<"SELECT count(*) FROM pg_database WHERE datname = :'name';")" = 1 ]
}

holds_data() {
  local rows
  rows=$(PGDATABASE=$database sql <<'SQL'
SELECT format('SELECT 1 FROM %s LIMIT 1;', oid::regclass) FROM pg_class
WHERE relkind = 'r' AND relnamespace::regnamespace::text !~ '^(pg_|information_schema$)'
  AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e')
\gexec
SQL
  ) || die "the database $database cannot be looked into" 'The message of PostgreSQL is above. The database is as it was.'
  [ -n "$rows" ]
}

confirm() {
  local answer
  [ -z "$yes" ] || return 0
  [ -t 0 ] || die "$1, and nobody can be asked here" 'Say --yes.'
  printf '%s. Go on? [y/N] ' "$1" >&2
  read -r answer
  case $answer in y | Y | yes | д | да) ;; *) die 'not confirmed' 'The database is as it was.' ;; esac
}

# Without the workers of autovacuum: a rename ends them by itself.
sessions() {
  sql -v name="$database" <<'SQL'
SELECT format('  process %s: %s, %s, from %s, since %s', pid, coalesce(usename, backend_type), coalesce(nullif(application_name, ''), 'no name'),
  coalesce(client_addr::text, 'this machine'), to_char(backend_start, 'YYYY-MM-DD HH24:MI:SS'))
FROM pg_stat_activity WHERE datname = :'name' AND pid <> pg_backend_pid() AND backend_type <> 'autovacuum worker';
SQL
}

refuse_sessions() {
  local connected
  connected=$(sessions)
  [ -z "$connected" ] && return
  printf '%s\n' "connected to $database:" "$connected" >&2
  [ -n "$force" ] || die 'the database is in use' 'Stop the application, or say --force to end these sessions. The database is as it was.'
}

# What is to be replaced is looked at before the long work begins.
check_target() {
  exists_database || { replaces=''; return 0; }
  replaces=yes
  if [ -z "$replace" ] && holds_data; then
    die "the database $database holds data" 'Say --replace: then it is kept under another name and the backup takes its place.'
  fi
  refuse_sessions
  confirm "The database $database will be replaced by ${archive##*/}"
}

# A name for a database: the old name, cut where PostgreSQL would cut the date, and the date.
dated_name() {
  sql -v name="$database" -v suffix="_$1_$(date -u +%Y%m%d_%H%M%S)" <<'SQL'
SELECT left(:'name', n) || :'suffix' FROM generate_series(63, 1, -1) AS n
WHERE octet_length(left(:'name', n) || :'suffix') <= 63 ORDER BY n DESC LIMIT 1;
SQL
}

# Under the lock nobody else is restoring here: what is under way was left by a restore that was killed.
sweep() {
  local name
  sql -v comment="$under_way" <<<"SELECT datname FROM pg_database WHERE shobj_description(oid, 'pg_database') = :'comment';" |
    while IFS= read -r name; do
      say "dropping $name, which an interrupted restore left"
      drop_database "$name" </dev/null
    done
}

create_fresh() {
  local encoding=UTF8 collate='' ctype=''
  if [ -n "$manifest" ]; then
    encoding=$(manifest_value "$manifest" encoding) collate=$(manifest_value "$manifest" collate) ctype=$(manifest_value "$manifest" ctype)
  fi
  fresh=$(dated_name "$1")
  create_database "$encoding" "$collate" "$ctype" 2>"$work/complaints" || {
    ! is_disk_full || die 'the disk of the server is full' 'Free some space there (df -h). The database is as it was.'
    cat "$work/complaints" >&2
    [ -n "$collate" ] || die 'the new database cannot be made' 'The message of PostgreSQL is above. The database is as it was.'
    say "the server does not know the locale $collate: its own is taken, texts may sort in another order"
    create_database "$encoding" '' '' || die 'the new database cannot be made' 'The message of PostgreSQL is above. The database is as it was.'
  }
  sql -v name="$fresh" -v comment="$under_way" <<<"COMMENT ON DATABASE :\"name\" IS :'comment';"
}

create_database() {
  sql -v name="$fresh" -v encoding="$1" -v collate="$2" -v ctype="$3" <<'SQL'
SELECT format('CREATE DATABASE %I TEMPLATE template0 ENCODING %L', :'name', :'encoding')
  || CASE WHEN :'collate' <> '' THEN format(' LC_COLLATE %L LC_CTYPE %L', :'collate', :'ctype') ELSE '' END
\gexec
SQL
}

# In a directory the roles are a file of their own, for one of pg_dump alone none.
load_directory() {
  local quoted=${fresh//\\/\\\\}
  set +e
  { [ ! -e "$archive/roles.sql" ] || PGDATABASE=$fresh sql --single-transaction -o /dev/null -f "$archive/roles.sql"; } &&
    pg_restore --exit-on-error --no-password --jobs="$jobs" --dbname="dbname='${quoted//\'/\\\'}'" -- "$archive"
  printf '0 %s' "$?" >"$work/codes"
}

load_archive() {
  set +e
  unpacked "$archive" | PGDATABASE=$fresh sql --single-transaction -o /dev/null
  printf '%s' "${PIPESTATUS[*]}" >"$work/codes"
}

load() {
  if [ -d "$archive" ]; then run_stages load_directory; else run_stages load_archive; fi
  [ "$codes" = '0 0' ] && return
  ! is_disk_full || die 'the disk of the server is full' 'Free some space there (df -h). The database is as it was.'
  ! grep -q 'invalid command .restrict' "$work/complaints" ||
    die 'this psql does not know \restrict' 'Install the newest minor release of its version. The database is as it was.'
  die "the restore failed (exit codes: $codes)" 'The messages above say why. The database is as it was.'
}

# What no dump has: see 01-init-db.sql.
apply_settings() {
  PGDATABASE=$fresh sql <<'SQL' >/dev/null || die 'the settings of the database cannot be applied' 'The message of PostgreSQL is above. The database is as it was.'
SELECT to_regprocedure('maintenance.apply_database_settings()') IS NOT NULL AS present \gset
\if :present
SELECT maintenance.apply_database_settings();
\endif
SQL
}

compare_with_manifest() {
  [ -n "$manifest" ] || return 0
  sed '1,/^contents:$/d' "$manifest" | LC_ALL=C sort >"$work/expected"
  PGDATABASE=$fresh sql <"$root/scripts/lib/inventory.sql" | LC_ALL=C sort >"$work/restored"
  diff "$work/expected" "$work/restored" >"$work/difference" && return
  sed -n 's/^< /  missing: /p; s/^> /  not in the backup: /p' "$work/difference" | head -n 20 >&2
  die 'what was restored is not what the manifest says' 'The lines above differ. The database is as it was.'
}

restore_into_fresh() {
  create_fresh "$1"
  load
  apply_settings
  compare_with_manifest
  PGDATABASE=$fresh sql <<<'ANALYZE;'
}

# Both names in one transaction. The first rename holds the database closed to new sessions and waits 5 seconds for the old ones.
rename_both() {
  sql -v database="$database" -v old="$old" -v fresh="$fresh" -v replaced="$replaced $database" -v replaces="${replaces:-no}" <<'SQL'
BEGIN;
\if :replaces
ALTER DATABASE :"database" RENAME TO :"old";
COMMENT ON DATABASE :"old" IS :'replaced';
\endif
ALTER DATABASE :"fresh" RENAME TO :"database";
COMMENT ON DATABASE :"database" IS NULL;
COMMIT;
SQL
}

end_sessions() {
  sql -v name="$database" <<<"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :'name';" >/dev/null
}

swap() {
  local renaming
  old=''
  # A moment is left, and whoever would be told "interrupted" could not know which of the two has the name.
  trap '' HUP INT TERM
  if [ -n "$replaces" ]; then
    refuse_sessions
    old=$(dated_name before)
  fi
  rename_both &
  renaming=$!
  # While the rename keeps new sessions out, those that are there can be ended for good: a pool would come back at once otherwise.
  while [ -n "$force" ] && kill -0 "$renaming" 2>/dev/null; do
    end_sessions
    sleep 0.2
  done
  wait "$renaming" || die 'the databases could not change names' 'The message of PostgreSQL is above. The database is as it was.'
  fresh=''
}

# What worked when is the story of this server: it is not to be that of the day of the backup.
keep_history() {
  local columns='kind, succeeded, archive, finished_at, duration_seconds, message'
  [ -n "$old" ] && [ "$(PGDATABASE=$old sql <<<"SELECT to_regclass('maintenance.backup_runs') IS NOT NULL;")" = t ] || return 0
  if ! copy_history 2>"$work/complaints"; then
    say 'the records of earlier backups and drills (maintenance.backup_runs) are now those of the backup'
  fi
}

copy_history() {
  PGDATABASE=$old sql <<<"COPY (SELECT $columns FROM maintenance.backup_runs ORDER BY backup_run_id) TO STDOUT;" >"$work/history" || return
  {
    printf 'TRUNCATE maintenance.backup_runs;\nCOPY maintenance.backup_runs (%s) FROM STDIN;\n' "$columns"
    cat "$work/history"
    echo '\.'
  } | PGDATABASE=$database sql --single-transaction
}

# Who was erased since the backup is in it. The list in the database that is to be replaced, of keyed hashes, says who they are; it
# means nothing to a database with another key.
carry_erasures() {
  local listed revived
  [ -n "$replaces" ] || return 0
  listed=$(PGDATABASE=$database sql 2>/dev/null <<<'SELECT count(*) FROM privacy.erasures;') || return 0
  [ "$listed" != 0 ] || return 0
  if [ "$(key_of "$database")" != "$(key_of "$fresh")" ]; then
    say "CAUTION: $listed entries of the list of erased persons (privacy.erasures) cannot be applied to this backup, which is from before that list or of another shop: erase these persons again"
    return 0
  fi
  PGDATABASE=$database sql <<<'COPY privacy.erasures TO STDOUT;' >"$work/erasures" ||
    die 'the list of erased persons cannot be read' 'The message of PostgreSQL is above. The database is as it was.'
  revived=$(apply_erasures) || die 'who was erased since the backup cannot be erased again' 'The message of PostgreSQL is above. The database is as it was.'
  [ "$revived" = 0 ] || say "erased again: $revived persons, who were erased since the backup"
}

key_of() {
  PGDATABASE=$1 sql 2>/dev/null <<<'SELECT md5(inner_pad) FROM privacy.keys;'
}

# As the owner role, to whom the functions belong.
apply_erasures() {
  {
    printf 'CREATE TEMPORARY TABLE carried (identity_hash text, erased_at timestamptz);\nCOPY carried FROM STDIN;\n'
    cat "$work/erasures"
    printf '%s\n' '\.' 'INSERT INTO privacy.erasures SELECT * FROM carried ON CONFLICT DO NOTHING;' 'SET LOCAL ROLE customer_analyzer_owner;' \
      'SELECT privacy.reapply_erasures();'
  } | PGDATABASE=$fresh sql --single-transaction
}

restore() {
  check_target
  say "restoring ${archive##*/} into $database (PostgreSQL $server_version at ${container:-${PGHOST:-localhost}:${PGPORT:-5432}})"
  restore_into_fresh restoring
  carry_erasures
  swap
  keep_history
  record_run restore true "${archive##*/}" $((SECONDS - started))
  say "done in $((SECONDS - started)) seconds: $database is the backup of $(manifest_value "${manifest:-/dev/null}" moment)"
  [ -n "$old" ] || return 0
  if [ -n "$drop_old" ]; then
    drop_database "$old"
  else
    say "the database as it was is kept as $old; when all is well: scripts/restore-db.sh --drop-old"
  fi
}

check_indexes() {
  PGDATABASE=$fresh sql <<'SQL' >/dev/null
SELECT count(*) > 0 AS present FROM pg_available_extensions WHERE name = 'amcheck' \gset
\if :present
CREATE SCHEMA customer_analyzer_drill;
CREATE EXTENSION IF NOT EXISTS amcheck SCHEMA customer_analyzer_drill;
SELECT format('SELECT %s.bt_index_check(%s, true);', (SELECT extnamespace::regnamespace FROM pg_extension WHERE extname = 'amcheck'), indexrelid)
FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid JOIN pg_am ON pg_am.oid = relam
WHERE amname = 'btree' AND relkind = 'i' AND indisvalid AND relpersistence <> 't'
\gexec
\else
\warn amcheck is not installed on the server: the indexes are not checked
\endif
SQL
}

# In a subshell, so that a failure is recorded too.
drill() {
  local seconds message
  if (rehearse) 2>"$work/drill" 3>&2; then
    cat "$work/drill" >&2
    seconds=$((SECONDS - started))
    record_run drill true "${archive##*/}" "$seconds"
    say "the drill went well: ${archive##*/} was restored and compared in $seconds seconds, and dropped again"
  else
    cat "$work/drill" >&2
    message=$(grep "^$program: " "$work/drill" | tail -n 1)
    record_run drill false "${archive##*/}" $((SECONDS - started)) "${message#*: }"
    explained=yes
    return 1
  fi
}

rehearse() {
  # The temporary files and the open session belong to the shell outside.
  trap 'code=$?; trap - EXIT; remove_unfinished; exit "$code"' EXIT
  check_archive
  check_versions
  restore_into_fresh drill
  check_indexes || die 'an index of the restored database is damaged' 'The message of PostgreSQL is above.'
}

drop_replaced() {
  local names name
  names=$(sql -v comment="$replaced $database" <<<"SELECT datname FROM pg_database WHERE shobj_description(oid, 'pg_database') = :'comment';")
  [ -n "$names" ] || { say 'no database was replaced by a restore'; return 0; }
  confirm "These databases will be dropped: $(printf '%s' "$names" | tr '\n' ' ')"
  printf '%s\n' "$names" | while IFS= read -r name; do
    drop_database "$name" </dev/null
    say "dropped $name"
  done
}

# Finds the server, takes the lock.
connect() {
  find_database
  maintenance_database=postgres
  [ "$database" != postgres ] || maintenance_database=template1
  export PGDATABASE=$maintenance_database
  # Limits of a role or a database are for daily work: a count or an index of a large table takes longer.
  export PGOPTIONS="${PGOPTIONS:-} -c statement_timeout=0 -c idle_in_transaction_session_timeout=0"
  if [ -n "$older_psql" ]; then choose_programs; else choose_programs psql; fi
  [ ! -d "${archive:-}" ] || [ -z "$container" ] ||
    die 'the programs in the container cannot read a directory of this machine' 'Install postgresql-client here. The database is as it was.'
  open_session
  take_lock restore
  sweep
}

action=restore file='' check='' replace='' yes='' force='' drop_old='' older_psql='' jobs=2
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) show_help "$0"; exit 0 ;;
    --drill) action=drill ;;
    --replace) replace=yes ;;
    --yes) yes=yes ;;
    --force) force=yes ;;
    --drop-old) drop_old=yes ;;
    --no-manifest) check=no-manifest ;;
    --older-psql) older_psql=yes ;;
    --jobs) [[ ${2:-} =~ ^[1-9][0-9]?$ ]] || usage '--jobs is a number from 1 to 99'; jobs=$2; shift ;;
    --quiet) quiet=yes ;;
    --) shift; break ;;
    -*) usage "there is no option $1; a FILE that begins with a dash stands after --" ;;
    *) [ -z "$file" ] || usage "one FILE at a time, not also $1"; file=$1 ;;
  esac
  shift
done
[ $# -le 1 ] || usage 'one FILE at a time'
[ $# = 0 ] || file=$1
[ -n "$file" ] || [ "$action" = drill ] || [ -n "$drop_old" ] || usage 'which FILE? scripts/backup-db.sh --list shows what there is'

load_env_file "$root/.env"
open_log
open_work
if [ "$action" = restore ] && [ -z "$file" ]; then
  connect
  drop_replaced
elif [ "$action" = drill ]; then
  find_archive
  connect
  drill
else
  find_archive
  check_archive
  connect
  check_versions
  restore
fi
