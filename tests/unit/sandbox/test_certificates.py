"""The sandbox's authority and its server's certificate, judged by Python's own TLS."""

from __future__ import annotations

import socket
import ssl
import threading

from sandbox.certificates import certificate_authority, server_certificate, trust_bundle
from sandbox.settings import SandboxSettings


def handshake(settings: SandboxSettings, name: str) -> None:
    """Complete a TLS handshake for `name` over a socket pair; raises when the client refuses the certificate."""
    certificate, key = server_certificate(settings)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    client = ssl.create_default_context(cafile=str(certificate_authority(settings.cache).certificate_path))
    near, far = socket.socketpair()

    def serve() -> None:
        try:
            with server.wrap_socket(far, server_side=True) as stream:
                stream.recv(1)
        except (ssl.SSLError, ConnectionError):
            far.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with client.wrap_socket(near, server_hostname=name) as stream:
            stream.send(b"x")
    finally:
        near.close()
        thread.join(timeout=10)


def test_a_client_that_trusts_the_authority_accepts_the_real_clouds_names(settings: SandboxSettings) -> None:
    for name in (
        "oss-cn-hangzhou-internal.aliyuncs.com",
        "a-bucket.oss-cn-hangzhou-internal.aliyuncs.com",
        "sts-vpc.cn-hangzhou.aliyuncs.com",
        str(settings.addresses.cloud),
        "127.0.0.1",
    ):
        handshake(settings, name)


def test_a_name_outside_the_cloud_is_refused(settings: SandboxSettings) -> None:
    try:
        handshake(settings, "example.com")
    except ssl.SSLCertVerificationError:
        return
    raise AssertionError("the certificate was accepted for a foreign name")


def test_keys_are_readable_by_their_owner_only(settings: SandboxSettings) -> None:
    _, server_key = server_certificate(settings)
    for key in (server_key, certificate_authority(settings.cache).key_path):
        assert key.stat().st_mode & 0o077 == 0


def test_the_authority_and_the_certificate_are_made_once(settings: SandboxSettings) -> None:
    certificate, _ = server_certificate(settings)
    before = certificate.read_bytes(), certificate_authority(settings.cache).certificate_path.read_bytes()
    server_certificate(settings)
    assert before == (certificate.read_bytes(), certificate_authority(settings.cache).certificate_path.read_bytes())


def test_a_new_authority_makes_a_new_server_certificate(settings: SandboxSettings) -> None:
    certificate, _ = server_certificate(settings)
    before = certificate.read_bytes()
    certificate_authority(settings.cache).certificate_path.unlink()
    server_certificate(settings)
    assert certificate.read_bytes() != before


def test_the_bundle_trusts_the_sandbox_too(settings: SandboxSettings) -> None:
    authority = certificate_authority(settings.cache).certificate_path.read_text()
    assert authority in trust_bundle(settings).read_text()
