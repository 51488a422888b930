"""The routes, and what becomes of errors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from shared.edge.http.answer import problem_answer
from shared.edge.http.middleware.outcome import PROBLEM
from shared.edge.http.problem import Problem, clip


def build_router(
    readers: dict[str, ASGIApp],
    writers: dict[str, ASGIApp],
    explain: Callable[[Problem], Awaitable[Problem]] | None = None,
) -> Starlette:
    """Return the app: `readers` answer GET and HEAD, `writers` POST, by path.

    `explain` adds to a problem what is known about its reason.
    """

    async def on_problem(request: Request, problem: Exception) -> Response:
        assert isinstance(problem, Problem)  # noqa: S101 - registered for it
        return _on_problem(request, await explain(problem) if explain else problem)

    routes = [Route(_pattern(path), app, methods=["GET"]) for path, app in readers.items()]
    routes += [Route(_pattern(path), app, methods=["POST"]) for path, app in writers.items()]
    app = Starlette(
        routes=routes,
        exception_handlers={
            Problem: on_problem,
            HTTPException: _on_http_exception,
            Exception: _on_error,
        },
    )
    app.router.redirect_slashes = False  # it would build the address from the Host header
    return app


def _pattern(path: str) -> str:
    """Return the path as Starlette matches it: an address may have slashes (`ibc/…`)."""
    return path.replace("{address}", "{address:path}")


def _on_problem(request: Request, problem: Problem) -> Response:
    request.scope[PROBLEM] = problem.code  # the middleware counts it
    return problem_answer(problem)


def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    path, method = clip(request.scope["path"]), clip(request.method)
    if error.status_code == 405:
        return _on_problem(
            request,
            Problem(
                405,
                "method_not_allowed",
                f"{path} does not know {method}",
                headers=dict(error.headers or {}),
            ),
        )
    return _on_problem(
        request, Problem(error.status_code, "not_found", f"there is nothing at {path}")
    )


def _on_error(request: Request, error: Exception) -> Response:  # noqa: ARG001 - Starlette's signature
    # Starlette raises it again after this answer, and the server logs it with its trace.
    return _on_problem(request, Problem(500, "internal", "something went wrong here; it is logged"))
