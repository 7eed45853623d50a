"""A region's keys and certificates: two authorities, a certificate a component, and the service accounts' key pair.

All of it is in the region's state directory, so that kubeconfigs and tokens stay valid over a stop and start.
Components' certificates are renewed at the next start after eleven of their twelve months.
"""

from __future__ import annotations

import base64
import datetime
import ipaddress
import os
from dataclasses import dataclass
from pathlib import Path

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY_LIFETIME = datetime.timedelta(days=3650)
COMPONENT_LIFETIME = datetime.timedelta(days=365)
RENEW_BEFORE = datetime.timedelta(days=30)

_Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True)
class Identity:
    """Who a certificate is for: Kubernetes reads the user from the common name and groups from organizations."""

    file_name: str
    common_name: str
    organizations: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True)
class KeyPair:
    """A certificate and its key on disk."""

    certificate: Path
    key: Path


class ClusterAuthority:
    """The authority that one region's components trust, and what it has signed."""

    def __init__(self, directory: Path, name: str) -> None:
        """Load the authority from its directory, or make it there on first use."""
        self.directory = directory
        self.pair = KeyPair(directory / f"{name}.pem", directory / f"{name}.key")
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not (self.pair.certificate.exists() and self.pair.key.exists()):
            self._create(name)
        self._certificate = x509.load_pem_x509_certificate(self.pair.certificate.read_bytes())
        self._key = _load_key(self.pair.key)

    def issue(self, identity: Identity) -> KeyPair:
        """The identity's certificate, signed now or kept from before when it still fits."""
        pair = KeyPair(self.directory / f"{identity.file_name}.pem", self.directory / f"{identity.file_name}.key")
        if self._is_current(pair, identity):
            return pair
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            _builder(_subject(identity), self._certificate.subject, key, COMPONENT_LIFETIME)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(
                x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH]),
                critical=False,
            )
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(self._certificate.public_key()),  # type: ignore[arg-type]
                critical=False,
            )
        )
        alternatives = _alternatives(identity)
        if alternatives:
            builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        _write_key(pair.key, key)
        _write(
            pair.certificate, builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM), 0o644
        )
        return pair

    def certificate_text(self) -> str:
        """The authority's certificate as PEM."""
        return self.pair.certificate.read_text()

    def _create(self, name: str) -> None:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        usage = x509.KeyUsage(
            digital_signature=True,
            content_commitment=False,
            key_encipherment=False,
            data_encipherment=False,
            key_agreement=False,
            key_cert_sign=True,
            crl_sign=True,
            encipher_only=False,
            decipher_only=False,
        )
        certificate = (
            _builder(subject, subject, key, AUTHORITY_LIFETIME)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        _write_key(self.pair.key, key)
        _write(self.pair.certificate, certificate.public_bytes(serialization.Encoding.PEM), 0o644)

    def _is_current(self, pair: KeyPair, identity: Identity) -> bool:
        if not (pair.certificate.exists() and pair.key.exists()):
            return False
        certificate = x509.load_pem_x509_certificate(pair.certificate.read_bytes())
        if certificate.not_valid_after_utc - datetime.datetime.now(datetime.UTC) < RENEW_BEFORE:
            return False
        if certificate.subject != _subject(identity):
            return False
        try:
            present = list(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
        except x509.ExtensionNotFound:
            present = []
        return present == _alternatives(identity)


def service_account_keys(directory: Path) -> KeyPair:
    """The key that signs service accounts' tokens (RSA, as in ACK) and its public half; `certificate` is the latter."""
    pair = KeyPair(directory / "service-account.pub", directory / "service-account.key")
    if not (pair.certificate.exists() and pair.key.exists()):
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        _write_key(pair.key, key)
        public = key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        _write(pair.certificate, public, 0o644)
    return pair


def render_kubeconfig(server: str, cluster: str, user: str, authority: str, certificate: str, key: str) -> str:
    """A kubeconfig that carries its certificates, so that it can be handed on as one text (arguments are PEM texts)."""

    def encoded(text: str) -> str:
        return base64.b64encode(text.encode()).decode()

    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [
            {"name": cluster, "cluster": {"server": server, "certificate-authority-data": encoded(authority)}}
        ],
        "users": [
            {
                "name": user,
                "user": {"client-certificate-data": encoded(certificate), "client-key-data": encoded(key)},
            }
        ],
        "contexts": [{"name": cluster, "context": {"cluster": cluster, "user": user}}],
        "current-context": cluster,
    }
    return yaml.safe_dump(document, sort_keys=False)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read."""
    _write(path, text.encode(), 0o600)


def _subject(identity: Identity) -> x509.Name:
    organizations = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, name) for name in identity.organizations]
    return x509.Name([*organizations, x509.NameAttribute(NameOID.COMMON_NAME, identity.common_name)])


def _alternatives(identity: Identity) -> list[x509.GeneralName]:
    addresses = [x509.IPAddress(ipaddress.ip_address(address)) for address in identity.addresses]
    return [*(x509.DNSName(name) for name in identity.names), *addresses]


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, lifetime: datetime.timedelta
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(minutes=5))
        .not_valid_after(now + lifetime)
    )


def _load_key(path: Path) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError(f"{path} holds no elliptic-curve key; purge the sandbox to have a new one made")
    return key


def _write_key(path: Path, key: _Key) -> None:
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    _write(path, private, 0o600)


def _write(path: Path, content: bytes, mode: int) -> None:
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "wb") as stream:
        stream.write(content)
    temporary.replace(path)
