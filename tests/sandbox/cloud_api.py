"""The cloud's API as a test calls it, at the hosts' real names."""

from __future__ import annotations

import datetime
import hashlib
import hmac
import json
import ssl
import uuid
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from sandbox.certificates import certificate_authority
from sandbox.settings import SandboxSettings
from tests.sandbox.cluster import wait_for

REGION = "cn-hangzhou"
STEP_SECONDS = 240.0
VERSIONS = {
    "vpc": "2016-04-28",
    "slb": "2014-05-15",
    "ram": "2015-05-01",
    "sts": "2015-04-01",
    "cs": "2015-12-15",
    "cr": "2016-06-07",
}
Json = dict[str, Any]


class Api:
    """A client that signs with ACS3-HMAC-SHA256 and calls hosts by their real names, as the newer SDKs do."""

    def __init__(self, settings: SandboxSettings) -> None:
        credentials = json.loads((settings.state / "credentials.json").read_text())
        self.account = str(credentials["account_id"])
        self._key, self._secret = credentials["access_key_id"], credentials["access_key_secret"]
        authority = certificate_authority(settings.cache).certificate_path
        context = ssl.create_default_context(cafile=str(authority))
        self._client = httpx.Client(verify=context, timeout=60, trust_env=False)
        self._base = f"https://{settings.addresses.cloud}"

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def rpc(self, service: str, action: str, *, signed: bool = True, **parameters: str) -> Json:
        """An action of the RPC style."""
        return self._send(service, action, "POST", "/", {"RegionId": REGION, **parameters}, b"", signed=signed)

    def cs(self, method: str, path: str, body: Json | None = None, **query: str) -> Json:
        """A path of the container service."""
        return self.roa("cs", method, path, body, **query)

    def roa(self, service: str, method: str, path: str, body: Json | None = None, **query: str) -> Json:
        """A path of a service of the ROA style."""
        content = b"" if body is None else json.dumps(body).encode()
        return self._send(service, "Any", method, path, query, content, signed=True)

    def task(self, answer: Json) -> None:
        """Wait for what a call of the container service began."""
        task = wait_for("the end of a task", lambda: self._ended(answer["task_id"]), STEP_SECONDS)
        assert task["state"] == "success", task

    def _ended(self, identifier: str) -> Json | None:
        task = self.cs("GET", f"/tasks/{identifier}")
        return None if task["state"] == "running" else task

    def _send(
        self, service: str, action: str, method: str, path: str, query: Json, body: bytes, *, signed: bool
    ) -> Json:
        headers = {
            "host": f"{service}.{REGION}.aliyuncs.com",
            "x-acs-action": action,
            "x-acs-version": VERSIONS[service],
            "x-acs-date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "x-acs-signature-nonce": uuid.uuid4().hex,
            "x-acs-content-sha256": hashlib.sha256(body).hexdigest(),
            "content-type": "application/json",
        }
        encoded = urlencode(sorted(query.items()), quote_via=quote, safe="~")
        if signed:
            names = sorted(headers)
            lines = "".join(f"{name}:{headers[name]}\n" for name in names)
            digest = hashlib.sha256(body).hexdigest()
            canonical = f"{method}\n{path}\n{encoded}\n{lines}\n{';'.join(names)}\n{digest}"
            text = "ACS3-HMAC-SHA256\n" + hashlib.sha256(canonical.encode()).hexdigest()
            signature = hmac.new(self._secret.encode(), text.encode(), hashlib.sha256).hexdigest()
            credential = f"Credential={self._key},SignedHeaders={';'.join(names)},Signature={signature}"
            headers["authorization"] = f"ACS3-HMAC-SHA256 {credential}"
        url = f"{self._base}{path}" + (f"?{encoded}" if encoded else "")
        response = self._client.request(method, url, headers=headers, content=body)
        assert response.is_success, response.text
        return dict(response.json()) if response.content else {}
