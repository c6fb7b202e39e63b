#!/bin/bash
# Starts PostgreSQL with the key of its certificate where only its user reads it: PostgreSQL refuses any other, and a mounted secret
# has the owner that it has outside. The passwords of the roles become settings of the session that runs the init scripts.
set -euo pipefail
install -d -m 700 -o postgres -g postgres /run/tls
install -m 600 -o postgres -g postgres /run/secrets/server_key /run/tls/server.key
install -m 644 -o postgres -g postgres /run/secrets/server_certificate /run/tls/server.crt
option() { printf ' -c customer_analyzer.%s=%s' "$1" "$(sed 's/[\\ ]/\\&/g' "/run/secrets/$2")"; }
PGOPTIONS="$(option app_password app_password)$(option ml_password ml_password)$(option admin_password admin_password)"
export PGOPTIONS
exec docker-entrypoint.sh "$@"
