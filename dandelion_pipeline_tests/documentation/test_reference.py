"""Settings, routes, checks and parameters on the pages are those of the code."""

import re

import pytest
from pydantic_settings import BaseSettings

from dandelion_pipeline.dataset import checks
from dandelion_pipeline.dataset.cleaning.batch_checks import DRIFTS, REJECTION_RATE
from dandelion_pipeline.definitions import defs
from dandelion_pipeline.images.measures.quality_limits import QualityLimits
from dandelion_pipeline.settings import Settings
from dandelion_pipeline.storage import layout
from dandelion_pipeline.training.config import Preset, TrainingConfig
from dandelion_pipeline_tests.documentation.pages import GUIDE, ROOT, Page, codes, findings, page
from serving.app import create_app
from serving.settings import Settings as ServingSettings

BOTH = pytest.mark.parametrize("settings", [Settings, ServingSettings])
SETTINGS = [
    (name, default.strip())
    for names, defaults, _ in page("docs/settings.md").rows("variable", "default")
    for name, default in zip(
        codes(names),
        defaults.split(", ") if defaults.count(", ") == names.count(", ") else [defaults] * 9,
        strict=False,
    )
]
_METHOD_AND_PATH = re.compile(r"(GET|POST) (/[\w./{}-]*)")
_PATH = re.compile(r"/[a-z]+(?:\.json)?")
_CODE = ("dandelion_pipeline", "serving", "docker", "dandelion_pipeline_tests")


def variables(settings: type[BaseSettings]) -> dict[str, str]:
    """The name of each variable, and its default as text."""
    return {
        str(field.validation_alias or f"DANDELION_{name.upper()}"): str(field.default)
        for name, field in settings.model_fields.items()
    }


@BOTH
def test_every_setting_is_described(settings: type[BaseSettings]) -> None:
    assert {name for name, _ in SETTINGS} >= set(variables(settings))


@BOTH
def test_the_defaults_are_those_of_the_code(settings: type[BaseSettings]) -> None:
    described = dict(SETTINGS)
    for name, default in variables(settings).items():
        if default not in {"", "()", "None"}:  # else the page says in words what happens
            expected = default.lower() if default in {"True", "False"} else default
            assert described[name].strip("`") == expected.removesuffix(".0"), name


def known_variables() -> set[str]:
    """Every variable of ours that a program, a container or a test reads."""
    files = [ROOT / name for name in ("Makefile", "docker-compose.yml", ".env.example")]
    for folder in _CODE:
        files += [one for one in (ROOT / folder).rglob("*") if one.suffix in {".py", ".sh", ".yml"}]
    text = "\n".join(one.read_text() for one in files if "documentation" not in one.parts)
    return set(re.findall(r"DANDELION_[A-Z0-9_]+", text))


def test_every_variable_that_is_named_is_read_somewhere() -> None:
    known = known_variables() | set(variables(Settings)) | set(variables(ServingSettings))

    def unknown(one: Page) -> list[str]:
        return sorted(set(re.findall(r"DANDELION_[A-Z0-9_]+", one.text)) - known)

    assert findings(GUIDE, unknown) == {}


@pytest.fixture(scope="module")
def routes(tmp_path_factory: pytest.TempPathFactory) -> set[tuple[str, str]]:
    """Method and path of each route."""
    folder = tmp_path_factory.mktemp("empty")
    app = create_app(ServingSettings(store_url=folder.as_uri(), home=folder))
    paths = app.openapi()["paths"]
    return {(method.upper(), path) for path, methods in paths.items() for method in methods}


def test_every_route_is_described(routes: set[tuple[str, str]]) -> None:
    cells = str(page("docs/serving.md").rows("route", "answers"))
    assert set(_METHOD_AND_PATH.findall(cells)) == routes


def test_every_route_that_is_named_exists(routes: set[tuple[str, str]]) -> None:
    paths = {path for _, path in routes} | {"/openapi.json"}

    def unknown(one: Page) -> list[str]:
        asked = [_METHOD_AND_PATH.fullmatch(code) for code in one.inline_code]
        alone = [code for code in one.inline_code if _PATH.fullmatch(code)]
        return [
            *(found[0] for found in asked if found and (found[1], found[2]) not in routes),
            *(path for path in alone if path not in paths),
        ]

    assert findings(GUIDE, unknown) == {}


def test_everything_that_runs_by_itself_is_described() -> None:
    repository = defs.get_repository_def()
    names = {one.name for one in repository.schedule_defs}
    names |= {one.name for one in repository.sensor_defs}
    rows = page("docs/orchestration.md").rows("name", "kind")
    described = {code for row in rows for code in codes(row[0])}
    several = {one for one in described if "…" in one}
    for pattern in several:
        start, _, end = pattern.partition("…")
        names -= {one for one in names if one.startswith(start) and one.endswith(end)}
    assert described - several == names


def test_every_asset_is_in_the_architecture() -> None:
    keys = {key.to_user_string() for key in defs.resolve_all_asset_keys()}
    assert keys - {"data_ingestion", "feedback"} <= set(page("docs/architecture.md").inline_code)


def test_every_check_of_the_data_is_described() -> None:
    rows = page("docs/data.md").rows("check", "asset")
    effects = {codes(row[0])[0]: row[3] for row in rows}
    blocking = {REJECTION_RATE, *DRIFTS, *checks.BLOCKING}
    assert effects == dict.fromkeys(blocking, "stops") | dict.fromkeys(checks.WARNING, "warns")


def test_every_quality_limit_is_described() -> None:
    rows = page("docs/data.md").rows("looks poor if")
    assert {code for row in rows for code in codes(row[2])} == set(QualityLimits.model_fields)


def test_every_parameter_that_is_described_can_be_set() -> None:
    rows = page("docs/using.md").rows("parameter", "values")
    assert {codes(row[0])[0] for row in rows} <= set(TrainingConfig.model_fields)


def test_the_budgets_of_the_presets_are_those_of_the_code() -> None:
    fast, best = (TrainingConfig.of(one).steps for one in (Preset.FAST, Preset.BEST))
    assert f"{fast} steps (`fast`) or {best} (`best`" in page("docs/using.md").text
    assert f"{best} steps" in page("README.md").text


def test_every_prefix_of_the_store_is_described() -> None:
    rows = page("docs/architecture.md").rows("prefix", "holds")
    described = {code.split("/")[0] + "/" for row in rows for code in codes(row[0])}
    assert described == {layout.LANDING, *layout.OURS, layout.PREDICTIONS, layout.FEEDBACK}
