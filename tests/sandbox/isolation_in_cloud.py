"""Ways in which one business could reach another through the cloud: its roles, its buckets, its names.

Each function returns the leaks that it found, by the keys that a business's training gets. Its traffic controller may
switch records of the whole zone: RAM knows no smaller thing of the DNS than a zone.
"""

from __future__ import annotations

import json
import os
import ssl
import urllib.error
import urllib.parse
import urllib.request
from typing import Any

import oss2
from dnslib import DNSRecord

from sandbox.environment import environment
from tests.sandbox.cloud_calls import Caller, Denied, Keys
from tests.sandbox.isolation import CALL_SECONDS, Fences, Tenant


def roles(fences: Fences) -> list[str]:
    """Roles of another business that a business's token is good for; its own it must be."""
    leaks = []
    for one in fences.tenants:
        token = _token(fences, one)
        assert _assume(fences, one.role, token) is not None, f"{one.business} does not get its own role"
        leaks += [
            f"{one.business} becomes {other.role}"
            for other in fences.tenants
            if other is not one and _assume(fences, other.role, token) is not None
        ]
    return leaks


def buckets(fences: Fences) -> list[str]:
    """Buckets of another business that a business's role opens; its own it must."""
    leaks = []
    for one in fences.tenants:
        keys = keys_of(fences, one)
        assert _opens(fences, keys, one.buckets["data"], one.region), f"{one.business} does not open its own bucket"
        leaks += [
            f"{one.business} opens {bucket}"
            for other in fences.tenants
            if other is not one
            for bucket in other.buckets.values()
            if _opens(fences, keys, bucket, other.region)
        ]
    return leaks


def names(fences: Fences) -> list[str]:
    """Names that lead to another business, and records of another that a business's role may change."""
    leaks = []
    records = {tenant.business: _records(fences, tenant) for tenant in fences.tenants}
    for one in fences.tenants:
        caller = Caller(fences.settings, keys_of(fences, one))
        for other in fences.tenants:
            if other is one:
                continue
            if one.address in _answers(fences, other.dns_name):
                leaks.append(f"{other.dns_name} leads to {one.business}")
            leaks += [
                f"{one.business} may switch {record['RR']} on the line {record['Line']}"
                for record in records[other.business]
                if _may_switch(caller, record)
            ]
    return leaks


def keys_of(fences: Fences, tenant: Tenant) -> Keys:
    """The keys of a business's own role, as its training gets them."""
    found = _assume(fences, tenant.role, _token(fences, tenant))
    assert found is not None, f"{tenant.business} does not get its own role"
    return found


def _token(fences: Fences, tenant: Tenant) -> str:
    command = ("create", "token", "training", "--namespace", tenant.namespace, "--audience", "sts.aliyuncs.com")
    return fences.done(*command).strip()


def _records(fences: Fences, tenant: Tenant) -> list[dict[str, Any]]:
    name, _, zone = tenant.dns_name.partition(".")
    answer = Caller(fences.settings).call("alidns", "DescribeDomainRecords", DomainName=zone, RRKeyWord=name)
    found = [record for record in answer["DomainRecords"]["Record"] if record["RR"] == name]
    assert found, f"{tenant.business} has no record"
    return found


def _answers(fences: Fences, name: str) -> set[str]:
    server = str(fences.settings.addresses.cloud)
    answer = DNSRecord.parse(DNSRecord.question(name).send(server, 53, timeout=CALL_SECONDS))
    assert answer.rr, f"{name} has no address"
    return {str(record.rdata) for record in answer.rr}


def _assume(fences: Fences, role: str, token: str) -> Keys | None:
    """The keys of a role for a service account's token; None when STS refuses."""
    variables = environment(fences.settings)
    form = {
        "Action": "AssumeRoleWithOIDC",
        "Version": "2015-04-01",
        "Format": "JSON",
        "RoleArn": role,
        "OIDCProviderArn": fences.identity_provider,
        "OIDCToken": token,
        "RoleSessionName": "isolation",
    }
    request = urllib.request.Request(
        f"https://{variables['STS_ENDPOINT']}/", data=urllib.parse.urlencode(form).encode(), method="POST"
    )
    context = ssl.create_default_context(cafile=variables["SSL_CERT_FILE"])
    handlers = (urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context))
    try:
        with urllib.request.build_opener(*handlers).open(request, timeout=CALL_SECONDS) as answer:
            credentials: Keys = json.loads(answer.read())["Credentials"]
            return credentials
    except urllib.error.HTTPError:
        return None


def _opens(fences: Fences, keys: Keys, bucket: str, region: str) -> bool:
    variables = environment(fences.settings)
    os.environ["REQUESTS_CA_BUNDLE"] = variables["REQUESTS_CA_BUNDLE"]  # read by the library under the SDK
    auth = oss2.StsAuth(keys["AccessKeyId"], keys["AccessKeySecret"], keys["SecurityToken"], "v4")
    store = oss2.Bucket(auth, f"https://{variables['OSS_ENDPOINT']}", bucket, region=region, is_path_style=True)
    try:
        list(oss2.ObjectIterator(store, max_keys=1))
    except oss2.exceptions.AccessDenied:
        return False
    return True


def _may_switch(caller: Caller, record: dict[str, Any]) -> bool:
    """Whether a caller may switch a record; tried by the state that it has, so that a leak breaks nothing."""
    status = "Enable" if record["Status"].upper() == "ENABLE" else "Disable"
    try:
        caller.call("alidns", "SetDomainRecordStatus", RecordId=record["RecordId"], Status=status)
    except Denied:
        return False
    return True
