"""Post a reading so that a repeat does no harm, wait for its commit, and find the token.

Standard library only. `DEXWIRE_URL` says where the api is, `DEXWIRE_KEY` is a key of its
INGEST_API_KEYS; from the same machine none is needed while it has no keys.
"""

import json
import os
import time
import urllib.error
import urllib.request
import uuid

URL = os.environ.get("DEXWIRE_URL", "http://127.0.0.1:8000")
KEY = os.environ.get("DEXWIRE_KEY", "")


def post(batch, attempts=5):
    """Post until the outcome is known; the key of the batch makes a repeat harmless."""
    request = urllib.request.Request(
        f"{URL}/ingest?ack=commit",
        data=json.dumps(batch).encode(),
        headers={
            "Authorization": f"Bearer {KEY}",
            "Content-Type": "application/json",
            "Idempotency-Key": str(uuid.uuid4()),
        },
    )
    for _ in range(attempts):
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            problem = json.load(error)
            if error.code not in {429, 503, 504}:
                raise SystemExit(f"{problem['code']}: {problem['detail']}") from None
            time.sleep(int(error.headers.get("retry-after", 1)))
    raise SystemExit("gave up")


committed = post(
    {
        "source": "pybot",
        "tokens": [
            {
                "chain": "solana",
                "token_address": "PythonExamp1e",
                "token_ticker": "PYEX",
                "price": 0.0042,
                "liquidity": 12_000,
            }
        ],
    }
)
print("committed in version", committed["version"])
with urllib.request.urlopen(f"{URL}/search?q=pyex", timeout=10) as answer:
    print(json.dumps(json.load(answer)["tokens"][0], indent=2))
