"""Every error this product raises on purpose.

    DandelionError
    ├── PermanentError            trying again cannot help; somebody has to change something
    │   ├── SettingsError         a setting is missing or makes no sense
    │   ├── SourceError           the place that photos should come from cannot be used
    │   ├── ImageRefused          these bytes are no photo that we accept
    │   ├── ReviewError           a decision about a photo cannot be taken or read
    │   ├── CheckFailed           a day's photos are not fit for the data set as they are
    │   ├── DatasetError          the photos do not make a data set to train on
    │   ├── TrainingError         training cannot start or its result cannot be used
    │   │   └── ExportError       a network was trained and cannot be exported as it is
    │   ├── ModelRefused          the gate keeps a trained model from going live
    │   ├── StoreError            the object store said no
    │   │   ├── ObjectNotFound
    │   │   ├── StoreDenied
    │   │   ├── StoreFull
    │   │   └── ObjectDamaged     bytes are not what was written
    │   ├── BundleError           a model bundle is incomplete, altered or of an unknown format
    │   ├── ReleaseError          the release log cannot be read or appended to
    │   │   └── NothingReleased   no model has been published yet
    │   └── Refused               a safety rule of ours stopped the command
    ├── Interrupted               somebody stopped it (Ctrl-C)
    └── TransientError            the same call may work later; retries retry these alone
        ├── StoreUnavailable
        ├── SourceUnavailable
        ├── TrackingUnavailable   MLflow did not answer
        └── AirflowUnavailable

Each error says three things, because a message that stops at "what" sends people to
the source code: what went wrong (and with which input), why, and what to do about it.
"""


class DandelionError(Exception):
    """The root of the tree.

    Args:
        what: what failed, naming the input.
        why: the reason.
        remedy: what the reader can do about it.
    """

    def __init__(self, what: str, why: str, remedy: str) -> None:
        super().__init__(what, why, remedy)
        self.what = what
        self.why = why
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.what}: {self.why}. {self.remedy}."


class PermanentError(DandelionError):
    """Trying again cannot help."""


class SettingsError(PermanentError):
    """A setting is missing or makes no sense."""


class SourceError(PermanentError):
    """The place that photos should come from cannot be used."""


class ImageRefused(PermanentError):
    """These bytes are no photo that we accept.

    Args:
        reason: one word for tables and metrics, such as ``truncated``.
    """

    def __init__(self, reason: str, what: str, why: str, remedy: str) -> None:
        super().__init__(what, why, remedy)
        self.args = (reason, what, why, remedy)  # so that copies and workers rebuild it whole
        self.reason = reason


class ReviewError(PermanentError):
    """A decision about a photo cannot be taken or read."""


class CheckFailed(PermanentError):
    """A check stopped a day: its photos are not fit for the data set as they are."""


class DatasetError(PermanentError):
    """The photos do not make a data set to train on."""


class TrainingError(PermanentError):
    """Training cannot start, or its result cannot be used."""


class ExportError(TrainingError):
    """A trained network cannot be exported here; another machine or version may do better."""


class ModelRefused(PermanentError):
    """The gate keeps a trained model from going live."""


class StoreError(PermanentError):
    """The object store said no."""


class ObjectNotFound(StoreError):
    """No object has this key."""


class StoreDenied(StoreError):
    """The credentials or file permissions do not allow this."""


class StoreFull(StoreError):
    """There is no space left for what should be written."""


class ObjectDamaged(StoreError):
    """Bytes are not what was written, as their hash shows; reading again did not help."""


class BundleError(PermanentError):
    """A model bundle is incomplete, altered or of an unknown format."""


class ReleaseError(PermanentError):
    """The release log cannot be read or appended to."""


class NothingReleased(ReleaseError):
    """No model has been published yet."""


class Refused(PermanentError):
    """A safety rule of ours stopped the command."""


class Interrupted(DandelionError):
    """Somebody stopped it."""


class TransientError(DandelionError):
    """The same call may work later."""


class StoreUnavailable(TransientError):
    """The object store did not answer, or answered with a failure of its own."""


class SourceUnavailable(TransientError):
    """The place that photos come from did not answer."""


class TrackingUnavailable(TransientError):
    """MLflow did not answer, or answered with a failure of its own."""


class AirflowUnavailable(TransientError):
    """Airflow did not answer, answered with a failure of its own, or knows no such DAG yet."""
