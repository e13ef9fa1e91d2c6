"""Which key holds what. Nothing else in the product spells a key."""

import re
from datetime import date

LANDING = "landing/"
IMAGES = "images/"
TABLES = "tables/"
EMBEDDINGS = f"{TABLES}embeddings/"
COPIES = f"{TABLES}copies/"
PARTS = f"{TABLES}parts/"
MEASURES = f"{TABLES}measures/"
MODELS = "models/"
RELEASES = "releases/"
REVIEWS = "reviews/"
IMPORTS = "imports/"
CLASSES = "classes/"
ACCEPTED_DAYS = "accepted-days/"
CLEARED_DAYS = "cleared-days/"
SPLITS = "splits/"
REPORTS = "reports/"
CHECKPOINTS = "checkpoints/"
CONFIGURATIONS = "configurations/"
WEIGHTS = "weights/"
PREDICTIONS = "predictions/"
STEP_OUTPUT = "compute-logs/"
"""Where the containers' Dagster keeps what steps print (``docker/dagster/dagster.yaml``)."""

FEEDBACK = "feedback/"
FEEDBACK_NAME = "feedback-"
"""What the names of photos begin with that landed because somebody corrected an answer."""

OURS = (
    IMAGES,
    TABLES,
    MODELS,
    RELEASES,
    REVIEWS,
    IMPORTS,
    CLASSES,
    ACCEPTED_DAYS,
    CLEARED_DAYS,
    SPLITS,
    REPORTS,
    CHECKPOINTS,
    CONFIGURATIONS,
    WEIGHTS,
)
"""What nobody but this product writes below; people and Airflow write the landing folders."""

_LANDING_KEY = re.compile(r"landing/(\d{4}-\d\d-\d\d)/([^/]+)/([^/]+)")

_FEEDBACK_KEY = re.compile(r"feedback/(\d{4}-\d\d-\d\d)/[0-9a-f]{32}\.json")

_SNAPSHOT_KEY = re.compile(r"tables/([^/]+)/([0-9a-f]{64})\.parquet")

_IMPORT_KEY = re.compile(r"imports/([0-9a-f]{16})/(\d{8,})\.parquet")

_DECISION_KEY = re.compile(r"models/([^/]+)/decisions/\d{8,}\.json")

MANIFEST = "manifest.json"

MLMODEL = "MLmodel"
"""Beside the files of a bundle: what MLflow has to know to load them."""


def landing_day(day: str) -> str:
    """The prefix that holds the photos dropped on one day (``YYYY-MM-DD``)."""
    return f"{LANDING}{day}/"


def landing_photo(day: str, label: str, name: str) -> str:
    """The key of one dropped photo."""
    return f"{LANDING}{day}/{label}/{name}"


def split_landing_key(key: str) -> tuple[str, str, str] | None:
    """The day, label and name in a key below ``landing/``, or None if it has another form."""
    match = _LANDING_KEY.fullmatch(key)
    if match is None:
        return None
    day, label, name = match.groups()
    try:
        date.fromisoformat(day)
    except ValueError:
        return None
    return day, label, name


def image(sha256: str) -> str:
    """The key of an accepted photo, by the SHA-256 of its bytes (64 hex digits)."""
    return f"{IMAGES}{sha256[:2]}/{sha256}"


def split_snapshot_key(key: str) -> tuple[str, str] | None:
    """The asset and the content hash in the key of a snapshot, or None for another table."""
    match = _SNAPSHOT_KEY.fullmatch(key)
    return (match.group(1), match.group(2)) if match else None


def table(asset: str, partition: str) -> str:
    """The key of what an asset holds: a partition, or a content hash for a whole snapshot."""
    return f"{TABLES}{asset}/{partition}.parquet"


def embeddings(version: str, day: str) -> str:
    """The key of what a network of one version says of one day's photos; can be made again."""
    return f"{EMBEDDINGS}{version}/{day}.parquet"


def copies(version: str, day: str) -> str:
    """The key of the rotated and cropped copies of one day's photos, and of which were looked for.

    ``version`` is that of the features that proposed them, and of how pixels decided.
    """
    return f"{COPIES}{version}/{day}.parquet"


def parts(step: str, day: str) -> str:
    """The prefix of what a step that has not ended yet has done of a day."""
    return f"{PARTS}{step}/{day}/"


def measures(version: str, day: str) -> str:
    """The key of what was measured of one day's photos since another version measured them."""
    return f"{MEASURES}{version}/{day}.parquet"


def embeddings_version(key: str) -> str:
    """The version in a key below ``tables/embeddings/``."""
    return key.removeprefix(EMBEDDINGS).split("/", 1)[0]


def model_file(version: str, name: str) -> str:
    """The key of one file of a model bundle."""
    return f"{MODELS}{version}/{name}"


def decisions(version: str) -> str:
    """The prefix that holds what the gate said of a model."""
    return f"{MODELS}{version}/decisions/"


def decision(version: str, number: int) -> str:
    """The key of one of the gate's decisions about a model."""
    return f"{decisions(version)}{number:08d}.json"


def decided_version(key: str) -> str | None:
    """The version in the key of a decision, or None if it is another key."""
    match = _DECISION_KEY.fullmatch(key)
    return match.group(1) if match else None


def release(number: int) -> str:
    """The key of one entry of the release log."""
    return f"{RELEASES}{number:08d}.json"


def review(number: int) -> str:
    """The key of a person's decision about a photo."""
    return f"{REVIEWS}{number:08d}.json"


def import_record(source: str, number: int) -> str:
    """The key of what a source held at one import, by the start of its address's hash."""
    return f"{IMPORTS}{source}/{number:08d}.parquet"


def split_import_key(key: str) -> tuple[str, int] | None:
    """The source and the number in the key of an import record, or None for another key."""
    match = _IMPORT_KEY.fullmatch(key)
    return (match.group(1), int(match.group(2))) if match else None


def class_rename(number: int) -> str:
    """The key of a person's decision to give a class another name."""
    return f"{CLASSES}{number:08d}.json"


def accepted_day(day: str) -> str:
    """The key of a person's word that a day which its checks stopped is taken in."""
    return f"{ACCEPTED_DAYS}{day}.json"


def cleared_day(day: str) -> str:
    """The key of which landed files of a day have been deleted, their photos being safe."""
    return f"{CLEARED_DAYS}{day}.json"


def splits(number: int) -> str:
    """The key of a table of which photos and groups were assigned to which split."""
    return f"{SPLITS}{number:08d}.parquet"


def report(snapshot: str) -> str:
    """The key of the page about a data set, by the hash of its table."""
    return f"{REPORTS}{snapshot}.html"


def checkpoint(training: str) -> str:
    """The key of a training that is under way, by the hash of its data and configuration."""
    return f"{CHECKPOINTS}{training}.safetensors"


def configuration(number: int) -> str:
    """The key of a person's decision about the configuration."""
    return f"{CONFIGURATIONS}{number:08d}.json"


def weights(sha256: str) -> str:
    """The key of weights that somebody gave for trainings to begin with, by their SHA-256."""
    return f"{WEIGHTS}{sha256}.safetensors"


def predictions_day(day: str) -> str:
    """The prefix of what was answered on a day (``YYYY-MM-DD``, UTC)."""
    return f"{PREDICTIONS}{day}/"


def predictions(day: str, segment: str) -> str:
    """The key of what one segment of an API's journal holds of a day."""
    return f"{predictions_day(day)}{segment}.parquet"


def answered_photos() -> str:
    """The prefix of the photos that were answered, if such are kept."""
    return f"{PREDICTIONS}photos/"


def answered_photo(sha256: str) -> str:
    """The key of a photo that was answered, by the SHA-256 of its bytes."""
    return f"{answered_photos()}{sha256[:2]}/{sha256}"


def feedback_day(day: str) -> str:
    """The prefix of what was said on a day (``YYYY-MM-DD``, UTC)."""
    return f"{FEEDBACK}{day}/"


def feedback(day: str, name: str) -> str:
    """The key of what somebody said of an answer."""
    return f"{feedback_day(day)}{name}.json"


def said_on(key: str) -> str | None:
    """The day of a key of `feedback`; None for any other file that lies there."""
    match = _FEEDBACK_KEY.fullmatch(key)
    return match[1] if match else None
