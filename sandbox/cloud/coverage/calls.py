"""The API calls in a Go function of the provider: product, action or path, and the parameters it puts in."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator

from pydantic import BaseModel, ConfigDict

from sandbox.cloud.coverage.source import Function

GENERIC = re.compile(
    r"\.(Rpc(?:Post|Get)(?:WithEndpoint)?|Roa(?:Post|Put|Get|Delete|Patch))\w*\(\s*"
    r'"([\w-]+)",\s*"([\d-]+)",\s*(\w+|"[^"]+")((?:,\s*[^,()\n]+(?:\([^()]*\))?)*)'
)
ROUTED = re.compile(r'\.Do\("(\w+)",\s*\w+Param\("(\w+)",\s*"([\d-]+)",\s*"(\w+)",\s*[^)]+\)((?:,\s*[^,()\n]+)*)\)')
TYPED = re.compile(r"\b(\w+) :?= (\w+)\.Create(\w+)Request\(\)")
COMMON = re.compile(r'\b(\w+)\.ApiName = "(\w+)"')
LITERAL = r'"(\w+)(?:\.[^"]*)?"'
MAP_KEY = re.compile(r'^\s*"(\w+)(?:\.[^"]*)?":', re.MULTILINE)

METHODS = {"Post": "POST", "Put": "PUT", "Get": "GET", "Delete": "DELETE", "Patch": "PATCH"}
CLIENT_CALL = re.compile(r"\b(csClient|ossClient|bucket|slsClient|client)\.([A-Z]\w+)\(")
NOT_ACTIONS = frozenset({"Bucket", "AccountId", "NewRoaCsClient", "GetRetryTimeout"})
CLIENTS = {"csClient": "CS", "client": "CS", "ossClient": "Oss", "bucket": "Oss", "slsClient": "Sls"}
"""Variables that hold an SDK's client, whose methods are named (nearly) like the actions that they call."""
CS_ALIASES = {
    "GetKubernetesClusterNodes": "DescribeClusterNodes",
    "DeleteKubernetesClusterNodes": "DeleteClusterNodes",
    "DescribeKubernetesClusterDetail": "DescribeClusterDetail",
    "DeleteKubernetesCluster": "DeleteCluster",
    "DescribeClusters": "DescribeClustersV1",
    "DescribeNodePoolDetail": "DescribeClusterNodePoolDetail",
}
OSS_ALIASES = {
    "CreateBucket": "PutBucket",
    "IsBucketExist": "ListBuckets",
    "SetBucketACL": "PutBucketAcl",
    "PutBucketRTC": "PutBucketRtc",
    "DeleteBucketReplication": "PutBucketReplication",
    "GetBucketTransferAcc": "GetBucketTransferAcceleration",
    "SetBucketTransferAcc": "PutBucketTransferAcceleration",
    "PutObjectFromFile": "PutObject",
    "IsObjectExist": "GetObjectMeta",
    "GetObjectDetailedMeta": "HeadObject",
    "DeleteObjectVersions": "DeleteMultipleObjects",
}
SLS_ALIASES = {
    "CreateDashboardString": "CreateDashboard",
    "GetDashboardString": "GetDashboard",
    "UpdateDashboardString": "UpdateDashboard",
    "CreateMetricStore": "CreateSubStore",
    "UpdateMetricStore": "UpdateSubStoreTtl",
}
"""The SDK makes a metric store of a log store, which is called beside, and a table in it."""


class ProviderCall(BaseModel):
    """One action that the provider can call. `parameters` are those that the scan sees it set, first level only."""

    model_config = ConfigDict(frozen=True)

    product: str
    version: str = ""
    action: str = ""
    method: str = ""
    path: str = ""
    parameters: tuple[str, ...] = ()


def calls_in(function: Function, helpers: Container[str]) -> Iterator[ProviderCall]:
    """Every call in a function. `helpers` are the provider's own methods, which are scanned themselves."""
    text = function.text
    yield from _generic(text)
    yield from _routed(text)
    yield from _typed(text)
    for variable, name in CLIENT_CALL.findall(text):
        product = CLIENTS[variable]
        official = function.owner == "CsClient" or "NewRoaCsClient" in text
        if (variable == "client" and not official) or name in NOT_ACTIONS or name.startswith("With"):
            continue
        if variable == "csClient" and name in helpers:
            continue
        yield ProviderCall(product=product, action=_action(product, name))


def _action(product: str, method: str) -> str:
    """The action that an SDK's method calls."""
    if product == "CS":
        return CS_ALIASES.get(method, method)
    if product == "Oss":
        return OSS_ALIASES.get(method, re.sub("^SetBucket", "PutBucket", method))
    if product == "Sls":
        return SLS_ALIASES.get(method, method)
    return method


def _generic(text: str) -> Iterator[ProviderCall]:
    for match in GENERIC.finditer(text):
        kind, product, version, action, rest = match.groups()
        value = action.strip('"') if action.startswith('"') else _last_value(text[: match.start()], action)
        names = _parameters(text[: match.start()], rest)
        if kind.startswith("Rpc"):
            for name in value.split("|"):
                yield ProviderCall(product=product, version=version, action=name, parameters=names)
        else:
            method = METHODS[kind.removeprefix("Roa")]
            yield ProviderCall(product=product, version=version, method=method, path=value, parameters=names)


def _routed(text: str) -> Iterator[ProviderCall]:
    for match in ROUTED.finditer(text):
        product, method, version, action, rest = match.groups()
        names = _parameters(text[: match.start()], rest)
        yield ProviderCall(product=product, version=version, action=action, method=method, parameters=names)


def _typed(text: str) -> Iterator[ProviderCall]:
    for match in TYPED.finditer(text):
        variable, package, action = match.groups()
        following = text[match.end() :]
        again = re.search(rf"\b{variable} :?= \w+\.Create", following)
        names = re.findall(rf"\b{variable}\.([A-Z]\w+) = ", following[: again.start()] if again else following)
        yield ProviderCall(product=package, action=action, parameters=_sorted(names))
    for match in COMMON.finditer(text):
        names = re.findall(rf"\b{match.group(1)}\.QueryParams\[{LITERAL}\]", text)
        yield ProviderCall(product="ecs", action=match.group(2), parameters=_sorted(names))


def _last_value(text: str, variable: str) -> str:
    """The text that a variable was last set to; `{}` stands for what is formatted into it."""
    values = re.findall(rf'\b{variable} :?= (?:fmt\.Sprintf\()?"([^"]*)"', text)
    return re.sub(r"%\w", "{}", values[-1]) if values else f"(variable {variable})"


def _parameters(text: str, arguments: str) -> tuple[str, ...]:
    """Keys set on the maps given as arguments, since each was last made anew."""
    names: list[str] = []
    for argument in re.findall(r"\b[a-zA-Z]\w*", arguments):
        if argument in ("nil", "true", "false", "endpoint", "hostMap"):
            continue
        aliases = re.findall(rf"\b{argument} :?= (\w+)\s*$", text, re.MULTILINE)
        for variable in (argument, *[alias for alias in aliases if alias not in ("nil", "true", "false")]):
            names += _keys(text, variable)
    return _sorted(names)


def _keys(text: str, variable: str) -> list[str]:
    made = list(re.finditer(rf"\b{variable} :?= (?:make\()?map\[string\][\w{{}}*]+?(?:\)|\{{)", text))
    if not made:
        return []
    since = text[made[-1].start() :]
    names = re.findall(rf"\b{variable}\[(?:fmt\.Sprintf\()?{LITERAL}", since)
    if not made[-1].group().endswith(")"):
        literal = re.match(r"[^\n]*\{\n(.*?)^\s*\}\n", since, re.MULTILINE | re.DOTALL)
        names += MAP_KEY.findall(literal.group(1)) if literal else re.findall(r'"(\w+)":', since.split("\n")[0])
    return names


def _sorted(names: list[str]) -> tuple[str, ...]:
    return tuple(sorted({name for name in names if name not in ("ApiName", "QueryParams", "RegionId", "ClientToken")}))
