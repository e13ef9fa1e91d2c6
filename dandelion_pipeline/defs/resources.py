"""What assets are given: the store."""

import dagster as dg

from dandelion_pipeline.settings import Settings, load_settings
from dandelion_pipeline.storage.store import Store, open_store


class StoreResource(dg.ConfigurableResource["StoreResource"]):
    """The object store that `DANDELION_STORE_URL` names, or the one given here."""

    url: str = ""

    def open(self) -> Store:
        """Open the store."""
        return open_store(self.url or self.settings.store)

    @property
    def settings(self) -> Settings:
        """The settings, read when they are needed and not at import."""
        return load_settings()
