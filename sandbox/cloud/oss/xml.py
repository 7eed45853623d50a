"""Reading and writing the XML of requests and answers."""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from sandbox.cloud.oss.errors import malformed_xml

Element = ElementTree.Element

MAXIMUM_DOCUMENT = 2 * 1024 * 1024
"""Bytes of the largest XML body that a call accepts (DeleteMultipleObjects' limit)."""

_INVALID = {code: None for code in range(32) if code not in (9, 10, 13)}


def parse(body: bytes, root: str) -> Element:
    """The document's root element without namespaces; MalformedXML where it is none or another one than `root`."""
    if len(body) > MAXIMUM_DOCUMENT:
        raise malformed_xml(f"The XML body has {len(body)} bytes; at most {MAXIMUM_DOCUMENT} are accepted.")
    if b"<!DOCTYPE" in body or b"<!ENTITY" in body:
        raise malformed_xml("The XML you provided has a document type definition, which is not accepted.")
    try:
        element = ElementTree.fromstring(body)  # noqa: S314 (no DTD, so no entities to expand)
    except (ElementTree.ParseError, ValueError, LookupError) as error:
        raise malformed_xml() from error
    for node in element.iter():
        if isinstance(node.tag, str):
            node.tag = node.tag.rpartition("}")[2]
    if element.tag != root:
        raise malformed_xml(f"The XML's root element is {element.tag}; {root} is expected.")
    return element


def text(element: Element, path: str, default: str = "") -> str:
    """The text of the first element at `path`, without surrounding white space."""
    found = element.find(path)
    return default if found is None or found.text is None else found.text.strip()


def serialise(element: Element) -> str:
    """The element as text, without a declaration and without white space between elements."""
    for node in element.iter():
        if len(node) and node.text is not None and not node.text.strip():
            node.text = None
        if node.tail is not None and not node.tail.strip():
            node.tail = None
    return ElementTree.tostring(element, encoding="unicode")


def tag(name: str, value: str | int | None) -> str:
    """`<name>value</name>` with the value escaped; nothing where the value is None."""
    if value is None:
        return ""
    content = value if isinstance(value, str) else str(value)
    return f"<{name}>{escape(content.translate(_INVALID))}</{name}>"


def wrap(name: str, parts: Iterable[str]) -> str:
    """An element around others, already written."""
    return f"<{name}>{''.join(parts)}</{name}>"


def document(content: str) -> bytes:
    """A whole XML document."""
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{content}'.encode("utf-8", "surrogateescape")


def boolean(value: bool) -> str:
    """XML's spelling of a truth value."""
    return "true" if value else "false"
