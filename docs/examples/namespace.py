"""Make a namespace of the container registry (Personal Edition), by its official SDK.

python docs/examples/namespace.py examples

A push brings repositories in it into being, and anyone may pull from those.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from alibabacloud_cr20160607.client import Client
from alibabacloud_tea_openapi.models import Config, OpenApiRequest
from alibabacloud_tea_util.models import RuntimeOptions

REGION = "cn-hangzhou"


def call(client: Client, method: str, path: str, body: dict[str, Any]) -> None:
    """The SDK has no methods for calls with a body, so its common one is used."""
    request = OpenApiRequest(body=body)
    client.do_roarequest("Any", "2016-06-07", "HTTPS", method, "AK", path, "json", request, RuntimeOptions())


def main() -> None:
    """The command line."""
    name = sys.argv[1]
    config = Config(
        access_key_id=os.environ["ALIBABA_CLOUD_ACCESS_KEY_ID"],
        access_key_secret=os.environ["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
        endpoint=os.environ.get("CR_ENDPOINT") or os.environ["CS_ENDPOINT"],  # the sandbox has one for all services
        region_id=REGION,
    )
    client = Client(config)
    call(client, "PUT", "/namespace", {"Namespace": {"Namespace": name}})
    defaults = {"AutoCreate": True, "DefaultVisibility": "PUBLIC"}
    call(client, "POST", f"/namespace/{name}", {"Namespace": defaults})


if __name__ == "__main__":
    main()
