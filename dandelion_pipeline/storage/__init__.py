"""The object store (a local folder or S3) and the layout of the bucket."""
