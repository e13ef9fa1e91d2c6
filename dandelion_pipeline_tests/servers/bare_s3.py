"""Objects as other S3 clients put them: folder markers, and names that ours would refuse."""

import os
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from boto3.session import Session


@dataclass(frozen=True)
class BareBucket:
    """A prefix of a bucket, written to by boto3."""

    url: str

    @cached_property
    def _client(self) -> Any:  # noqa: ANN401  (boto3 has no types)
        return Session().client(
            "s3",
            endpoint_url=os.environ["AWS_ENDPOINT_URL"],
            region_name=os.environ["AWS_REGION"],
        )

    def put(self, key: str, data: bytes = b"") -> None:
        """Write an object below the prefix, whatever its key."""
        parts = urlsplit(self.url)
        self._client.put_object(
            Bucket=parts.netloc, Key=f"{parts.path.strip('/')}/{key}", Body=data
        )
