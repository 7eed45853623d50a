"""Empties a bucket, with the official SDK: a bucket that holds anything cannot be destroyed."""

from __future__ import annotations

import os

import alibabacloud_oss_v2 as oss

from sandbox.environment import environment
from sandbox.settings import SandboxSettings

PAGE = 1000  # the most that one deletion may name


def empty(settings: SandboxSettings, bucket: str, region: str) -> int:
    """Delete every version of every object and every unfinished upload; returns how many versions went."""
    client = _client(settings, region)
    if not client.is_bucket_exist(bucket):
        return 0
    deleted = 0
    while True:
        page = client.list_object_versions(oss.ListObjectVersionsRequest(bucket=bucket, max_keys=PAGE))
        rows = [*(page.version or []), *(page.delete_marker or [])]
        if not rows:
            break
        objects = [oss.DeleteObject(key=row.key, version_id=row.version_id) for row in rows]
        client.delete_multiple_objects(oss.DeleteMultipleObjectsRequest(bucket=bucket, objects=objects))
        deleted += len(objects)
    for upload in client.list_multipart_uploads(oss.ListMultipartUploadsRequest(bucket=bucket)).uploads or []:
        client.abort_multipart_upload(
            oss.AbortMultipartUploadRequest(bucket=bucket, key=upload.key, upload_id=upload.upload_id)
        )
    return deleted


def _client(settings: SandboxSettings, region: str) -> oss.Client:
    variables = environment(settings)
    configuration = oss.config.load_default()
    configuration.region = region
    configuration.endpoint = f"https://{variables['OSS_ENDPOINT']}"
    configuration.use_path_style = True
    configuration.credentials_provider = oss.credentials.StaticCredentialsProvider(
        variables["ALIBABA_CLOUD_ACCESS_KEY_ID"], variables["ALIBABA_CLOUD_ACCESS_KEY_SECRET"]
    )
    # The SDK has no option for trusted authorities; the library under it reads this variable at each request.
    os.environ["REQUESTS_CA_BUNDLE"] = variables["REQUESTS_CA_BUNDLE"]
    return oss.Client(configuration)
