# shellcheck shell=bash
# What pitr.sh knows of pgBackRest's repository and of a server that is rebuilt from it.

# 2024-01-20T14:30:00Z becomes what pgBackRest reads. Without a zone nobody could say whose half past two that is.
read_time() {
  target=${1/T/ }
  target=${target/%Z/+00}
  [[ $target =~ ^[0-9]{4}-[0-9]{2}-[0-9]{2}\ [0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?[+-][0-9]{2}(:?[0-9]{2})?$ ]] ||
    usage "the TIME is \"$1\", and should have a date, a time and a zone, such as '2024-01-20 14:30:00+00' or 2024-01-20T14:30:00Z"
  local seconds
  seconds=$(date -d "$target" +%s 2>/dev/null) || usage "there is no such time as $1"
  [ "$seconds" -le "$(date +%s)" ] || usage "$1 has not come yet (it is $(date -u '+%Y-%m-%d %H:%M:%S+00'))"
}

# Whose files they are: PostgreSQL refuses root, and pgBackRest has to be the same user.
find_owner() {
  local place=$data
  [ -e "$place" ] || place=$configuration
  owner=$(stat -c %u -- "$place") group=$(stat -c %g -- "$place")
  [ "$(id -u)" = 0 ] || [ "$(id -u)" = "$owner" ] || die "$place belongs to $(name_of_owner), and this is $(id -un)" \
    "Run it as that user (sudo -u $(name_of_owner) …) or as root."
}

name_of_owner() {
  id -un "$owner" 2>/dev/null || printf '%s' "$owner"
}

as_server() {
  if [ "$(id -u)" != 0 ] || [ "$owner" = 0 ]; then (cd / && "$@"); else (cd / && setpriv --reuid="$owner" --regid="$group" --init-groups -- "$@"); fi
}

backrest() {
  as_server pgbackrest "--config=$configuration" --stanza=customer-analyzer "$@"
}

# --- the archive: names of WAL segments are TTTTTTTTLLLLLLLLSSSSSSSS, timeline, log, segment --------------------------------------

# archived_segments: oldest first, each once.
archived_segments() {
  backrest repo-ls --recurse archive/customer-analyzer | sed -n 's|^.*/\([0-9A-F]\{24\}\)-[0-9a-f]\{40\}.*$|\1|p' | LC_ALL=C sort -u
}

# A segment is 16 MB, as the postgres image, Debian and the embedded server make them, and a log has 256.
segment_after() {
  local number=$(((16#${1:8:8} << 8) + 16#${1:16:8} + 1))
  printf '%s%08X%08X' "${1:0:8}" $((number >> 8)) $((number & 255))
}

# The last one of the history that is followed.
newest_segment() {
  if [ -z "$timeline" ]; then archived_segments; else archived_segments | awk -v last="$(printf '%08X' "$timeline")" 'substr($0, 1, 8) <= last'; fi | tail -n 1
}

# missing_segments: those that are not there though later ones of their timeline are; the first of each gap.
missing_segments() {
  local segment expected=''
  archived_segments | while read -r segment; do
    if [ -n "$expected" ] && [ "${segment:0:8}" = "${expected:0:8}" ] && [ "$segment" != "$expected" ]; then echo "$expected"; fi
    expected=$(segment_after "$segment")
  done
}

# pgBackRest's verify reads everything and says what is damaged, with exit code 0; gaps it does not see.
check_repository() {
  local report gaps
  report=$(backrest verify --output=text --verbose) || die 'the repository cannot be read' 'The message of pgBackRest is above.'
  if ! grep -q 'status: ok' <<<"$report"; then
    printf '%s\n' "$report" >&2
    die 'the repository holds damaged files' 'The lines above count them (checksum, size, missing, other). Make a full backup now: pitr.sh backup full. Look at the disk.'
  fi
  gaps=$(missing_segments)
  [ -z "$gaps" ] || die "WAL is missing in the archive from $(head -n 1 <<<"$gaps") on" \
    'What came after that, up to the next backup, cannot be recovered. Make a full backup now: pitr.sh backup full.'
}

# --- a server that is rebuilt -----------------------------------------------------------------------------------------------------

# rebuild DIRECTORY: the last backup before the target goes there. It fetches WAL wherever it stands: now, and once renamed.
rebuild() {
  local options=("--pg1-path=$1" --type=default)
  [ "$target" = latest ] || options=("--pg1-path=$1" --type=time "--target=$target" --target-action=promote)
  [ -z "$timeline" ] || options+=("--target-timeline=$timeline")
  options+=("--recovery-option=restore_command=$(command -v pgbackrest) --config=$configuration --stanza=customer-analyzer --pg1-path=\"\$PWD\" archive-get %f \"%p\"")
  say "rebuilding the server as of $target in $1"
  mkdir -- "$1" || die "$1 cannot be made" 'Name another place with --into.'
  into=$1
  [ "$(id -u)" != 0 ] || chown "$owner:$group" "$into"
  backrest restore "${options[@]}" 2>"$work/complaints" || explain_failed_restore
  cat "$work/complaints" >&2
  take_unarchived
}

explain_failed_restore() {
  cat "$work/complaints" >&2
  ! grep -q 'unable to find backup set' "$work/complaints" ||
    die "there is no backup from before $target" 'pitr.sh info shows what there is: it cannot go further back than the end of the oldest backup. The server is as it was.'
  ! is_disk_full || die "the disk of $into is full" 'Free some space (df -h), or name another place with --into. The server is as it was.'
  die 'the backup cannot be restored' 'The message of pgBackRest is above. The server is as it was.'
}

# The last minute of a server that is down lies in its directory only.
take_unarchived() {
  local file name
  [ -z "$running" ] || return 0
  for file in "$data"/pg_wal/????????????????????????; do
    name=${file##*/}
    if [[ $name =~ ^[0-9A-F]{24}$ ]] && [ ! -e "$data/pg_wal/archive_status/$name.done" ]; then
      as_server cp -p -- "$file" "$into/pg_wal/"
    fi
  done
}

# Where the program is that ran this directory last; else that of its version.
find_programs() {
  local version named
  version=$(cat "$into/PG_VERSION")
  bin=$(sed -n '1s|/postgres ".*||p' "$data/postmaster.opts" 2>/dev/null) || true
  [ -x "$bin/postgres" ] || bin=/usr/lib/postgresql/$version/bin
  [ -x "$bin/postgres" ] || bin=$(dirname "$(command -v postgres || echo /nowhere/postgres)")
  [ "$("$bin/postgres" --version 2>/dev/null | sed 's/^[^0-9]*//; s/[^0-9].*//')" = "$version" ] ||
    die "the programs of PostgreSQL $version are not here" "Install the package postgresql-$version, or put its directory bin on PATH. The server is as it was."
  # Debian keeps the configuration elsewhere, and names the directory of the data in it.
  named=$(sed -n 's/.*"\(config_file=[^"]*\)".*/\1/p' "$data/postmaster.opts" 2>/dev/null) || true
  configuration_option=()
  [ -z "$named" ] || configuration_option=(-c "$named")
}

# start_server DIRECTORY OPTION…: on a socket that only this user reaches.
start_server() {
  local directory=$1
  shift
  sockets=$(as_server mktemp -d /tmp/pitr.XXXXXX)
  as_server tee "$sockets/pg_hba.conf" >/dev/null <<<'local all all trust'
  started_in=$directory
  as_server "$bin/postgres" -D "$directory" ${configuration_option[@]+"${configuration_option[@]}"} -c "data_directory=$directory" \
    -c listen_addresses= -c port=5432 -c "unix_socket_directories=$sockets" -c "hba_file=$sockets/pg_hba.conf" -c external_pid_file= -c hot_standby=on \
    -c logging_collector=off -c log_destination=stderr -c log_min_messages=log -c lc_messages=C -c ssl=off -c shared_buffers=128MB "$@" >"$work/log" 2>&1 &
  server=$!
}

# Ends it, if one runs; fails where it ended badly.
stop_server() {
  local pid code=0
  [ -n "${server:-}" ] || return 0
  pid=$(head -n 1 "$started_in/postmaster.pid" 2>/dev/null) && kill -INT "$pid"
  wait "$server" || code=$?
  server=''
  rm -rf -- "$sockets"
  sockets=''
  return "$code"
}

ask_server() {
  env -u PGPASSWORD -u PGOPTIONS PGHOST="$sockets" PGPORT=5432 PGUSER="${PGUSER:-postgres}" PGDATABASE=postgres psql -XAtq -v ON_ERROR_STOP=1 -c "$1" 2>/dev/null
}

# Is it where it should be? With a time it pauses there; with `latest` it stands still at the last record there is.
is_there() {
  local at
  if [ "$target" != latest ]; then [ "$(ask_server 'SELECT pg_get_wal_replay_pause_state()')" = paused ]; return; fi
  at=$(ask_server "SELECT pg_last_wal_replay_lsn()") || return 1
  [ -n "$at" ] || return 1
  sleep 3
  [ "$at" = "$(ask_server 'SELECT pg_last_wal_replay_lsn()')" ]
}

# It archives nothing and goes no further than the target: no second history begins, and it can be thrown away.
prove_rebuilt() {
  find_programs
  # With no target it would end recovery by itself, and a gap would look like the end: as a standby it waits.
  [ "$target" != latest ] || as_server mv -- "$into/recovery.signal" "$into/standby.signal"
  start_server "$into" -c archive_mode=off -c recovery_target_action=pause
  until is_there; do
    kill -0 "$server" 2>/dev/null || explain_stop
    sleep 0.3
  done
  [ "$target" != latest ] || refuse_gap
  reached=$(ask_server 'SELECT pg_last_xact_replay_timestamp()')
  say "reached: the last transaction is of ${reached:-the backup itself}"
  stop_server || die 'the rebuilt server could not be stopped well' "The last line of its log: $(tail -n 1 "$work/log"). The server is as it was."
  [ "$target" != latest ] || as_server mv -- "$into/standby.signal" "$into/recovery.signal"
}

# end_recovery DIRECTORY: in its place it becomes a server that can be written, archives that fact, and stops. Until then whoever
# starts it would meet a server that only reads.
end_recovery() {
  start_server "$1"
  until [ "$(ask_server 'SELECT pg_is_in_recovery()')" = f ]; do
    kill -0 "$server" 2>/dev/null || return 1
    sleep 0.3
  done
  stop_server
}

# The last segment that the log says was read.
last_read() {
  sed -n 's/.*restored log file "\([0-9A-F]\{24\}\)" from archive.*/\1/p' "$work/log" | tail -n 1
}

refuse_gap() {
  local read newest
  read=$(last_read) newest=$(newest_segment)
  [[ -n $read && $read < $newest ]] && explain_gap
  return 0
}

explain_gap() {
  local missing last
  last=$(last_read)
  missing=${last:+$(segment_after "$last")}
  sed -n 's/.*\(ERROR: \[.*\)/  \1/p' "$work/log" | tail -n 1 >&2
  die "the archive is broken: WAL segment ${missing:-after the backup} is missing or damaged, though later ones are there" \
    "Up to $(last_transaction) all is well: recover --to a moment before that. The server is as it was."
}

last_transaction() {
  local time
  time=$(sed -n 's/.*last completed transaction was at log time //p' "$work/log" | tail -n 1)
  [ -n "$time" ] || time=$(ask_server 'SELECT pg_last_xact_replay_timestamp()') || true
  printf '%s' "${time:-the end of the backup}"
}

explain_stop() {
  local last newest
  stop_server || true
  if grep -q 'recovery ended before configured recovery target was reached' "$work/log"; then
    last=$(last_read) newest=$(newest_segment)
    if [[ ${last:-0} < $newest ]] || grep -q 'unable to get ' "$work/log"; then explain_gap; fi
    die "the archive ends before $target: its last transaction is of $(last_transaction)" \
      "Say --to a time not later than that, or --to latest for all there is. The server is as it was."
  fi
  tail -n 5 "$work/log" >&2
  die 'the rebuilt server does not start' 'The last lines of its log are above. The server is as it was.'
}
