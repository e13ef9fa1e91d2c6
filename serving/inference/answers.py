"""What is known of an answer once it is given: the prediction log and the metrics are told."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from dandelion_pipeline.release.manifest import Manifest


@dataclass(frozen=True)
class Stages:
    """Where the time of one photo went, in seconds."""

    decode: float
    """From bytes to the model's input, without the wait for a thread."""

    queue: float
    """From the prepared photo until its batch was begun."""

    infer: float
    """The batch that it was part of."""


@dataclass(frozen=True)
class Answered:
    """One photo, and what was said of it."""

    prediction_id: str
    """Names this answer alone, even if a client uses a request id twice; feedback refers to it."""

    request_id: str
    when: datetime
    """UTC."""

    read_photo: Callable[[], bytes]
    """The file as it came, until the answer is sent."""

    photo_sha256: str
    size: int
    """Bytes of the file."""

    format: str
    """Of the photo: ``JPEG``, ``PNG``…"""

    width: int
    height: int
    label: str
    probabilities: Mapping[str, float]
    novelty: float | None
    """How far the photo is from those of training: above 1, it is outside. None: not known."""

    sure: bool
    """Whether the confidence is one at which the model is to be believed."""

    manifest: Manifest
    """Of the model that computed the probabilities."""

    stages: Stages
    batch: int
    """How many photos its batch held."""

    @property
    def outside(self) -> bool | None:
        """Whether the photo is of another kind than those of training."""
        return None if self.novelty is None else self.novelty > 1


Listener = Callable[[Answered], None]
"""Is told of every answer, on the event loop: it must not wait for anything."""
