"""What the API says of the photos on the page.

Each click draws the page anew; nothing is asked twice for that.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from time import perf_counter, sleep

import streamlit as st

from serving.api.schemas import BatchPrediction, BatchResult, Prediction, Problem
from serving.client import ApiError, Client, ClientError
from serving.webapp.language import words
from serving.webapp.language.words import Words

AT_ONCE = 6
"""Photos of one request: of 20 MB each, they stay below what the API takes."""

TRIES = 4
"""How often a busy API is asked, in all."""

_LONGEST_PAUSE = 5

Outcome = Prediction | Words
"""An answer, or why there is none."""

_KEPT = "answers"
_TOOK = "took"


@dataclass(frozen=True)
class Photo:
    """A file that a visitor chose."""

    name: str
    data: bytes
    sha256: str

    @classmethod
    def of(cls, name: str, data: bytes) -> "Photo":
        """A photo, with its digest."""
        return cls(name, data, sha256(data).hexdigest())


def ask(client: Client, photos: Sequence[Photo], version: str) -> list[Outcome]:
    """One outcome for each photo, in their order; a bar shows how far it is.

    Answers are kept for the session, as long as their photo is on the page and the same model
    answers.

    Args:
        client: the API.
        photos: one or more.
        version: of the model that answers now.
    """
    kept: dict[tuple[str, str], Prediction] = st.session_state.get(_KEPT, {})
    outcomes: dict[str, Outcome] = {
        photo.sha256: kept[photo.sha256, version]
        for photo in photos
        if (photo.sha256, version) in kept
    }
    missing = list({p.sha256: p for p in photos if p.sha256 not in outcomes}.values())
    if missing:
        bar = st.progress(0.0, words.looking(0, len(missing)))
        began = perf_counter()
        for start in range(0, len(missing), AT_ONCE):
            some = missing[start : start + AT_ONCE]

            def wait(seconds: float, done: int = start) -> None:
                bar.progress(done / len(missing), words.waiting(seconds))
                sleep(seconds)

            found = _asked(client, some, wait)
            outcomes.update(zip((p.sha256 for p in some), found, strict=True))
            done = start + len(some)
            bar.progress(done / len(missing), words.looking(done, len(missing)))
        bar.empty()
        st.session_state[_TOOK] = perf_counter() - began
    st.session_state[_KEPT] = {
        (name, version): outcome
        for name, outcome in outcomes.items()
        if isinstance(outcome, Prediction)
    }
    return [outcomes[photo.sha256] for photo in photos]


def seconds_taken() -> float:
    """How long the last photos took that were asked for, from this page to the API and back."""
    return float(st.session_state.get(_TOOK, 0))


def _asked(client: Client, photos: Sequence[Photo], wait: Callable[[float], None]) -> list[Outcome]:
    """What the API says; a busy one is asked again when it says that it makes sense."""
    for left in reversed(range(TRIES)):
        try:
            if len(photos) == 1:
                return [client.predict(photos[0].data, photos[0].name)]
            answer = client.predict_batch([(photo.name, photo.data) for photo in photos])
        except ClientError as error:
            if left and isinstance(error, ApiError) and error.problem.type.endswith(":busy"):
                wait(min(error.retry_after or 1, _LONGEST_PAUSE))
                continue
            return [words.explain(error)] * len(photos)
        return [_outcome(result, answer) for result in answer.results]
    raise AssertionError  # the last try has returned


def _outcome(result: BatchResult, answer: BatchPrediction) -> Outcome:
    if result.prediction is not None:
        seen = dict(result.prediction)
        return Prediction(**seen, model=answer.model, request_id=answer.request_id)
    assert isinstance(result.problem, Problem)  # noqa: S101  it is one or the other
    return words.explain(ApiError(result.problem))
