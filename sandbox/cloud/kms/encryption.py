"""Actions that encrypt: AES-256 in Galois/Counter mode with material that never leaves the service.

A ciphertext names its key and the version of its material, so that it can be decrypted after any number of rotations.
"""

from __future__ import annotations

import base64
import datetime
import json
import re
import secrets
import uuid
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sandbox.cloud.core.clock import iso
from sandbox.cloud.core.paging import PAGING, page
from sandbox.cloud.core.service import Answer, Call, action
from sandbox.cloud.kms.aliases import AliasActions
from sandbox.cloud.kms.errors import key_disabled, key_not_found, key_state, malformed_ciphertext, unsupported, wrong
from sandbox.cloud.kms.model import Key, Material

FORMAT = b"\x01"
NONCE_BYTES = 12
MATERIAL_BYTES = 32
LARGEST_PLAINTEXT = 6144
DATA_KEYS = {"AES_256": 32, "AES_128": 16}
LARGEST_DATA_KEY = 1024
SYMMETRIC = ("Aliyun_AES_256", "AES_256", "Aliyun_SM4")
INTERVAL = re.compile(r"(\d{1,9})([dhms])")
UNITS = {"d": "days", "h": "hours", "m": "minutes", "s": "seconds"}


@dataclass(frozen=True)
class Ciphertext:
    """The parts of a ciphertext."""

    key_id: str
    version: str
    nonce: bytes
    content: bytes

    def pack(self) -> str:
        """As clients carry it."""
        name = self.key_id.encode()
        head = FORMAT + bytes([len(name)]) + name + uuid.UUID(self.version).bytes
        return base64.b64encode(head + self.nonce + self.content).decode()

    @classmethod
    def unpack(cls, text: str) -> Ciphertext:
        """Raises CloudError when it was not made by `pack`."""
        try:
            blob = base64.b64decode(text, validate=True)
            if blob[:1] != FORMAT:
                raise ValueError("another format")
            size = blob[1]
            name, rest = blob[2 : 2 + size].decode(), blob[2 + size :]
            version = str(uuid.UUID(bytes=rest[:16]))
            nonce, content = rest[16 : 16 + NONCE_BYTES], rest[16 + NONCE_BYTES :]
            if len(nonce) != NONCE_BYTES:
                raise ValueError("too short")
        except (ValueError, IndexError):
            raise malformed_ciphertext() from None
        return cls(name, version, nonce, content)


class EncryptionActions(AliasActions):
    """Encryption with keys."""

    @action("Encrypt", "KeyId Plaintext EncryptionContext")
    def encrypt(self, call: Call) -> Answer:
        """Encrypt a text."""
        key = self.usable_key(call)
        plaintext = call.parameters.required("Plaintext").encode()
        if len(plaintext) > LARGEST_PLAINTEXT:
            raise wrong("Plaintext", f"it has {len(plaintext)} bytes; at most {LARGEST_PLAINTEXT} are taken")
        version, blob = self.seal(key, plaintext, context_of(call))
        return {"KeyId": key.identifier, "KeyVersionId": version, "CiphertextBlob": blob}

    @action("Decrypt", "CiphertextBlob EncryptionContext")
    def decrypt(self, call: Call) -> Answer:
        """Decrypt what `Encrypt` or `GenerateDataKey` made; the key need not be named."""
        key, version, plaintext = self.unseal(call, "CiphertextBlob", context_of(call))
        # A data key was handed out in base64; a text comes back as it was given.
        shown = plaintext[1:].decode() if plaintext[:1] == b"t" else base64.b64encode(plaintext[1:]).decode()
        return {"KeyId": key.identifier, "KeyVersionId": version, "Plaintext": shown}

    @action("GenerateDataKey", "KeyId KeySpec NumberOfBytes EncryptionContext")
    def generate_data_key(self, call: Call) -> Answer:
        """A new key for the caller's own encryption, plain and encrypted."""
        return self.data_key(call, plain=True)

    @action("GenerateDataKeyWithoutPlaintext", "KeyId KeySpec NumberOfBytes EncryptionContext")
    def generate_data_key_without_plaintext(self, call: Call) -> Answer:
        """A new key for the caller's own encryption, encrypted only."""
        return self.data_key(call, plain=False)

    @action(
        "ReEncrypt",
        "CiphertextBlob SourceEncryptionContext DestinationKeyId DestinationEncryptionContext",
    )
    def re_encrypt(self, call: Call) -> Answer:
        """Encrypt what a ciphertext holds with another key."""
        _, _, plaintext = self.unseal(call, "CiphertextBlob", context_of(call, "SourceEncryptionContext"))
        key = self.usable_key(call, "DestinationKeyId")
        version, blob = self.seal_marked(key, plaintext, context_of(call, "DestinationEncryptionContext"))
        return {"KeyId": key.identifier, "KeyVersionId": version, "CiphertextBlob": blob}

    @action("ListKeyVersions", f"KeyId {PAGING}")
    def list_key_versions(self, call: Call) -> Answer:
        """The versions of a key's material."""
        key = self.find_key(call)
        versions = [
            {"KeyId": key.identifier, "KeyVersionId": one.version, "CreationDate": iso(one.created)}
            for one in self.keys.materials_of(key.identifier)
        ]
        chosen, paging = page(versions, call.parameters)
        return {"KeyVersions": {"KeyVersion": chosen}, **paging}

    def data_key(self, call: Call, *, plain: bool) -> Answer:
        """A data key of the length that was asked for."""
        key, parameters = self.usable_key(call), call.parameters
        specification = parameters.choice("KeySpec", "AES_256", DATA_KEYS)
        size = parameters.integer("NumberOfBytes", DATA_KEYS[specification], 1, LARGEST_DATA_KEY)
        made = secrets.token_bytes(size)
        version, blob = self.seal_marked(key, b"k" + made, context_of(call))
        shown = {"Plaintext": base64.b64encode(made).decode()} if plain else {}
        return {"KeyId": key.identifier, "KeyVersionId": version, "CiphertextBlob": blob, **shown}

    def usable_key(self, call: Call, name: str = "KeyId") -> Key:
        """The enabled, symmetric key that the call names."""
        key = self.find_key(call, name)
        if key.state == "Disabled":
            raise key_disabled(key.identifier)
        if key.state != "Enabled":
            raise key_state(key.identifier, key.state)
        if key.usage != "ENCRYPT/DECRYPT" or key.specification not in SYMMETRIC:
            raise unsupported(f"key {key.identifier} is for {key.usage} with {key.specification}")
        return self.rotated(key)

    def rotated(self, key: Key) -> Key:
        """The key, with new material when its time has come."""
        match = INTERVAL.fullmatch(key.rotation_interval)
        materials = self.keys.materials_of(key.identifier)
        now = self.context.clock.now()
        due = not materials
        if materials and key.rotation and match is not None:
            interval = datetime.timedelta(**{UNITS[match[2]]: int(match[1])})
            due = materials[-1].created + interval <= now
        if not due:
            return key
        version = key.version if not materials else str(uuid.uuid4())
        material = Material(
            key_id=key.identifier, version=version, created=now, secret=secrets.token_hex(MATERIAL_BYTES)
        )
        self.keys.materials.put(f"{key.identifier}/{version}", material, key.region)
        changed = key.model_copy(update={"version": version})
        return self.keys.keys.put(key.identifier, changed, key.region)

    def seal(self, key: Key, plaintext: bytes, context: bytes) -> tuple[str, str]:
        """Encrypt a text: the version of the material, and the ciphertext."""
        return self.seal_marked(key, b"t" + plaintext, context)

    def seal_marked(self, key: Key, plaintext: bytes, context: bytes) -> tuple[str, str]:
        """Encrypt what says of itself whether it is a text (t) or a data key (k)."""
        material = self.keys.materials.get(f"{key.identifier}/{key.version}")
        if material is None:
            raise key_not_found(key.identifier)
        nonce = secrets.token_bytes(NONCE_BYTES)
        content = AESGCM(bytes.fromhex(material.secret)).encrypt(nonce, plaintext, context)
        return key.version, Ciphertext(key.identifier, key.version, nonce, content).pack()

    def unseal(self, call: Call, name: str, context: bytes) -> tuple[Key, str, bytes]:
        """The key, the version of its material, and what a ciphertext holds."""
        ciphertext = Ciphertext.unpack(call.parameters.required(name))
        key = self.key(ciphertext.key_id)
        if key is None or key.region != call.region:
            raise key_not_found(ciphertext.key_id)
        if key.state == "Disabled":
            raise key_disabled(key.identifier)
        if key.state != "Enabled":
            raise key_state(key.identifier, key.state)
        material = self.keys.materials.get(f"{key.identifier}/{ciphertext.version}")
        if material is None:
            raise malformed_ciphertext()
        try:
            cipher = AESGCM(bytes.fromhex(material.secret))
            plaintext = cipher.decrypt(ciphertext.nonce, ciphertext.content, context)
        except InvalidTag:
            raise malformed_ciphertext() from None
        return key, ciphertext.version, plaintext


def context_of(call: Call, name: str = "EncryptionContext") -> bytes:
    """What a ciphertext is bound to: pairs of texts, in any order."""
    text = call.parameters.text(name)
    if not text:
        return b""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
        raise wrong(name, "it must be a JSON object of texts")
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
