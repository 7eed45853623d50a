"""The sandbox's own certificate authority and the certificate that its cloud serves.

The authority lives in the cache, because images trust it; it is made once. The server's certificate names every host
name of Alibaba Cloud that a program in a region may call, so that programs in the sandbox use the real names.
"""

from __future__ import annotations

import datetime
import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from sandbox.cloud.core.regions import REGIONS
from sandbox.settings import SandboxSettings

AUTHORITY_LIFETIME = datetime.timedelta(days=3650)
SERVER_LIFETIME = datetime.timedelta(days=397)  # longer ones are refused by common TLS clients
RENEW_BEFORE = datetime.timedelta(days=30)


@dataclass(frozen=True)
class CertificateAuthority:
    """A certificate authority on disk; the key is readable by its owner only."""

    certificate_path: Path
    key_path: Path

    def certificate(self) -> x509.Certificate:
        """The authority's own certificate."""
        return x509.load_pem_x509_certificate(self.certificate_path.read_bytes())

    def key(self) -> ec.EllipticCurvePrivateKey:
        """The authority's signing key."""
        key = serialization.load_pem_private_key(self.key_path.read_bytes(), password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise ValueError(f"{self.key_path} holds no elliptic-curve key; delete its folder to have a new one made")
        return key


def certificate_authority(cache: Path) -> CertificateAuthority:
    """The sandbox's authority in `<cache>/ca`, made on first use."""
    authority = CertificateAuthority(cache / "ca" / "ca.pem", cache / "ca" / "ca.key")
    if authority.certificate_path.exists() and authority.key_path.exists():
        return authority
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Language model clusters sandbox authority")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + AUTHORITY_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    _write_pair(authority.certificate_path, certificate, authority.key_path, key)
    return authority


def server_certificate(settings: SandboxSettings) -> tuple[Path, Path]:
    """The cloud's certificate chain and key in the sandbox's state, renewed when near its end or when names changed."""
    certificate_path, key_path = settings.state / "tls" / "server.pem", settings.state / "tls" / "server.key"
    authority = certificate_authority(settings.cache)
    names = server_names(settings)
    if _is_current(certificate_path, key_path, authority, names):
        return certificate_path, key_path
    issuer = authority.certificate()
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sandbox cloud")]))
        .issuer_name(issuer.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + SERVER_LIFETIME)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key().public_key()), critical=False)
        .sign(authority.key(), hashes.SHA256())
    )
    _write_pair(certificate_path, certificate, key_path, key)
    return certificate_path, key_path


def server_names(settings: SandboxSettings) -> list[x509.GeneralName]:
    """The host names and addresses under which the cloud is called, on the host and in regions."""
    names = ["localhost", "*.aliyuncs.com", "*.log.aliyuncs.com"]
    for region in REGIONS:
        names += [f"*.{region}.aliyuncs.com", f"*.oss-{region}.aliyuncs.com", f"*.oss-{region}-internal.aliyuncs.com"]
        names += [
            f"*.{region}.log.aliyuncs.com",
            f"*.{region}-intranet.log.aliyuncs.com",
            f"*.{region}.cr.aliyuncs.com",
        ]
    addresses = [ipaddress.IPv4Address("127.0.0.1"), settings.addresses.cloud]
    return [*map(x509.DNSName, names), *map(x509.IPAddress, addresses)]


def trust_bundle(settings: SandboxSettings) -> Path:
    """The machine's trusted authorities and the sandbox's in one file, for SSL_CERT_FILE."""
    bundle = settings.state / "tls" / "bundle.pem"
    parts = [certificate_authority(settings.cache).certificate_path.read_text()]
    for candidate in ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"):
        if Path(candidate).exists():
            parts.append(Path(candidate).read_text())
            break
    content = "".join(parts)
    if not bundle.exists() or bundle.read_text() != content:
        bundle.parent.mkdir(parents=True, exist_ok=True)
        _write_atomically(bundle, content.encode(), 0o644)
    return bundle


def _is_current(
    certificate_path: Path, key_path: Path, authority: CertificateAuthority, names: Sequence[x509.GeneralName]
) -> bool:
    if not (certificate_path.exists() and key_path.exists()):
        return False
    certificate = x509.load_pem_x509_certificate(certificate_path.read_bytes())
    if certificate.not_valid_after_utc - datetime.datetime.now(datetime.UTC) < RENEW_BEFORE:
        return False
    present = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    authority_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.key().public_key())
    issued_by = certificate.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    return list(present) == list(names) and issued_by == authority_key


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _write_pair(
    certificate_path: Path, certificate: x509.Certificate, key_path: Path, key: ec.EllipticCurvePrivateKey
) -> None:
    certificate_path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write_atomically(key_path, private, 0o600)
    _write_atomically(certificate_path, certificate.public_bytes(serialization.Encoding.PEM), 0o644)


def _write_atomically(path: Path, content: bytes, mode: int) -> None:
    temporary = path.with_suffix(path.suffix + f".{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
    temporary.replace(path)
