#!/usr/bin/env bash
# make-trial-certificate.sh: makes a certificate authority of your own and a server's certificate, to try TLS with.
#
#   ./scripts/make-trial-certificate.sh DIRECTORY [HOST…]     HOST: names or addresses of the server; postgres and localhost without any
#
# Writes ca.crt (for sslrootcert), server.crt and server.key to DIRECTORY, valid for 90 days; the key of the authority is not kept, so
# that nobody can make more. In production take a certificate of an authority that you trust. Needs openssl.
# Exit code: 0 made; 1 failed, nothing was changed; 2 wrong use.

set -euo pipefail
case ${1-} in
  -h | --help) sed -n '2,/^$/s/^# \{0,1\}//p' "$0"; exit 0 ;;
  '' | -*) echo 'make-trial-certificate: which DIRECTORY? --help says more' >&2; exit 2 ;;
esac
directory=$1
shift
[ $# -gt 0 ] || set -- postgres localhost
for name in ca.crt server.crt server.key; do
  [ ! -e "$directory/$name" ] || { echo "make-trial-certificate: $directory/$name exists; remove it, or name another directory" >&2; exit 1; }
done
command -v openssl >/dev/null || { echo 'make-trial-certificate: openssl is missing (Debian: apt-get install openssl)' >&2; exit 1; }

names=''
for host; do
  case $host in
    *[!A-Za-z0-9.:-]*) echo "make-trial-certificate: $host is neither a name nor an address" >&2; exit 2 ;;
    *:*) names=$names,IP:$host ;;
    *[!0-9.]*) names=$names,DNS:$host ;;
    *) names=$names,IP:$host ;;
  esac
done

umask 077
work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT
run() { openssl "$@" 2>"$work/complaints" || { cat "$work/complaints" >&2; echo 'make-trial-certificate: openssl failed' >&2; exit 1; }; }
run req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 90 -subj '/CN=Customer Analyzer trial authority' \
  -addext basicConstraints=critical,CA:TRUE,pathlen:0 -addext keyUsage=critical,keyCertSign,cRLSign -keyout "$work/ca.key" -out "$work/ca.crt"
run req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$1" -keyout "$work/server.key" -out "$work/server.csr"
printf 'subjectAltName=%s\nextendedKeyUsage=serverAuth\nkeyUsage=critical,digitalSignature\nbasicConstraints=critical,CA:FALSE\n' "${names#,}" >"$work/extensions"
run x509 -req -in "$work/server.csr" -CA "$work/ca.crt" -CAkey "$work/ca.key" -CAcreateserial -days 90 -extfile "$work/extensions" -out "$work/server.crt"
mkdir -p -- "$directory"
chmod 644 "$work/ca.crt" "$work/server.crt"
mv -- "$work/ca.crt" "$work/server.crt" "$work/server.key" "$directory/"
echo "$directory/ca.crt" "$directory/server.crt" "$directory/server.key"
