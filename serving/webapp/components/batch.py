"""Many photos at once: a table to sort, to filter and to save."""

import csv
import io
from collections import Counter
from collections.abc import Sequence

import streamlit as st

from serving.api.schemas import Prediction
from serving.webapp.components import cards
from serving.webapp.components.pictures import data_url, preview
from serving.webapp.language.translation import gettext
from serving.webapp.predictions import Outcome, Photo

_THUMBNAIL_PIXELS = 96
_CACHED_THUMBNAILS = 1_000
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would run, at the beginning of a cell."""


def show(photos: Sequence[Photo], outcomes: Sequence[Outcome], limit: float | None) -> None:
    """The predictions, how many there are of each class, and a file of them.

    Args:
        photos: what was classified.
        outcomes: what came of each.
        limit: the confidence below which a prediction counts as uncertain.
    """
    predictions = [outcome for outcome in outcomes if isinstance(outcome, Prediction)]
    failed = len(outcomes) - len(predictions)
    counted = Counter(one.label for one in predictions).most_common()
    uncertain = sum(limit is not None and one.confidence < limit for one in predictions)
    outside = sum(bool(one.outside) for one in predictions)
    st.html(cards.figure_card(cards.batch_figures(counted, uncertain, outside, failed)))
    least = st.slider(gettext("Minimum confidence"), 0, 100, 0, format="%d %%")
    chosen = [
        (photo, outcome)
        for photo, outcome in zip(photos, outcomes, strict=True)
        if least == 0 or (isinstance(outcome, Prediction) and 100 * outcome.confidence >= least)
    ]
    st.dataframe(
        [_row(photo, outcome) for photo, outcome in chosen],
        hide_index=True,
        width="stretch",
        column_config={
            "photo": st.column_config.ImageColumn(gettext("Photo"), width="small"),
            "file": st.column_config.TextColumn(gettext("File")),
            "predicted": st.column_config.TextColumn(gettext("Predicted class")),
            "confidence": st.column_config.ProgressColumn(
                gettext("Confidence"), format="percent", min_value=0, max_value=1
            ),
            "outside": st.column_config.CheckboxColumn(gettext("Another kind of photo"))
            if outside
            else None,
            "problem": st.column_config.TextColumn(gettext("Problem")) if failed else None,
        },
    )
    st.download_button(
        gettext("Save as CSV"),
        as_csv(chosen),
        file_name="predictions.csv",
        mime="text/csv; charset=utf-8",
    )


def as_csv(rows: Sequence[tuple[Photo, Outcome]]) -> str:
    """A line for each photo: what was predicted, how surely, and why there is no prediction.

    A cell that a spreadsheet would take for a formula gets an apostrophe in front (OWASP, "CSV
    Injection").
    """
    target = io.StringIO()
    lines = csv.writer(target)
    lines.writerow(["file", "label", "confidence", "sure", "outside", "model_version", "problem"])
    for photo, outcome in rows:
        if isinstance(outcome, Prediction):
            version, confidence = outcome.model.version, f"{outcome.confidence:.6f}"
            flags = [_flag(outcome.sure), _flag(outcome.outside)]
            cells = [photo.name, outcome.label, confidence, *flags, version, ""]
        else:
            cells = [photo.name, "", "", "", "", "", outcome.title]
        lines.writerow([f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells])
    return target.getvalue()


def _flag(value: bool | None) -> str:
    return "" if value is None else str(value).lower()


def _row(photo: Photo, outcome: Outcome) -> dict[str, object]:
    if isinstance(outcome, Prediction):
        picture = _thumbnail(photo.sha256, photo.data)
        label, confidence, problem = outcome.label, outcome.confidence, ""
        outside = bool(outcome.outside)
    else:
        picture, label, confidence, problem = None, "", None, outcome.title
        outside = False
    return {
        "photo": picture,
        "file": photo.name,
        "predicted": label,
        "confidence": confidence,
        "outside": outside,
        "problem": problem,
    }


@st.cache_data(max_entries=_CACHED_THUMBNAILS, show_spinner=False)
def _thumbnail(sha256: str, _data: bytes) -> str:
    """The address of a small picture; cached by the digest, for all visitors."""
    return data_url(preview(_data, _THUMBNAIL_PIXELS))
