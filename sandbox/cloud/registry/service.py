"""The registry as one HTTP handler: find the registry, check the token, carry out, and answer in the protocol's form.

OCI distribution specification 1.1, https://github.com/opencontainers/distribution-spec/blob/main/spec.md.
"""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

from aiohttp import ClientError, web

from sandbox.cloud.core.accounts import Principal
from sandbox.cloud.core.clock import Clock, iso
from sandbox.cloud.core.faults import CallName, InjectedError
from sandbox.cloud.core.wire import json_bytes
from sandbox.cloud.registry import manifests, transfers
from sandbox.cloud.registry.addressing import PATH, TOKEN_PATH, Registry, check_name, find_registry, registry_of
from sandbox.cloud.registry.call import VERSION_HEADER, Backend, Call
from sandbox.cloud.registry.errors import RegistryError
from sandbox.cloud.registry.loading import LoadedImage, load
from sandbox.cloud.registry.tokens import TOKEN_LIFETIME, Scope, Tokens, scopes

Handler = Callable[[Call], Awaitable[web.StreamResponse]]
PULL, PUSH, DELETE = "pull", "push", "delete"
ROUTES: dict[tuple[str, str], tuple[str, str, Handler]] = {
    ("manifests", "GET"): ("GetManifest", PULL, manifests.get_manifest),
    ("manifests", "HEAD"): ("GetManifest", PULL, manifests.get_manifest),
    ("manifests", "PUT"): ("PutManifest", PUSH, manifests.put_manifest),
    ("manifests", "DELETE"): ("DeleteManifest", DELETE, manifests.delete_manifest),
    ("tags", "GET"): ("ListTags", PULL, manifests.list_tags),
    ("referrers", "GET"): ("ListReferrers", PULL, manifests.list_referrers),
    ("blobs", "GET"): ("GetBlob", PULL, transfers.get_blob),
    ("blobs", "HEAD"): ("GetBlob", PULL, transfers.get_blob),
    ("blobs", "DELETE"): ("DeleteBlob", DELETE, transfers.delete_blob),
    ("uploads", "POST"): ("BeginUpload", PUSH, transfers.begin_upload),
    ("uploads", "GET"): ("GetUpload", PUSH, transfers.upload_state),
    ("uploads", "PATCH"): ("ContinueUpload", PUSH, transfers.continue_upload),
    ("uploads", "PUT"): ("FinishUpload", PUSH, transfers.finish_upload),
    ("uploads", "DELETE"): ("CancelUpload", PUSH, transfers.cancel_upload),
}
"""By kind and method: the action's name, what the token must allow, and who carries it out."""


class ImageRegistry:
    """All registries of the cloud."""

    def __init__(self, backend: Backend, tokens: Tokens, clock: Clock) -> None:
        self._backend = backend
        self._tokens = tokens
        self._clock = clock

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request; never raises for a bad one."""
        try:
            return await self._answer(request)
        except RegistryError as error:
            return _refusal(error)
        except (ConnectionError, ClientError):
            raise  # the client has gone
        except (OSError, sqlite3.Error) as error:
            body = json_bytes({"errors": [{"code": "UNKNOWN", "message": f"the registry's disk failed: {error}"}]})
            return web.Response(status=500, body=body, content_type="application/json")

    async def load(self, archive: Path, reference: str) -> LoadedImage:
        """Push an image from an archive on this machine. Raises RegistryError."""
        return await load(self._backend, archive, reference)

    def locate(self, request: web.Request) -> CallName:
        """Which call a request is, as far as can be told without carrying it out."""
        registry = registry_of(request.query.get("ns", "") or request.host.split(":")[0])
        _, kind, _ = _parts(request.path)
        action = ROUTES[kind, request.method][0] if (kind, request.method) in ROUTES else request.method
        return CallName("Registry", action, registry.region if registry is not None else "")

    def refuse(self, request: web.Request, error: InjectedError) -> web.StreamResponse:
        """Answer with the error that a fault rule asked for."""
        return _refusal(RegistryError(error.code, error.message, status=error.http_status))

    def close(self) -> None:
        """Finish what runs."""
        self._backend.blobs.close()

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.path == TOKEN_PATH:
            return await self._token(request)
        registry = find_registry(request.host.split(":")[0], request.query.get("ns", ""))
        if request.path in ("/v2", "/v2/"):
            self._granted(request, registry, None)
            return web.json_response({}, headers=VERSION_HEADER)
        name, kind, rest = _parts(request.path)
        route = ROUTES.get((kind, request.method))
        if not name:
            raise RegistryError("UNSUPPORTED", f"{request.method} {request.path} is not served", status=404)
        if route is None:
            raise RegistryError("UNSUPPORTED", f"{request.method} is not served for {kind}")
        check_name(name)
        _, need, handler = route
        wanted = Scope(name, frozenset({PULL, PUSH} if need == PUSH else {need}))
        granted = self._granted(request, registry, wanted)
        if not any(scope.name == name and need in scope.actions for scope in granted):
            public = need == PULL and self._is_public(registry, name)
            if not public:
                raise self._challenge(request, registry, wanted, insufficient=bool(granted))
        return await handler(Call(self._backend, request, registry, name, rest, tuple(granted)))

    def _is_public(self, registry: Registry, name: str) -> bool:
        repositories = self._backend.repositories
        if repositories.key_of(registry, name) is not None:
            return repositories.is_public(registry, name)
        return bool(self._backend.built.tags(repositories.hosts_of(registry), name))

    def _granted(self, request: web.Request, registry: Registry, wanted: Scope | None) -> list[Scope]:
        """What the request's token, or its password, allows. Raises RegistryError when it has a wrong one, or none."""
        kind, _, value = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return self._tokens.scopes_of(registry, value.strip())
        if kind.lower() == "basic":
            principal = self._basic(registry, value)
            return self._allowed(principal, registry, [wanted]) if wanted is not None else []
        if wanted is None:
            raise self._challenge(request, registry, None)
        return []

    def _challenge(
        self, request: web.Request, registry: Registry, wanted: Scope | None, *, insufficient: bool = False
    ) -> RegistryError:
        """Where to get a token, and for what."""
        # With the name that the client reached us by, so that it reaches the token's place by it, too.
        challenge = f'Bearer realm="{request.scheme}://{request.host}{TOKEN_PATH}",service="{registry.service}"'
        if wanted is not None:
            challenge += f',scope="repository:{wanted.name}:{",".join(sorted(wanted.actions))}"'
        if insufficient:
            challenge += ',error="insufficient_scope"'
        return RegistryError("UNAUTHORIZED", "authentication required", {"WWW-Authenticate": challenge})

    async def _token(self, request: web.Request) -> web.StreamResponse:
        """Exchange a name and password for a token; without them, one for what is public."""
        fields = request.query if request.method == "GET" else await request.post()
        registry = Registry.of_service(str(fields.get("service", "")))
        wanted = scopes(str(text) for text in fields.getall("scope", []))
        kind, _, value = request.headers.get("Authorization", "").partition(" ")
        principal: Principal | None = None
        if kind.lower() == "basic":
            principal = self._basic(registry, value)
        elif request.method == "POST" and fields.get("grant_type") == "password":
            user, password = str(fields.get("username", "")), str(fields.get("password", ""))
            principal = self._tokens.principal_of(registry, user, password)
        elif request.method == "POST":
            raise RegistryError("UNSUPPORTED", "only the grant type password is taken")
        granted = self._allowed(principal, registry, wanted)
        token = self._tokens.access_token(registry, granted)
        document = {
            "token": token,
            "access_token": token,
            "expires_in": int(TOKEN_LIFETIME.total_seconds()),
            "issued_at": iso(self._clock.now()),
        }
        return web.json_response(document)

    def _basic(self, registry: Registry, value: str) -> Principal:
        try:
            user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except ValueError:
            raise RegistryError("UNAUTHORIZED", "the Authorization header is not base64 of NAME:PASSWORD") from None
        return self._tokens.principal_of(registry, user, password)

    def _allowed(self, principal: Principal | None, registry: Registry, wanted: list[Scope]) -> list[Scope]:
        """The part of what is wanted that somebody (None: anybody) may do."""
        granted = []
        for scope in wanted:
            actions = {action for action in scope.actions if self._may(principal, registry, scope.name, action)}
            if actions:
                granted.append(Scope(scope.name, frozenset(actions)))
        return granted

    def _may(self, principal: Principal | None, registry: Registry, name: str, action: str) -> bool:
        if action == PULL and self._is_public(registry, name):
            return True
        return principal is not None and self._backend.repositories.may(principal, registry, name, action)


def _parts(path: str) -> tuple[str, str, str]:
    """The repository, the kind of thing and the rest of a path; empty for none. Uploads are a kind of their own."""
    match = PATH.fullmatch(path)
    if match is None:
        return "", "", ""
    name, kind, rest = match["name"], match["kind"], match["rest"]
    if kind == "blobs" and (rest == "uploads" or rest.startswith("uploads/")):
        return name, "uploads", rest.removeprefix("uploads").removeprefix("/")
    return name, kind, rest


def _refusal(error: RegistryError) -> web.Response:
    headers = {**VERSION_HEADER, **error.headers}
    return web.Response(status=error.status, body=error.body, content_type="application/json", headers=headers)
