"""Objects in Alibaba Cloud OSS, with the official SDK and credentials that need no key in a pod."""

from __future__ import annotations

import ipaddress
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import alibabacloud_oss_v2 as oss
from alibabacloud_credentials.provider import (
    DefaultCredentialsProvider,
    OIDCRoleArnCredentialsProvider,
    StaticAKCredentialsProvider,
    StaticSTSCredentialsProvider,
)
from alibabacloud_oss_v2.exceptions import BaseError, OperationError, ServiceError

from trainer.errors import ChangedError, ObjectNotFoundError, RefusedError, StoreError

ATTEMPTS = 6
"""The SDK's exponential backoff with jitter then waits up to about half a minute in all: an endpoint's restart."""
CONNECT_TIMEOUT_SECONDS = 5
TRANSFER_TIMEOUT_SECONDS = 60

PASSING = (408, 429)
"""Answers of 400 to 499 that are no refusal for good: too slow, too often."""

Result = TypeVar("Result")


class OssStore:
    """The objects of one bucket below a prefix. With `here`, the bucket's region is another than the process's own.

    Of OSS's conditional writes only one holds in a versioned bucket, as all of ours are: AppendObject refuses a
    position that is not the object's end (409 PositionNotEqualToLength). `x-oss-forbid-overwrite` has no effect there.
    https://help.aliyun.com/zh/oss/developer-reference/appendobject and .../putobject
    """

    def __init__(self, bucket: str, prefix: str, region: str, here: str = "") -> None:
        self._bucket = bucket
        self._prefix = prefix if not prefix or prefix.endswith("/") else f"{prefix}/"
        self.address = f"oss://{bucket}/{self._prefix}"
        endpoint, is_address = oss_endpoint(region, internal=here in ("", region))
        configuration = oss.config.load_default()
        configuration.credentials_provider = _Credentials(here or region)
        configuration.region = region
        configuration.endpoint = endpoint
        configuration.use_path_style = is_address
        configuration.retry_max_attempts = ATTEMPTS
        configuration.connect_timeout = CONNECT_TIMEOUT_SECONDS
        configuration.readwrite_timeout = TRANSFER_TIMEOUT_SECONDS
        self._client = oss.Client(configuration)

    def get(self, key: str, start: int = 0, end: int | None = None) -> bytes:
        if end is not None and end <= start:
            return b""
        whole = start == 0 and end is None
        asked = None if whole else f"bytes={start}-{'' if end is None else end - 1}"

        def read() -> bytes:
            request = oss.GetObjectRequest(
                bucket=self._bucket,
                key=self._prefix + key,
                range_header=asked,
                range_behavior=None if whole else "standard",
            )
            with self._client.get_object(request).body as body:
                return bytes(body.read())

        return self._call(key, read)

    def put(self, key: str, data: bytes) -> None:
        self._call(
            key,
            lambda: self._client.put_object(
                oss.PutObjectRequest(bucket=self._bucket, key=self._prefix + key, body=data)
            ),
        )

    def download(self, key: str, path: Path) -> None:
        request = oss.GetObjectRequest(bucket=self._bucket, key=self._prefix + key)
        self._call(key, lambda: self._client.get_object_to_file(request, str(path)))

    def upload(self, key: str, path: Path) -> None:
        request = oss.PutObjectRequest(bucket=self._bucket, key=self._prefix + key)
        self._call(key, lambda: self._client.put_object_from_file(request, str(path)))

    def list(self, prefix: str = "") -> list[str]:
        def read() -> list[str]:
            request = oss.ListObjectsV2Request(bucket=self._bucket, prefix=self._prefix + prefix)
            pages = self._client.list_objects_v2_paginator().iter_page(request)
            return [item.key for page in pages for item in page.contents or []]

        return sorted(key.removeprefix(self._prefix) for key in self._call(prefix, read))

    def delete(self, key: str) -> None:
        request = oss.DeleteObjectRequest(bucket=self._bucket, key=self._prefix + key)
        self._call(key, lambda: self._client.delete_object(request))

    def find(self, key: str) -> tuple[int, str] | None:
        """An object's size and CRC-64 (as OSS says them); None if it is not there."""
        request = oss.HeadObjectRequest(bucket=self._bucket, key=self._prefix + key)
        try:
            answer = self._call(key, lambda: self._client.head_object(request))
        except ObjectNotFoundError:
            return None
        return int(answer.content_length or 0), answer.hash_crc64 or ""

    def append(self, key: str, position: int, data: bytes) -> None:
        """Add to an object's end, which must be at `position` (0: it must not be there). Raises ChangedError if not.

        A lost answer to an append that was done looks like ChangedError too: read again, and see who wrote.
        """
        request = oss.AppendObjectRequest(bucket=self._bucket, key=self._prefix + key, position=position, body=data)
        try:
            self._call(key, lambda: self._client.append_object(request))
        except StoreError as error:
            if "PositionNotEqualToLength" in str(error) or "ObjectNotAppendable" in str(error):
                raise ChangedError(f"{self.address}{key} does not end at {position}: another wrote first") from error
            raise

    def _call(self, key: str, action: Callable[[], Result]) -> Result:
        try:
            return action()
        except (OperationError, BaseError) as error:
            cause = error.unwrap() if isinstance(error, OperationError) else error
            where = f"{self.address}{key}"
            if isinstance(cause, ServiceError):
                if cause.code == "NoSuchKey":
                    raise ObjectNotFoundError(f"no object {where}") from error
                if cause.code == "NoSuchBucket":
                    raise RefusedError(f"no bucket {self._bucket}; `pulumi up` of the business makes it") from error
                kind = (
                    RefusedError if 400 <= cause.status_code < 500 and cause.status_code not in PASSING else StoreError
                )
                raise kind(f"{where}: OSS answered {cause.status_code} {cause.code}: {cause.message}") from error
            raise StoreError(f"{where}: {' '.join(str(cause).split())[:300]}") from error


class _Credentials(oss.credentials.CredentialsProvider):  # type: ignore[misc]
    """Asks for credentials at every request, so that short-lived ones are renewed in time."""

    def __init__(self, region: str) -> None:
        self._region = region
        self._source: Any = None

    def get_credentials(self) -> Any:
        if self._source is None:
            # The library logs a traceback for every refusal; the error below says the same in a line.
            logging.getLogger("credentials").setLevel(logging.CRITICAL)
            self._source = credentials_source(self._region)
        try:
            found = self._source.get_credentials()
        except Exception as error:  # the library raises whatever its transport does
            raise StoreError(f"no credentials for Alibaba Cloud: {' '.join(str(error).split())[:300]}") from error
        return oss.credentials.Credentials(
            found.get_access_key_id(), found.get_access_key_secret(), found.get_security_token()
        )


def credentials_source(region: str) -> Any:
    """The first of: a key in the environment (a person's shell), the pod's role (RRSA), the library's other sources.

    The role is assumed at the region's VPC endpoint, which a pod reaches without a public address. The library trusts
    only the authorities shipped with Python's certifi; the system's, which $REQUESTS_CA_BUNDLE names, are meant.
    """
    variables = os.environ  # read now: the library's own sources read them when they are imported
    key = {
        "access_key_id": variables.get("ALIBABA_CLOUD_ACCESS_KEY_ID", ""),
        "access_key_secret": variables.get("ALIBABA_CLOUD_ACCESS_KEY_SECRET", ""),
    }
    if all(key.values()):
        token = variables.get("ALIBABA_CLOUD_SECURITY_TOKEN")
        return (
            StaticSTSCredentialsProvider(**key, security_token=token) if token else StaticAKCredentialsProvider(**key)
        )
    role = {
        "role_arn": variables.get("ALIBABA_CLOUD_ROLE_ARN", ""),
        "oidc_provider_arn": variables.get("ALIBABA_CLOUD_OIDC_PROVIDER_ARN", ""),
        "oidc_token_file_path": variables.get("ALIBABA_CLOUD_OIDC_TOKEN_FILE", ""),
    }
    if all(role.values()):
        session = variables.get("ALIBABA_CLOUD_ROLE_SESSION_NAME")
        source = OIDCRoleArnCredentialsProvider(
            **role, role_session_name=session, sts_region_id=region, enable_vpc=True
        )
        bundle = variables.get("REQUESTS_CA_BUNDLE") or variables.get("SSL_CERT_FILE")
        if bundle:
            source._runtime_options["ca"] = bundle
        return source
    return DefaultCredentialsProvider()


def oss_endpoint(region: str, *, internal: bool = True) -> tuple[str, bool]:
    """The endpoint's URL, and whether its host is an address (then the bucket goes into the path).

    $OSS_ENDPOINT wins, with or without a scheme; otherwise the region's internal endpoint, free of traffic charges and
    reached from inside that region only, or else its public one.
    """
    given = os.environ.get("OSS_ENDPOINT", "").strip().rstrip("/")
    url = given or f"oss-{region}{'-internal' if internal else ''}.aliyuncs.com"
    if "://" not in url:
        url = f"https://{url}"
    host = urlsplit(url).hostname or ""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return url, False
    return url, True
