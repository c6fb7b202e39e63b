#!/usr/bin/env bash
# Lets two strangers at a running server: schemathesis (PyPI) derives requests from /openapi.json, sqlmap (Debian) tries to inject SQL.
#   pip install schemathesis; apt-get install sqlmap
#   KEY=$(npx customer-analyzer keys create --scope admin) test/peers/attack-api.sh http://127.0.0.1:3000 [EXAMPLES]
# Use a database that may be written to, and RATE_LIMIT_PER_KEY=0 RATE_LIMIT_UNKNOWN=0 for the server: its limits would end this soon.
set -euo pipefail

url=${1:?give the address of the server}
examples=${2:-50}
: "${KEY:?set KEY to an admin key}"
: "${SCHEMATHESIS:=schemathesis}" "${SQLMAP:=sqlmap}"
failed=0
# Both leave files where they run.
cd "$(mktemp -d)"

# Log-in and set-up count failures on purpose. Revoking is left out because it would end the key that asks.
"$SCHEMATHESIS" run "$url/openapi.json" --header "Authorization: Bearer $KEY" --max-examples "$examples" \
  --exclude-path-regex '^/api/(session|set-up|keys/\{id\})$' --suppress-health-check all \
  --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,ignored_auth || failed=1

# The marker * is where sqlmap injects, everywhere else it finds the parameters itself.
inject() {
  local output traffic
  traffic=$(mktemp)
  output=$($SQLMAP "$@" -t "$traffic" --header "Authorization: Bearer $KEY" --dbms postgresql --batch --level 2 --risk 1 --technique BEU \
    --flush-session --disable-coloring --ignore-code '*' 2>&1) || true
  printf '%s\n' "$output" | grep -E 'is vulnerable|injectable|tested parameters|CRITICAL' || true
  if grep -qE 'is vulnerable|appears to be injectable|identified the following injection' <<<"$output" && ! grep -q 'do not appear to be injectable' <<<"$output"; then
    failed=1
  fi
  # A request that is wrong before anything is injected would be refused each time, and prove nothing.
  printf '%s\n' "$*" "$(grep -c '^HTTP response .*(200 ' "$traffic") of $(grep -c '^HTTP response ' "$traffic") requests were let in"
  grep -q '^HTTP response .*(200 ' "$traffic" || failed=1
  rm -f "$traffic"
}
inject -u "$url/api/users?search=ann&segment=champions&min_ltv=1&sort=ltv&order=desc&limit=5"
inject -u "$url/api/users?profile=%7B%22country%22%3A%22DE%22%7D&active_since=2025-01-01T00%3A00%3A00Z"
inject -u "$url/api/users/4*"
inject -u "$url/api/products?search=tea&category=Tea"
inject -u "$url/api/products/top?start=2025-01-01&end=2025-02-01&limit=5"
inject -u "$url/api/revenue?start=2025-01-01&end=2025-02-01&unit=day"
inject -u "$url/api/models?kind=purchase&limit=5"
inject -u "$url/api/products" --method PUT --data '{"items":[{"product_id":"p1","name":"Cup","category":"Tea"}]}'
exit "$failed"
