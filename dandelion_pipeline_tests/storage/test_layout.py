from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dandelion_pipeline.storage import layout

part = st.text(st.characters(exclude_characters="/"), min_size=1)


@given(st.dates(), part, part)
def test_a_landing_key_splits_into_what_it_was_made_of(day: date, label: str, name: str) -> None:
    key = layout.landing_photo(day.isoformat(), label, name)
    assert key.startswith(layout.landing_day(day.isoformat()))
    assert layout.split_landing_key(key) == (day.isoformat(), label, name)


@given(st.text())
def test_any_text_is_a_landing_key_or_none(text: str) -> None:
    for key in (text, layout.LANDING + text):
        found = layout.split_landing_key(key)
        assert found is None or layout.landing_photo(*found) == key


@pytest.mark.parametrize(
    "key",
    [
        "landing/2025-01-01/grass",
        "landing/2025-01-01/grass/deeper/a.jpg",
        "landing/2025-01-01//a.jpg",
        "landing/2025-02-30/grass/a.jpg",
        "landing/25-01-01/grass/a.jpg",
        "landing/\u0662025-01-01/grass/a.jpg",
        "images/2025-01-01/grass/a.jpg",
    ],
)
def test_what_is_no_landing_key_is_none(key: str) -> None:
    assert layout.split_landing_key(key) is None


def test_release_keys_sort_like_their_numbers() -> None:
    keys = [layout.release(number) for number in (1, 9, 10, 100, 12_345)]
    assert keys == sorted(keys)
