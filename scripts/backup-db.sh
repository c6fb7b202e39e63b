#!/usr/bin/env bash
# backup-db.sh: backs the database up, checks the result, removes old backups.
#
#   ./scripts/backup-db.sh                 back up; prints the path of the archive
#   ./scripts/backup-db.sh --list          the backups there are
#   ./scripts/backup-db.sh --verify FILE…  checks archives without restoring them
#     --no-manifest                        … whose .manifest or .sha256 is lost, or which pg_dump made: then only gzip and end are checked
#   ./scripts/backup-db.sh --format directory [--jobs N]
#                                          pg_dump's directory format, N tables at once (2 unless set): for many cores and several large
#                                          tables; plain is the default
#   ./scripts/backup-db.sh --quiet         says nothing but the path and what went wrong
#
# Writes to database/backups/, or to BACKUP_DIR (one directory for each database):
#   customer_analyzer_YYYYMMDD_HHMMSS.sql.gz, or .dir (UTC), beside it .manifest (what is in it) and .sha256 (checksums).
# An archive has its name only once it is complete and checked; until then it ends in .partial. No password is in it.
#
# Reads the database that DATABASE_URL names; else PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE; else the running embedded
# server; else localhost:5432 with POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB (postgres, postgres, customer_analyzer).
# Settings, from the environment or from .env of the project:
#   BACKUP_DIR         where to write
#   BACKUP_KEEP_DAYS   older ones are removed after a backup that succeeded; 30 unless set
#   BACKUP_KEEP_MIN    so many that pass their checksum stay, however old; 3 unless set, and never fewer
#   BACKUP_LOCK_WAIT   how long to wait for a table that somebody has locked; 60s unless set
#   BACKUP_ENCRYPT_TO  a public key of age (age1…) or gpg (its id or address): the archive is encrypted to it, and can be
#                      restored only with the private key, which need not be here. BACKUP_IDENTITY: the file with that of age
#   BACKUP_LOG         a file to append all messages to
# Needs psql and pg_dump, not older than the server, or the container customer-analyzer-postgres.
# Exit code: 0 done; 1 failed, nothing was left behind; 2 wrong use.

set -euo pipefail
root=$(cd -P -- "$(dirname -- "$(readlink -f -- "$0")")/.." && pwd)
# shellcheck source=scripts/lib/postgres.sh
. "$root/scripts/lib/postgres.sh"
# shellcheck source=scripts/lib/archive.sh
. "$root/scripts/lib/archive.sh"

partial=''
reserved=''
started=$SECONDS

remove_unfinished() {
  [ -z "$reserved" ] || rm -rf -- "$reserved.partial" "$reserved.manifest" "$reserved.sha256"
}

whole_number() {
  [[ $2 =~ ^[0-9]{1,5}$ ]] || usage "$1 is \"$2\", and should be a whole number"
}

read_settings() {
  load_env_file "$root/.env"
  directory=$(absolute_path "${BACKUP_DIR:-$root/database/backups}")
  keep_days=${BACKUP_KEEP_DAYS:-30} keep_min=${BACKUP_KEEP_MIN:-3} lock_wait=${BACKUP_LOCK_WAIT:-60s}
  encrypt_to=${BACKUP_ENCRYPT_TO:-}
  case $encrypt_to in
    '') cipher='' ;;
    age1* | ssh-*) cipher=age ;;
    *) cipher=gpg ;;
  esac
  [ "$format" = plain ] || [ -z "$cipher" ] || usage '--format directory cannot be encrypted: leave it out, or BACKUP_ENCRYPT_TO'
  whole_number BACKUP_KEEP_DAYS "$keep_days"
  whole_number BACKUP_KEEP_MIN "$keep_min"
  keep_days=$((10#$keep_days)) keep_min=$((10#$keep_min))
  [ "$keep_min" -ge 3 ] || keep_min=3
  [[ $lock_wait =~ ^[0-9]+(ms|s|min)?$ ]] || usage "BACKUP_LOCK_WAIT is \"$lock_wait\", and should be such as 60s or 5min"
}

prepare_directory() {
  if ! mkdir -p -- "$directory" 2>/dev/null || ! (: >"$directory/.write-test.$$") 2>/dev/null; then
    die "cannot write into $directory" 'Make it writable for this user, or set BACKUP_DIR.'
  fi
  rm -f -- "$directory/.write-test.$$"
}

prepare_encryption() {
  [ -n "$cipher" ] || return 0
  command -v "$cipher" >/dev/null 2>&1 || die "BACKUP_ENCRYPT_TO asks for $cipher, which is not installed" "Install it (Debian: apt-get install ${cipher/gpg/gnupg}), or leave BACKUP_ENCRYPT_TO out."
  encrypt </dev/null >/dev/null || die "$cipher cannot encrypt to $encrypt_to" 'Correct BACKUP_ENCRYPT_TO, or import the public key (gpg --import).'
}

encrypt() {
  case $cipher in
    age) age --recipient "$encrypt_to" ;;
    gpg) gpg --batch --quiet --no-tty --trust-model always --compress-algo none --recipient "$encrypt_to" --encrypt ;;
    *) cat ;;
  esac
}

# Retention would count backups of two databases as one series.
refuse_other_database() {
  local newest owner
  newest=$(archives_in "$directory" | tail -n 1)
  [ -n "$newest" ] && [ -e "$directory/$newest.manifest" ] || return 0
  owner=$(manifest_value "$directory/$newest.manifest" database)
  [ "$owner" = "$(one_line "$database")" ] ||
    die "$directory has the backups of the database $owner, not of $database" 'Set BACKUP_DIR to a directory of its own for each database.'
}

one_line() {
  printf '%s' "$1" | tr '\n\r' '  '
}

# Under the lock nobody else is writing here: what is unfinished was left by a run that was killed.
sweep() {
  local file
  for file in "$directory"/customer_analyzer_*.sql.gz.* "$directory"/customer_analyzer_*.dir.*; do
    case $file in
      *.partial) ;;
      *.manifest | *.sha256) [ ! -e "${file%.*}" ] || continue ;;
      *) continue ;;
    esac
    [ -e "$file" ] || continue
    say "removing ${file##*/}, which an interrupted backup left"
    rm -rf -- "$file"
  done
}

# With O_EXCL (noclobber): of two, one gets it.
make_partial() {
  if [ "$format" = directory ]; then mkdir -- "$1"; else (set -o noclobber && : >"$1"); fi 2>/dev/null
}

# Takes the name of this second, or of the next one that is free.
reserve_name() {
  local now
  while :; do
    now=$(date -u +%Y%m%d_%H%M%S)
    archive=$directory/customer_analyzer_$now.sql.gz${cipher:+.$cipher}
    [ "$format" = plain ] || archive=$directory/customer_analyzer_$now.dir
    if [ ! -e "$archive" ] && make_partial "$archive.partial"; then
      reserved=$archive partial=$archive.partial
      [ -e "$archive" ] || return 0
      rm -rf -- "$partial"
    elif [ ! -e "$archive" ] && [ ! -e "$archive.partial" ]; then
      die "cannot write into $directory" 'Look whether the disk is full (df -h), or set BACKUP_DIR.'
    fi
    sleep 1
  done
}

open_snapshot() {
  snapshot=$(ask <<SQL
SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; SET lock_timeout = '$lock_wait';
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SELECT pg_export_snapshot();
SQL
  ) || snapshot=''
  [ -n "$snapshot" ] || die 'no snapshot of the database can be taken' 'The message of PostgreSQL is above.'
  ask <"$root/scripts/lib/roles.sql" >"$work/roles.sql" ||
    die 'the roles cannot be read' 'The message of PostgreSQL is above.'
}

# dump OPTION…; names in quotes: what is a keyword differs between versions, and read_dump can tell where a name ends.
dump() {
  pg pg_dump --snapshot="$snapshot" --lock-wait-timeout="$lock_wait" --quote-all-identifiers --no-password "$@"
}

# pg_dump of 17 and newer sets a timeout that older servers do not know, also when it dumps one of those.
roles_and_dump() {
  cat "$work/roles.sql" || return
  if [ "$(major_of pg_dump)" -gt "$server_major" ]; then
    dump | sed '1,/^SELECT pg_catalog.set_config/{/^SET transaction_timeout = 0;$/d;}'
  else
    dump
  fi
}

dump_to_partial() {
  local stages
  set +e
  if [ "$format" = directory ]; then
    dump --format=directory --jobs="$jobs" --file="$partial" && cp -- "$work/roles.sql" "$partial/"
    stages=$?
  else
    # Read while it is written, which costs gzip's idle neighbour and not the time; and once encrypted, only who has the key could.
    # Last a cat: a tee whose disk is full would go on reading to the end of the dump.
    mkfifo "$work/copy" "$work/written"
    note_contents <"$work/copy" &
    sha256 "$work/written" >"$work/checksum" &
    roles_and_dump | gzip | tee "$work/copy" | encrypt | tee "$work/written" | cat >"$partial"
    stages=${PIPESTATUS[*]}
    wait
  fi
  printf '%s' "$stages" >"$work/codes"
}

explain_failed_dump() {
  if is_disk_full; then
    die "the disk of $directory is full" 'Free some space (df -h), lower BACKUP_KEEP_DAYS, or set BACKUP_DIR to another disk.'
  elif grep -q 'canceling statement due to .* timeout' "$work/complaints"; then
    die "a table is locked by another session for longer than $lock_wait" \
      'SELECT pid, query FROM pg_stat_activity WHERE pid IN (SELECT pid FROM pg_locks WHERE mode = '"'AccessExclusiveLock'"'); shows by whom. BACKUP_LOCK_WAIT waits longer.'
  elif grep -q 'permission denied' "$work/complaints"; then
    die "$PGUSER may not read all of the database" 'Log in as admin_user or as a superuser (DATABASE_URL, PGUSER). A worker that logs in as app_user cannot back up: let cron do it. Nothing was kept.'
  fi
  die "the dump failed (exit codes of pg_dump, gzip and what follows: $codes)" 'The messages above say why. Nothing was kept; run it again once that is mended.'
}

write_manifest() {
  {
    echo '# What the archive beside this file holds; backup-db.sh --verify and restore-db.sh compare it.'
    echo 'format 1'
    echo "database $(one_line "$database")"
    echo "server $server_version"
    echo "pg_dump $(pg pg_dump --version | sed 's/^[^0-9]*//; s/ .*//')"
    echo "schema $(ask <<<"SELECT to_regclass('maintenance.migrations') IS NOT NULL AS migrated \\gset
\\if :migrated
SELECT coalesce(max(name), 'baseline') FROM maintenance.migrations;
\\else
SELECT 'none';
\\endif")"
    ask <<<"SELECT concat_ws(E'\n', 'encoding ' || pg_encoding_to_char(encoding), 'collate ' || datcollate, 'ctype ' || datctype,
      'moment ' || to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')) FROM pg_database WHERE datname = current_database();"
    echo "bytes $(size_of "$partial")"
    echo "seconds $((SECONDS - started))"
    echo 'contents:'
    # Sequences move outside of transactions: those of the archive count. Rows are those of the snapshot.
    grep '^sequence ' "$work/found" || true
    grep -v '^sequence ' "$work/inventory"
  } >"$archive.manifest"
}

check_and_publish() {
  local problem
  ask <"$root/scripts/lib/inventory.sql" | LC_ALL=C sort >"$work/inventory" ||
    die 'the tables cannot be counted' 'The message of PostgreSQL is above.'
  if [ "$format" = directory ]; then problem=$(damage "$partial" "$work/inventory"); else problem=$(damage_found "$work/inventory"); fi
  write_manifest
  { checksums "$partial" "${archive##*/}"; checksums "$archive.manifest" "${archive##*/}.manifest"; } >"$archive.sha256"
  if [ "$format" = plain ] && [ -z "$problem" ] && ! grep -q "^$(cat "$work/checksum")  " "$archive.sha256"; then
    problem='on the disk is not what was written'
  fi
  [ -z "$problem" ] || die "the new archive is not good: $problem" 'Nothing was kept. Check disk and memory of this machine, then run it again.'
  # Else a power cut could leave the name without the contents.
  [ "$format" = plain ] || sync "$partial"/*
  sync "$partial" "$archive.manifest" "$archive.sha256"
  mv -- "$partial" "$archive"
  reserved=''
  sync "$directory"
}

# backups get older by their names: a copy or a restored disk has new times on its files.
seconds_of() {
  local t=$1
  local y=$((10#${t:0:4})) m=$((10#${t:4:2})) d=$((10#${t:6:2}))
  # Days of the civil calendar since 1970: date(1) has other options on each system.
  [ "$m" -gt 2 ] || { y=$((y - 1)); m=$((m + 12)); }
  local days=$((365 * y + y / 4 - y / 100 + y / 400 + (153 * (m - 3) + 2) / 5 + d - 719469))
  echo $((days * 86400 + 10#${t:9:2} * 3600 + 10#${t:11:2} * 60 + 10#${t:13:2}))
}

stamp_of() {
  local stamp=${1#customer_analyzer_}
  printf '%s' "${stamp%%.*}"
}

# Those of the future (a clock was wrong) are neither removed nor counted among the last ones.
remove_old() {
  local now name kept=0
  now=$(seconds_of "$(stamp_of "${archive##*/}")")
  name=$(archives_in "$directory" | head -n 1)
  # Most nights nothing is old, and no checksum has to be calculated.
  [ $((now - $(seconds_of "$(stamp_of "$name")"))) -gt $((keep_days * 86400)) ] || return 0
  for name in $(archives_in "$directory" | LC_ALL=C sort -r); do
    local age=$((now - $(seconds_of "$(stamp_of "$name")")))
    [ "$age" -ge 0 ] || continue
    if [ "$kept" -lt "$keep_min" ]; then
      [ -n "$(wrong_checksum "$directory/$name" "$directory/$name.manifest" "$directory/$name.sha256")" ] || kept=$((kept + 1))
    elif [ "$age" -gt $((keep_days * 86400)) ]; then
      say "removing $name, older than $keep_days days"
      rm -rf -- "${directory:?}/${name:?}" "$directory/$name.manifest" "$directory/$name.sha256"
    fi
  done
}

back_up() {
  maintenance_database=$PGDATABASE
  choose_programs psql pg_dump
  if [ "$format" = directory ]; then
    [ -z "$container" ] || die 'the programs in the container cannot write a directory of this machine' 'Install postgresql-client here, or leave --format directory out.'
    command -v pg_restore >/dev/null 2>&1 || die 'pg_restore is not installed, which checks what was written' 'Install postgresql-client, or leave --format directory out.'
  fi
  say "backing up $database (PostgreSQL $server_version at ${container:-${PGHOST:-localhost}:${PGPORT:-5432}}) to $directory"
  prepare_directory
  prepare_encryption
  refuse_other_database
  open_work
  open_session
  take_lock backup
  sweep
  open_snapshot
  reserve_name
  run_stages dump_to_partial
  [[ $codes =~ ^[0\ ]+$ ]] || explain_failed_dump
  check_and_publish
  close_session
  say "done: $(size_of "$archive") bytes, $(grep -c '^rows ' "$archive.manifest") tables, $((SECONDS - started)) seconds"
  record_run backup true "${archive##*/}" $((SECONDS - started))
  remove_old
  printf '%s\n' "$archive"
}

list_backups() {
  local name manifest state
  printf '%-45s %14s %9s %10s  %s\n' backup bytes server rows checksum
  for name in $(archives_in "$directory"); do
    manifest=$directory/$name.manifest
    state=$(wrong_checksum "$directory/$name" "$manifest" "$directory/$name.sha256" | head -n 1)
    printf '%-45s %14s %9s %10s  %s\n' "$name" "$(size_of "$directory/$name")" "$(manifest_value "$manifest" server 2>/dev/null)" \
      "$(awk '/^rows / { n += $NF } END { print n + 0 }' "$manifest" 2>/dev/null)" "${state:-good}"
  done
}

verify() {
  local file problem code=0
  open_work
  for file in "$@"; do
    problem=$(problem_of "$(absolute_path "${file%/}")" "$check")
    if [ -z "$problem" ]; then say "good: $file"; else
      printf 'not good: %s: %s\n' "$file" "$problem" >&2
      code=1 explained=yes
    fi
  done
  return "$code"
}

action=backup
check='' format=plain jobs=2
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help) show_help "$0"; exit 0 ;;
    --list) action=list ;;
    --verify) action=verify ;;
    --no-manifest) check=no-manifest ;;
    --format) [[ ${2:-} =~ ^(plain|directory)$ ]] || usage '--format is plain or directory'; format=$2; shift ;;
    --jobs) [[ ${2:-} =~ ^[1-9][0-9]?$ ]] || usage '--jobs is a number from 1 to 99'; jobs=$2; shift ;;
    --quiet) quiet=yes ;;
    --) shift; break ;;
    -*) usage "there is no option $1" ;;
    *) break ;;
  esac
  shift
done
[ "$action" = verify ] || [ $# = 0 ] || usage "not understood: $1"
[ "$action" != verify ] || [ $# -gt 0 ] || usage '--verify needs a FILE'

read_settings
case $action in
  list) list_backups ;;
  verify) verify "$@" ;;
  backup)
    open_log
    find_database
    back_up
    ;;
esac
