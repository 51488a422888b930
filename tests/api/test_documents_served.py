"""The documents as the api serves them, and that they tell of all its routes."""

from __future__ import annotations

import re
from typing import Any

from starlette.routing import Route

from services.api.documents import files
from services.api.documents.routes import OPERATIONS
from services.api.webpage import page_routes
from tests.testkit.api import Start
from tests.testkit.process import ROOT


def routes_of(app: Any) -> set[tuple[str, str]]:  # noqa: ANN401 - the router behind middleware
    while not hasattr(app, "routes"):
        app = app._app
    return {
        (route.path.replace(":path}", "}"), method.lower())  # Starlette's type of a parameter
        for route in app.routes
        if isinstance(route, Route)
        for method in route.methods or ()
        if method != "HEAD"
    }


PAGE = page_routes("", "", images_url=None, demo=False)
FOR_PEOPLE = files.document_routes().keys() | PAGE.keys()


async def test_every_route_is_documented(start: Start) -> None:
    served = await start()

    routes = {
        (path, method) for path, method in routes_of(served.api.app) if path not in FOR_PEOPLE
    }

    assert routes == {(operation.path, operation.method) for operation in OPERATIONS}


async def test_the_documents_are_served_as_committed_and_tagged(start: Start) -> None:
    served = await start()

    for path, name in (("/openapi.json", "openapi.json"), ("/asyncapi.json", "asyncapi.json")):
        answer = await served.client.get(path)
        again = await served.client.get(path, headers={"if-none-match": answer.headers["etag"]})
        assert answer.content == (ROOT / "services/api/documents" / name).read_bytes()
        assert answer.headers["content-type"] == "application/json"
        assert (again.status_code, again.content) == (304, b"")


async def test_the_page_loads_nothing_but_what_is_served_here(start: Start) -> None:
    served = await start()

    page = await served.client.get("/docs")
    links = re.findall(r'(?:src|href)="([^"]+)"', page.text)

    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "http" not in policy
    for link in links:
        if not link.startswith("data:"):
            assert (await served.client.get(link)).status_code == 200, link
