"""A served cloud with a registry, the official SDKs of both editions, and a client of the registry's own protocol."""

from __future__ import annotations

import hashlib
import json
import re
import ssl
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest
from alibabacloud_cr20160607.client import Client as PersonalClient
from alibabacloud_cr20181201.client import Client as EnterpriseClient
from alibabacloud_tea_openapi import models as older_models
from alibabacloud_tea_openapi import utils_models

from benchmarks.in_process_cloud import SimulatedCloud

HOST = "registry.cn-hangzhou.aliyuncs.com"
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


class RegistryClient:
    """Speaks to a registry by its host name, and gets its tokens as the protocol says."""

    def __init__(self, served: SimulatedCloud, host: str = HOST, login: tuple[str, str] | None = None) -> None:
        self.host, self.login = host, login
        self.base = f"http://{served.endpoint}"

    def send(self, method: str, path: str, headers: Mapping[str, str] | None = None, **more: Any) -> httpx.Response:
        """One request, without a token."""
        sent = {"Host": self.host, **(headers or {})}
        # Without TLS: to read all the machine's authorities takes longer than the request.
        return httpx.request(method, self.base + path, headers=sent, trust_env=False, verify=PLAIN, **more)

    def __call__(self, method: str, path: str, **more: Any) -> httpx.Response:
        """A request; one that is refused for want of a token is made again with one."""
        answer = self.send(method, path, **more)
        challenge = answer.headers.get("WWW-Authenticate", "")
        if answer.status_code != 401 or "insufficient" in challenge:
            return answer
        fields = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
        parameters = {"service": fields["service"]} | ({"scope": fields["scope"]} if "scope" in fields else {})
        given = self.send("GET", "/v2/token", params=parameters, auth=self.login)
        if given.status_code != 200:
            return given
        headers = {**more.pop("headers", {}), "Authorization": f"Bearer {given.json()['token']}"}
        return self.send(method, path, headers=headers, **more)

    def push_blob(self, name: str, content: bytes) -> str:
        begun = self("POST", f"/v2/{name}/blobs/uploads/")
        assert begun.status_code == 202, begun.text
        digest = digest_of(content)
        ended = self("PUT", begun.headers["Location"], params={"digest": digest}, content=content)
        assert ended.status_code == 201, ended.text
        return digest

    def push_image(self, name: str, tag: str, layer: bytes = b"a layer") -> str:
        configuration = json.dumps({"rootfs": {"diff_ids": []}, "of": tag}).encode()
        parts = [{"digest": self.push_blob(name, part), "size": len(part)} for part in (configuration, layer)]
        document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": parts[0], "layers": parts[1:]}
        content = json.dumps(document).encode()
        answer = self("PUT", f"/v2/{name}/manifests/{tag}", content=content, headers={"Content-Type": MANIFEST})
        assert answer.status_code == 201, answer.text
        return digest_of(content)


@pytest.fixture
def personal(served_cloud: SimulatedCloud) -> PersonalClient:
    root = served_cloud.cloud.context.accounts.root
    configuration = older_models.Config(
        access_key_id=root.access_key_id,
        access_key_secret=root.access_key_secret,
        protocol="HTTP",
        endpoint=served_cloud.endpoint,
        region_id="cn-hangzhou",
    )
    return PersonalClient(configuration)


@pytest.fixture
def enterprise(served_cloud: SimulatedCloud) -> EnterpriseClient:
    root = served_cloud.cloud.context.accounts.root
    configuration = utils_models.Config(
        access_key_id=root.access_key_id,
        access_key_secret=root.access_key_secret,
        protocol="HTTP",
        endpoint=served_cloud.endpoint,
        region_id="cn-hangzhou",
    )
    return EnterpriseClient(configuration)


@pytest.fixture
def registry(served_cloud: SimulatedCloud) -> Iterator[RegistryClient]:
    """A client with the root account's temporary password, and the namespace `models`, in which a push makes all."""
    from sandbox.cloud.cr.personal import CrService

    service = next(service for service in served_cloud.cloud.services if isinstance(service, CrService))
    service.images.create_namespace("cn-hangzhou", "", "models", auto_create=True, visibility="PRIVATE")
    principal = served_cloud.cloud.context.accounts.root.principal
    password, _ = service.tokens.temporary_password(principal, service.images.registry_of("cn-hangzhou", None))
    yield RegistryClient(served_cloud, login=("cr_temp_user", password))
