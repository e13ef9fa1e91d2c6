"""The typed client of the API.

ClientError
├── ApiError          the API answered with a problem; it says what to do
└── ApiUnreachable    nothing answered at that address, or something else did
"""

from types import TracebackType
from typing import Self, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from serving.schemas import ModelInfo, Prediction, Problem, Readiness

_Answer = TypeVar("_Answer", bound=BaseModel)
_Files = dict[str, tuple[str, bytes]] | None


class ClientError(Exception):
    """The root of what this client raises."""


class ApiError(ClientError):
    """The API answered with a problem.

    Args:
        problem: the document; its fields are this error's too.
    """

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem
        self.status = problem.status
        self.title = problem.title
        self.detail = problem.detail
        self.reason = problem.reason

    def __str__(self) -> str:
        return f"{self.title} ({self.status}): {self.detail}"


class ApiUnreachable(ClientError):
    """Nothing answered at the address, or something that is not this API."""


class Client:
    """Speaks to one API; use it in a ``with`` statement, or call `close`.

    Args:
        base_url: where the API is, such as ``http://127.0.0.1:8000``.
        api_key: one of its keys, if it asks for one.
        timeout: how many seconds to wait for any one step of an exchange.
    """

    def __init__(self, base_url: str, api_key: str | None = None, *, timeout: float = 30) -> None:
        self.base_url = base_url.rstrip("/")
        headers = {b"Authorization": f"Bearer {api_key}".encode()} if api_key else {}
        self._http = httpx.Client(headers=headers, timeout=timeout)

    def predict(self, data: bytes, name: str) -> Prediction:
        """What the live model sees in a photo.

        Args:
            data: the photo's bytes: JPEG, PNG, WebP, GIF or BMP.
            name: the file's name; the API makes no use of it.

        Raises:
            ApiError: the photo was refused (see ``reason``), no model is live, or the like.
            ApiUnreachable: no API answered.
        """
        return self._ask("POST", "/predict", Prediction, files={"file": (name, data)})

    def model(self) -> ModelInfo:
        """The model that answers now. Raises like `predict`."""
        return self._ask("GET", "/model", ModelInfo)

    def ready(self) -> Readiness:
        """Whether a model is loaded; if none is, an `ApiError` of status 503 says why."""
        return self._ask("GET", "/readyz", Readiness)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _ask(self, method: str, path: str, answer: type[_Answer], files: _Files = None) -> _Answer:
        url = self.base_url + path
        try:
            response = self._http.request(method, url, files=files)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ApiUnreachable(f"No API answers at {self.base_url} ({error})") from None
        if not response.is_success:
            raise ApiError(_problem(response))
        try:
            return answer.model_validate_json(response.content)
        except ValidationError:
            raise ApiUnreachable(f"What answers at {url} is not this API") from None


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
