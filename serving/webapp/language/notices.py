"""Notices: what happened and what to do, and other messages that depend on figures."""

from dataclasses import dataclass
from http import HTTPStatus

from serving.api.schemas import Explanation, SimilarPhotos
from serving.client import ApiError, ApiUnreachable, ClientError
from serving.webapp.language.formats import number, percent
from serving.webapp.language.translation import gettext, gettext_noop, ngettext

_NEGLIGIBLE = 0.01  # one percentage point of the probability
_TRAIN = gettext_noop("make run IMAGES=path/to/photos   # a folder with one folder per class")


@dataclass(frozen=True)
class Notice:
    """A notice on the page, in the visitor's language."""

    title: str
    text: str
    commands: str = ""
    """What to type, if typing helps."""

    is_error: bool = True


_REFUSALS = {
    "empty": (
        gettext_noop("This file is empty"),
        gettext_noop("Choose the photo again, or another one."),
    ),
    "unknown_format": (
        gettext_noop("This file is not a readable photo"),
        gettext_noop(
            "Its content is not JPEG, PNG, WebP, GIF, BMP, HEIC, AVIF or TIFF, whatever its name "
            "says. Save it as one of these."
        ),
    ),
    "broken": (
        gettext_noop("This photo is damaged"),
        gettext_noop("It is cut off or cannot be decoded. Copy or export it again."),
    ),
    "too_large": (
        gettext_noop("This file is too large"),
        gettext_noop("20 MB is the limit. Send a smaller copy."),
    ),
    "too_many_pixels": (
        gettext_noop("This photo has too many pixels"),
        gettext_noop(
            "A JPEG may have 200 megapixels, a HEIC 50, others 25. Send a smaller copy, or a JPEG."
        ),
    ),
    "too_complex": (
        gettext_noop("This photo is encoded in an unusual way"),
        gettext_noop("Decoding it would take too long. Save it again with another program."),
    ),
}

_PROBLEMS = {
    "busy": (
        gettext_noop("The API is busy"),
        gettext_noop(
            "It has more photos to process than it can in time. Try again in a few seconds."
        ),
    ),
    "store-away": (
        gettext_noop("The store does not answer"),
        gettext_noop("Nothing that you sent was stored. Try again later."),
    ),
    "too-often": (
        gettext_noop("Too many requests"),
        gettext_noop("This page has reached its rate limit. Try again in a moment."),
    ),
}


def sample() -> Notice:
    """The model is good for a try, and no more."""
    return Notice(
        gettext("Sample model"),
        gettext(
            "It was trained on generated pictures, to show how everything works. Its predictions "
            "for real photos mean little. Train a model on real photos, and this page will use it:"
        ),
        gettext(_TRAIN),
        is_error=False,
    )


def outdated(trouble: str) -> Notice:
    """The model answers, but it is not the one that should, or may not be."""
    return Notice(gettext("This model may be outdated"), trouble, is_error=False)


def progress(done: int, photos: int) -> str:
    """While the API is being asked."""
    return ngettext(
        "{done} of {photos} photo classified …",
        "{done} of {photos} photos classified …",
        photos,
        done=number(done),
        photos=number(photos),
    )


def waiting(seconds: float) -> str:
    """While the API has too much to do."""
    return gettext("The API is busy: trying again in {seconds} s …", seconds=number(seconds))


def occlusion(explanation: Explanation) -> str:
    """What the red in a photo means."""
    most = max(max(row) for row in explanation.drops)
    if most < _NEGLIGIBLE:
        return gettext(
            "No single part decides: hiding any one of them lowers the probability of {label} by "
            "less than 1 percentage point.",
            label=explanation.label,
        )
    points = round(100 * most)
    return ngettext(
        "Red parts speak for {label}: hiding one lowers its probability, by {points} percentage "
        "point at most.",
        "Red parts speak for {label}: hiding one lowers its probability, by {points} percentage "
        "points at most.",
        points,
        label=explanation.label,
        points=number(points),
    )


def neighbours(similar: SimilarPhotos, label: str) -> str:
    """How many training photos were compared, and what the nearest ones say of a prediction."""
    compared = ngettext(
        "{photos} training photo was compared.",
        "{photos} training photos were compared.",
        similar.searched,
        photos=number(similar.searched),
    )
    same = sum(photo.label == label for photo in similar.photos)
    agree = ngettext(
        "{same} of the {shown} nearest has the predicted class.",
        "{same} of the {shown} nearest have the predicted class.",
        same,
        same=number(same),
        shown=number(len(similar.photos)),
    )
    return f"{compared} {agree}"


def uncertain(limit: float) -> str:
    """Why a prediction is uncertain."""
    return gettext(
        "Confidence below {limit}: fewer than 80% of such test photos were right.",
        limit=percent(limit),
    )


def outside() -> str:
    """Why the label of a photo means little."""
    return gettext(
        "It does not resemble the photos that the model was trained on, so the label and its "
        "probability mean little."
    )


def thanks(label: str, *, learned_from: bool) -> Notice:
    """What becomes of a visitor's feedback."""
    if learned_from:
        fate = gettext(
            "Your photo is in today's landing folder, labelled {label}. It will pass the same "
            "checks as every other photo and be used in the next training.",
            label=label,
        )
    else:
        fate = gettext(
            "Your label {label} was stored. The photo itself was not stored.", label=label
        )
    return Notice(gettext("Thank you"), fate, is_error=False)


def explain(error: ClientError) -> Notice:
    """What a person should read when the API gave no prediction."""
    if isinstance(error, ApiUnreachable):
        where = gettext("Start it, or set DANDELION_API_URL to where it runs:")
        return Notice(gettext("The API does not answer"), f"{error}. {where}", "make up")
    if not isinstance(error, ApiError):
        return Notice(gettext("Something went wrong"), str(error))
    if error.status == HTTPStatus.UNAUTHORIZED:
        return Notice(
            gettext("The API key is missing or wrong"),
            gettext(
                "Start this page again with DANDELION_API_KEY set to one of the keys in the API's "
                "DANDELION_API_KEYS."
            ),
        )
    kind = error.problem.type.rpartition(":")[2]
    known = _REFUSALS.get(error.reason or "") or _PROBLEMS.get(kind)
    if known is not None:
        title, text = known
        return Notice(gettext(title), gettext(text))
    if kind == "no-model":
        commands = [
            gettext("make run                         # a sample, offline"),
            gettext(_TRAIN),
        ]
        detail = error.detail[:1].upper() + error.detail[1:]
        return Notice(gettext("No model is live"), detail, "\n".join(commands))
    request = error.problem.request_id
    logged = gettext("Details are in the API's log, under request {request}.", request=request)
    return Notice(error.title, f"{error.detail} {logged}" if request else error.detail)
