"""An exchange with the API as both clients see it: where it is, what went wrong, what came back.

ClientError
├── ApiError          the API answered with a problem; it says what to do
└── ApiUnreachable    nothing answered at that address, or something else did
"""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
from pydantic import ValidationError

from serving.api.schemas import Problem
from serving.client.requests import Answer, ApiRequest


class ClientError(Exception):
    """The root of what the clients raise."""


class ApiError(ClientError):
    """The API answered with a problem.

    Args:
        problem: the document; its fields are this error's too.
        retry_after: seconds after which another try makes sense, if the API says so.
    """

    def __init__(self, problem: Problem, retry_after: int | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.status = problem.status
        self.title = problem.title
        self.detail = problem.detail
        self.reason = problem.reason
        self.retry_after = retry_after

    def __str__(self) -> str:
        return f"{self.title} ({self.status}): {self.detail}"


class ApiUnreachable(ClientError):
    """Nothing answered at the address, or something that is not this API."""


class BaseClient:
    """What both clients know of the other end."""

    def __init__(self, base_url: str, api_key: str | None) -> None:
        self.base_url = base_url.rstrip("/")
        self._headers = {b"Authorization": f"Bearer {api_key}".encode()} if api_key else {}

    @contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ApiUnreachable(f"No API answers at {self.base_url} ({error})") from None

    def _understood(self, request: ApiRequest[Answer], response: httpx.Response) -> Answer:
        if not response.is_success:
            after = response.headers.get("Retry-After", "")
            raise ApiError(_problem(response), int(after) if after.isdecimal() else None)
        try:
            return request.read(response.content)
        except ValueError:
            where = self.base_url + request.path
            raise ApiUnreachable(f"What answers at {where} is not this API") from None


def _problem(response: httpx.Response) -> Problem:
    try:
        return Problem.model_validate_json(response.content)
    except ValidationError:  # from a proxy in between, say
        return Problem(
            type="about:blank",
            title=response.reason_phrase or "An error",
            status=response.status_code,
            detail=f"{response.url} answered {response.status_code} without saying why.",
            request_id=response.headers.get("X-Request-ID", ""),
        )
