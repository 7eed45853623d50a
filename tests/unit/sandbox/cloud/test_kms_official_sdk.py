"""The official SDK of KMS (alibabacloud-kms20160120): what it encrypts is encrypted, and comes back."""

from __future__ import annotations

import base64
import datetime
import json
from collections.abc import Callable

import pytest
from alibabacloud_kms20160120 import models
from alibabacloud_kms20160120.client import Client
from alibabacloud_tea_openapi.models import Config
from Tea.exceptions import TeaException

from benchmarks.in_process_cloud import SimulatedCloud

TEXT = base64.b64encode("秘密".encode()).decode()


@pytest.fixture
def client(served_cloud: SimulatedCloud) -> Client:
    root = served_cloud.cloud.context.accounts.root
    return Client(
        Config(
            access_key_id=root.access_key_id,
            access_key_secret=root.access_key_secret,
            protocol="HTTP",
            endpoint=served_cloud.endpoint,
            region_id="cn-hangzhou",
        )
    )


@pytest.fixture
def key(client: Client) -> str:
    request = models.CreateKeyRequest(enable_automatic_rotation=True, rotation_interval="30d")
    return str(client.create_key(request).body.key_metadata.key_id)


def encrypt(client: Client, key: str, context: dict[str, str] | None = None) -> str:
    request = models.EncryptRequest(key_id=key, plaintext=TEXT, encryption_context=context)
    return str(client.encrypt(request).body.ciphertext_blob)


def decrypt(client: Client, blob: str, context: dict[str, str] | None = None) -> str:
    return str(client.decrypt(models.DecryptRequest(ciphertext_blob=blob, encryption_context=context)).body.plaintext)


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(TeaException) as caught:
        call()
    return str(caught.value.code)


def test_a_text_is_encrypted_differently_each_time_and_decrypted(client: Client, key: str) -> None:
    first, second = encrypt(client, key), encrypt(client, key)
    assert first != second
    assert TEXT not in first
    assert decrypt(client, first) == decrypt(client, second) == TEXT


def test_a_data_key_is_given_plain_and_encrypted(client: Client, key: str) -> None:
    made = client.generate_data_key(models.GenerateDataKeyRequest(key_id=key, key_spec="AES_256")).body
    assert len(base64.b64decode(made.plaintext)) == 32
    assert decrypt(client, made.ciphertext_blob) == made.plaintext


def test_a_ciphertext_is_bound_to_its_encryption_context(client: Client, key: str) -> None:
    blob = encrypt(client, key, {"business": "qa", "purpose": "backup"})
    assert decrypt(client, blob, {"purpose": "backup", "business": "qa"}) == TEXT
    assert code_of(lambda: decrypt(client, blob)) == "InvalidParameter"
    assert code_of(lambda: decrypt(client, blob, {"business": "chatbot"})) == "InvalidParameter"


def test_a_changed_ciphertext_is_refused(client: Client, key: str) -> None:
    blob = bytearray(base64.b64decode(encrypt(client, key)))
    blob[-1] ^= 1
    for wrong in (base64.b64encode(blob).decode(), "AQ==", "no base64", base64.b64encode(b"\x02other").decode()):
        assert code_of(lambda wrong=wrong: decrypt(client, wrong)) == "InvalidParameter"  # type: ignore[misc]


def test_old_ciphertexts_outlive_a_rotation(served_cloud: SimulatedCloud, client: Client, key: str) -> None:
    before = encrypt(client, key)
    version = client.describe_key(models.DescribeKeyRequest(key_id=key)).body.key_metadata.primary_key_version
    served_cloud.cloud.context.clock.advance(datetime.timedelta(days=31))
    after = encrypt(client, key)
    rotated = client.describe_key(models.DescribeKeyRequest(key_id=key)).body.key_metadata.primary_key_version
    assert version != rotated
    assert decrypt(client, before) == decrypt(client, after) == TEXT


def test_a_disabled_key_does_nothing(client: Client, key: str) -> None:
    blob = encrypt(client, key)
    client.disable_key(models.DisableKeyRequest(key_id=key))
    assert code_of(lambda: encrypt(client, key)) == "Rejected.Disabled"
    assert code_of(lambda: decrypt(client, blob)) == "Rejected.Disabled"
    client.enable_key(models.EnableKeyRequest(key_id=key))
    assert decrypt(client, blob) == TEXT


def test_a_ciphertext_moves_to_another_key(client: Client, key: str) -> None:
    other = client.create_key(models.CreateKeyRequest()).body.key_metadata.key_id
    client.create_alias(models.CreateAliasRequest(alias_name="alias/other", key_id=other))
    request = models.ReEncryptRequest(ciphertext_blob=encrypt(client, key), destination_key_id="alias/other")
    moved = client.re_encrypt(request).body
    assert moved.key_id == other
    client.disable_key(models.DisableKeyRequest(key_id=key))
    assert decrypt(client, moved.ciphertext_blob) == TEXT


def test_a_key_that_is_not_for_encryption_is_refused(client: Client) -> None:
    request = models.CreateKeyRequest(key_usage="SIGN/VERIFY", key_spec="RSA_2048")
    key = client.create_key(request).body.key_metadata.key_id
    assert code_of(lambda: encrypt(client, key)) == "UnsupportedOperation"


def test_no_secret_is_in_the_log(served_cloud: SimulatedCloud, client: Client, key: str) -> None:
    decrypt(client, encrypt(client, key))
    material = served_cloud.cloud.context.store.list("kms-material")
    text = served_cloud.log_path.read_text()
    assert TEXT not in text
    assert json.loads(material[0])["secret"] not in text
