"""The object store (a local folder or S3), the layout of the bucket, and what lies in it."""
