"""What the lock files of `requirements/` may and may not hold."""

import re
from pathlib import Path

REQUIREMENTS = Path(__file__).parent.parent / "requirements"


def test_lock_files_name_no_address() -> None:
    for lock in REQUIREMENTS.glob("*.txt"):
        assert "://" not in lock.read_text()


def test_the_serving_image_needs_neither_torch_nor_dagster() -> None:
    pinned = (REQUIREMENTS / "serving.txt").read_text()
    assert not re.search(r"^(torch|dagster|mlflow|pandas)==", pinned, re.MULTILINE)
