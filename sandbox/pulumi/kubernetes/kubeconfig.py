"""Which cluster to talk to and as whom: a kubeconfig's content or path, its contexts and credentials."""

from __future__ import annotations

import base64
import binascii
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from sandbox.pulumi.kubernetes.errors import ProviderError

if TYPE_CHECKING:
    import ssl


@dataclass(frozen=True)
class Credentials:
    """What a context of a kubeconfig says, read and decoded. PEM texts; `token` without "Bearer"."""

    server: str
    namespace: str
    authority: str | None
    verify: bool
    certificate: str | None
    key: str | None
    token: str | None
    basic: tuple[str, str] | None
    server_name: str | None

    def tls(self) -> ssl.SSLContext:
        """A TLS context that trusts the cluster's authority and shows the client's certificate."""
        import ssl  # noqa: PLC0415 - only where a connection is made
        import tempfile  # noqa: PLC0415

        context = ssl.create_default_context(cadata=self.authority) if self.authority else ssl.create_default_context()
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.certificate and self.key:
            # The ssl module reads a client certificate from a file only.
            with tempfile.NamedTemporaryFile("w", prefix="kubernetes-client-", suffix=".pem") as file:
                file.write(f"{self.certificate}\n{self.key}\n")
                file.flush()
                context.load_cert_chain(file.name)
        return context


def parse(text: str) -> dict[str, Any]:
    """A kubeconfig from its content or its path. Raises ProviderError."""
    stripped = text.strip()
    if "\n" not in stripped and not stripped.startswith("{"):
        path = Path(stripped.split(os.pathsep)[0]).expanduser()
        try:
            stripped = path.read_text()
        except OSError as error:
            raise ProviderError(
                f"kubeconfig = {str(path)!r} is neither the content of a kubeconfig nor a file that can be read "
                f"({error.strerror}); give the content or an existing path"
            ) from error
    try:
        content = yaml.safe_load(stripped)
    except yaml.YAMLError as error:
        raise ProviderError("the kubeconfig is not YAML; take it from the cluster anew") from error
    if not isinstance(content, dict) or "clusters" not in content:
        raise ProviderError("the kubeconfig has no `clusters`; take it from the cluster anew")
    return content


def select(content: Mapping[str, Any], context: str | None, cluster: str | None) -> Credentials:
    """The credentials of a context, by default the current one. Raises ProviderError with the names there are."""
    chosen = context or str(content.get("current-context") or "")
    contexts = _by_name(content, "contexts", "context")
    if chosen not in contexts:
        if context or len(contexts) != 1:
            raise ProviderError(f"the kubeconfig has no context {chosen!r}; it has {', '.join(contexts) or 'none'}")
        chosen = next(iter(contexts))
    entry = contexts[chosen]
    clusters = _by_name(content, "clusters", "cluster")
    cluster_name = cluster or str(entry.get("cluster") or "")
    if cluster_name not in clusters:
        raise ProviderError(f"the kubeconfig has no cluster {cluster_name!r}; it has {', '.join(clusters) or 'none'}")
    users = _by_name(content, "users", "user")
    return _credentials(clusters[cluster_name], users.get(str(entry.get("user") or ""), {}), entry)


def cluster_identity(content: Mapping[str, Any], context: str | None, cluster: str | None) -> tuple[str, str]:
    """What tells one cluster from another: server and authority. A rotated client certificate changes neither."""
    chosen = select(content, context, cluster)
    return chosen.server.rstrip("/"), chosen.authority or ""


def _credentials(cluster: Mapping[str, Any], user: Mapping[str, Any], context: Mapping[str, Any]) -> Credentials:
    if "exec" in user or "auth-provider" in user:
        raise ProviderError(
            "the kubeconfig's user gets its credentials from another program (`exec`), which this provider does not "
            "run; use a kubeconfig with a client certificate or a token"
        )
    server = str(cluster.get("server") or "")
    if not server:
        raise ProviderError("the kubeconfig's cluster has no `server`; take it from the cluster anew")
    token = user.get("token")
    if not token and user.get("tokenFile"):
        token = _file(str(user["tokenFile"]))
    basic = (str(user["username"]), str(user.get("password") or "")) if user.get("username") else None
    return Credentials(
        server=server,
        namespace=str(context.get("namespace") or ""),
        authority=_pem(cluster, "certificate-authority"),
        verify=not cluster.get("insecure-skip-tls-verify", False),
        certificate=_pem(user, "client-certificate"),
        key=_pem(user, "client-key"),
        token=str(token).strip() if token else None,
        basic=basic,
        server_name=cluster.get("tls-server-name"),
    )


def _pem(section: Mapping[str, Any], key: str) -> str | None:
    data = section.get(f"{key}-data")
    if data:
        try:
            return base64.b64decode(str(data), validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise ProviderError(f"the kubeconfig's {key}-data is not base64; take it from the cluster anew") from error
    return _file(str(section[key])) if section.get(key) else None


def _file(path: str) -> str:
    try:
        return Path(path).expanduser().read_text()
    except OSError as error:
        raise ProviderError(f"the kubeconfig names the file {path}, which cannot be read: {error.strerror}") from error


def _by_name(content: Mapping[str, Any], section: str, key: str) -> dict[str, Mapping[str, Any]]:
    rows = content.get(section) or []
    return {str(row.get("name")): row.get(key) or {} for row in rows if isinstance(row, Mapping)}
