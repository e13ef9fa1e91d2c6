from collections.abc import Iterable

import pytest

from dandelion_pipeline.ingest.landing import import_photos, landed_photos
from dandelion_pipeline.ingest.sources import SourcePhoto
from dandelion_pipeline.storage.objects.store import Store
from dandelion_pipeline_tests.data.tiny_models import photo
from dandelion_pipeline_tests.ingest.two_photos import DAY, NEXT, PHOTOS, ingest


def landing_keys(store: Store) -> list[str]:
    return [o.key for o in store.list_objects("landing/")]


def test_photos_land_under_day_label_and_name(store: Store) -> None:
    summary = import_photos(store, PHOTOS, DAY)
    assert (summary.copied, summary.skipped) == (2, 0)
    assert landing_keys(store) == [
        f"landing/{DAY}/dandelion/1.jpg",
        f"landing/{DAY}/grass/1.jpg",
    ]


@pytest.mark.parametrize("ingested", [True, False])
def test_photos_that_landed_before_are_not_copied_again(store: Store, ingested: bool) -> None:
    import_photos(store, PHOTOS, DAY)
    if ingested:
        ingest(store)
    again = import_photos(store, PHOTOS, NEXT)
    assert (again.copied, again.skipped) == (0, 2)
    assert len(landing_keys(store)) == 2


def test_another_photo_under_a_name_that_is_taken_is_kept_too(store: Store) -> None:
    other = SourcePhoto("grass", "1.jpg", photo((1, 2, 3)))
    summary = import_photos(store, [*PHOTOS, other], DAY)
    assert summary.copied == 3
    assert len(landed_photos(store)) == len(landing_keys(store)) == 3


def test_an_interrupted_import_goes_on_where_it_stopped(store: Store) -> None:
    def interrupted() -> Iterable[SourcePhoto]:
        yield PHOTOS[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        import_photos(store, interrupted(), DAY)
    assert import_photos(store, PHOTOS, DAY).copied == 1
