"""What the client raises: a small tree, each with what a program needs to decide what to do."""

from __future__ import annotations


class ClientError(Exception):
    """Anything the client raises on purpose."""


class Unreachable(ClientError):
    """Nobody answers at the address. Streams never raise it: they go on trying."""


class Malformed(ClientError):
    """The server sent something that the protocol does not."""


class Refused(ClientError):
    """The stream will not serve this request however often it is repeated.

    `code` is the protocol's word (`bad_topic`), the close code, or the HTTP status of the
    handshake, as text.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code


class Problem(ClientError):
    """An HTTP request was answered with an error (RFC 9457).

    `code` is what programs test; `retry_after_s` is None when the server names no time; `members`
    is the whole answer (`batch_id`, `rejected`, …).
    """

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        param: str | None = None,
        retry_after_s: float | None = None,
        members: dict[str, object] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status = status
        self.code = code
        self.detail = detail
        self.param = param
        self.retry_after_s = retry_after_s
        self.members = members or {}
