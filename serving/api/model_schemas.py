"""What the API answers about models and releases; see `schemas`."""

from typing import Literal

from pydantic import Field

from serving.api.schemas import Body, ModelRef


class ReleaseInfo(Body):
    """The entry of the release log that made a model live."""

    number: int = Field(description="The number of the entry; the highest is in force")
    action: str = Field(description="`promote` or `rollback`")
    who: str
    when: str = Field(description="ISO 8601, UTC")
    why: str


class ModelInfo(ModelRef):
    """The model that answers now."""

    classes: list[str] = Field(description="What it can tell apart, in the order of its outputs")
    architecture: str
    created: str = Field(description="When it was finished (ISO 8601, UTC)")
    size: int = Field(description="Width and height of its input in pixels")
    served_as: Literal["int8", "fp32"] | None = Field(
        default=None,
        description="Which of its graphs answers: in 8-bit integers or in 32-bit floats",
    )
    served_because: str = Field(default="", description="Why that one; empty for older models")
    judged_as: Literal["int8", "fp32"] | None = Field(
        default=None, description="Which of its graphs the figures are of"
    )
    accuracy: float = Field(description="Share of the test photos that it got right")
    test_photos: int = Field(description="Number of test photos, none of which it learned from")
    counts: dict[str, dict[str, int]] = Field(description="Photos by class, then by split")
    unsure_below: float | None = Field(
        default=None, description="The confidence below which its answers are not to be believed"
    )
    neighbours: int = Field(
        default=0,
        description="How many of its training photos `POST /similar` compares a photo with; 0 if "
        "it knows none",
    )
    release: ReleaseInfo = Field(description="Since when, by whom and why it is live")
    trouble: str | None = Field(
        description="Why this is not the newest model of the log, or why the log cannot be read"
    )


class ReleasedModel(ReleaseInfo):
    """An entry of the release log, and what is known of its model."""

    version: str
    live: bool = Field(description="Whether it is the entry in force")
    forced: bool = Field(description="Whether somebody overruled the gate")
    accuracy: float | None = Field(
        description="Share of the test photos that it got right; null if its bundle can't be read"
    )
    data_hash: str | None = Field(description="Of what it was trained on; null likewise")
    is_sample: bool | None = Field(description="Whether that was generated; null likewise")


class ReleaseHistory(Body):
    """The release log, newest first."""

    releases: list[ReleasedModel]
    total: int = Field(description="How many entries there are in all")


Interval = tuple[float, float]
"""Wilson's interval of a share, at 95 %."""


class ClassFigures(Body):
    """How one class fared on the test photos."""

    photos: int = Field(description="Test photos of this class")
    precision: float
    recall: float
    f1: float


class ReliabilityBin(Body):
    """Test photos of about the same confidence."""

    photos: int
    confidence: float = Field(description="Their mean confidence")
    accuracy: float = Field(description="Share of them that it got right")
    accuracy_interval: Interval | None


class Comparison(Body):
    """A model beside the one that was live when it was evaluated, on the same test photos."""

    version: str = Field(description="The other one")
    accuracy: float | None = Field(description="Of the other one; null if it cannot be compared")
    gained: int | None = Field(description="Photos that this one gets right and the other wrong")
    lost: int | None = Field(description="Photos that the other one gets right and this one wrong")


class Criterion(Body):
    """One thing that the gate asked of a model."""

    says: str = Field(description="What was found, in words")
    passed: bool


class Verdict(Body):
    """What the gate said of a model."""

    promote: bool = Field(description="Whether it may go live")
    forced_because: str = Field(description="Why somebody overruled it; empty if nobody did")
    when: str = Field(description="ISO 8601, UTC")
    criteria: list[Criterion]


class ModelDetails(ModelRef):
    """How good a model is on the test photos, none of which it learned from."""

    created: str
    architecture: str
    classes: list[str]
    counts: dict[str, dict[str, int]] = Field(description="Photos by class, then by split")
    test_photos: int
    accuracy: float
    accuracy_interval: Interval | None
    per_class: dict[str, ClassFigures]
    confusion: list[list[int]] = Field(
        description="Rows: the given label; columns: the predicted one; both in order of `classes`"
    )
    reliability: list[ReliabilityBin] = Field(
        description="From unsure to sure; empty for a model that it was not measured for"
    )
    calibration_error: float | None = Field(description="Expected calibration error, by these bins")
    unsure_below: float | None = Field(
        description="The confidence below which it is too often wrong to be believed; null if "
        "there is no such"
    )
    champion: Comparison | None = Field(description="Null if no model was live then")
    verdict: Verdict | None = Field(description="Of the gate; null if it was never asked")


class RefusedModel(Body):
    """A model that the gate did not let live."""

    version: str
    accuracy: float | None = Field(description="Null if its bundle can't be read")
    champion: str | None = Field(description="The model that was live then")
    verdict: Verdict


class Refusals(Body):
    """What the gate refused, newest first."""

    refused: list[RefusedModel]
    total: int
