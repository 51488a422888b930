#!/bin/sh
# Post a reading, wait until it is committed, and read the token.
set -eu
url=${DEXWIRE_URL:-http://127.0.0.1:8000}
curl -fsS "$url/ingest?ack=commit" \
    -H "Authorization: Bearer ${DEXWIRE_KEY:-}" \
    -H 'Content-Type: application/json' \
    -H "Idempotency-Key: example-$$-$(date +%s)" \
    -d '{"source":"curlbot","tokens":[{"chain":"solana","token_address":"CurLExampLe","token_ticker":"CURL","price":1.25,"liquidity":5000}]}'
echo
curl -fsS "$url/tokens/solana/CurLExampLe"
echo
