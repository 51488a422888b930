"""`GET /discover`: the live order, its state, its errors (FAULTS, rows 42-51, 57-60)."""

from __future__ import annotations

from tests.api.conftest import Start
from tests.api.writer import Writer, row


async def test_row_42_without_parameters_it_is_the_volume_of_24_h_and_20_rows(
    writer: Writer, start: Start
) -> None:
    await writer.begin()
    version = await writer.commit([row(n) for n in range(25)])
    served = await start()

    answer = await served.client.get("/discover")

    assert answer.status_code == 200
    page = answer.json()
    assert (page["epoch"], page["version"], page["total"]) == ("e1", version, 25)
    assert [t["token_address"] for t in page["tokens"]] == [f"Token{n:05d}" for n in range(20)]
    assert page["tokens"][0]["rv"] == version
    assert page["nextCursor"]
