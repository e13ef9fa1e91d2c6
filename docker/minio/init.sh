#!/bin/sh
# Prepares MinIO: the bucket with versioning, when old versions go, and the pipeline's own user.
# Runs at every `docker compose up`; a second run changes nothing.
#
# Uses the shell, cat, mktemp, rm and mc alone: the image has not even grep. Keys go to mc through
# stdin, because arguments show in the process list.
set -eu

fail() {
    printf 'error: %s\n   do: %s\n' "$1" "$2" >&2
    exit 1
}

: "${MINIO_URL:?}" "${MINIO_ROOT_USER:?}" "${MINIO_ROOT_PASSWORD:?}" "${DANDELION_BUCKET:?}"
: "${AWS_ACCESS_KEY_ID:?}" "${AWS_SECRET_ACCESS_KEY:?}" "${DANDELION_KEEP_OLD_VERSIONS_DAYS:?}"
bucket=$DANDELION_BUCKET
policy=$bucket-pipeline

case $DANDELION_KEEP_OLD_VERSIONS_DAYS in
*[!0-9]* | 0*)
    fail "DANDELION_KEEP_OLD_VERSIONS_DAYS is $DANDELION_KEEP_OLD_VERSIONS_DAYS" \
        "set a whole number of days, 1 or more" ;;
esac
# The bucket's name goes into JSON below, so only what S3 allows in names may pass.
case $bucket in
*[!a-z0-9.-]*)
    fail "DANDELION_BUCKET is $bucket" "use lower-case letters, digits, dots and hyphens" ;;
esac
# Otherwise the pipeline would run with the keys that may do everything.
[ "$AWS_ACCESS_KEY_ID" != "$MINIO_ROOT_USER" ] ||
    fail "AWS_ACCESS_KEY_ID is MINIO_ROOT_USER" "give the pipeline a name of its own in .env"
# MinIO's own limits; its message for them does not say which variable is meant.
[ ${#AWS_ACCESS_KEY_ID} -ge 3 ] ||
    fail "AWS_ACCESS_KEY_ID is shorter than 3 characters" "lengthen it in .env"
[ ${#AWS_SECRET_ACCESS_KEY} -ge 8 ] ||
    fail "AWS_SECRET_ACCESS_KEY is shorter than 8 characters" "lengthen it in .env"

# mc writes the root's keys there; a container that has ended keeps its files.
MC_CONFIG_DIR=$(mktemp -d)
export MC_CONFIG_DIR
trap 'rm -rf "$MC_CONFIG_DIR"' EXIT

printf '%s\n%s\n' "$MINIO_ROOT_USER" "$MINIO_ROOT_PASSWORD" | mc alias set store "$MINIO_URL" ||
    fail "MinIO at $MINIO_URL refuses MINIO_ROOT_USER and MINIO_ROOT_PASSWORD, or is not there" \
        "docker compose logs minio"

mc mb --ignore-existing "store/$bucket" ||
    fail "the bucket $bucket cannot be made" "check DANDELION_BUCKET in .env against S3's rules for names"
mc version enable "store/$bucket" ||
    fail "versioning of $bucket cannot be turned on" "docker compose logs minio"

# Replaces the bucket's rules: this file is where they are written down. A training replaces its
# checkpoint, of some 180 MB, after each epoch.
mc ilm rule import "store/$bucket" <<RULES ||
{"Rules": [{
  "ID": "old-versions",
  "Status": "Enabled",
  "Expiration": {"ExpiredObjectDeleteMarker": true},
  "NoncurrentVersionExpiration": {"NoncurrentDays": $DANDELION_KEEP_OLD_VERSIONS_DAYS}
}, {
  "ID": "checkpoints",
  "Status": "Enabled",
  "Filter": {"Prefix": "checkpoints/"},
  "NoncurrentVersionExpiration": {"NoncurrentDays": 1}
}]}
RULES
    fail "the lifecycle rule of $bucket cannot be set" "docker compose logs minio"

# Enough for the pipeline, and no way to lose data for good: whoever may delete an object may delete
# its old versions too in MinIO, unless that is denied by name.
cat >"$MC_CONFIG_DIR/policy.json" <<POLICY
{"Version": "2012-10-17", "Statement": [
  {"Effect": "Allow",
   "Action": ["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"],
   "Resource": ["arn:aws:s3:::$bucket"]},
  {"Effect": "Allow",
   "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject",
              "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"],
   "Resource": ["arn:aws:s3:::$bucket/*"]},
  {"Effect": "Deny",
   "Action": ["s3:DeleteObjectVersion"],
   "Resource": ["arn:aws:s3:::$bucket/*"]}
]}
POLICY
mc admin policy create store "$policy" "$MC_CONFIG_DIR/policy.json" ||
    fail "the policy $policy cannot be written" "docker compose logs minio"
printf '%s\n%s\n' "$AWS_ACCESS_KEY_ID" "$AWS_SECRET_ACCESS_KEY" | mc admin user add store ||
    fail "the user of AWS_ACCESS_KEY_ID cannot be made" "check both AWS_ variables in .env"
mc admin policy attach store "$policy" --user "$AWS_ACCESS_KEY_ID" ||
    fail "the policy $policy cannot be given to AWS_ACCESS_KEY_ID" "docker compose logs minio"

printf 'The bucket %s is ready; old versions are kept for %s days.\n' \
    "$bucket" "$DANDELION_KEEP_OLD_VERSIONS_DAYS"
