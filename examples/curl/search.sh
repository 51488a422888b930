#!/bin/sh
# Find tokens by ticker, name or address: search.sh pepe
set -eu
url=${DEXWIRE_URL:-http://127.0.0.1:8000}
curl -fsS -G "$url/search" --data-urlencode "q=${1:?what to look for}" -d limit=10
echo
