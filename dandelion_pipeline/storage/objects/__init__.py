"""One interface over a local folder and S3: objects, listings, failures, retries."""
