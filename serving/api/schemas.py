"""What the API answers. The client and the web pages read these same types."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True)


class ModelRef(_Answer):
    """Which model answered, and what it was made from."""

    version: str = Field(description="The version of the model", examples=["20250131-120000-1f3c"])
    is_sample: bool = Field(
        description="True if it was trained on generated pictures: good for a try, and no more"
    )
    data_hash: str = Field(description="The content hash of the data set that it was trained on")
    dagster_run: str = Field(description="The Dagster run that made it")
    mlflow_run: str = Field(description="The MLflow run that holds its curves and plots")


class PhotoPrediction(_Answer):
    """What the model sees in a photo."""

    prediction_id: str = Field(description="The name of this very prediction")
    label: str = Field(description="The most probable class", examples=["dandelion"])
    confidence: float = Field(ge=0, le=1, description="Its probability", examples=[0.97])
    probabilities: dict[str, float] = Field(
        description="The probability of every class, in the model's order; they add up to 1",
        examples=[{"dandelion": 0.97, "grass": 0.03}],
    )
    sure: bool = Field(
        default=True,
        description="False if the confidence is below `unsure_below` of the model: it cannot tell "
        "between its classes",
    )
    outside: bool | None = Field(
        default=None,
        description="True if the photo is of another kind than those that the model was trained "
        "on: its label means nothing. Null if the model cannot tell",
    )
    novelty: float | None = Field(
        default=None,
        description="How far the photo is from those of training; above 1 it is outside",
    )


class Prediction(PhotoPrediction):
    """What the model sees in a photo, and which model it is."""

    model: ModelRef = Field(description="The model that computed this very answer")
    request_id: str = Field(description="The name of the request, also in `X-Request-ID`")


class ReleaseInfo(_Answer):
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


class ReleaseHistory(_Answer):
    """The release log, newest first."""

    releases: list[ReleasedModel]
    total: int = Field(description="How many entries there are in all")


Interval = tuple[float, float]
"""Wilson's interval of a share, at 95 %."""


class ClassFigures(_Answer):
    """How one class fared on the test photos."""

    photos: int = Field(description="Test photos of this class")
    precision: float
    recall: float
    f1: float


class ReliabilityBin(_Answer):
    """Test photos of about the same confidence."""

    photos: int
    confidence: float = Field(description="Their mean confidence")
    accuracy: float = Field(description="Share of them that it got right")
    accuracy_interval: Interval | None


class Comparison(_Answer):
    """A model beside the one that was live when it was evaluated, on the same test photos."""

    version: str = Field(description="The other one")
    accuracy: float | None = Field(description="Of the other one; null if it cannot be compared")
    gained: int | None = Field(description="Photos that this one gets right and the other wrong")
    lost: int | None = Field(description="Photos that the other one gets right and this one wrong")


class Criterion(_Answer):
    """One thing that the gate asked of a model."""

    says: str = Field(description="What was found, in words")
    passed: bool


class Verdict(_Answer):
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


class RefusedModel(_Answer):
    """A model that the gate did not let live."""

    version: str
    accuracy: float | None = Field(description="Null if its bundle can't be read")
    champion: str | None = Field(description="The model that was live then")
    verdict: Verdict


class Refusals(_Answer):
    """What the gate refused, newest first."""

    refused: list[RefusedModel]
    total: int


class Minute(_Answer):
    """What was answered in one minute."""

    start: str = Field(description="ISO 8601, UTC")
    photos: dict[str, int] = Field(description="By the class that was seen in them")
    confidence: float = Field(description="The mean")
    median_ms: float = Field(description="From the start of decoding to the answer")
    late_ms: float = Field(description="The 99th percentile of the same")


class Activity(_Answer):
    """What was answered of late, by the prediction log: some seconds behind."""

    minutes: list[Minute] = Field(description="Those in which something was, oldest first")
    since: str = Field(description="ISO 8601, UTC")
    until: str = Field(description="ISO 8601, UTC")


class Readiness(_Answer):
    """A model is loaded and answers."""

    ready: bool = Field(description="Always true; without a model the status is 503")
    version: str = Field(description="The version that answers")
    current: bool = Field(description="False while something is amiss; `GET /model` says what")


class Health(_Answer):
    """The process is alive, with or without a model."""

    status: str = Field(examples=["ok"])


class Problem(_Answer):
    """An error (RFC 9457)."""

    type: str = Field(description="The kind of problem", examples=["about:blank"])
    title: str = Field(description="The kind in words", examples=["The photo was refused"])
    status: int = Field(description="The HTTP status again", examples=[415])
    detail: str = Field(description="What happened, why, and what to do")
    reason: str | None = Field(
        default=None,
        description="Of a refused photo: `empty`, `broken`, `unknown_format`, `too_large`, "
        "`too_many_pixels` or `too_complex`",
    )
    request_id: str = Field(description="The name of the request, also in `X-Request-ID`")


class Box(_Answer):
    """A part of a photo, in shares of its width and height."""

    left: float
    top: float
    width: float
    height: float


class Explanation(_Answer):
    """What the parts of a photo mean to the model."""

    label: str = Field(description="The class that it is about")
    probability: float = Field(ge=0, le=1, description="Of that class, with nothing hidden")
    drops: list[list[float]] = Field(
        description="Rows from the top: by how much the probability falls when that part of the "
        "box is hidden; negative where it rises"
    )
    box: Box = Field(description="What the model saw of the upright photo")
    model: ModelRef = Field(description="The model that was asked")
    request_id: str = Field(description="The name of the request, also in `X-Request-ID`")


class Feedback(_Answer):
    """What somebody said of an answer, as the store keeps it."""

    prediction_id: str
    label: str = Field(description="What the photo shows")
    comment: str
    model_version: str = Field(description="The model that was live when this was said")
    photo: str | None = Field(default=None, description="The key of the photo, if it landed")


class FeedbackReceipt(_Answer):
    """It is in the store."""

    feedback_id: str
    learned_from: bool = Field(
        description="Whether the photo lies in today's landing folder, for the next training"
    )


class BatchResult(_Answer):
    """What came of one photo of a batch: a prediction or a problem."""

    index: int = Field(description="Its place among the files that were sent, from 0 on")
    prediction: PhotoPrediction | None = None
    problem: Problem | None = None


class BatchPrediction(_Answer):
    """What the model sees in each of several photos."""

    results: list[BatchResult] = Field(description="One for each file, in their order")
    model: ModelRef = Field(description="The model that computed all of them")
    request_id: str = Field(description="The name of the request, also in `X-Request-ID`")
