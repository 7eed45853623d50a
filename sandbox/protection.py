"""Turns the deletion protection of the sandbox's clusters off, by the call that a person's console would make."""

from __future__ import annotations

import email.utils
import json
import ssl
import urllib.request
from typing import Any

from sandbox.cloud.core.signatures import roa_resource, roa_signature, roa_text
from sandbox.environment import environment
from sandbox.settings import SandboxSettings

VERSION = "2015-12-15"
CALL_SECONDS = 15.0


def lift(settings: SandboxSettings) -> None:
    """Turn it off for every cluster; `pulumi destroy` is refused as long as it is on."""
    for cluster in _call(settings, "GET", "/api/v1/clusters")["clusters"]:
        if cluster["deletion_protection"]:
            _call(settings, "PUT", f"/api/v2/clusters/{cluster['cluster_id']}", {"deletion_protection": False})


def _call(settings: SandboxSettings, method: str, path: str, content: Any = None) -> dict[str, Any]:
    variables = environment(settings)
    headers = {
        "accept": "application/json",
        "content-type": "application/json",
        "date": email.utils.formatdate(usegmt=True),
        "x-acs-version": VERSION,
    }
    text = roa_text(method, roa_resource(path, []), headers)
    signature = roa_signature(text, variables["ALIBABA_CLOUD_ACCESS_KEY_SECRET"])
    headers["authorization"] = f"acs {variables['ALIBABA_CLOUD_ACCESS_KEY_ID']}:{signature}"
    request = urllib.request.Request(
        f"https://{variables['CS_ENDPOINT']}{path}",
        data=None if content is None else json.dumps(content).encode(),
        headers=headers,
        method=method,
    )
    context = ssl.create_default_context(cafile=variables["SSL_CERT_FILE"])
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    with opener.open(request, timeout=CALL_SECONDS) as answer:
        body = answer.read()
    return dict(json.loads(body)) if body else {}
