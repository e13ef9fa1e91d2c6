"""What can happen to a request on its way to a server, and plans of which requests suffer it."""

import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum


class Fault(Enum):
    """What can happen to a request on its way."""

    LATENCY = "the request is passed on late"
    RESET = "the connection is reset before the server sees the request"
    LOST_ANSWER = "the server does it, and the connection is reset before the answer"
    HUNG_UP = "the server does it, and the connection is closed, politely, before the answer"
    LOST_BEHIND_500 = "the server does it, and the answer says that it did not"
    ERROR_500 = "the server answers InternalError"
    SLOW_DOWN_503 = "the server answers SlowDown"
    CONFLICT_409 = "the server answers ConditionalRequestConflict: another write is under way"
    SLOW_BODY = "the answer trickles"
    CUT_DOWNLOAD = "the connection is reset in the middle of the answer's body"
    CUT_UPLOAD = "the connection is reset in the middle of the request's body"
    FLIPPED_UPLOAD = "a bit of the request's body changes"
    FLIPPED_DOWNLOAD = "a bit of the answer's body changes"
    HANG = "nobody ever answers"


_NEED_A_BODY = {Fault.CUT_UPLOAD, Fault.FLIPPED_UPLOAD}
_NEED_A_GET = {Fault.SLOW_BODY, Fault.CUT_DOWNLOAD, Fault.FLIPPED_DOWNLOAD}
S3_ERRORS = {
    Fault.ERROR_500: ("500 Internal Server Error", "InternalError"),
    Fault.LOST_BEHIND_500: ("500 Internal Server Error", "InternalError"),
    Fault.SLOW_DOWN_503: ("503 Slow Down", "SlowDown"),
    Fault.CONFLICT_409: ("409 Conflict", "ConditionalRequestConflict"),
}

_INSTEAD = S3_ERRORS.keys() - {Fault.LOST_BEHIND_500}


@dataclass
class Request:
    """A request that came by, and what became of it."""

    method: str
    path: str  # and query, as sent
    size: int  # bytes of its body
    if_none_match: bool
    fault: Fault | None = None
    status: int | None = None  # what the server answered, whether or not the client heard it


Plan = Callable[[Request], Fault | None]


@dataclass
class Faults:
    """A plan that draws lots: each request suffers each fault with a probability."""

    rates: Mapping[Fault, float]
    seed: int = 1
    most_in_a_row: int | None = None
    """So often at most the same request fails before it is spared once."""

    _random: random.Random = field(init=False, repr=False)
    _row: Counter[tuple[str, str]] = field(default_factory=Counter, init=False, repr=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)  # noqa: S311  no secret depends on it

    def __call__(self, request: Request) -> Fault | None:
        fault = next((f for f, rate in self.rates.items() if self._strikes(request, f, rate)), None)
        which = (request.method, request.path)
        if fault is None or self._row[which] == self.most_in_a_row:
            self._row[which] = 0
            return None
        self._row[which] += 1
        return fault

    def _strikes(self, request: Request, fault: Fault, rate: float) -> bool:
        possible = (
            (fault not in _NEED_A_BODY or request.size > 0)
            and (fault not in _NEED_A_GET or request.method == "GET")
            and (fault is not Fault.CONFLICT_409 or request.if_none_match)
        )
        return possible and self._random.random() < rate


def no_faults(request: Request) -> Fault | None:
    """The plan of a transparent proxy."""
