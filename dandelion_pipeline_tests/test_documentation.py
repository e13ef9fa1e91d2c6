"""What the documents claim, as far as a machine can tell."""

import re
from pathlib import Path

import pytest

from dandelion_pipeline.settings import Settings
from serving.settings import Settings as ServingSettings

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
_LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)[^)]*\)")


def variables(settings: type[Settings] | type[ServingSettings]) -> set[str]:
    return {
        str(field.validation_alias or f"DANDELION_{name.upper()}")
        for name, field in settings.model_fields.items()
    }


def test_the_readme_lists_every_setting() -> None:
    readme = (ROOT / "README.md").read_text()
    for name in variables(Settings) | variables(ServingSettings):
        assert f"`{name}`" in readme


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_no_link_leads_nowhere(document: Path) -> None:
    for target in _LINK.findall(document.read_text()):
        if "://" not in target:
            assert (document.parent / target).exists(), target


def test_every_make_target_that_the_readme_names_is_there() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"`make ([a-z-]+)", (ROOT / "README.md").read_text()):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_lock_files_name_no_address() -> None:
    for lock in (ROOT / "requirements").iterdir():
        assert "://" not in lock.read_text()


def test_the_serving_image_needs_neither_torch_nor_dagster() -> None:
    pinned = (ROOT / "requirements" / "serving.txt").read_text()
    assert not re.search(r"^(torch|dagster|mlflow|pandas)==", pinned, re.MULTILINE)
