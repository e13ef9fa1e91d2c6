"""What Dagster's catalogue says of the assets and checks before anything is made."""

import dagster as dg
import pytest

from dandelion_pipeline.definitions import defs
from dandelion_pipeline.defs.attributes import ATTRIBUTES, described
from dandelion_pipeline.errors import SettingsError
from dandelion_pipeline.settings import Settings, load_settings

SPECS = {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}
TABLES = ["raw_images", "feedback", "clean_images", "embeddings", "dataset"]


@pytest.mark.parametrize("name", sorted(SPECS))
def test_each_asset_says_what_it_is_whose_where_and_of_which_code(name: str) -> None:
    spec = SPECS[name]
    assert spec.description
    assert spec.group_name not in (None, "default")
    assert spec.kinds
    assert spec.owners == ["team:ml"]
    assert {"stage", "data"} <= set(spec.tags)
    assert "://" in spec.metadata["dagster/uri"]
    assert spec.code_version or name == "data_ingestion"  # whose code is Airflow's


@pytest.mark.parametrize("name", TABLES)
def test_the_columns_of_a_table_are_listed_before_it_is_made(name: str) -> None:
    schema = SPECS[name].metadata["dagster/column_schema"]
    assert isinstance(schema, dg.TableSchema)
    assert all(column.name and column.type for column in schema.columns)


def test_every_asset_has_attributes_and_no_attributes_are_of_none() -> None:
    assert set(ATTRIBUTES) == set(SPECS)


def test_the_live_model_has_a_freshness_policy_and_nothing_else_does() -> None:
    assert [name for name, spec in SPECS.items() if spec.freshness_policy] == ["published_model"]


def test_every_check_says_what_holds_when_it_passes() -> None:
    checks = [
        spec for asset in defs.resolve_asset_graph().assets_defs for spec in asset.check_specs
    ]
    assert len(checks) == 17
    assert [spec.name for spec in checks if not spec.description] == []


@pytest.mark.parametrize("owner", ["team:vision", "ada@example.org"])
def test_the_owner_and_the_store_are_those_of_the_settings(owner: str) -> None:
    settings = Settings.model_validate({"owner": owner, "store_url": "s3://photos/here/"})
    spec = described(SPECS["raw_images"], settings)
    assert spec.owners == [owner]
    assert spec.metadata["dagster/uri"] == "s3://photos/here/tables/raw_images/"


@pytest.mark.parametrize("owner", ["", "ml", "team:", "ada@", "two@x.org three@x.org"])
def test_an_owner_that_dagster_would_refuse_names_the_setting(
    owner: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DANDELION_OWNER", owner)
    with pytest.raises(SettingsError, match=r"DANDELION_OWNER.*e-mail address"):
        load_settings()
