#!/bin/sh
# Walk the list: tokens of Solana with at least 1,000 USD of liquidity, by the volume of an hour.
set -eu
url=${DEXWIRE_URL:-http://127.0.0.1:8000}
query='sort=volume&window=1h&chain=solana&min_liquidity=1000&limit=50'
cursor=
while :; do
    page=$(curl -fsS "$url/discover?$query${cursor:+&cursor=$cursor}")
    printf '%s\n' "$page" | grep -o '"id":"[^"]*"' | cut -d '"' -f 4
    cursor=$(printf '%s' "$page" | sed -n 's/.*"nextCursor":"\([^"]*\)".*/\1/p')
    [ -n "$cursor" ] || break
done
