"""Walk the list: tokens younger than a day with some liquidity, the newest first.

Standard library only. `DEXWIRE_URL` says where the api is.
"""

import json
import os
import urllib.parse
import urllib.request

URL = os.environ.get("DEXWIRE_URL", "http://127.0.0.1:8000")


def get(path, **parameters):
    """Return the JSON of an answer; raises urllib.error.HTTPError with the problem as its body."""
    query = urllib.parse.urlencode(parameters)
    with urllib.request.urlopen(f"{URL}{path}?{query}", timeout=10) as answer:
        return json.load(answer)


wanted = {"sort": "newest", "max_age_minutes": 1440, "min_liquidity": 1000, "limit": 50}
page = get("/discover", **wanted)
print(f"{page['total']} tokens at version {page['version']}")
while True:
    for token in page["tokens"]:
        # What is not known is absent, so ask with get().
        print(token["id"], token.get("token_ticker"), token.get("price"), sep="\t")
    if page["nextCursor"] is None:
        break
    page = get("/discover", **wanted, cursor=page["nextCursor"])
