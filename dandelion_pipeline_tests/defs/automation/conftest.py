"""An instance of Dagster on disk, as a daemon has it: schedules and sensors look days up there."""

from collections.abc import Iterator

import dagster as dg
import pytest


@pytest.fixture(scope="package")
def instance() -> Iterator[dg.DagsterInstance]:
    """One for all tests: making it takes seconds."""
    with dg.instance_for_test() as made:
        yield made
