# shellcheck shell=bash
# What backup-db.sh and restore-db.sh share: messages, the address of the database, client programs, a session that stays open.
# It is read by them (source) and does nothing by itself. Written for bash 3.2 and newer.

# Cron has hardly any PATH.
PATH=$PATH:/usr/local/bin:/usr/bin:/bin:/opt/homebrew/bin
umask 077

program=${0##*/}
quiet=''
explained=''
logging=''
container=''
work=''
session=''
job=''

say() {
  [ -n "$quiet" ] || printf '%s\n' "$*" >&2
}

# die MESSAGE [WHAT TO DO]: exit code 1.
die() {
  explained=yes
  complain "$@"
  exit 1
}

# With a log also to where cron takes its mail from: the log may be what fails.
complain() {
  local text="$program: $1"
  [ -z "${2:-}" ] || text=$text$'\n'"  $2"
  printf '%s\n' "$text" >&2 || true
  [ -z "$logging" ] || printf '%s\n' "$text" >&3
}

# usage MESSAGE: exit code 2.
usage() {
  explained=yes
  printf '%s: %s\n  %s --help shows what can be given.\n' "$program" "$1" "$program" >&2
  exit 2
}

# The comment at the head of the script is its manual.
show_help() {
  sed -n '2,/^$/s/^# \{0,1\}//p' "$1"
}

# All messages go to BACKUP_LOG, if there is one.
open_log() {
  [ -n "${BACKUP_LOG:-}" ] || return 0
  (: >>"$BACKUP_LOG") 2>/dev/null || die "the log $BACKUP_LOG cannot be written" 'Correct BACKUP_LOG, or leave it out.'
  exec 3>&2 2>>"$BACKUP_LOG"
  logging=yes
}

# The settings in .env of the project, as far as they concern us. What the environment has, wins; nothing is executed.
load_env_file() {
  local line name value
  [ -r "$1" ] || return 0
  while IFS= read -r line || [ -n "$line" ]; do
    [[ ${line%$'\r'} =~ ^(export\ +)?([A-Z][A-Z0-9_]*)=(.*)$ ]] || continue
    name=${BASH_REMATCH[2]} value=${BASH_REMATCH[3]}
    case $name in
      DATABASE_URL | POSTGRES_* | PG* | BACKUP_* | CUSTOMER_ANALYZER_HOME) ;;
      *) continue ;;
    esac
    [[ $value =~ ^\"(.*)\"$ || $value =~ ^\'(.*)\'$ ]] && value=${BASH_REMATCH[1]}
    [ -n "${!name+set}" ] || export "$name=$value"
  done <"$1"
}

# A path that no program takes for an option.
absolute_path() {
  case $1 in
    /*) printf '%s' "$1" ;;
    *) printf '%s/%s' "$PWD" "$1" ;;
  esac
}

# --- the address of the database ------------------------------------------------------------------------------------------------

decode() {
  local text=${1//\\/\\\\}
  printf '%b' "${text//%/\\x}"
}

# A URL on a command line would show its password to everybody who asks for the list of processes: it becomes libpq's variables.
use_url() {
  local rest=${1#*://} login='' address query='' host pair
  case $1 in postgres://*/?* | postgresql://*/?*) ;; *)
    die 'DATABASE_URL is not a PostgreSQL URL' 'Write postgresql://user:password@host:5432/database.' ;;
  esac
  case $rest in *\?*) query=${rest#*\?} rest=${rest%%\?*} ;; esac
  address=${rest%%/*}
  PGDATABASE=$(decode "${rest#*/}")
  case $address in *@*) login=${address%@*} address=${address##*@} ;; esac
  case $login in
    *:*) PGUSER=$(decode "${login%%:*}") PGPASSWORD=$(decode "${login#*:}") ;;
    ?*) PGUSER=$(decode "$login") ;;
  esac
  host=$address
  if [[ $address =~ ^(\[.*\]|[^:]*):([0-9]+)$ ]]; then
    host=${BASH_REMATCH[1]} PGPORT=${BASH_REMATCH[2]}
  fi
  host=${host#[} host=${host%]}
  [ -z "$host" ] || PGHOST=$(decode "$host")
  export PGDATABASE PGUSER PGPASSWORD PGHOST PGPORT
  while [ -n "$query" ]; do
    pair=${query%%&*}
    case $query in *\&*) query=${query#*&} ;; *) query='' ;; esac
    use_url_setting "${pair%%=*}" "$(decode "${pair#*=}")"
  done
}

use_url_setting() {
  case $1 in
    host) export PGHOST="$2" ;;
    port) export PGPORT="$2" ;;
    user) export PGUSER="$2" ;;
    password) export PGPASSWORD="$2" ;;
    sslmode) export PGSSLMODE="$2" ;;
    sslrootcert) export PGSSLROOTCERT="$2" ;;
    sslcert) export PGSSLCERT="$2" ;;
    sslkey) export PGSSLKEY="$2" ;;
    options) export PGOPTIONS="$2" ;;
    connect_timeout) export PGCONNECT_TIMEOUT="$2" ;;
    channel_binding) export PGCHANNELBINDING="$2" ;;
    application_name) ;;
    *) die "DATABASE_URL has a setting that is not understood here: $1" "Set libpq's variable for it (PG…) and leave it out of the URL." ;;
  esac
}

# The port of the server that `customer-analyzer` runs, if it answers.
embedded_port() {
  local state=${CUSTOMER_ANALYZER_HOME:-$root/.data}/embedded.json port
  [ -r "$state" ] || return 1
  port=$(sed -n 's/.*"port": *\([0-9]*\).*/\1/p' "$state")
  [ -n "$port" ] && (exec 4<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null && printf '%s' "$port"
}

# Sets libpq's variables: by DATABASE_URL, by PGHOST and its kin, by the embedded server that runs, else localhost:5432 with
# POSTGRES_USER, POSTGRES_PASSWORD, POSTGRES_DB. Sets `guessed` where nobody named the server.
find_database() {
  local port
  guessed=''
  if [ -n "${DATABASE_URL:-}" ]; then
    use_url "$DATABASE_URL"
  elif [ -z "${PGHOST:-}${PGHOSTADDR:-}${PGPORT:-}${PGSERVICE:-}" ]; then
    guessed=yes
    export PGHOST=127.0.0.1 PGPORT=5432
    if port=$(embedded_port); then PGPORT=$port guessed=''; fi
    if [ -n "${POSTGRES_PASSWORD:-}" ] || [ ! -e "${PGPASSFILE:-${HOME:-}/.pgpass}" ]; then
      export PGPASSWORD="${PGPASSWORD:-${POSTGRES_PASSWORD:-postgres}}"
    fi
  elif [ -n "${POSTGRES_PASSWORD:-}" ]; then
    export PGPASSWORD="${PGPASSWORD:-$POSTGRES_PASSWORD}"
  fi
  export PGUSER="${PGUSER:-${POSTGRES_USER:-postgres}}" PGDATABASE="${PGDATABASE:-${POSTGRES_DB:-customer_analyzer}}"
  export PGCONNECT_TIMEOUT="${PGCONNECT_TIMEOUT:-10}" PGAPPNAME="customer-analyzer ${program%-db.sh}"
  database=$PGDATABASE
}

# --- client programs ------------------------------------------------------------------------------------------------------------

# pg PROGRAM ARGS: PostgreSQL's program, on this machine or in the container. Login and database travel in the environment.
pg() {
  if [ -z "$container" ]; then
    "$@"
  else
    docker exec -i -e PGUSER -e PGDATABASE -e PGPASSWORD -e PGAPPNAME -e PGOPTIONS "$container" "$@"
  fi
}

# sql: runs the statements on its standard input in PGDATABASE, prints bare values, stops at the first error.
sql() {
  pg psql -XAtq -v ON_ERROR_STOP=1 "$@"
}

major_of() {
  pg "$1" --version 2>/dev/null | sed -n 's/^[^0-9]*\([0-9][0-9]*\).*/\1/p'
}

# Places where packages put a PostgreSQL that is not on PATH, the newest first.
packaged_directories() {
  local directory
  for directory in /usr/lib/postgresql/*/bin /usr/pgsql-*/bin /opt/homebrew/opt/libpq/bin /usr/local/opt/libpq/bin; do
    if [ -x "$directory/psql" ]; then printf '%s\n' "$directory"; fi
  done | sort -t/ -k5 -rV
}

# use_container: the programs inside the container, where it runs and nobody named another server.
use_container() {
  [ -n "$guessed" ] && command -v docker >/dev/null 2>&1 || return 1
  [ "$(docker inspect -f '{{.State.Running}}' customer-analyzer-postgres 2>/dev/null)" = true ] || return 1
  container=customer-analyzer-postgres
}

# choose_programs NAME…: the programs, none older than the server: from PATH, from where packages put them, from the container.
# Sets server_version (such as 15.18) and server_major.
choose_programs() {
  local directory
  if ! command -v psql >/dev/null 2>&1; then
    directory=$(packaged_directories | head -n 1)
    PATH=${directory:+$directory:}$PATH
  fi
  if ! command -v psql >/dev/null 2>&1 && ! use_container; then
    die "the programs of PostgreSQL (psql, pg_dump) are not installed" \
      'Install them: apt-get install postgresql-client (Debian, Ubuntu), dnf install postgresql (Fedora), brew install libpq (macOS).'
  fi
  ask_version
  all_new_enough "$@" && return
  for directory in $(packaged_directories); do
    PATH=$directory:$PATH
    all_new_enough "$@" && return
  done
  if [ -z "$container" ] && use_container && all_new_enough "$@"; then
    say "the programs here are older than the server: those in the container $container are used"
    return
  fi
  die "${old_program} ${old_major:-(missing)} is older than the server, which is PostgreSQL ${server_version}" \
    "Install the package postgresql-client-${server_major} (Debian, Ubuntu; https://www.postgresql.org/download/ has it for every system)."
}

ask_version() {
  server_version=$(PGDATABASE=$maintenance_database sql -c 'SHOW server_version') ||
    die "the database server cannot be reached, or refuses the login (host ${PGHOST:-local}, port ${PGPORT:-5432}, user $PGUSER)" \
      'Start it, or set DATABASE_URL, or PGHOST, PGPORT, PGUSER and PGPASSWORD (a file ~/.pgpass serves as well).'
  server_version=${server_version%% *}
  server_major=${server_version%%.*}
}

all_new_enough() {
  for old_program in "$@"; do
    old_major=$(major_of "$old_program")
    [ -n "$old_major" ] && [ "$old_major" -ge "$server_major" ] || return 1
  done
}

# --- work in progress -----------------------------------------------------------------------------------------------------------

open_work() {
  work=$(mktemp -d "${TMPDIR:-/tmp}/customer-analyzer.XXXXXX") || die 'no temporary directory can be made' 'Free some space, or set TMPDIR.'
}

# Whatever way the script ends, but for kill -9: its children go, and what is unfinished.
clean_up() {
  local code=$?
  set +e
  trap - EXIT
  trap '' HUP INT TERM
  [ -z "$job" ] || kill -TERM -- "-$job" 2>/dev/null
  if [ "$code" -gt 128 ]; then
    complain 'interrupted' 'Nothing was kept or changed; run it again.'
  elif [ "$code" != 0 ] && [ -z "$explained" ]; then
    complain "stopped by a failure in line $failed_line" 'The messages above say why. Nothing was kept or changed.'
  fi
  remove_unfinished
  close_session
  [ -z "$work" ] || rm -rf -- "$work"
  exit "$code"
}

failed_line='?'
set -E
trap 'failed_line=$LINENO' ERR
trap 'clean_up' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# run_stages FUNCTION: in a process group of its own, so that a signal can end all its programs, and the wait for it can be
# interrupted. The function leaves the exit codes of its stages in $work/codes, its complaints in $work/complaints.
run_stages() {
  rm -f -- "$work/codes"
  set -m
  ("$@") 2>"$work/complaints" &
  job=$!
  set +m
  wait "$job" || true
  job=''
  # What PostgreSQL says of a database that goes on as before is no news.
  cat "$work/complaints" >&2
  codes=$(cat "$work/codes" 2>/dev/null || echo killed)
}

is_disk_full() {
  grep -q 'No space left on device\|Disk quota exceeded' "$work/complaints"
}

# A psql that stays open, for what lasts as long as a session: a lock, a snapshot. Pipes with names, since bash 3.2 has no coproc.
open_session() {
  mkfifo "$work/ask" "$work/answer"
  pg psql -XAtq -v ON_ERROR_STOP=1 <"$work/ask" >"$work/answer" &
  session=$!
  exec 8>"$work/ask" 9<"$work/answer"
}

# ask: sends the statements on its standard input to the open session, prints what it answers; fails where the session has ended.
ask() {
  local line mark="end of answer $RANDOM"
  (
    trap '' PIPE
    cat - >&8
    printf '\n\\echo %s\n' "$mark" >&8
  ) 2>/dev/null
  while IFS= read -r line <&9; do
    [ "$line" != "$mark" ] || return 0
    printf '%s\n' "$line"
  done
  return 1
}

close_session() {
  [ -n "$session" ] || return 0
  exec 8>&- 9<&-
  wait "$session" 2>/dev/null || true
  session=''
}

# record_run KIND OK ARCHIVE SECONDS [MESSAGE]: in the table that monitoring reads, where the database has it and can be written.
record_run() {
  PGDATABASE=$database sql -v kind="$1" -v ok="$2" -v archive="$3" -v seconds="$4" -v message="${5:-}" <<'SQL' || say 'this could not be recorded in maintenance.backup_runs'
SELECT to_regclass('maintenance.backup_runs') IS NOT NULL AND NOT pg_is_in_recovery() AS present \gset
\if :present
INSERT INTO maintenance.backup_runs (kind, succeeded, archive, duration_seconds, message)
VALUES (:'kind', :'ok', :'archive', :'seconds', nullif(:'message', ''));
\endif
SQL
}

# take_lock NAME: in the open session, so that it goes with the session, whatever ends it.
take_lock() {
  local taken
  taken=$(ask <<<"SELECT pg_try_advisory_lock(hashtext('customer-analyzer $1'));") || die "the server ended the session" 'Look into its log.'
  [ "$taken" = t ] || die "another $1 of this database is running" "$(
    sql <<<"SELECT 'Wait for it: process ' || pid || ' of the server, since ' || to_char(backend_start, 'YYYY-MM-DD HH24:MI:SS TZ') || coalesce(', from ' || client_addr, '')
      FROM pg_locks JOIN pg_stat_activity USING (pid)
      WHERE locktype = 'advisory' AND granted AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND (classid::bigint << 32) | objid::bigint = hashtext('customer-analyzer $1')::bigint LIMIT 1;"
  )"
}
