"""A client of a running sandbox's container service: networks, clusters, node pools; signs with ACS3-HMAC-SHA256."""

from __future__ import annotations

import datetime
import hashlib
import hmac
import json
import ssl
import time
import uuid
from typing import Any
from urllib.parse import quote, urlencode

import httpx

from sandbox.certificates import certificate_authority
from sandbox.cloud.core.regions import zones
from sandbox.settings import SandboxSettings

VERSIONS = {"vpc": "2016-04-28", "cs": "2015-12-15"}
TASK_SECONDS = 240.0
POLL_SECONDS = 0.1
Json = dict[str, Any]


class ContainerService:
    """One region's endpoint, called with the account's own key."""

    def __init__(self, settings: SandboxSettings, region: str) -> None:
        """Read the key that the running cloud wrote down."""
        credentials = json.loads((settings.state / "credentials.json").read_text())
        self._key, self._secret = credentials["access_key_id"], credentials["access_key_secret"]
        self._region = region
        context = ssl.create_default_context(cafile=str(certificate_authority(settings.cache).certificate_path))
        self._client = httpx.Client(base_url=settings.cloud_url, verify=context, timeout=60, trust_env=False)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def create_cluster(self, name: str = "platform") -> tuple[str, str]:
        """A network with one switch and a running cluster in it: the cluster's and the switch's identifiers."""
        network = self.rpc("CreateVpc", CidrBlock="10.0.0.0/8")["VpcId"]
        zone = zones(self._region)[0]
        switch = self.rpc("CreateVSwitch", VpcId=network, ZoneId=zone, CidrBlock="10.1.0.0/16")["VSwitchId"]
        body = {
            "name": name,
            "region_id": self._region,
            "cluster_type": "ManagedKubernetes",
            "vswitch_ids": [switch],
            "enable_rrsa": True,
        }
        made = self.cs("POST", "/clusters", body)
        self.wait(made)
        return str(made["cluster_id"]), str(switch)

    def create_pool(self, cluster: str, switch: str, size: int, **sections: Json) -> str:
        """A pool with this many nodes, all Ready: its identifier.

        `sections` are added to the request, such as `kubernetes_config`.
        """
        group = {"instance_types": ["ecs.gn6i-c4g1.xlarge"], "vswitch_ids": [switch], "desired_size": size}
        body = {"nodepool_info": {"name": "gpu"}, "scaling_group": group, **sections}
        made = self.cs("POST", f"/clusters/{cluster}/nodepools", body)
        self.wait(made)
        return str(made["nodepool_id"])

    def resize_pool(self, cluster: str, pool: str, size: int) -> None:
        """Give a pool this many nodes."""
        body = {"scaling_group": {"desired_size": size}}
        self.wait(self.cs("PUT", f"/clusters/{cluster}/nodepools/{pool}", body))

    def kubeconfig(self, cluster: str) -> str:
        """The cluster's kubeconfig."""
        return str(self.cs("GET", f"/k8s/{cluster}/user_config")["config"])

    def rpc(self, action: str, **parameters: str) -> Json:
        """An action on networks."""
        return self._send("vpc", action, "POST", "/", {"RegionId": self._region, **parameters}, b"")

    def cs(self, method: str, path: str, body: Json | None = None, **query: str) -> Json:
        """A path of the container service."""
        return self._send("cs", "Any", method, path, query, b"" if body is None else json.dumps(body).encode())

    def wait(self, answer: Json) -> None:
        """Wait for what a call began. Raises RuntimeError when it fails or does not end in time."""
        deadline = time.monotonic() + TASK_SECONDS
        while (task := self.cs("GET", f"/tasks/{answer['task_id']}"))["state"] == "running":
            if time.monotonic() > deadline:
                raise RuntimeError(f"{task['task_type']} did not end within {TASK_SECONDS:g} s")
            time.sleep(POLL_SECONDS)
        if task["state"] != "success":
            raise RuntimeError(f"{task['task_type']} failed: {task.get('error')}")

    def _send(self, service: str, action: str, method: str, path: str, query: Json, body: bytes) -> Json:
        digest = hashlib.sha256(body).hexdigest()
        headers = {
            "host": f"{service}.{self._region}.aliyuncs.com",
            "x-acs-action": action,
            "x-acs-version": VERSIONS[service],
            "x-acs-date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "x-acs-signature-nonce": uuid.uuid4().hex,
            "x-acs-content-sha256": digest,
            "content-type": "application/json",
        }
        encoded = urlencode(sorted(query.items()), quote_via=quote, safe="~")
        names = sorted(headers)
        lines = "".join(f"{name}:{headers[name]}\n" for name in names)
        canonical = f"{method}\n{path}\n{encoded}\n{lines}\n{';'.join(names)}\n{digest}"
        text = "ACS3-HMAC-SHA256\n" + hashlib.sha256(canonical.encode()).hexdigest()
        signature = hmac.new(self._secret.encode(), text.encode(), hashlib.sha256).hexdigest()
        credential = f"Credential={self._key},SignedHeaders={';'.join(names)},Signature={signature}"
        headers["authorization"] = f"ACS3-HMAC-SHA256 {credential}"
        response = self._client.request(
            method, path + (f"?{encoded}" if encoded else ""), headers=headers, content=body
        )
        if response.is_error:
            raise RuntimeError(f"{method} {path} was refused: {response.text}")
        return dict(response.json()) if response.content else {}
