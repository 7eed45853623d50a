"""Alibaba Cloud's own SDK, for calls that only look. Credentials and endpoints come from the environment."""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import cached_property
from typing import Any

import alibabacloud_oss_v2 as oss
from alibabacloud_credentials.client import Client as Credentials
from alibabacloud_tea_openapi.client import Client
from alibabacloud_tea_openapi.utils_models import Config, OpenApiRequest, Params
from darabonba.runtime import RuntimeOptions

from infra.resume.errors import ResumeError
from infra.resume.searches import Row, field

TIMEOUT_MILLISECONDS = 10_000
PAGE = 50
MAXIMUM_PAGES = 200
GLOBAL = {"alidns": "alidns.aliyuncs.com", "slb": "slb.aliyuncs.com"}
"""Products with one endpoint for the regions of mainland China; the others have one in each region."""


class Cloud:
    """One region. Blocking."""

    def __init__(self, region: str) -> None:
        self.region = region
        self._clients: dict[str, Any] = {}

    def account(self) -> str:
        """The number of the account whose credentials these are. Raises ResumeError."""
        answer = self._call("sts", "2015-04-01", "GetCallerIdentity", {})
        return str(answer["AccountId"])

    def rpc(self, product: str, version: str, action: str, rows: str, **query: str) -> Iterator[Row]:
        """All rows of a list, or the one object under `rows`. Raises ResumeError."""
        seen = 0
        for page in range(1, MAXIMUM_PAGES):
            paging = {"PageNumber": str(page), "PageSize": str(PAGE)} if not action.endswith("Key") else {}
            answer = self._call(product, version, action, {"RegionId": self.region, **query, **paging})
            found = field(answer, rows) or []
            if not isinstance(found, list):
                yield found
                return
            yield from found
            seen += len(found)
            if not found or seen >= int(answer.get("TotalCount") or 0):
                return

    def roa(self, product: str, version: str, path: str, rows: str, **query: str) -> Iterator[Row]:
        """All rows of a list under a path. Raises ResumeError."""
        seen = 0
        for page in range(1, MAXIMUM_PAGES):
            paging = {"page_number": str(page), "page_size": str(PAGE), "region_id": self.region}
            answer = self._call(product, version, path, {**query, **paging})
            found = answer.get(rows) or []
            yield from found
            seen += len(found)
            if not found or seen >= int(field(answer, "page_info.total_count") or 0):
                return

    def replication_rules(self, bucket: str) -> Iterator[Row]:
        """The rules by which a bucket is copied; none where it has none. Raises ResumeError."""
        try:
            answer = self._objects.get_bucket_replication(oss.GetBucketReplicationRequest(bucket=bucket))
        except oss.exceptions.OperationError as error:
            if "NoSuchReplication" in str(error) or "NoSuchBucket" in str(error):
                return
            raise ResumeError(f"object storage, bucket {bucket}: {_line(error)}") from error
        for rule in answer.replication_configuration.rules or []:
            yield {"id": rule.id, "status": rule.status, "target": rule.destination.bucket}

    def _call(self, product: str, version: str, what: str, query: dict[str, str]) -> dict[str, Any]:
        by_path = what.startswith("/")
        params = Params(
            action=what.rpartition("/")[2] if by_path else what,
            version=version,
            protocol="HTTPS",
            pathname=what if by_path else "/",
            method="GET" if by_path else "POST",
            auth_type="AK",
            style="ROA" if by_path else "RPC",
            req_body_type="json" if by_path else "formData",
            body_type="json",
        )
        try:
            answer = self._client(product).call_api(params, OpenApiRequest(query=query), RuntimeOptions())
        except Exception as error:  # the SDK raises whatever its transport does
            raise ResumeError(
                f"{product} in {self.region} does not answer {what}: {_line(error)}; check the credentials of this "
                "shell and what they permit, then run the command again"
            ) from error
        body: dict[str, Any] = answer["body"]
        return body

    def _client(self, product: str) -> Any:
        if product not in self._clients:
            configuration = Config(
                credential=self._credentials,
                region_id=self.region,
                endpoint=self._endpoint(product, GLOBAL.get(product, f"{product}.{self.region}.aliyuncs.com")),
                connect_timeout=TIMEOUT_MILLISECONDS,
                read_timeout=TIMEOUT_MILLISECONDS,
            )
            self._clients[product] = Client(configuration)
        return self._clients[product]

    @cached_property
    def _credentials(self) -> Any:
        return Credentials()

    @cached_property
    def _objects(self) -> Any:
        found = self._credentials.get_credential()
        configuration = oss.config.load_default()
        configuration.region = self.region
        configuration.endpoint = self._endpoint("oss", f"oss-{self.region}.aliyuncs.com")
        configuration.use_path_style = "OSS_ENDPOINT" in os.environ
        configuration.credentials_provider = oss.credentials.StaticCredentialsProvider(
            found.access_key_id, found.access_key_secret, found.security_token
        )
        return oss.Client(configuration)

    @staticmethod
    def _endpoint(product: str, usual: str) -> str:
        """As the Terraform provider finds it: the environment's, else the product's own."""
        return os.environ.get(f"{product.upper()}_ENDPOINT") or usual


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
