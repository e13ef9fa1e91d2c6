"""The name of a request, which every answer and every line of the logs carries."""

from starlette.types import Scope

HEADER = "X-Request-ID"


def request_id(scope: Scope) -> str:
    """The name of a request that has come through `RequestIdMiddleware`."""
    return str(scope["state"]["request_id"])
