"""The gateway's own fixtures, for clients of real gateways."""

from tests.ws.conftest import beating, start_gateway, writer

__all__ = ["beating", "start_gateway", "writer"]
