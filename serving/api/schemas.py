"""What the API answers. The client and the web pages read these same types."""

from pydantic import BaseModel, ConfigDict, Field


class Body(BaseModel):
    """What a route answers with."""

    model_config = ConfigDict(frozen=True)


class ModelRef(Body):
    """Which model answered, and what it was made from."""

    version: str = Field(description="The version of the model", examples=["20250131-120000-1f3c"])
    is_sample: bool = Field(
        description="True if it was trained on generated pictures: good for a try, and no more"
    )
    data_hash: str = Field(description="The content hash of the data set that it was trained on")
    dagster_run: str = Field(description="The Dagster run that made it")
    mlflow_run: str = Field(description="The MLflow run that holds its curves and plots")


class PhotoPrediction(Body):
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


class Minute(Body):
    """What was answered in one minute."""

    start: str = Field(description="ISO 8601, UTC")
    photos: dict[str, int] = Field(description="By the class that was seen in them")
    confidence: float = Field(description="The mean")
    median_ms: float = Field(description="From the start of decoding to the answer")
    late_ms: float = Field(description="The 99th percentile of the same")


class Activity(Body):
    """What was answered of late, by the prediction log: some seconds behind."""

    minutes: list[Minute] = Field(description="Those in which something was, oldest first")
    since: str = Field(description="ISO 8601, UTC")
    until: str = Field(description="ISO 8601, UTC")


class Readiness(Body):
    """A model is loaded and answers."""

    ready: bool = Field(description="Always true; without a model the status is 503")
    version: str = Field(description="The version that answers")
    current: bool = Field(description="False while something is amiss; `GET /model` says what")


class Health(Body):
    """The process is alive, with or without a model."""

    status: str = Field(examples=["ok"])


class Problem(Body):
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


class Box(Body):
    """A part of a photo, in shares of its width and height."""

    left: float
    top: float
    width: float
    height: float


class Explanation(Body):
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


class SimilarPhoto(Body):
    """A training photo that resembles the photo that was sent."""

    label: str = Field(description="The class that it had in training", examples=["dandelion"])
    similarity: float = Field(
        description="Cosine of the angle between what the model sees in both: 1 for the same "
        "picture",
        examples=[0.87],
    )
    sha256: str = Field(description="Of its file: the ID of the photo in the store")


class SimilarPhotos(Body):
    """The training photos that resemble a photo most."""

    photos: list[SimilarPhoto] = Field(description="The nearest first")
    searched: int = Field(description="How many training photos it was compared with")
    model: ModelRef = Field(description="The model that learned from them and compared them")
    request_id: str = Field(description="The name of the request, also in `X-Request-ID`")


class Feedback(Body):
    """What somebody said of an answer, as the store keeps it."""

    prediction_id: str
    label: str = Field(description="What the photo shows")
    comment: str
    model_version: str = Field(description="The model that was live when this was said")
    photo: str | None = Field(default=None, description="The key of the photo, if it landed")


class FeedbackReceipt(Body):
    """It is in the store."""

    feedback_id: str
    learned_from: bool = Field(
        description="Whether the photo lies in today's landing folder, for the next training"
    )


class BatchResult(Body):
    """What came of one photo of a batch: a prediction or a problem."""

    index: int = Field(description="Its place among the files that were sent, from 0 on")
    prediction: PhotoPrediction | None = None
    problem: Problem | None = None


class BatchPrediction(Body):
    """What the model sees in each of several photos."""

    results: list[BatchResult] = Field(description="One for each file, in their order")
    model: ModelRef = Field(description="The model that computed all of them")
    request_id: str = Field(description="The name of the request, also in `X-Request-ID`")
