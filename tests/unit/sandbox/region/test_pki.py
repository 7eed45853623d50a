"""A region's certificates: who they say they are, that they are kept, and that they are renewed in time."""

from __future__ import annotations

import base64
import datetime
from pathlib import Path

import pytest
import yaml
from cryptography import x509
from cryptography.x509.oid import NameOID

from sandbox.region import pki
from sandbox.region.pki import ClusterAuthority, Identity, render_kubeconfig, service_account_keys

KUBELET = Identity("node", "system:node:gpu-1", ("system:nodes",), ("gpu-1",), ("172.30.49.10",))


def read(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def test_a_certificate_names_its_user_groups_and_addresses_and_is_signed_by_the_authority(tmp_path: Path) -> None:
    authority = ClusterAuthority(tmp_path, "ca")
    certificate = read(authority.issue(KUBELET).certificate)
    subject = {attribute.oid: attribute.value for attribute in certificate.subject}
    assert subject == {NameOID.COMMON_NAME: "system:node:gpu-1", NameOID.ORGANIZATION_NAME: "system:nodes"}
    alternatives = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert alternatives.get_values_for_type(x509.DNSName) == ["gpu-1"]
    assert [str(address) for address in alternatives.get_values_for_type(x509.IPAddress)] == ["172.30.49.10"]
    certificate.verify_directly_issued_by(read(authority.pair.certificate))


def test_keys_are_for_their_owner_only(tmp_path: Path) -> None:
    pair = ClusterAuthority(tmp_path / "pki", "ca").issue(KUBELET)
    assert pair.key.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "pki").stat().st_mode & 0o777 == 0o700


def test_a_certificate_is_kept_while_it_fits_and_made_anew_for_another_address(tmp_path: Path) -> None:
    first = ClusterAuthority(tmp_path, "ca").issue(KUBELET).certificate.read_bytes()
    again = ClusterAuthority(tmp_path, "ca")
    assert again.issue(KUBELET).certificate.read_bytes() == first
    moved = Identity("node", "system:node:gpu-1", ("system:nodes",), ("gpu-1",), ("172.30.49.11",))
    assert again.issue(moved).certificate.read_bytes() != first


def test_a_certificate_near_its_end_is_renewed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = ClusterAuthority(tmp_path, "ca")
    monkeypatch.setattr(pki, "COMPONENT_LIFETIME", datetime.timedelta(days=29))
    first = authority.issue(KUBELET).certificate.read_bytes()
    monkeypatch.setattr(pki, "COMPONENT_LIFETIME", datetime.timedelta(days=365))
    assert authority.issue(KUBELET).certificate.read_bytes() != first


def test_the_service_accounts_key_is_made_once(tmp_path: Path) -> None:
    first = service_account_keys(tmp_path)
    text = first.certificate.read_text()
    assert text.startswith("-----BEGIN PUBLIC KEY-----")
    assert service_account_keys(tmp_path).certificate.read_text() == text


def test_a_kubeconfig_carries_its_certificates() -> None:
    document = yaml.safe_load(render_kubeconfig("https://a:6443", "cn-hangzhou", "admin", "AUTHORITY", "CERT", "KEY"))
    assert document["current-context"] == "cn-hangzhou"
    cluster = document["clusters"][0]["cluster"]
    assert cluster["server"] == "https://a:6443"
    assert base64.b64decode(cluster["certificate-authority-data"]) == b"AUTHORITY"
    assert base64.b64decode(document["users"][0]["user"]["client-key-data"]) == b"KEY"
