"""Pictures to try at once. They are generated; see `images.sample`."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

import streamlit as st

from serving.webapp.language.translation import gettext

LABELS = ("dandelion", "grass")
"""What they show; a model of other classes has no use for them."""

_FOLDER = Path(__file__).parent
_CHOSEN = "example"


def choose(classes: Sequence[str]) -> tuple[str, bytes] | None:
    """A row of pictures to pick from: the name and the bytes of the one that was picked, if any."""
    if not set(LABELS) <= set(classes):
        return None
    invitation = gettext("Examples: or try one of these generated pictures.")
    st.html(f'<p class="dd-small">{invitation}</p>')
    pictures = all_examples()
    for number, (column, name) in enumerate(zip(st.columns(len(pictures)), pictures, strict=True)):
        column.image(pictures[name], width="stretch", alt="")
        if column.button(gettext("Picture {number}", number=number + 1), width="stretch"):
            st.session_state[_CHOSEN] = name
    chosen = st.session_state.get(_CHOSEN)
    return (chosen, pictures[chosen]) if chosen else None


@cache
def all_examples() -> dict[str, bytes]:
    """The pictures by file name; the names do not tell what they show."""
    return {path.name: path.read_bytes() for path in sorted(_FOLDER.glob("*.jpg"))}
