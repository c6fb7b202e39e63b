#!/bin/sh
# Starts pgAdmin with the password of the registered server in a pass file, so that nobody is asked for it. pgAdmin reads such a file
# only from the storage of the user who is logged in, and libpq only where nobody else can read it.
set -eu
storage=${PGADMIN_STORAGE:-/var/lib/pgadmin/storage}/$(printf '%s' "$PGADMIN_DEFAULT_EMAIL" | tr '@' '_')
umask 077
mkdir -p "$storage"
# In a pass file a colon and a backslash of a field have a backslash before them.
escaped() { printf '%s' "$1" | sed 's/[\\:]/\\&/g'; }
printf '*:*:*:%s:%s\n' "$(escaped "$SERVER_USER")" "$(escaped "$SERVER_PASSWORD")" >"$storage/.pgpass"
unset SERVER_PASSWORD
exec "${@:-/entrypoint.sh}"
