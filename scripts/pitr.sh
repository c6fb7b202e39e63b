#!/usr/bin/env bash
# pitr.sh: point-in-time recovery with pgBackRest: every change is archived, and the server can be put back to any second.
#
#   ./scripts/pitr.sh setup             once: archiving on, repository made, checked, first backup; says when to restart
#   ./scripts/pitr.sh backup [TYPE]     full, diff or incr (that unless named; the first is full); old ones are removed
#   ./scripts/pitr.sh check             does archiving work, is everything in the archive sound and without gaps?
#   ./scripts/pitr.sh info              what backups there are
#   ./scripts/pitr.sh recover --to TIME rebuild the server of that time in a new directory and see that it gets there
#
#   --to TIME      with its zone: '2024-01-20 14:30:00+00'; or latest: all that was archived
#   --in-place     then change the directories, where the server is stopped; the old one is kept as NAME.before_YYYYMMDD_HHMMSS
#   --into DIR     the new directory; NAME.recovered_YYYYMMDD_HHMMSS beside the old one unless set
#   --timeline N   follow this history; the newest unless set (after a recovery to a wrong moment: the one before)
#   --yes          do not ask (needed where there is no terminal)
#   --quiet        say only what went wrong
#
# All databases of the server go back together; for one table, recover without --in-place and copy from there. Runs on the
# machine (in the container) of the server, as the user that PostgreSQL runs as, or as root. Writes to BACKUP_PITR_DIR
# (/var/lib/pgbackrest): pgbackrest.conf, backup/, archive/; setup sets archive_mode, archive_command and archive_timeout in the
# server (ALTER SYSTEM). A pgbackrest.conf that is there is left alone: put encryption, S3 or another retention into it.
# recover reads the repository and writes the new directory; nothing else before --in-place, and that only renames.
# The server is found as backup-db.sh finds it (its --help): DATABASE_URL, PGHOST …, the embedded server, localhost:5432.
# recover works without it. BACKUP_LOG: as there.
# Needs pgbackrest and psql. Exit code: 0 done; 1 failed, the server is as it was; 2 wrong use.

set -euo pipefail
root=$(cd -P -- "$(dirname -- "$(readlink -f -- "$0")")/.." && pwd)
# shellcheck source=scripts/lib/postgres.sh
. "$root/scripts/lib/postgres.sh"
# shellcheck source=scripts/lib/wal-archive.sh
. "$root/scripts/lib/wal-archive.sh"

into='' sockets=''
started=$SECONDS

remove_unfinished() {
  stop_server 2>/dev/null
  [ -z "$into" ] || rm -rf -- "$into"
}

configured_data() {
  sed -n 's/^pg1-path=//p' "$configuration" 2>/dev/null
}

# The directory of the server that runs, and as whom; its port and socket may be others at each start.
find_server() {
  find_database
  export PGDATABASE=postgres
  maintenance_database=postgres
  choose_programs psql
  data=$(sql <<<'SHOW data_directory')
  [ ! -e "$configuration" ] || [ "$data" = "$(configured_data)" ] ||
    die "$configuration is of the server in $(configured_data), and the one that answers is in $data" 'Name the other server (PGPORT …), or set BACKUP_PITR_DIR: each server has its own.'
  [ -d "$data" ] || die "the server's directory $data is not on this machine, or not to be seen by $(id -un)" \
    'Run this on the machine (in the container) of the server, as root or as the user that PostgreSQL runs as.'
  find_owner
  socket=$(sql <<<'SHOW unix_socket_directories')
  server_options=("--pg1-port=$(sql <<<'SHOW port')" "--pg1-socket-path=${socket%%,*}")
}

write_configuration() {
  [[ $data$repository =~ ^[A-Za-z0-9/._+-]+$ ]] || die "the path of $data or of $repository has unusual characters" 'pgBackRest and archive_command take letters, digits, "/", ".", "_", "-" and "+".'
  if [ ! -d "$repository" ] && ! mkdir -p -- "$repository" 2>/dev/null; then
    die "$repository cannot be made" "As root: install -d -m 750 -o $(name_of_owner) $repository. Or set BACKUP_PITR_DIR."
  fi
  [ "$(id -u)" != 0 ] || chown "$owner:$group" "$repository"
  as_server test -w "$repository" || die "$repository cannot be written by the user of the server ($(name_of_owner))" "As root: chown $(name_of_owner) $repository. Or set BACKUP_PITR_DIR."
  [ ! -e "$configuration" ] || return 0
  say "writing $configuration"
  as_server tee "$configuration" >/dev/null <<CONF
# pgBackRest of Customer Analyzer: https://pgbackrest.org/configuration.html
[global]
repo1-path=$repository
# Two full backups are kept, and all that lies between the older one and now can be recovered.
repo1-retention-full=2
repo1-bundle=y
compress-type=zst
process-max=2
start-fast=y
lock-path=$repository/lock
log-level-file=off
log-level-console=off
log-level-stderr=warn

[customer-analyzer]
pg1-path=$data
CONF
}

setup() {
  local command restart
  find_server
  write_configuration
  command="$(command -v pgbackrest) --config=$configuration --stanza=customer-analyzer archive-push %p"
  restart=$(sql -v command="$command" <<'SQL'
ALTER SYSTEM SET archive_command = :'command';
ALTER SYSTEM SET archive_timeout = '60s';
ALTER SYSTEM SET archive_mode = 'on';
SELECT pg_reload_conf() \g /dev/null
SELECT 1 WHERE current_setting('archive_mode') = 'off' OR current_setting('wal_level') = 'minimal';
SQL
  )
  backrest stanza-create "${server_options[@]}" || die 'the repository cannot be made' 'The message of pgBackRest is above.'
  if [ -n "$restart" ]; then
    say 'archiving is set up and begins with the next start of PostgreSQL: restart it, then run this again'
    return 0
  fi
  heed_timeout
  check_archiving
  if backrest info | grep -q 'full backup:'; then say 'there is a backup already'; else back_up full; fi
}

check_archiving() {
  backrest check "${server_options[@]}" && return
  sql <<<"SELECT '  the server says: ' || failed_count || ' failures, the last ' || last_failed_time || ' with ' || last_failed_wal FROM pg_stat_archiver WHERE failed_count > 0;" >&2
  die 'changes do not reach the archive' \
    'The messages above and the log of PostgreSQL say why (disk full, rights, archive_mode off: pitr.sh setup). Until then the server keeps its WAL, and its disk fills.'
}

back_up() {
  backrest backup "--type=$1" "${server_options[@]}" || die 'the backup failed' 'The message of pgBackRest is above; pitr.sh check looks at the archive. Earlier backups are as they were.'
  say "done in $((SECONDS - started)) seconds: $(backrest info | sed -n 's/^ *\(.* backup: .*\)/\1/p' | tail -n 1)"
}

# A server that was started sleeps until its first checkpoint and heeds archive_timeout only from then on (measured on 15.18: no
# switch in 79 seconds with a timeout of 60), unless something wakes it.
heed_timeout() {
  sql <<<'SELECT pg_reload_conf() \g /dev/null'
}

check() {
  find_server
  heed_timeout
  check_archiving
  check_repository
  say "good: archiving works, backups and WAL are sound and without gaps"
}

# A running server is asked to archive what it has. Recovery stops at the first transaction AFTER the time: there has to be one.
flush_server() {
  running=''
  if answers; then
    running=yes
    find_server
    sql <<<'SELECT txid_current() \g /dev/null'
    (check_archiving) || say 'going on with what the archive has'
  else
    say 'the server does not answer: what it has not archived is taken from its directory, if that is there'
  fi
}

confirm() {
  local answer
  [ -z "$yes" ] || return 0
  [ -t 0 ] || die "$1, and nobody can be asked here" 'Say --yes.'
  printf '%s. Go on? [y/N] ' "$1" >&2
  read -r answer
  case $answer in y | Y | yes | д | да) ;; *) die 'not confirmed' 'The server is as it was.' ;; esac
}

# By its process, and by what answers: from another container its process cannot be seen.
refuse_running() {
  local pid
  pid=$(head -n 1 "$data/postmaster.pid" 2>/dev/null) || pid=''
  [ "$(cat "/proc/${pid:-none}/comm" 2>/dev/null)" = postgres ] || pid=''
  [ -n "$pid" ] || ! answers || pid=unknown
  [ -z "$pid" ] || die "PostgreSQL (process $pid) runs in $data" 'Stop it first (and what would start it again), or leave --in-place out. The server is as it was.'
}

# Does a server answer, and is it that of the directory?
answers() {
  [ "$(PGDATABASE=postgres PGCONNECT_TIMEOUT=3 sql <<<'SHOW data_directory' 2>/dev/null)" = "$data" ]
}

swap() {
  local old=$data.before_$stamp
  refuse_running
  # A moment is left, and whoever would be told "interrupted" could not know which of the two has the name.
  trap '' HUP INT TERM
  if [ -e "$data" ]; then
    mv -- "$data" "$old" || die "$data cannot be renamed" "Is it a mount point? Then recover without --in-place and move the files by hand. The server is as it was."
  fi
  mv -- "$into" "$data"
  if ! end_recovery "$data"; then
    tail -n 5 "$work/log" >&2
    mv -- "$data" "$into"
    [ ! -e "$old" ] || mv -- "$old" "$data"
    die 'the rebuilt server cannot take up writing' 'The last lines of its log are above. The server is as it was.'
  fi
  say "$data is now the server of $target; the one before is $old, to be removed when all is well." \
    'Start PostgreSQL as always. Then pitr.sh check, and pitr.sh backup full.'
}

read_configuration() {
  [ -r "$configuration" ] || die "there is no $configuration, or it cannot be read" 'BACKUP_PITR_DIR names the directory of the repository; pitr.sh setup makes it. As root, or as the user of PostgreSQL.'
  data=$(configured_data)
  find_owner
}

recover() {
  local directory
  stamp=$(date -u +%Y%m%d_%H%M%S)
  read_configuration
  find_database
  if [ -n "$in_place" ]; then
    refuse_running
    confirm "The server in $data will be replaced by itself as of $target"
  fi
  directory=${into_option:-$data.recovered_$stamp}
  [ ! -e "$directory" ] || die "$directory is there already" 'Name another one with --into.'
  open_work
  flush_server
  rebuild "$directory"
  prove_rebuilt
  if [ -n "$in_place" ]; then
    swap
    printf '%s\n' "$data"
  else
    say "It is in $into. To look at it, read-only, start it as the user $(name_of_owner) and ask it with psql -h /tmp -p 5433:"
    say "  $bin/postgres -D $into ${configuration_option[*]:+${configuration_option[*]} }-c data_directory=$into -c archive_mode=off -c recovery_target_action=pause -c listen_addresses='' -c port=5433 -c unix_socket_directories=/tmp"
    say 'To put it in place: stop PostgreSQL, and run this again with --in-place.'
    printf '%s\n' "$into"
  fi
  into=''
  say "done in $((SECONDS - started)) seconds"
}

action=${1:-}
[ $# = 0 ] || shift
case $action in
  -h | --help) show_help "$0"; exit 0 ;;
  setup | backup | check | info | recover) ;;
  *) usage "what shall be done? setup, backup, check, info or recover, not \"$action\"" ;;
esac
target='' in_place='' into_option='' timeline='' yes='' type=incr
while [ $# -gt 0 ]; do
  case $1 in
    --to) [ $# -gt 1 ] || usage '--to needs a TIME'; target=$2; shift ;;
    --into) [ $# -gt 1 ] || usage '--into needs a DIR'; into_option=$(absolute_path "$2"); shift ;;
    --timeline) [[ ${2:-} =~ ^[0-9]+$ ]] || usage '--timeline needs a number'; timeline=$2; shift ;;
    --in-place) in_place=yes ;;
    --yes) yes=yes ;;
    --quiet) quiet=yes ;;
    full | diff | incr) [ "$action" = backup ] || usage "not understood: $1"; type=$1 ;;
    *) usage "not understood: $1" ;;
  esac
  shift
done
if [ "$action" = recover ]; then
  [ -n "$target" ] || usage "--to which TIME? such as '2024-01-20 14:30:00+00', or latest"
  [ "$target" = latest ] || read_time "$target"
fi

load_env_file "$root/.env"
open_log
repository=$(absolute_path "${BACKUP_PITR_DIR:-/var/lib/pgbackrest}")
configuration=$repository/pgbackrest.conf
command -v pgbackrest >/dev/null 2>&1 || die 'pgBackRest is not installed' 'Debian, Ubuntu: apt-get install pgbackrest. In Docker: the profile pitr, see database/README.md.'
case $action in
  setup) setup ;;
  check) check ;;
  backup) find_server && back_up "$type" ;;
  info) read_configuration && backrest info ;;
  recover) recover ;;
esac
