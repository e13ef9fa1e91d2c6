import subprocess
import sys
from itertools import pairwise

import dagster as dg
import pytest

from dandelion_pipeline.definitions import defs

WALK = ["raw_images", "clean_images", "dataset", "trained_model", "evaluation", "published_model"]


@pytest.fixture(scope="module")
def specs() -> dict[str, dg.AssetSpec]:
    return {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}


def test_the_six_assets_are_there_and_follow_each_other(specs: dict[str, dg.AssetSpec]) -> None:
    # The legacy Airflow DAG stands before them; beside them what people say of the model, and what
    # the backbone sees in the photos of a day.
    assert set(specs) == {"data_ingestion", "feedback", "embeddings", *WALK}
    for upstream, downstream in pairwise(["data_ingestion", *WALK]):
        assert dg.AssetKey(upstream) in {dep.asset_key for dep in specs[downstream].deps}


@pytest.mark.parametrize("name", [*WALK, "feedback", "embeddings"])
def test_each_asset_says_what_it_is_and_whose(specs: dict[str, dg.AssetSpec], name: str) -> None:
    spec = specs[name]
    assert spec.description
    assert spec.group_name not in (None, "default")
    assert spec.kinds
    assert spec.owners


def test_photos_come_in_by_the_day(specs: dict[str, dg.AssetSpec]) -> None:
    by_day = {name for name, spec in specs.items() if spec.partitions_def is not None}
    assert by_day == {"data_ingestion", "feedback", "raw_images", "clean_images", "embeddings"}


def test_nothing_is_kept_by_an_io_manager_that_pickles() -> None:
    managers = {
        name: type(resource).__name__
        for name, resource in (defs.resources or {}).items()
        if isinstance(resource, dg.ConfigurableIOManager)
    }
    assert managers == {"tables": "TableIOManager", "models": "ModelIOManager"}
    used = {
        asset.get_io_manager_key_for_asset_key(key)
        for asset in defs.assets or []
        if isinstance(asset, dg.AssetsDefinition)
        for key in asset.keys
        if key.to_user_string() not in {"embeddings", "published_model"}  # they keep it themselves
    }
    assert used == set(managers)


def printed(program: str) -> str:
    """What a fresh interpreter prints."""
    command = [sys.executable, "-c", program]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_importing_the_package_imports_nothing_else() -> None:
    modules = printed(
        "import sys; before = set(sys.modules); import dandelion_pipeline; "
        "print(sorted(set(sys.modules) - before))"
    )
    assert modules == "['dandelion_pipeline']"


def test_the_command_line_starts_without_dagster_and_torch() -> None:
    loaded = printed(
        "import sys, dandelion_pipeline.cli; "
        "print({'dagster', 'torch', 'mlflow'} & set(sys.modules))"
    )
    assert loaded == "set()"
