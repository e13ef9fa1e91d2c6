"""Photos that were answered, on their way to the store: kept only where a setting says so."""

from pathlib import Path

from dandelion_pipeline.storage import layout
from dandelion_pipeline.storage.objects.store import Store
from serving.inference.answers import Answered

_PARTIAL = ".part"


class AnsweredPhotos:
    """A folder of photos by content, until the store has them.

    Args:
        folder: where they wait.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, answered: Answered) -> None:
        """Write a photo to this disk.

        Raises:
            OSError: the disk does not take it.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        whole = self._folder / answered.photo_sha256
        part = self._folder / f"{answered.prediction_id}{_PARTIAL}"
        part.write_bytes(answered.read_photo())
        part.rename(whole)

    def send(self, store: Store) -> None:
        """Put all that wait into the store, each once.

        Raises:
            DandelionError: the store does not take one; it stays.
        """
        for path in sorted(self._folder.glob("*")):
            if path.suffix != _PARTIAL:
                store.put_if_absent(layout.answered_photo(path.name), path.read_bytes())
                path.unlink()
