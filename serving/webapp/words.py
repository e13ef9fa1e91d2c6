"""What the page says when it cannot say what is in a photo: what happened, and the remedy."""

from dataclasses import dataclass
from http import HTTPStatus

from serving.client import ApiError, ApiUnreachable, ClientError
from serving.schemas import Explanation

_NOTHING = 0.01  # a change of the probability that is not worth a word
_TRAIN = "make run IMAGES=path/to/photos   # a folder with one folder per class"


@dataclass(frozen=True)
class Words:
    """A notice on the page."""

    title: str
    text: str
    commands: str = ""
    """What to type, if typing helps."""

    is_error: bool = True


SAMPLE = Words(
    "This model is a sample",
    "It was trained on generated pictures, to show how everything works. What it says of a real "
    "photo means little. Train one on real photos, and this page uses it by itself:",
    _TRAIN,
    is_error=False,
)

_REFUSALS = {
    "empty": ("This file is empty", "Choose the photo again, or another one."),
    "unknown_format": (
        "This file is no photo that can be read",
        "Whatever its name says, its content is no JPEG, PNG, WebP, GIF or BMP picture. "
        "Save it as one of these.",
    ),
    "broken": (
        "This photo is damaged",
        "It ends too early or cannot be decoded. Copy or export it again.",
    ),
    "too_large": ("This file is too large", "20 MB is the limit. Send a smaller copy."),
    "too_many_pixels": (
        "This photo is too large",
        "25 megapixels are the limit. Send a smaller copy.",
    ),
    "too_complex": (
        "This photo is built in an unusual way",
        "Decoding it would take too long. Save it again with another program.",
    ),
}


def outdated(trouble: str) -> Words:
    """The model answers, but it is not the one that should, or may not be."""
    return Words("This may not be the newest model", trouble, is_error=False)


def looking(done: int, photos: int) -> str:
    """While the API is being asked."""
    return "Looking at the photo …" if photos == 1 else f"Looked at {done} of {photos} photos …"


def looked_at(explanation: Explanation) -> str:
    """What the red in a photo means."""
    most = max(max(row) for row in explanation.drops)
    if most < _NOTHING:
        return f"No single part matters: whichever is hidden, the model sees {explanation.label}."
    return (
        f"Red is what speaks for {explanation.label}: hidden, it makes the model less sure, by "
        f"{100 * most:.0f} points at the most."
    )


def thanks(label: str, *, learned_from: bool) -> Words:
    """What becomes of what a visitor said."""
    if learned_from:
        fate = (
            f"Your photo lies in today's landing folder, as {label}. It passes the same checks as "
            "every other photo, and the next training learns from it."
        )
    else:
        fate = f"It is noted that the photo shows {label}. The photo itself was not kept."
    return Words("Thank you", fate, is_error=False)


def explain(error: ClientError) -> Words:
    """What a person should read when the API gave no answer."""
    if isinstance(error, ApiUnreachable):
        return Words(
            "The API does not answer",
            f"{error}. Start it, or set DANDELION_API_URL to where it runs:",
            "make up",
        )
    if not isinstance(error, ApiError):
        return Words("Something went wrong", str(error))
    if error.reason in _REFUSALS:
        return Words(*_REFUSALS[error.reason])
    if error.status == HTTPStatus.UNAUTHORIZED:
        return Words(
            "The API asks for a key",
            "This page has none, or a wrong one. Start it again with DANDELION_API_KEY set to "
            "one of the keys in the API's DANDELION_API_KEYS.",
        )
    if error.problem.type.endswith(":no-model"):
        commands = f"make run                         # a sample, offline\n{_TRAIN}"
        return Words(error.title, error.detail[:1].upper() + error.detail[1:], commands)
    request = error.problem.request_id
    named = f" The API's log says more under request {request}." if request else ""
    return Words(error.title, f"{error.detail}{named}")
