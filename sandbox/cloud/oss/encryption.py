"""Server-side encryption: which method a bucket or an object has.

Contents are not really encrypted on the sandbox's disk; what is kept is what every answer must say about it.
"""

from __future__ import annotations

from sandbox.cloud.oss import xml
from sandbox.cloud.oss.errors import OssError, invalid_argument
from sandbox.cloud.oss.xml import Element

ALGORITHMS = ("AES256", "KMS", "SM4")
DATA_ALGORITHMS = ("", "SM4")
HEADERS = {
    "SSEAlgorithm": "x-oss-server-side-encryption",
    "KMSMasterKeyID": "x-oss-server-side-encryption-key-id",
    "KMSDataEncryption": "x-oss-server-side-data-encryption",
}


def encryption_configuration(algorithm: str, key: str, data_algorithm: str) -> str | None:
    """A bucket's encryption rule; None where no algorithm is given."""
    if not algorithm:
        return None
    check_algorithm(algorithm, key, data_algorithm)
    default = [xml.tag("SSEAlgorithm", algorithm)]
    if key:
        default.append(xml.tag("KMSMasterKeyID", key))
    if data_algorithm:
        default.append(xml.tag("KMSDataEncryption", data_algorithm))
    return xml.wrap("ServerSideEncryptionRule", [xml.wrap("ApplyServerSideEncryptionByDefault", default)])


def check_algorithm(algorithm: str, key: str, data_algorithm: str) -> None:
    """Refuse methods that OSS does not have."""
    if algorithm not in ALGORITHMS:
        raise OssError("InvalidEncryptionAlgorithmError", detail={"SSEAlgorithm": algorithm})
    if algorithm != "KMS" and (key or data_algorithm):
        raise invalid_argument(f"A KMS key needs the algorithm KMS, not {algorithm}.", "KMSMasterKeyID", key)
    if data_algorithm not in DATA_ALGORITHMS:
        raise invalid_argument("KMSDataEncryption is SM4 or absent.", "KMSDataEncryption", data_algorithm)


def check_rule(root: Element) -> None:
    """Validate PutBucketEncryption's body."""
    default = root.find("ApplyServerSideEncryptionByDefault")
    if default is None:
        raise invalid_argument("The rule has no ApplyServerSideEncryptionByDefault.", "ServerSideEncryptionRule")
    check_algorithm(*(xml.text(default, name) for name in HEADERS))


def headers_of_rule(content: str | None) -> dict[str, str]:
    """The headers that objects written under a bucket's rule get."""
    if content is None:
        return {}
    root = xml.parse(content.encode(), "ServerSideEncryptionRule")
    default = root.find("ApplyServerSideEncryptionByDefault")
    if default is None:
        return {}
    values = {header: xml.text(default, name) for name, header in HEADERS.items()}
    return {header: value for header, value in values.items() if value}
