"""Calls of the cloud's API by its official SDK: with the account's own keys, or as one who has become a role."""

from __future__ import annotations

from typing import Any

from alibabacloud_tea_openapi.client import Client
from alibabacloud_tea_openapi.exceptions import ClientException
from alibabacloud_tea_openapi.utils_models import Config, OpenApiRequest, Params
from darabonba.runtime import RuntimeOptions

from sandbox.environment import environment
from sandbox.settings import SandboxSettings

VERSIONS = {"alidns": "2015-01-09", "ram": "2015-05-01", "sts": "2015-04-01", "vpc": "2016-04-28"}
Keys = dict[str, str]
"""AccessKeyId, AccessKeySecret and SecurityToken, as STS gives them."""


class Denied(Exception):  # noqa: N818 (it is an answer)
    """The cloud knows the caller, and refuses."""


class Caller:
    """Somebody who calls."""

    def __init__(self, settings: SandboxSettings, keys: Keys | None = None) -> None:
        self._variables = environment(settings)
        self._keys = keys or {
            "AccessKeyId": self._variables["ALIBABA_CLOUD_ACCESS_KEY_ID"],
            "AccessKeySecret": self._variables["ALIBABA_CLOUD_ACCESS_KEY_SECRET"],
        }

    def call(self, product: str, action: str, **query: str) -> dict[str, Any]:
        """The answer. Raises Denied when the caller may not, and ClientException for anything else."""
        client = Client(
            Config(
                access_key_id=self._keys["AccessKeyId"],
                access_key_secret=self._keys["AccessKeySecret"],
                security_token=self._keys.get("SecurityToken"),
                endpoint=self._variables[f"{product.upper()}_ENDPOINT"],
                ca=self._variables["REQUESTS_CA_BUNDLE"],
                connect_timeout=10_000,
                read_timeout=10_000,
            )
        )
        params = Params(
            action=action, version=VERSIONS[product], protocol="HTTPS", pathname="/", method="POST", auth_type="AK",
            style="RPC", req_body_type="formData", body_type="json",
        )  # fmt: skip
        try:
            answer = client.call_api(params, OpenApiRequest(query=query), RuntimeOptions())
        except ClientException as error:
            if error.status_code == 403:
                raise Denied(str(error)) from error
            raise
        body: dict[str, Any] = answer["body"]
        return body
