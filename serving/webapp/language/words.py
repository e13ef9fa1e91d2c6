"""What the page says when it cannot say what is in a photo: what happened, and the remedy."""

from dataclasses import dataclass
from http import HTTPStatus

from serving.api.schemas import Explanation
from serving.client import ApiError, ApiUnreachable, ClientError
from serving.webapp.language.choice import mark, number, percent, say

_NOTHING = 0.01  # a change of the probability that is not worth a word
_TRAIN = mark("make run IMAGES=path/to/photos   # a folder with one folder per class")


@dataclass(frozen=True)
class Words:
    """A notice on the page, in the visitor's language."""

    title: str
    text: str
    commands: str = ""
    """What to type, if typing helps."""

    is_error: bool = True


_REFUSALS = {
    "empty": (mark("This file is empty"), mark("Choose the photo again, or another one.")),
    "unknown_format": (
        mark("This file is no photo that can be read"),
        mark(
            "Whatever its name says, its content is no JPEG, PNG, WebP, GIF, BMP, HEIC, AVIF or "
            "TIFF picture. Save it as one of these."
        ),
    ),
    "broken": (
        mark("This photo is damaged"),
        mark("It ends too early or cannot be decoded. Copy or export it again."),
    ),
    "too_large": (
        mark("This file is too large"),
        mark("20 MB is the limit. Send a smaller copy."),
    ),
    "too_many_pixels": (
        mark("This photo is too large"),
        mark(
            "A JPEG may have 200 megapixels, a HEIC 50, others 25. Send a smaller copy, or a JPEG."
        ),
    ),
    "too_complex": (
        mark("This photo is built in an unusual way"),
        mark("Decoding it would take too long. Save it again with another program."),
    ),
}

_PROBLEMS = {
    "busy": (
        mark("The API is busy"),
        mark("More photos came than it can look at in time. Yours was not lost: try again soon."),
    ),
    "store-away": (
        mark("The store does not answer"),
        mark("Nothing was kept of what you sent. Try again later."),
    ),
    "too-often": (
        mark("Too many requests"),
        mark("This page has asked more often than it may. Try again in a moment."),
    ),
}


def sample() -> Words:
    """The model is good for a try, and no more."""
    return Words(
        say("This model is a sample"),
        say(
            "It was trained on generated pictures, to show how everything works. What it says of "
            "a real photo means little. Train one on real photos, and this page uses it by itself:"
        ),
        say(_TRAIN),
        is_error=False,
    )


def outdated(trouble: str) -> Words:
    """The model answers, but it is not the one that should, or may not be."""
    return Words(say("This may not be the newest model"), trouble, is_error=False)


def looking(done: int, photos: int) -> str:
    """While the API is being asked."""
    if photos == 1:
        return say("Looking at the photo …")
    return say("Looked at {done} of {photos} photos …", done=number(done), photos=number(photos))


def waiting(seconds: float) -> str:
    """While the API has too much to do."""
    return say("The API is busy: trying again in {seconds} s …", seconds=number(seconds))


def looked_at(explanation: Explanation) -> str:
    """What the red in a photo means."""
    most = max(max(row) for row in explanation.drops)
    if most < _NOTHING:
        return say(
            "No single part matters: whichever is hidden, the model sees {label}.",
            label=explanation.label,
        )
    return say(
        "Red is what speaks for {label}: hidden, it makes the model less sure, by {points} "
        "points at the most.",
        label=explanation.label,
        points=number(100 * most),
    )


def doubt(limit: float) -> str:
    """Why an answer is none."""
    return say(
        "Below {limit}, fewer than four in five of the model's answers were right in its test.",
        limit=percent(limit),
    )


def thanks(label: str, *, learned_from: bool) -> Words:
    """What becomes of what a visitor said."""
    if learned_from:
        fate = say(
            "Your photo lies in today's landing folder, as {label}. It passes the same checks as "
            "every other photo, and the next training learns from it.",
            label=label,
        )
    else:
        fate = say(
            "It is noted that the photo shows {label}. The photo itself was not kept.",
            label=label,
        )
    return Words(say("Thank you"), fate, is_error=False)


def explain(error: ClientError) -> Words:
    """What a person should read when the API gave no answer."""
    if isinstance(error, ApiUnreachable):
        where = say("Start it, or set DANDELION_API_URL to where it runs:")
        return Words(say("The API does not answer"), f"{error}. {where}", "make up")
    if not isinstance(error, ApiError):
        return Words(say("Something went wrong"), str(error))
    if error.status == HTTPStatus.UNAUTHORIZED:
        return Words(
            say("The API asks for a key"),
            say(
                "This page has none, or a wrong one. Start it again with DANDELION_API_KEY set to "
                "one of the keys in the API's DANDELION_API_KEYS."
            ),
        )
    kind = error.problem.type.rpartition(":")[2]
    known = _REFUSALS.get(error.reason or "") or _PROBLEMS.get(kind)
    if known is not None:
        title, text = known
        return Words(say(title), say(text))
    if kind == "no-model":
        first = say("make run                         # a sample, offline")
        detail = error.detail[:1].upper() + error.detail[1:]
        return Words(say("No model is live"), detail, f"{first}\n{say(_TRAIN)}")
    request = error.problem.request_id
    named = say("The API's log says more under request {request}.", request=request)
    return Words(error.title, f"{error.detail} {named}" if request else error.detail)
