"""What goes on while services are restarted: photos come in, and a client asks the API."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta

import httpx

from dandelion_pipeline_tests.data.tiny_models import photo
from dandelion_pipeline_tests.stack.chain.conftest import Chain
from dandelion_pipeline_tests.stack.conftest import SHARE

ASK_EVERY_S = 0.2


@dataclass
class Days:
    """Days whose photos were dropped, and for which the DAG was started."""

    chain: Chain
    dag_runs: dict[str, str] = field(default_factory=dict)
    """By day."""

    names: dict[str, list[str]] = field(default_factory=dict)
    """Of the photos of each class, by day."""

    figures: list[str] = field(default_factory=list)
    """What was measured meanwhile."""

    def add(self, day: str) -> None:
        """Drop the photos of a day, and start the DAG, as often as it takes."""
        self.names[day] = self.chain.stack.drop(day, SHARE)
        while day not in self.dag_runs:
            try:
                self.dag_runs[day] = self.chain.start_upload(day)
            except httpx.HTTPStatusError as error:
                if error.response.status_code == httpx.codes.CONFLICT:  # it was started, unheard
                    self.dag_runs[day] = f"test-{day}"
                time.sleep(0.5)
            except httpx.TransportError:  # Airflow is just being restarted
                time.sleep(0.5)


@contextmanager
def photos_coming_in(chain: Chain, first: str, every_s: float) -> Iterator[Days]:
    """A thread that adds one past day after the other."""
    days, enough = Days(chain), threading.Event()

    def come_in() -> None:
        day = date.fromisoformat(first)
        while not enough.is_set():
            days.add(day.isoformat())
            day += timedelta(days=1)
            enough.wait(every_s)

    thread = threading.Thread(target=come_in)
    thread.start()
    try:
        yield days
    finally:
        enough.set()
        thread.join()


@dataclass
class Asked:
    """The requests that were answered, and those that were not."""

    answered: int = 0
    failed: list[tuple[float, str]] = field(default_factory=list)
    """When, and why."""

    may_fail: list[tuple[float, float]] = field(default_factory=list)
    """When the API itself was down."""

    def unexcused(self) -> list[str]:
        """Why requests failed while the API was up."""
        return [
            why
            for when, why in self.failed
            if not any(begin <= when <= end for begin, end in self.may_fail)
        ]


@contextmanager
def somebody_asking(url: str, key: str) -> Iterator[Asked]:
    """A thread that asks the API about a photo, again and again."""
    asked, enough = Asked(), threading.Event()

    def ask() -> None:
        content, headers = photo(), {"X-API-Key": key}
        while not enough.wait(ASK_EVERY_S):
            files = {"file": ("photo.jpg", content)}
            try:
                answer = client.post("/predict", files=files, headers=headers)
                answer.raise_for_status()
                asked.answered += 1
            except httpx.HTTPError as error:
                asked.failed.append((time.monotonic(), repr(error)))

    with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
        thread = threading.Thread(target=ask)
        thread.start()
        try:
            yield asked
        finally:
            enough.set()
            thread.join()
