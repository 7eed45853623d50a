"""From live objects to what the state remembers: outputs, previews of outputs, and inputs after a refresh or import."""

from __future__ import annotations

import base64
import binascii
import copy
from collections.abc import Mapping
from typing import Any

from sandbox.pulumi.kubernetes.objects import from_wire
from sandbox.pulumi.kubernetes.values import UNKNOWN, Secret, mark_secrets, reveal

SERVER_METADATA = frozenset(
    {"uid", "resourceVersion", "generation", "creationTimestamp", "selfLink", "managedFields", "deletionTimestamp"}
)
NEW_AT_CREATION = ("uid", "resourceVersion", "generation", "creationTimestamp")
SECRET_FIELDS = ("data", "stringData")
MERGE_KEYS = ("name", "key", "containerPort", "port", "mountPath", "devicePath", "ip", "topologyKey", "uid", "type")
"""Keys by which the API server tells elements of a list apart; the first that all elements have is used."""

DEFAULTS: Mapping[str, tuple[Any, ...]] = {
    "dnsPolicy": ("ClusterFirst",),
    "schedulerName": ("default-scheduler",),
    "terminationGracePeriodSeconds": (30,),
    "securityContext": ({},),
    "terminationMessagePath": ("/dev/termination-log",),
    "terminationMessagePolicy": ("File",),
    "imagePullPolicy": ("IfNotPresent",),
    "progressDeadlineSeconds": (600,),
    "revisionHistoryLimit": (10,),
    "sessionAffinity": ("None",),
    "internalTrafficPolicy": ("Cluster",),
    "ipFamilyPolicy": ("SingleStack",),
    "volumeMode": ("Filesystem",),
    "podManagementPolicy": ("OrderedReady",),
}
"""Values that the API server fills in, by field; left out of imported inputs, since no program states them."""
ASSIGNED = frozenset({"clusterIP", "clusterIPs", "ipFamilies", "nodePort", "healthCheckNodePort", "volumeName"})
"""Fields of a spec that the cluster assigns."""


def outputs(live: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The outputs of an object: all that is live but the managers' book-keeping, secrets marked."""
    kind = str(live.get("kind") or inputs.get("kind"))
    result = from_wire(live, kind)
    # Lists answer without these; an object read alone has them.
    result.setdefault("apiVersion", inputs.get("apiVersion"))
    result.setdefault("kind", kind)
    return mark_secrets(_hide(result), inputs)


def _hide(properties: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(properties)
    if result.get("kind") == "Secret":
        for field in SECRET_FIELDS:
            if result.get(field) is not None and not isinstance(result[field], Secret):
                result[field] = Secret(result[field])
    return result


def preview_of_creation(planned: Mapping[str, Any] | None, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Outputs of an object that is not there yet: what the dry run planned; what only creation can tell is unknown."""
    result = outputs(planned, inputs) if planned is not None else _hide(copy.deepcopy(dict(inputs)))
    if planned is None or "status" in planned:
        result["status"] = UNKNOWN
    given = result.get("metadata")
    if isinstance(given, dict):
        result["metadata"] = {**given, **dict.fromkeys(NEW_AT_CREATION, UNKNOWN)}
        if "name" not in given or "generateName" in given:
            result["metadata"]["name"] = UNKNOWN
    if result.get("kind") == "Service" and isinstance(result.get("spec"), dict):
        wanted = reveal(inputs.get("spec"))
        for field in ("clusterIP", "clusterIPs"):
            if not isinstance(wanted, dict) or field not in wanted:
                result["spec"] = {**result["spec"], field: UNKNOWN}
    return result


def preview_of_update(planned: Mapping[str, Any] | None, inputs: Mapping[str, Any], old: Mapping[str, Any]) -> Any:
    """Outputs after an update, as far as they can be told."""
    if planned is None:
        return {**old, **inputs}
    result = outputs(planned, inputs)
    if isinstance(result.get("metadata"), dict):
        result["metadata"] = {**result["metadata"], "resourceVersion": UNKNOWN, "generation": UNKNOWN}
    return result


def refreshed_inputs(live: Mapping[str, Any], old: Mapping[str, Any], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs with each value that differs in the cluster from what it was, so that the next update mends it.

    Fields that nobody declared are left out, and a value that the API server writes in another form (`1000m` as
    `1`) is no difference, because live is compared with what was live before.
    """
    kind = str(inputs.get("kind") or live.get("kind"))
    now = from_wire(live, kind)
    was = reveal(dict(old))
    result = {}
    for key, declared in inputs.items():
        if key in ("apiVersion", "kind", "status"):
            result[key] = declared
        elif key == "stringData":
            result[key] = _string_data(now.get("data") or {}, was.get("data") or {}, declared)
        else:
            kept, value = _refreshed(now.get(key), was.get(key), declared)
            if kept:
                result[key] = value
    return result


def _refreshed(now: Any, was: Any, declared: Any) -> tuple[bool, Any]:
    """Whether the declared value stays, and as what."""
    if now == was:
        return True, declared
    if now is None:
        return False, None
    if isinstance(declared, Secret):
        kept, value = _refreshed(now, was, declared.value)
        return kept, Secret(value)
    if isinstance(declared, dict) and isinstance(now, dict):
        before = was if isinstance(was, dict) else {}
        pairs = {key: _refreshed(now.get(key), before.get(key), value) for key, value in declared.items()}
        return True, {key: value for key, (kept, value) in pairs.items() if kept}
    if isinstance(declared, list) and isinstance(now, list):
        return True, _refreshed_list(now, was if isinstance(was, list) else [], declared)
    return True, now


def _refreshed_list(now: list[Any], was: list[Any], declared: list[Any]) -> list[Any]:
    key = _merge_key(declared)
    if key is None:
        return now
    live = {element.get(key): element for element in now if isinstance(element, dict)}
    before = {element.get(key): element for element in was if isinstance(element, dict)}
    result = []
    for element in declared:
        name = reveal(element)[key]
        if name in live:
            result.append(_refreshed(live[name], before.get(name), element)[1])
    return result


def _merge_key(elements: list[Any]) -> str | None:
    opened = [reveal(element) for element in elements]
    if not opened or not all(isinstance(element, dict) for element in opened):
        return None
    for key in MERGE_KEYS:
        names = [element.get(key) for element in opened]
        if all(isinstance(name, (str, int)) for name in names) and len(set(names)) == len(names):
            return key
    return None


def _string_data(now: Mapping[str, str], was: Mapping[str, str], declared: Any) -> Any:
    opened = reveal(declared)
    if not isinstance(opened, dict):
        return declared
    changed = {key: _text(now[key]) for key in opened if key in now and now[key] != was.get(key)}
    kept = {key: changed.get(key, value) for key, value in opened.items() if key in now or key not in was}
    return Secret(kept) if kept != opened else declared


def _text(encoded: str) -> str:
    try:
        return base64.b64decode(encoded).decode()
    except (binascii.Error, UnicodeDecodeError):
        return encoded


def imported_inputs(live: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs that a program for this object would give: without status, defaults and what the cluster assigned."""
    kind = str(live.get("kind"))
    result = {key: value for key, value in from_wire(live, kind).items() if key != "status"}
    given = {key: value for key, value in result.get("metadata", {}).items() if key not in SERVER_METADATA}
    if kind == "Namespace":
        result.pop("spec", None)
        labels = {
            key: value for key, value in (given.get("labels") or {}).items() if not key.startswith("kubernetes.io/")
        }
        given = (
            {**given, "labels": labels} if labels else {key: value for key, value in given.items() if key != "labels"}
        )
    result = {key: _without_defaults(value) for key, value in result.items() if key != "metadata"}
    return _hide({**result, "metadata": given})


def _without_defaults(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_defaults(element) for element in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _without_defaults(element)
        for key, element in value.items()
        if key not in ASSIGNED and element not in DEFAULTS.get(key, ()) and key != "creationTimestamp"
    }
