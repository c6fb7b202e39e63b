# shellcheck shell=bash
# What backup-db.sh and restore-db.sh know about an archive: three files side by side,
#   customer_analyzer_YYYYMMDD_HHMMSS.sql.gz            the roles, then what pg_dump writes
#   customer_analyzer_YYYYMMDD_HHMMSS.sql.gz.manifest   what must be in it: rows of each table, sequences, constraints, grants, versions
#   customer_analyzer_YYYYMMDD_HHMMSS.sql.gz.sha256     checksums of both
# The archive gets its name last, so that who sees it sees all three.

# With BACKUP_ENCRYPT_TO the name ends in .sql.gz.age or .sql.gz.gpg. With --format directory the archive is a directory
# customer_analyzer_YYYYMMDD_HHMMSS.dir of what pg_dump -Fd writes, and roles.sql.

name_pattern='^customer_analyzer_([0-9]{8}_[0-9]{6})(\.sql\.gz(\.age|\.gpg)?|\.dir)$'

sha256() {
  if command -v sha256sum >/dev/null 2>&1; then sha256sum; else shasum -a 256; fi <"$1" | cut -d' ' -f1
}

size_of() {
  if [ -d "$1" ]; then cat -- "$1"/*; else cat -- "$1"; fi | wc -c | tr -d ' '
}

# checksums ARCHIVE NAME: a line for each file, under the name that the archive will have; sha256sum --check understands them.
checksums() {
  if [ -d "$1" ]; then
    local file
    for file in "$1"/*; do printf '%s  %s/%s\n' "$(sha256 "$file")" "$2" "${file##*/}"; done
  else
    printf '%s  %s\n' "$(sha256 "$1")" "$2"
  fi
}

# manifest_value MANIFEST KEY
manifest_value() {
  sed -n "s/^$2 //p" "$1" | head -n 1
}

# archives_in DIRECTORY: the base names, oldest first.
archives_in() {
  local file
  for file in "$1"/customer_analyzer_*.sql.gz "$1"/customer_analyzer_*.sql.gz.age "$1"/customer_analyzer_*.sql.gz.gpg "$1"/customer_analyzer_*.dir; do
    if [[ ${file##*/} =~ $name_pattern ]] && [ -e "$file" ]; then printf '%s\n' "${file##*/}"; fi
  done | LC_ALL=C sort
}

# Reads SQL, prints the rows of each table, the value of each sequence, and whether the end is pg_dump's own. Newer minor releases
# write \unrestrict behind their closing line, with the token of \restrict at the beginning.
read_dump() {
  LC_ALL=C awk '
    copying && $0 == "\\." { print "rows " table " " n; copying = 0; next }
    copying { n++; next }
    /^COPY .* FROM stdin;$/ {
      table = substr($0, 6)
      if (match(table, /^"([^"]|"")*"\."([^"]|"")*"/)) table = substr(table, 1, RLENGTH)
      n = 0; copying = 1; complete = 0
      next
    }
    /^SELECT pg_catalog\.setval\(\047.*\047, -?[0-9]+, (true|false)\);$/ {
      value = $0
      sub(/^SELECT pg_catalog\.setval\(\047/, "", value); sub(/\);$/, "", value); sub(/\047, /, " ", value)
      sub(/, /, " ", value); gsub(/\047\047/, "\047", value)
      print "sequence " value
      complete = 0
      next
    }
    $1 == "\\restrict" && opened == "" { opened = $2; next }
    $1 == "\\unrestrict" { closed = $2; next }
    $0 == "-- PostgreSQL database dump complete" { complete = 1; next }
    $0 == "" || $0 == "--" { next }
    { complete = 0 }
    END { print "end " (complete && !copying && opened == closed ? "complete" : "missing") }'
}

# unpacked ARCHIVE: its SQL; fails where gzip finds damage or the key is not here.
unpacked() {
  if [ -d "$1" ]; then
    pg_restore --file=- -- "$1"
    return
  fi
  case $1 in
    *.age) age --decrypt --identity "${BACKUP_IDENTITY:-}" <"$1" | gunzip -c ;;
    *.gpg) gpg --batch --quiet --decrypt <"$1" | gunzip -c ;;
    *) gunzip -c <"$1" ;;
  esac
}

# damage ARCHIVE MANIFEST: prints what is wrong with the contents, nothing where all is well. An empty MANIFEST asks for less.
damage() {
  if unpacked "$1" 2>"$work/unpacking" | read_dump | LC_ALL=C sort >"$work/found"; then
    damage_found "$2"
  else
    case $1 in
      *.dir | *.dir.partial) echo "pg_restore cannot read it: $(tail -n 1 "$work/unpacking")" ;;
      *.age | *.gpg) echo "it cannot be decrypted and unpacked here (age: BACKUP_IDENTITY names the file with the key): $(tail -n 1 "$work/unpacking")" ;;
      *) echo 'gzip finds it damaged or cut off' ;;
    esac
  fi
}

# The contents of an archive on its way to the disk, into $work/found.
note_contents() {
  gunzip -c 2>"$work/unpacking" | read_dump | LC_ALL=C sort >"$work/found" || echo 'end unreadable' >"$work/found"
  # Else a dump that is damaged would fail of a broken pipe, which says less.
  cat >/dev/null
}

# damage_found MANIFEST: the same of what has been read into $work/found.
damage_found() {
  if grep -qx 'end unreadable' "$work/found"; then
    echo 'gzip finds it damaged or cut off'
  elif ! grep -qx 'end complete' "$work/found"; then
    echo "it ends before the dump's closing line: a part is missing"
  elif [ -n "$1" ]; then
    sed -n '/^rows /p' "$1" >"$work/expected"
    sed -n '/^rows /p' "$work/found" | diff "$work/expected" - >"$work/difference" ||
      echo "its rows are not those of its manifest (<, > is what it holds): $(sed -n '/^[<>]/p' "$work/difference" | head -n 3 | tr '\n' ' ')"
  fi
}

# beside ARCHIVE SUFFIX: the companion, beside the name given or beside the file that a symbolic link names.
beside() {
  if [ ! -e "$1$2" ] && [ -L "$1" ]; then printf '%s' "$(readlink -f -- "$1")$2"; else printf '%s' "$1$2"; fi
}

# What is summed, by its role: who copied an archive may have given it another name.
roles_of_files() {
  sed 's|^\([0-9a-f]*\)  [^/]*\.manifest$|\1 manifest|; s|^\([0-9a-f]*\)  [^/]*/|\1 |; s|^\([0-9a-f]*\)  [^/]*$|\1 archive|' | LC_ALL=C sort
}

# wrong_checksum ARCHIVE MANIFEST CHECKSUMS: also where a file of a directory is missing or one too many.
wrong_checksum() {
  local file name=${1##*/}
  if [ ! -e "$3" ]; then
    echo "its checksum is missing: ${3##*/}"
  elif [ ! -e "$2" ]; then
    echo "its manifest is missing: ${2##*/}"
  else
    { diff <(roles_of_files <"$3") <({ checksums "$1" "$name"; checksums "$2" "$name.manifest"; } | roles_of_files) || true; } | sed -n 's/^[<>] .* //p' | LC_ALL=C sort -u |
      while read -r file; do
        case $file in archive) file=$name ;; manifest) file=$name.manifest ;; *) file=$name/$file ;; esac
        echo "the checksum of $file is not the one in ${3##*/}: the file was damaged or changed"
      done
  fi
}

# problem_of ARCHIVE [no-manifest]: all checks; prints the first thing that is wrong, nothing where all is well.
problem_of() {
  local manifest checksums
  if [ ! -r "$1" ] || { [ ! -f "$1" ] && [ ! -f "$1/toc.dat" ]; }; then
    echo 'it is not there, or not a file that can be read'
  elif [ "${2:-}" = no-manifest ]; then
    damage "$1" ''
  else
    manifest=$(beside "$1" .manifest) checksums=$(beside "$1" .sha256)
    { wrong_checksum "$1" "$manifest" "$checksums" | grep . || damage "$1" "$manifest"; } | head -n 1
  fi
}
