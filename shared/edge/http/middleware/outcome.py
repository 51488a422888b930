"""Answering from a middleware. What became of a request is noted in its scope, for the metrics."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Final

from starlette.types import Receive, Scope, Send

from shared.edge.http.answer import Answer, problem_answer
from shared.edge.http.problem import Problem

STATUS: Final = "dexwire.status"  # in the scope: of the answer
PROBLEM: Final = "dexwire.problem"  # in the scope: the code of the problem that was answered


def answer_with(answer: Answer, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
    """Answer a request, and note it."""
    scope[STATUS] = answer.status_code
    if answer.problem:
        scope[PROBLEM] = answer.problem
    return answer(scope, receive, send)


def refuse(problem: Problem, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
    """Answer with a problem, and note it."""
    return answer_with(problem_answer(problem), scope, receive, send)
