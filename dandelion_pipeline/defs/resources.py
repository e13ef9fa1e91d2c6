"""What assets are given: the store."""

from dagster_aws.s3.resources import ResourceWithS3Configuration

from dandelion_pipeline.settings import Settings, load_settings
from dandelion_pipeline.storage.objects.location import S3Options, open_store
from dandelion_pipeline.storage.objects.store import Store


class StoreResource(ResourceWithS3Configuration):
    """The object store that `DANDELION_STORE_URL` names, or the one given here.

    How S3 is reached is said in the fields of dagster-aws's `S3Resource`; what is not said
    there comes from the standard ``AWS_*`` variables. ``use_ssl`` has no say where an endpoint
    is given, as with boto3: the endpoint's scheme decides.
    """

    url: str = ""

    def open(self) -> Store:
        """Open the store."""
        return open_store(self.url or self.settings.store, self._options())

    @property
    def settings(self) -> Settings:
        """The settings, read when they are needed and not at import."""
        return load_settings()

    def _options(self) -> S3Options:
        return S3Options(
            endpoint_url=self.endpoint_url,
            region=self.region_name,
            access_key_id=self.aws_access_key_id,
            secret_access_key=self.aws_secret_access_key,
            session_token=self.aws_session_token,
            profile=self.profile_name,
            anonymous=self.use_unsigned_session,
            verify=self.verify is not False,
            max_attempts=self.max_attempts,
        )
