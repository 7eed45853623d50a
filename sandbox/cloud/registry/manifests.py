"""Manifests, tags and referrers over HTTP."""

from __future__ import annotations

from aiohttp import web

from sandbox.cloud.core.wire import json_bytes
from sandbox.cloud.registry.addressing import DIGEST, TAG, check_digest
from sandbox.cloud.registry.call import VERSION_HEADER, Call
from sandbox.cloud.registry.catalogue import LARGEST_MANIFEST, OCI_INDEX, Manifest
from sandbox.cloud.registry.errors import RegistryError

LARGEST_PAGE = 1000


async def get_manifest(call: Call) -> web.StreamResponse:
    """A manifest by tag or digest: what was pushed, or else what the sandbox built."""
    manifest = find_manifest(call, _reference(call.rest))
    if manifest is None:
        raise RegistryError("MANIFEST_UNKNOWN", f"{call.name} has no manifest {call.rest}")
    headers = {**VERSION_HEADER, "Docker-Content-Digest": manifest.digest, "Content-Type": manifest.media_type}
    if call.request.method == "HEAD":
        return web.Response(headers={**headers, "Content-Length": str(len(manifest.content))})
    return web.Response(body=manifest.content, headers=headers)


def find_manifest(call: Call, reference: str) -> Manifest | None:
    """A manifest that was pushed, or else one that the sandbox built."""
    pushed = call.backend.catalogue.manifest(call.key, reference)
    if pushed is not None:
        return pushed
    image = call.backend.built.find(call.hosts, call.name, reference)
    return image.manifest if image is not None else None


async def put_manifest(call: Call) -> web.StreamResponse:
    """Keep a manifest whose parts are all there."""
    reference = _reference(call.rest)
    key = call.key_for_push()
    content = await call.request.content.read(LARGEST_MANIFEST + 1)
    while chunk := await call.request.content.read(LARGEST_MANIFEST + 1):
        content += chunk
        if len(content) > LARGEST_MANIFEST:
            break
    catalogue = call.backend.catalogue
    before = catalogue.manifest(key, reference)
    kept = call.backend.repositories.keeps_tags(call.registry, call.name) and DIGEST.fullmatch(reference) is None
    media_type = call.request.content_type
    if kept and before is not None and before.content != content:
        raise RegistryError("DENIED", f"the tag {reference} of {call.name} is immutable", status=409)
    manifest = catalogue.put_manifest(key, reference, content, media_type)
    headers = {
        **VERSION_HEADER,
        "Location": call.location(f"manifests/{manifest.digest}"),
        "Docker-Content-Digest": manifest.digest,
    }
    subject = catalogue.subject_of(key, manifest.digest)
    return web.Response(status=201, headers=headers | ({"OCI-Subject": subject} if subject else {}))


async def delete_manifest(call: Call) -> web.StreamResponse:
    """Forget a manifest with its tags, or one tag."""
    reference = _reference(call.rest)
    catalogue = call.backend.catalogue
    forget = catalogue.delete_manifest if DIGEST.fullmatch(reference) else catalogue.delete_tag
    if not forget(call.key, reference):
        raise RegistryError("MANIFEST_UNKNOWN", f"{call.name} has no manifest {reference}")
    return web.Response(status=202, headers=VERSION_HEADER)


async def list_tags(call: Call) -> web.StreamResponse:
    """The tags in order, a page at a time."""
    if call.rest != "list":
        raise RegistryError("UNSUPPORTED", "only tags/list is served", status=404)
    built = call.backend.built.tags(call.hosts, call.name)
    if not call.key and not built:
        raise RegistryError("NAME_UNKNOWN", f"there is no repository {call.name}")
    every = sorted({*(tag.name for tag in call.backend.catalogue.tags(call.key)), *built})
    text, last = call.request.query.get("n", str(LARGEST_PAGE)), call.request.query.get("last", "")
    if not text.isdecimal():
        raise RegistryError("PAGINATION_NUMBER_INVALID", f"n={text!r} is not a whole number")
    size = min(int(text), LARGEST_PAGE)
    following = [tag for tag in every if tag > last]
    headers = dict(VERSION_HEADER)
    if 0 < size < len(following):
        headers["Link"] = f'</v2/{call.name}/tags/list?n={size}&last={following[size - 1]}>; rel="next"'
    body = json_bytes({"name": call.name, "tags": following[:size]})
    return web.Response(body=body, content_type="application/json", headers=headers)


async def list_referrers(call: Call) -> web.StreamResponse:
    """An index of the manifests whose subject is this one."""
    found = call.backend.catalogue.referrers(call.key, check_digest(call.rest))
    wanted = call.request.query.get("artifactType")
    headers = dict(VERSION_HEADER)
    if wanted:
        found = [descriptor for descriptor in found if descriptor["artifactType"] == wanted]
        headers["OCI-Filters-Applied"] = "artifactType"
    document = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": found}
    return web.Response(body=json_bytes(document), content_type=OCI_INDEX, headers=headers)


def _reference(text: str) -> str:
    if TAG.fullmatch(text) is None and DIGEST.fullmatch(text) is None:
        raise RegistryError("TAG_INVALID", f"{text!r} is neither a tag nor a digest", status=404)
    return text
