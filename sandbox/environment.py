"""The environment variables that point ordinary programs (Pulumi, the SDKs, kubectl) at the sandbox.

They are the only difference between the sandbox and Alibaba Cloud; no line of the program or of a stack file differs.
"""

from __future__ import annotations

import json
import os
import shlex
from pathlib import Path

from sandbox.certificates import trust_bundle
from sandbox.errors import SandboxError
from sandbox.settings import SandboxSettings

SERVICES = (
    *("VPC", "ECS", "CS", "ALIDNS", "RAM", "STS", "OSS"),
    *("LOCATION", "RESOURCEMANAGER", "TAG", "ESS", "SLB", "BSSOPENAPI"),
)
"""Products whose endpoint the Terraform provider reads from `<PRODUCT>_ENDPOINT`.

Not the log service: its clients put a project's name in front of the endpoint, so they need a name, and the proxy. Nor
the container registry, whose older client takes no port.
"""
NAMELESS = ("KMS",)
"""Products of which the provider asks without naming a region, which only the host's name says then. Calls by the
official SDK name it, so they have an endpoint; the provider is started without, and reaches the host by the proxy.
"""

PASSPHRASE = "sandbox"  # noqa: S105 - the stack files' encryption salt is made for it; docs/decisions say why it is public


def environment(settings: SandboxSettings) -> dict[str, str]:
    """The variables, ready for a child process. Raises SandboxError when the sandbox was never started."""
    credentials = _credentials(settings)
    endpoint = settings.cloud_endpoint
    bundle = str(trust_bundle(settings))
    backend = settings.state / "pulumi" / "backend"
    backend.mkdir(parents=True, exist_ok=True)
    variables = {
        "ALIBABA_CLOUD_ACCESS_KEY_ID": credentials["access_key_id"],
        "ALIBABA_CLOUD_ACCESS_KEY_SECRET": credentials["access_key_secret"],
        "ALICLOUD_ACCESS_KEY": credentials["access_key_id"],
        "ALICLOUD_SECRET_KEY": credentials["access_key_secret"],
        # The provider has no variable for the endpoint of which it asks the account; it does not ask when it is told.
        "ALIBABA_CLOUD_ACCOUNT_ID": credentials["account_id"],
        "ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true",
        "SSL_CERT_FILE": bundle,
        "REQUESTS_CA_BUNDLE": bundle,
        # One file a stack, replaced at once. Else a second one with time and checksum lies beside it, which an engine
        # that is killed as it writes it leaves empty: `error: EOF` is then all that Pulumi says of any stack.
        "PULUMI_BACKEND_URL": f"file://{backend}?metadata=skip",
        "PULUMI_HOME": str(settings.state / "pulumi" / "home"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_RUN_PROGRAM": "true",  # so that `pulumi destroy` asks the program, too, whose account it is
        "PATH": f"{settings.state / 'bin'}:{os.environ.get('PATH', '')}",
    }
    variables.update({f"{service}_ENDPOINT": endpoint for service in (*SERVICES, *NAMELESS)})
    if "PULUMI_CONFIG_PASSPHRASE" not in os.environ and "PULUMI_CONFIG_PASSPHRASE_FILE" not in os.environ:
        variables["PULUMI_CONFIG_PASSPHRASE"] = PASSPHRASE
    return variables


def proxy_environment(settings: SandboxSettings) -> dict[str, str]:
    """What leads a program to the cloud under the cloud's real host names; of no use for anything else."""
    address = settings.cloud_address
    return {
        "HTTPS_PROXY": f"http://{address}:{settings.cloud_ports.proxy}",
        "NO_PROXY": f"{address},{settings.cloud_endpoint},localhost,127.0.0.1",
    }


def provider_environment(settings: SandboxSettings) -> dict[str, str]:
    """What the alicloud provider needs besides `environment`."""
    return {**proxy_environment(settings), **{f"{service}_ENDPOINT": "" for service in NAMELESS}}


def shell_exports(settings: SandboxSettings) -> str:
    """The variables as `export` lines for `eval`."""
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in environment(settings).items())


def _credentials(settings: SandboxSettings) -> dict[str, str]:
    path: Path = settings.state / "credentials.json"
    try:
        content: dict[str, str] = json.loads(path.read_text())
    except FileNotFoundError:
        raise SandboxError(
            f"the sandbox {settings.name!r} has never been started (no {path}); run `python -m sandbox up`"
        ) from None
    return content
